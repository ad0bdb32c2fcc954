"""A log file that keeps its bounds: renamed when it is full, whole records only, and never a reason to stop.

What cannot be written (the disk is full, the file system is read-only, an attribute forbids it) is dropped and counted;
the next record that can be written is preceded by a notice of what is missing. A record that only went in in part is
cut off again, since truncating needs no space.

Files that are full may be compressed: path.1 becomes path.1.gz while the next one is written, in steps.
"""

from __future__ import annotations

import os

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o640

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.runtime.logpack import Packer


class RotatingFile:
    """The current file and those before it: path, path.1, path.2 ...

    :ivar lost: bytes that could not be written since the last notice; ``lost_lines`` alike.
    """

    __slots__ = (
        "_compress",
        "_fd",
        "_lines",
        "_max_file",
        "_max_size",
        "_packer",
        "_path",
        "_reason",
        "_size",
        "lost",
        "lost_lines",
    )

    def __init__(self, path: str, max_size: int, max_file: int, *, lines: bool, compress: bool = False) -> None:
        """Open the file, going on with what is there.

        :param max_size: bytes at which the next one is begun, which may be exceeded by one record; 0 is no limit.
        :param max_file: how many files there may be.
        :param lines: a record ends with a newline; else each call of :meth:`append` is one.
        :param compress: full files, see :mod:`hezi.runtime.logpack`.
        :raises OSError: it cannot be made.
        """
        self._path = path
        self._max_size = max_size
        self._max_file = max(1, max_file)
        self._lines = lines
        self._compress = compress and self._max_file > 1
        self._packer: Packer | None = None
        self._reason = ""
        self.lost = self.lost_lines = 0
        self._fd = -1
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, _FLAGS, _MODE)
        self._size = os.fstat(self._fd).st_size
        # The one who wrote before us may have died in the middle of a record.
        if self._lines and self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self._size += os.write(self._fd, b"\n")

    def append(self, data: bytes, lines: int) -> None:
        """Write records; ``lines`` is how many lines of the container are in them, for the count of lost ones."""
        while data:
            if self._fd < 0 or 0 < self._max_size <= self._size:
                self._rotate()
            part = data[: self._cut(data)]
            done = self._write(part)
            if done < len(part):
                self.lost += len(data) - done
                self.lost_lines += lines if not done else data.count(b"\n", done) if self._lines else lines
                return
            data = data[done:]
            # Twice as much as was written: done long before the next one is full.
            if self._packer is not None and self._packer.step(2 * done):
                self._packer = None

    def notice(self) -> bytes:
        """Say what was lost."""
        return f"hezi: {self.lost_lines} lines were not logged: {self._reason}\n".encode()

    def append_notice(self, record: bytes) -> None:
        """Write the record made of :meth:`notice`; what was lost is forgotten when that works."""
        before = self.lost, self.lost_lines
        self.lost = self.lost_lines = 0
        self.append(record, 0)
        if self.lost:
            self.lost, self.lost_lines = before

    def _cut(self, data: bytes) -> int:
        """How much of ``data`` still goes into this file: at least one record."""
        if not self._max_size or not self._lines:
            return len(data)
        room = max(self._max_size - self._size, 1)
        return len(data) if len(data) <= room else data.find(b"\n", room - 1) + 1

    def _write(self, data: bytes) -> int:
        """Write as many whole records as there is room for; gives their bytes."""
        if self._fd < 0:
            return 0
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:] if done else data)
        except OSError as error:
            self._reason = os.strerror(error.errno or 0)
            whole = data.rfind(b"\n", 0, done) + 1 if self._lines else 0
            if done > whole:
                try:
                    os.ftruncate(self._fd, self._size + whole)
                except OSError:
                    whole = done  # then a reader has to skip it
            done = whole
        self._size += done
        return done

    def _rotate(self) -> None:
        """Begin a new file. What of it fails is tried again at the next record."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        try:
            if self._max_file == 1:
                # As docker: with one file allowed it is emptied.
                os.truncate(self._path, 0)
            elif self._size:
                self._shift()
            self._size = 0
            self._open()
        except OSError as error:
            self._reason = os.strerror(error.errno or 0)

    def _shift(self) -> None:
        """Give each file the next number; the last one goes."""
        self._finish_packing()
        for number in range(self._max_file - 2, -1, -1):
            old = f"{self._path}.{number}" if number else self._path
            new = f"{self._path}.{number + 1}"
            _remove(new)
            if number:
                _rename(f"{old}.gz", f"{new}.gz")
            _rename(old, new)
        if self._compress:
            from hezi.runtime.logpack import Packer

            try:
                self._packer = Packer(f"{self._path}.1", f"{self._path}.packing")
            except OSError:
                self._packer = None  # it stays as it is

    def _finish_packing(self) -> None:
        packer, self._packer = self._packer, None
        if packer is not None:
            packer.finish()

    def close(self) -> None:
        """Close it; again does nothing."""
        self._finish_packing()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _remove(name: str) -> None:
    """Make room for a file of either form."""
    for one in (f"{name}.gz", name):
        try:
            os.unlink(one)
        except FileNotFoundError:
            continue


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except FileNotFoundError:
        return
