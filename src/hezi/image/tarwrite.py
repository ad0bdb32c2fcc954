"""Writing tar archives: ustar headers, with a PAX header in front where ustar has no room.

The same entries give the same bytes: nothing of the clock or of the user gets in.

Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block".
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.image import tarlayer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from hezi.image.tarlayer import Entry, EntrySource

_PAX_LOCAL = 0x78
_ZEROS = bytes(1 << 16)
END = bytes(1024)
"""What an archive ends with: two zero blocks."""


class Member(NamedTuple):
    """One header: as :class:`hezi.image.tarlayer.Entry`, with ``size`` as the bytes that follow in the archive."""

    name: bytes
    kind: int
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def header(member: Member) -> bytes:
    """Return the header blocks of a member; its data, padded to 512 bytes, is to follow."""
    name = member.name
    if member.kind == tarlayer.DIRECTORY and not name.endswith(b"/"):
        name += b"/"
    seconds, fraction = divmod(member.mtime_ns, 1_000_000_000)
    records: list[tuple[bytes, bytes]] = [(b"SCHILY.xattr." + key, value) for key, value in member.xattrs]
    prefix, short = _split(name)
    if not short:
        records.append((b"path", name))
        short = name[:100]
    if len(member.target) > 100:
        records.append((b"linkpath", member.target))
    if fraction or not 0 <= seconds < 1 << 33:
        records.append((b"mtime", _time(member.mtime_ns)))
    for key, value in ((b"uid", member.uid), (b"gid", member.gid)):
        if value >= 1 << 21:
            records.append((key, b"%d" % value))
    if member.size >= 1 << 33:
        records.append((b"size", b"%d" % member.size))
    if not records:
        return _block(member, prefix, short, seconds)
    pax = b"".join(record(key, value) for key, value in sorted(records))
    extension = Member(b"PaxHeaders/" + os.path.basename(member.name)[:80], _PAX_LOCAL, size=len(pax))
    head = _block(extension, b"", extension.name, 0)
    return b"".join((head, pax, bytes(-len(pax) % 512), _block(member, prefix, short, seconds)))


def _time(nanoseconds: int) -> bytes:
    # The PAX time is a decimal number: the fraction counts away from zero.
    sign, positive = (b"-", -nanoseconds) if nanoseconds < 0 else (b"", nanoseconds)
    text = b"%s%d.%09d" % (sign, positive // 1_000_000_000, positive % 1_000_000_000)
    return text.rstrip(b"0").rstrip(b".")


def _split(name: bytes) -> tuple[bytes, bytes]:
    """The prefix and name fields; an empty name when it does not fit."""
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut > 0 and len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", b""


def record(key: bytes, value: bytes) -> bytes:
    """Return one record of a PAX header; its length counts itself."""
    rest = len(key) + len(value) + 3
    size = rest + len(str(rest))
    size = rest + len(str(size))
    return b"%d %s=%s\n" % (size, key, value)


def _octal(value: int, width: int) -> bytes:
    # What does not fit is said by a PAX record; the field then holds zero.
    digits = b"%0*o" % (width - 1, value) if value >= 0 else b""
    return (digits if 0 < len(digits) < width else b"0" * (width - 1)) + b"\0"


def _block(member: Member, prefix: bytes, name: bytes, seconds: int) -> bytes:
    with_data = member.kind in {tarlayer.REGULAR, _PAX_LOCAL}
    head = b"".join(
        (
            name.ljust(100, b"\0"),
            _octal(member.mode, 8),
            _octal(member.uid, 8),
            _octal(member.gid, 8),
            _octal(member.size if with_data else 0, 12),
            _octal(seconds, 12),
            b" " * 8,
            bytes((member.kind,)),
            member.target[:100].ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),
            _octal(member.device[0], 8),
            _octal(member.device[1], 8),
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def of_entry(entry: Entry, name: bytes | None = None, *, whole_seconds: bool = False) -> Member:
    """Return the header of an entry that was read from somewhere else.

    :param name: instead of the entry's own.
    :param whole_seconds: leave the fraction of the time out, as docker does: it costs 1 KiB per file.
    """
    mtime = entry.mtime_ns // 1_000_000_000 * 1_000_000_000 if whole_seconds else entry.mtime_ns
    device = (entry.devmajor, entry.devminor)
    return Member(
        entry.name if name is None else name,
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        mtime,
        entry.linkname,
        device,
        entry.xattrs,
    )


def stream(source: EntrySource, *, whole_seconds: bool = False) -> Iterator[bytes | memoryview]:
    """Yield the archive of all entries of ``source``, in pieces; sparse files are written out with their zeros."""
    for entry in source:
        yield header(of_entry(entry, whole_seconds=whole_seconds))
        if entry.size:
            yield from data(source, entry)
    yield END


def data(source: EntrySource, entry: Entry) -> Iterator[bytes | memoryview]:
    """Yield the data of the current entry of ``source``: exactly ``entry.size`` bytes, and the padding after them."""
    if entry.sparse is None:
        left = entry.size
        for view in source.data():
            part = view[:left]
            left -= len(part)
            yield part
    else:
        left = yield from _sparse(source, entry)
    # A file that became shorter while it was read: the header has promised its bytes.
    yield from zeros(left + -entry.size % 512)


def _sparse(source: EntrySource, entry: Entry) -> Generator[bytes | memoryview, None, int]:
    views = source.data()
    view: bytes | memoryview = b""
    at = 0
    for offset, length in entry.sparse or ():
        yield from zeros(offset - at)
        at = offset
        while at < offset + length:
            view = view or next(views, b"")
            if not view:
                return entry.size - at
            part = view[: offset + length - at]
            view = view[len(part) :]
            at += len(part)
            yield part
    return entry.size - at


def zeros(count: int) -> Iterator[bytes]:
    """Yield ``count`` zero bytes."""
    while count > 0:
        part = _ZEROS[:count]
        count -= len(part)
        yield part
