"""Compressing a log file that is full, a piece at a time: whoever writes the log must not stop for it.

What comes out is gzip, which any tool reads; an extra field of its header (RFC 1952, 2.3.1.1) names the file that it
was made of, so that a reader who has that one open knows how far it is::

    "hz" | u16 32 | u64 device | u64 inode | u64 ns of the last write | u64 size

(the last two, since numbers of inodes are used again).
"""

from __future__ import annotations

import os
import struct
import zlib

_HEADER = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff"
_EXTRA = struct.Struct("<H2sHQQQQ")
_TRAILER = struct.Struct("<II")
_LEAST = 1 << 16
# The container's output waits for it; level 6 takes three times as long for a tenth less.
_LEVEL = 1


class Packer:
    """One file on its way from ``NAME`` to ``NAME.gz``; the first goes when the second is complete.

    :raises OSError: one of the two cannot be opened.
    """

    __slots__ = ("_checksum", "_deflate", "_from", "_name", "_size", "_temporary", "_to")

    def __init__(self, name: str, temporary: str) -> None:
        """:param temporary: where the new file grows; what is there is from somebody who died."""
        self._name = name
        self._temporary = temporary
        self._from = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            self._to = os.open(temporary, flags, 0o640)
        except OSError:
            os.close(self._from)
            raise
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._checksum = self._size = 0
        try:
            self._write(_HEADER + _EXTRA.pack(_EXTRA.size - 2, b"hz", _EXTRA.size - 6, *identity(self._from)))
        except OSError:
            self.give_up()
            raise

    def step(self, size: int) -> bool:
        """Compress at least ``size`` bytes more; True when it is done. What fails leaves the file as it was."""
        try:
            data = os.read(self._from, max(size, _LEAST))
            if data:
                self._checksum = zlib.crc32(data, self._checksum)
                self._size += len(data)
                self._write(self._deflate.compress(data))
                return False
            self._write(self._deflate.flush() + _TRAILER.pack(self._checksum, self._size & 0xFFFFFFFF))
            os.rename(self._temporary, f"{self._name}.gz")
            # A reader that comes between the two takes the one without the ending.
            os.unlink(self._name)
        except OSError:
            self.give_up()
            return True
        self._close()
        return True

    def finish(self) -> None:
        """Do the rest."""
        while not self.step(1 << 20):
            pass

    def give_up(self) -> None:
        """Remove what has been made."""
        self._close()
        try:
            os.unlink(self._temporary)
        except OSError:
            return  # complete already, or the next one will empty it

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.write(self._to, data[done:] if done else data)

    def _close(self) -> None:
        os.close(self._from)
        os.close(self._to)


def identity(fd: int) -> tuple[int, int, int, int]:
    """Return what tells a file that is written no more from all others."""
    info = os.fstat(fd)
    return info.st_dev, info.st_ino, info.st_mtime_ns, info.st_size


def origin(fd: int) -> tuple[int, int, int, int] | None:
    """Return the :func:`identity` of the file that a compressed one was made of; None when it does not say so."""
    head = os.pread(fd, len(_HEADER) + _EXTRA.size, 0)
    if len(head) < len(_HEADER) + _EXTRA.size or head[:4] != _HEADER[:4]:
        return None
    _, name, size, *found = _EXTRA.unpack_from(head, len(_HEADER))
    return (found[0], found[1], found[2], found[3]) if (name, size) == (b"hz", _EXTRA.size - 6) else None
