"""An archive of images as a directory of members: where each one is in the file, without writing any of them anywhere.

A member's name never becomes a path of the host, so nothing of the archive can be written outside of it; links are
followed within the archive only. Names that leave it and names that occur twice are refused all the same: what other
engines make of such an archive is not what it seems (A1, A10).
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.image import tarlayer
from hezi.image.source import Source, truncated
from hezi.image.tarlayer import Limits, TarReader
from hezi.spec.digest import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

_CHUNK = 1 << 20
_HEADERS = 64 << 10
_MAX_HOPS = 40  # as the kernel's for links
# An archive has a few members for each layer.
_LIMITS = Limits(entries=100_000)


class Member(NamedTuple):
    """A regular file of the archive: bytes ``offset`` to ``offset + size`` of the file that it is in."""

    name: str
    offset: int
    size: int


class Archive:
    """The members of an uncompressed tar archive.

    :param fd: a regular file, read from its beginning; not closed.
    :raises hezi.errors.Error: CORRUPT: it is no archive, is truncated, or has names that make no sense.
    """

    __slots__ = ("_directories", "_fd", "_links", "_members")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._members: dict[str, Member] = {}
        self._links: dict[str, str] = {}
        self._directories: set[str] = set()
        try:
            self._read_headers(os.fstat(fd).st_size)
        except errors.Error as error:
            # The reader of layers does not know that this is none.
            error.message = error.message.replace("layer is", "the archive is", 1)
            raise

    def _read_headers(self, size: int) -> None:
        reader = TarReader(_Seeking(self._fd, size), _LIMITS)
        for entry in reader:
            name = _name(entry.name)
            if name in self._members or name in self._links or (name in self._directories and not _is_dir(entry.kind)):
                _refuse(f"'{shown(name)}' is in it twice")
            if entry.kind == tarlayer.REGULAR:
                if entry.sparse is not None:
                    _refuse(f"'{shown(name)}' is a sparse file")
                self._members[name] = Member(name, reader.position(), entry.size)
            elif entry.kind == tarlayer.HARDLINK:
                self._links[name] = "/" + _name(entry.linkname)
            elif entry.kind == tarlayer.SYMLINK:
                self._links[name] = os.fsdecode(entry.linkname)
            elif _is_dir(entry.kind):
                self._directories.add(name)
            # Anything else is nothing that an image is made of.

    def __contains__(self, name: str) -> bool:
        return name in self._members or name in self._links

    def names(self) -> list[str]:
        """Return the names of all files, in the order of the archive."""
        return list(self._members)

    def find(self, name: str) -> Member | None:
        """Return the file of that name, through links if need be; None when there is none.

        :raises hezi.errors.Error: CORRUPT: the name or a link leaves the archive, or leads in circles.
        """
        at = _name(os.fsencode(name))
        for _ in range(_MAX_HOPS):
            member = self._members.get(at)
            if member is not None:
                return member
            link = self._links.get(at)
            if link is None:
                return None
            # A hard link's target is a name of the archive, a symbolic link's begins where the link is.
            base = "" if link.startswith("/") else at.rpartition("/")[0]
            at = _name(os.fsencode(f"{base}/{link}" if base else link.lstrip("/")))
        return _refuse(f"'{shown(name)}' is a link that leads in circles")

    def get(self, name: str) -> Member:
        """As :meth:`find`, for what must be there.

        :raises hezi.errors.Error: CORRUPT: it is not.
        """
        member = self.find(name)
        if member is None:
            _refuse(f"it has no '{shown(name)}'")
        return member

    def read(self, member: Member, limit: int) -> bytes:
        """Return a small file whole.

        :param limit: most bytes to accept.
        """
        if member.size > limit:
            _refuse(f"'{shown(member.name)}' has {member.size} bytes, the limit is {limit}")
        return b"".join(self.chunks(member))

    def chunks(self, member: Member, start: int = 0) -> Iterator[bytes]:
        """Yield a file's bytes from ``start`` on.

        :raises hezi.errors.Error: CORRUPT: the archive became shorter meanwhile.
        """
        at, end = member.offset + start, member.offset + member.size
        while at < end:
            chunk = os.pread(self._fd, min(_CHUNK, end - at), at)
            if not chunk:
                raise truncated(at)
            at += len(chunk)
            yield chunk


class _Seeking(Source):
    """A file whose headers are read and whose data is passed over without being read."""

    __slots__ = ("_at", "_fd", "_size")

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(self._pieces())
        self._fd = fd
        self._at = 0
        self._size = size

    def _pieces(self) -> Iterator[bytes]:
        while chunk := os.pread(self._fd, _HEADERS, self._at):
            self._at += len(chunk)
            yield chunk

    def skip(self, size: int) -> None:
        have = self._end - self._pos
        if size <= have:
            self._pos += size
            return
        position = self.position() + size
        if position > self._size:
            raise truncated(self._size)
        # As if the chunk in hand ended just before the new position.
        self.offset, self._pos, self._end, self._at = position, 0, 0, position

    def drain(self) -> None:
        """Nothing: what follows the archive belongs to nobody."""


def _is_dir(kind: int) -> bool:
    return kind == tarlayer.DIRECTORY


def _name(raw: bytes) -> str:
    """Return a member's name without ``./`` and doubled slashes; one that leaves the archive is refused."""
    parts: list[str] = []
    for part in os.fsdecode(raw).split("/"):
        if part == "..":
            if not parts:
                _refuse(f"'{shown(os.fsdecode(raw))}' would leave it")
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def _refuse(why: str) -> NoReturn:
    message = f"the archive is not valid: {why}"
    raise errors.Error(errors.CORRUPT, message)
