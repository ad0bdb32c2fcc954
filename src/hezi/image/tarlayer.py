"""Reading a layer: the entries of a tar archive, one after the other, from a stream that cannot be trusted.

Understands v7, ustar, GNU (long names, old sparse files, base-256 numbers) and PAX (attributes, extended attributes,
sparse formats 0.0, 0.1 and 1.0). Reads as Go's archive/tar does where the formats leave a choice, for that is what
docker, containerd and umoci read layers with, and two readers that disagree about a layer are a hole: links and
directories carry no data whatever their size says, and global PAX headers are checked but do not apply.

It never holds more than :attr:`Limits.header_bytes` of one header, and a stream that ends early is an error, never a
wait. What to do with an entry is decided elsewhere (hezi.store.unpack): names come as they are in the archive.
"""

from __future__ import annotations

import struct

from hezi._util.record import NamedTuple
from hezi.image import tarfields
from hezi.image.source import Source
from hezi.image.tarfields import number, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from hezi.image.tarfields import SparseMap

    class EntrySource(Protocol):
        """Entries, each followed by its data: an archive, or a tree that is walked."""

        def __iter__(self) -> Iterator[Entry]: ...
        def data(self) -> Iterator[bytes | memoryview]: ...


# Entry.kind: the type flags of the header, as numbers.
REGULAR = 0x30
HARDLINK = 0x31
SYMLINK = 0x32
CHAR = 0x33
BLOCK = 0x34
DIRECTORY = 0x35
FIFO = 0x36

_CONTIGUOUS = 0x37
_GNU_LONG_LINK = 0x4B
_GNU_LONG_NAME = 0x4C
_GNU_SPARSE = 0x53
_PAX_GLOBAL = 0x67
_PAX_LOCAL = 0x78
_META = frozenset({_GNU_LONG_LINK, _GNU_LONG_NAME, _PAX_GLOBAL, _PAX_LOCAL})
_WITHOUT_DATA = frozenset({HARDLINK, SYMLINK, CHAR, BLOCK, DIRECTORY, FIFO})

_ZEROS = bytes(512)
#        name mode uid gid size mtime sum type link magic+version uname gname devmajor devminor prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8sB100s8s32s32s8s8s155s12x")
_MAX_ID = 2**32 - 2


class Limits(NamedTuple):
    """What one archive may ask for.

    header_bytes: one PAX header, long name or sparse map, in bytes.
    entries: entries in the archive.
    name_bytes: length of a name or link target; PATH_MAX without its NUL.
    """

    header_bytes: int = 1 << 20
    entries: int = 1_000_000
    name_bytes: int = 4095


DEFAULT_LIMITS = Limits()


class Entry:
    """One file of the archive. Times in nanoseconds since the epoch, sizes in bytes, names as raw bytes.

    ``size`` is the size of the file, ``stored`` what the archive holds of it: less when ``sparse`` lists the parts.
    """

    __slots__ = (
        "devmajor",
        "devminor",
        "gid",
        "kind",
        "linkname",
        "mode",
        "mtime_ns",
        "name",
        "size",
        "sparse",
        "stored",
        "uid",
        "xattrs",
    )

    name: bytes
    kind: int
    mode: int
    uid: int
    gid: int
    size: int
    stored: int
    mtime_ns: int
    linkname: bytes
    devmajor: int
    devminor: int
    xattrs: tuple[tuple[bytes, bytes], ...]
    sparse: SparseMap | None


class _Overrides:
    """What the extension headers in front of an entry say about it."""

    __slots__ = ("long_link", "long_name", "pax")

    def __init__(self) -> None:
        self.pax: list[tuple[bytes, bytes]] = []
        self.long_name = b""
        self.long_link = b""


class TarReader:
    """Iterate over it for the entries; between two of them read the data of the first with :meth:`data`.

    :param chunks: the uncompressed archive, in pieces of any size; 1 MiB is a good one. Or a source that is made.
    """

    __slots__ = ("_left", "_limits", "_pad", "_source", "entries")

    def __init__(self, chunks: Iterable[bytes] | Source, limits: Limits = DEFAULT_LIMITS) -> None:
        self._source = chunks if isinstance(chunks, Source) else Source(chunks)
        self._limits = limits
        self._left = 0
        self._pad = 0
        self.entries = 0
        """How many entries there were so far."""

    def __iter__(self) -> Iterator[Entry]:
        limit = self._limits.entries
        while (entry := self._next()) is not None:
            self.entries += 1
            if self.entries > limit:
                refuse(f"it has more than {limit} entries")
            yield entry
        self._source.drain()

    def data(self) -> Iterator[memoryview]:
        """Yield the stored data of the current entry; what is not taken is skipped by the next step.

        :raises hezi.errors.Error: CORRUPT: the archive ends before.
        """
        for view in self._source.views(self._left):
            self._left -= len(view)
            yield view

    def position(self) -> int:
        """Return the offset in the archive of the current entry's data, before anything of it is read."""
        return self._source.position()

    def _next(self) -> Entry | None:
        extra: _Overrides | None = None
        while True:
            block = self._next_block()
            if block is None:
                if extra is not None:
                    refuse("it ends after an extension header")
                return None
            fields = _HEADER.unpack(block)
            _check_sum(block, fields[6])
            kind = fields[7]
            if kind in _META:
                extra = extra or _Overrides()
                self._read_extension(kind, number(fields[4]), extra)
                continue
            return self._entry(block, fields, extra)

    def _next_block(self) -> bytes | None:
        """The next header; None at the end: two zero blocks, or no more bytes."""
        if self._left or self._pad:
            self._source.skip(self._left)
            pad, self._left, self._pad = self._pad, 0, 0
            if not self._source.pass_over(pad):
                return None  # the last entry without its padding: so umoci inserts, and Go's reader takes it
        block = self._source.block()
        if block == _ZEROS:
            block = self._source.block()
            if block and block != _ZEROS:
                refuse("a lone zero block stands between entries")
            return None
        return block or None

    def _read_extension(self, kind: int, size: int, extra: _Overrides) -> None:
        if not 0 <= size <= self._limits.header_bytes:
            refuse(f"an extension header of {size} bytes (limit {self._limits.header_bytes})")
        data = self._source.take(size)
        self._source.skip(-size % 512)
        if kind == _GNU_LONG_NAME:
            extra.long_name = data.partition(b"\0")[0]
        elif kind == _GNU_LONG_LINK:
            extra.long_link = data.partition(b"\0")[0]
        elif kind == _PAX_LOCAL:
            extra.pax = tarfields.pax_records(data)
        else:
            tarfields.pax_records(data)

    def _entry(self, block: bytes, fields: tuple[bytes, ...], extra: _Overrides | None) -> Entry:
        name, mode, uid, gid, size, mtime, _, _, link, magic, _, _, major, minor, prefix = fields
        kind = block[156]
        entry = Entry()
        entry.name = name = name.partition(b"\0")[0]
        if magic == b"ustar\x0000" and prefix[0]:
            entry.name = prefix.partition(b"\0")[0] + b"/" + name
        entry.mode = number(mode) & 0o7777
        entry.uid = number(uid)
        entry.gid = number(gid)
        entry.size = number(size)
        entry.mtime_ns = tarfields.seconds_to_ns(number(mtime))
        entry.linkname = link.partition(b"\0")[0] if link[0] else b""
        entry.xattrs = ()
        entry.sparse = None
        entry.devmajor = entry.devminor = 0
        if kind in {CHAR, BLOCK}:
            entry.devmajor, entry.devminor = _device(number(major), number(minor))
        sparse: _PaxSparse | None = None
        if extra is not None:
            sparse = _apply(entry, extra)
        entry.kind = _kind(kind, entry.name)
        if kind in _WITHOUT_DATA:
            entry.size = 0
        self._check(entry)
        entry.stored = self._left = entry.size
        self._pad = -entry.size % 512
        if kind == _GNU_SPARSE:
            self._old_gnu_sparse(entry, block)
        elif sparse is not None and entry.kind == REGULAR:
            self._pax_sparse(entry, sparse)
        return entry

    def _check(self, entry: Entry) -> None:
        longest = self._limits.name_bytes
        if len(entry.name) > longest or len(entry.linkname) > longest:
            refuse(f"a name has more than {longest} bytes")
        if not 0 <= entry.uid <= _MAX_ID or not 0 <= entry.gid <= _MAX_ID:
            refuse(f"{entry.name[:64]!r} belongs to {entry.uid}:{entry.gid}, which is out of range")
        # Room for the padding and for offsets: nothing near 2**63 is a file.
        if not 0 <= entry.size <= tarfields.MAX_INT64 >> 8:
            refuse(f"{entry.name[:64]!r} has an impossible size ({entry.size})")

    def _old_gnu_sparse(self, entry: Entry, block: bytes) -> None:
        numbers = tarfields.old_gnu_sparse(block, 386, 4)
        more = block[482]
        real_size = number(block[483:495])
        blocks = 0
        while more:
            blocks += 1
            if blocks * 512 > self._limits.header_bytes:
                refuse("a sparse map is too long")
            extension = self._source.take(512)
            numbers += tarfields.old_gnu_sparse(extension, 0, 21)
            more = extension[504]
        self._set_sparse(entry, numbers, real_size)

    def _pax_sparse(self, entry: Entry, sparse: _PaxSparse) -> None:
        numbers = sparse.numbers
        if sparse.in_data:
            numbers = self._sparse_map_in_data()
            entry.stored = self._left
        self._set_sparse(entry, numbers, sparse.real_size)

    def _sparse_map_in_data(self) -> list[int]:
        """Format 1.0: the map stands in front of the data as decimal lines, padded to a block."""
        numbers: list[int] = []
        wanted = 1
        rest = b""
        used = 0
        while len(numbers) < wanted:
            used += 512
            if used > self._limits.header_bytes or used > self._left or len(rest) > 20:
                refuse("a sparse map is too long")
            *lines, rest = (rest + self._source.take(512)).split(b"\n")
            for line in lines:
                if len(numbers) == wanted:
                    break
                numbers.append(tarfields.decimal(line))
                if len(numbers) == 1:
                    wanted = 1 + 2 * min(numbers[0], self._limits.header_bytes)
        self._left -= used
        return numbers[1:]

    def _set_sparse(self, entry: Entry, numbers: list[int], real_size: int) -> None:
        if not 0 <= real_size <= tarfields.MAX_INT64 >> 8:
            refuse("a sparse file has an impossible size")
        entry.sparse = tarfields.sparse_map(numbers, real_size, self._left)
        entry.size = real_size


class _PaxSparse:
    __slots__ = ("in_data", "numbers", "real_size")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.real_size = -1
        self.in_data = False


def _check_sum(block: bytes, field: bytes) -> None:
    want = number(field)
    # The sum takes the field itself as eight blanks (256 = 8 * 32).
    if sum(block) - sum(field) + 256 == want:
        return
    # Some old writers added signed bytes.
    signed = struct.unpack("512b", block)
    if sum(signed) - sum(signed[148:156]) + 256 != want:
        refuse("a header has a wrong checksum")


def _device(major: int, minor: int) -> tuple[int, int]:
    """Linux: 12 bits of major, 20 bits of minor number (mknod(2), new_encode_dev)."""
    if not 0 <= major < 1 << 12 or not 0 <= minor < 1 << 20:
        refuse(f"device {major}:{minor} does not exist")
    return major, minor


def _kind(flag: int, name: bytes) -> int:
    if REGULAR <= flag <= FIFO:
        return flag
    if flag == 0:
        # v7 had no directories: a trailing slash says so.
        return DIRECTORY if name.endswith(b"/") else REGULAR
    if flag in {_CONTIGUOUS, _GNU_SPARSE}:
        return REGULAR
    return refuse(f"{name[:64]!r} has the unknown type {bytes((flag,))!r}")


def _apply(entry: Entry, extra: _Overrides) -> _PaxSparse | None:
    xattrs: dict[bytes, bytes] = {}
    sparse: _PaxSparse | None = None
    for key, value in extra.pax:
        # An empty value takes an earlier one back (POSIX); Go, and with it docker, has no empty attributes either.
        if not value:
            continue
        if key.startswith(b"GNU.sparse."):
            sparse = sparse or _PaxSparse()
            _apply_sparse(entry, sparse, key[11:], value)
        elif key.startswith(b"SCHILY.xattr."):
            xattrs[key[13:]] = value
        elif key.startswith(b"LIBARCHIVE.xattr."):
            xattrs.setdefault(*_libarchive_xattr(key[17:], value))
        else:
            _apply_record(entry, key, value)
    entry.xattrs = tuple(xattrs.items())
    if extra.long_name:
        entry.name = extra.long_name
    if extra.long_link:
        entry.linkname = extra.long_link
    # Without a size there is no sparse file: the names alone occur in archives that were packed again.
    return sparse if sparse is not None and sparse.real_size >= 0 else None


def _apply_record(entry: Entry, key: bytes, value: bytes) -> None:
    if key == b"path":
        entry.name = _without_nul(value)
    elif key == b"linkpath":
        entry.linkname = _without_nul(value)
    elif key == b"size":
        entry.size = tarfields.decimal(value)
    elif key == b"uid":
        entry.uid = tarfields.decimal(value)
    elif key == b"gid":
        entry.gid = tarfields.decimal(value)
    elif key == b"mtime":
        entry.mtime_ns = tarfields.timestamp(value)


def _apply_sparse(entry: Entry, sparse: _PaxSparse, key: bytes, value: bytes) -> None:
    if key == b"name":
        entry.name = _without_nul(value)
    elif key in {b"size", b"realsize"}:
        sparse.real_size = tarfields.decimal(value)
    elif key == b"major":
        sparse.in_data = value == b"1"
    elif key in {b"offset", b"numbytes"}:
        sparse.numbers.append(tarfields.decimal(value))
    elif key == b"map":
        sparse.numbers = [tarfields.decimal(part) for part in value.split(b",")]


def _libarchive_xattr(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The name is percent-encoded, the value base64 without its padding (libarchive, tar(5))."""
    import binascii

    try:
        data = binascii.a2b_base64(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        refuse("an extended attribute is not base64")
    parts = key.split(b"%")
    name = parts[0]
    for part in parts[1:]:
        try:
            name += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            refuse("the name of an extended attribute is wrongly encoded")
    return name, data


def _without_nul(value: bytes) -> bytes:
    if b"\0" in value:
        refuse("a name holds NUL")
    return value
