r"""Reading the log of a container while it is written: docker's json-file, and the frames of the driver ``local``.

    ID-json.log.2   ID-json.log.1   ID-json.log          oldest to newest; renamed under our hands when one is full

or compressed then (ID-json.log.1.gz), which is read from a copy that has no name.
A file that was opened is read to its end whatever it is called by then; the next one is the one that comes after it.
What is no record (the disk was full, the machine went down, zeros) is passed over up to the next line; a last line
without its end is waited for, and left out when nobody will write on.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections import deque
from contextlib import ExitStack

from hezi import errors
from hezi._util import clock
from hezi._util.record import NamedTuple
from hezi.runtime import logpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

STDOUT, STDERR = 1, 2
ALL = -1

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 18
_BLOCK = 1 << 16
# A record is 16 KiB of the container's, each byte six at most; other engines' records may be longer.
_MAX_RECORD = 8 << 20
# The driver local is ours alone.
_MAX_FRAME = 1 << 16
_MAX_FILES = 1000
_PAUSE_S = 0.05
_FRAME = struct.Struct("<IBQ")
_STREAMS = {"stdout": STDOUT, "stderr": STDERR}
_NOT_READABLE = frozenset({"none", "journald", "syslog"})


class LogLine(NamedTuple):
    """A piece of what a container wrote: a line, or a part of a long one (then without newline).

    :ivar stream: STDOUT or STDERR.
    :ivar time: RFC 3339, as it is in the log.
    :ivar attributes: what ``--log-opt labels`` and ``env`` put into the log.
    """

    stream: int
    data: bytes
    time: str
    attributes: tuple[tuple[str, str], ...] = ()


class Selection(NamedTuple):
    """Which part of a log.

    :ivar since: nanoseconds since the epoch, 0 for the beginning; ``until`` alike, 0 for no end.
    :ivar tail: how many records from the end; ALL for all.
    :ivar follow: go on until the container ends.
    """

    since: int = 0
    until: int = 0
    tail: int = ALL
    follow: bool = False


def read(paths: Paths, container: str, selection: Selection) -> Iterator[list[LogLine]]:
    """Yield the log in batches, as they come; in ``follow`` until the container has ended and all is read.

    :raises errors.Error: NOT_FOUND; UNSUPPORTED: its log driver keeps nothing that could be read.
    """
    from hezi.engine.rootfs import target
    from hezi.store.images import ImageStore

    paths.make()
    with ImageStore(paths.root) as store:
        row = target.find(store, container)
    driver = (json.loads(row.config).get("request") or {}).get("log_driver") or ""
    if driver in _NOT_READABLE:
        hint = "journalctl CONTAINER_ID=... shows what went to the journal" if driver == "journald" else None
        raise errors.Error(errors.UNSUPPORTED, "configured logging driver does not support reading", hint=hint)
    path = _path(paths, row)
    yield from read_files(path, selection, lambda: _writing(paths, row))


def _path(paths: Paths, row: ContainerRow) -> str:
    usual = f"{paths.containers}/{row.id}/{row.id}-json.log"
    other = f"{paths.containers}/{row.id}/{row.id}-local.log"
    return other if not os.path.exists(usual) and os.path.exists(other) else usual


def _writing(paths: Paths, row: ContainerRow) -> bool:
    """Whether somebody may still write to the log: the monitor is there and does not say that it is over."""
    from hezi.engine import held, recover

    state = held.state(paths, row.id, held.boot())
    return state is not None and state["status"] in recover.ALIVE


def read_files(path: str, selection: Selection, writing: Callable[[], bool]) -> Iterator[list[LogLine]]:
    """Yield the log whose newest file is ``path``; see :func:`read`.

    :param writing: says whether anybody may still write.
    """
    with ExitStack() as stack:
        files = _Files(path)
        stack.callback(files.close)
        choose = _Choice(selection)
        # Asked before reading: what was written until then is read for certain.
        goes_on = selection.follow and writing()
        files.open(selection.tail)
        while not choose.ended:
            batch = choose.of(_records(files.read()))
            if batch:
                yield batch
                continue
            if files.next():
                continue
            if not goes_on or (selection.until and clock.now_ns() > selection.until):
                batch = choose.of(_records(files.torn()))
                if batch:
                    yield batch
                return
            goes_on = writing()
            if goes_on:
                time.sleep(_PAUSE_S)


class _Choice:
    """The records that are wanted of those that come."""

    def __init__(self, selection: Selection) -> None:
        self._since = selection.since
        self._until = selection.until
        self.ended = False

    def of(self, lines: Iterable[LogLine]) -> list[LogLine]:
        if not self._since and not self._until:
            return list(lines)
        found = []
        for line in lines:
            moment = clock.parse_rfc3339(line.time)
            if self._until and moment > self._until:
                self.ended = True
                break
            if moment >= self._since:
                found.append(line)
        return found


class _Files:
    """The files of one log, read one after the other; at most one is open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        # What has the name: the same, or the compressed file that it is a copy of. Open, so that its inode is not
        # used again.
        self._named = -1
        self._at = 0
        self._rest = b""
        self._skipping = False
        self._held: deque[bytes] | None = None

    def close(self) -> None:
        for fd in {self._fd, self._named} - {-1}:
            os.close(fd)
        self._fd = self._named = -1

    def _name(self, number: int) -> str:
        return f"{self._path}.{number}" if number else self._path

    def _numbers(self) -> int:
        """How many files there are."""
        count = 0
        while count < _MAX_FILES and (os.path.lexists(self._name(count)) or os.path.lexists(f"{self._name(count)}.gz")):
            count += 1
        return count

    def open(self, tail: int) -> None:
        """Begin with the oldest file, or where the last ``tail`` records begin."""
        count = self._numbers()
        if tail < 0:
            self._open(max(count - 1, 0))
            return
        for number in range(max(count, 1)):
            if not self._open(number):
                return
            if not self._is_json() and tail:
                # Frames are found from the front only; the files are bounded.
                self._open(max(count - 1, 0))
                self._held = deque(maxlen=tail)
                return
            start, found = _tail_start(self._fd, tail)
            if found or number + 1 >= count:
                self._at = start if found else 0
                return
            tail -= start

    def _open(self, number: int) -> bool:
        self.close()
        try:
            self._fd, self._named = _open_file(self._name(number))
        except FileNotFoundError:
            return False
        except (OSError, EOFError, zlib.error) as error:
            doing = "cannot read the container's log"
            if not isinstance(error, OSError):
                raise errors.Error(errors.CORRUPT, f"{doing}: {error}", path=f"{self._name(number)}.gz") from error
            raise errors.from_os_error(doing, error) from error
        self._at, self._rest, self._skipping = 0, b"", False
        return True

    def _is_json(self) -> bool:
        head = os.pread(self._fd, 8, 0)
        # A frame begins with its length, of which the third and fourth bytes are 0 for any record of ours; zeros where
        # a file was torn are no frame.
        return not (len(head) == 8 and head[4] in _STREAMS.values() and not head[3])

    def read(self) -> list[bytes]:
        """Give whole records that follow, none at the end of the file."""
        found = self._read_some()
        if self._held is None:
            return found
        while found or self.next():
            self._held.extend(found)
            found = self._read_some()
        found, self._held = list(self._held), None
        return found

    def torn(self) -> list[bytes]:
        """Give what is whole behind a frame that will never be."""
        if self._fd < 0 or self._is_json():
            return []
        return _split_frames(self._rest, last=True)[0]

    def _read_some(self) -> list[bytes]:
        if self._fd < 0:
            return []
        found: list[bytes] = []
        while not found:
            data = os.pread(self._fd, _CHUNK, self._at)
            if not data:
                if os.fstat(self._fd).st_size < self._at:
                    self._at, self._rest = 0, b""  # emptied, as docker does when only one file is allowed
                    continue
                break
            self._at += len(data)
            found = self._split(data)
        return found

    def _split(self, data: bytes) -> list[bytes]:
        data = self._rest + data
        if self._is_json():
            *lines, self._rest = data.split(b"\n")
            if self._skipping and lines:
                self._skipping = False
                del lines[0]
            if len(self._rest) > _MAX_RECORD:
                self._rest, self._skipping = b"", True
            return lines
        frames, self._rest = _split_frames(data)
        return frames

    def _number(self) -> int:
        """What the open file is called by now; how many files there are when it has no name any more."""
        if self._fd < 0:
            return self._numbers()
        count = self._numbers()
        for number in range(count):
            if _is_named(self._named, self._name(number)):
                return number
        return count

    def next(self) -> bool:
        """Go on to the file after this one, if there is one; called at the end of this one."""
        number = self._number()
        if number == 0:
            return False
        if self._fd >= 0 and os.fstat(self._fd).st_size > self._at:
            return True  # written before it was renamed, after we came to its end
        return self._open(number - 1)


def _open_file(name: str) -> tuple[int, int]:
    """Open a file of the log, or a copy of what is in its compressed form.

    :return: a descriptor to read, and one of what has the name, which may be the same.
    :raises FileNotFoundError: there is neither.
    """
    try:
        fd = os.open(name, _READ)
    except FileNotFoundError:
        fd = os.open(f"{name}.gz", _READ)
        try:
            return _unpack(fd), fd
        except BaseException:
            os.close(fd)
            raise
    return fd, fd


def _unpack(packed: int) -> int:
    import gzip
    import tempfile

    with open(packed, "rb", closefd=False) as source, gzip.open(source) as data, tempfile.TemporaryFile() as copy:
        while block := data.read(_CHUNK):
            copy.write(block)
        copy.flush()
        return os.dup(copy.fileno())


def _is_named(fd: int, name: str) -> bool:
    """Whether an open file is called so by now, or was compressed to what is."""
    mine = os.fstat(fd)
    for one in (name, f"{name}.gz"):
        try:
            other = os.open(one, _READ)
        except OSError:
            continue
        try:
            if os.path.samestat(mine, os.fstat(other)) or logpack.origin(other) == logpack.identity(fd):
                return True
        finally:
            os.close(other)
    return False


def _tail_start(fd: int, wanted: int) -> tuple[int, bool]:
    """Find where the last lines of a file begin.

    :return: (where, True); or, when there are fewer than ``wanted``, (how many there are, False).
    """
    at = os.fstat(fd).st_size
    count = 0
    while at > 0:
        size = min(_BLOCK, at)
        at -= size
        block = os.pread(fd, size, at)
        position = len(block)
        while (position := block.rfind(b"\n", 0, position)) >= 0:
            if count == wanted:
                return at + position + 1, True
            count += 1
    return (0, True) if count == wanted and count else (count, False)


def _split_frames(data: bytes, *, last: bool = False) -> tuple[list[bytes], bytes]:
    """Split into whole frames and the rest; what is no frame is passed over byte by byte up to one.

    :param last: nothing will follow, so that a frame that is not whole is none.
    """
    frames = []
    at = 0
    while at + _FRAME.size <= len(data):
        length, stream, _ = _FRAME.unpack_from(data, at)
        end = at + length + 8
        if not 9 <= length <= _MAX_FRAME or stream not in _STREAMS.values():
            at += 1
        elif end > len(data) and not last:
            break
        elif data[end - 4 : end] != data[at : at + 4]:
            at += 1
        else:
            frames.append(data[at:end])
            at = end
    return frames, data[at:]


def _records(found: Iterable[bytes]) -> Iterator[LogLine]:
    for raw in found:
        line = _decode(raw)
        if line is not None:
            yield line


def _decode(raw: bytes) -> LogLine | None:
    if not raw.startswith(b"{"):
        if len(raw) > _FRAME.size and raw[:4] == raw[-4:] == (len(raw) - 8).to_bytes(4, "little"):
            return _frame(raw)
        # A record written behind zeros, or behind one that was torn.
        start = raw.rfind(b'{"log":"')
        if start < 0:
            return None
        raw = raw[start:]
    try:
        found = json.loads(raw)
        stream = _STREAMS.get(found.get("stream", "stdout"))
        text, moment = found["log"], found["time"]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        start = raw.rfind(b'{"log":"', 1)
        return _decode(raw[start:]) if start > 0 else None
    if stream is None or not isinstance(text, str) or not isinstance(moment, str):
        return None
    attributes = found.get("attrs")
    pairs = tuple((str(key), str(value)) for key, value in attributes.items()) if isinstance(attributes, dict) else ()
    return LogLine(stream, text.encode("utf-8", "replace"), moment, pairs)


def _frame(raw: bytes) -> LogLine:
    _, stream, nanoseconds = _FRAME.unpack_from(raw)
    return LogLine(stream, raw[_FRAME.size : -4], clock.rfc3339(nanoseconds))
