"""From the bytes of a container's streams to the records of a log.

    bytes ── lines of at most 16 KiB ── sink: json-file | local | journald | none

As docker's copier does it: a line is logged when it is whole; one of more than 16 KiB in pieces, of which only the last
ends with a newline; and what is left at the end of the stream as it is. A piece never ends inside a character, which
docker's may.

The file of the driver ``local``, integers little endian, frames one after the other::

    u32 length | u8 stream (1 stdout, 2 stderr) | u64 ns since the epoch | bytes | u32 length again

The length is that of what is between the two; the second one lets a reader go backwards. Bytes are exact there,
whatever they are.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import struct
import time

from hezi.runtime import logfile
from hezi.runtime.jsonlog import STDERR, STDOUT, JsonFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Sink(Protocol):
        """Where records go. Writing never fails and never waits."""

        def write(self, stream: int, data: bytes, ns: int) -> None:
            """Take whole lines, or a part of one, which has no newline at its end."""

        def close(self) -> None:
            """Close what it has open."""


DRIVERS = ("json-file", "local", "none", "journald")
MAX_LINE = 16 * 1024
JOURNAL = "/run/systemd/journal/socket"
_TAIL = 8192
_ENOENT = 2
_RECORD = struct.Struct("<IBQ")
_LENGTH = struct.Struct("<I")
_MSG_DONTWAIT = 0x40


class Log:
    """The log of one container: both streams, and the last of it for whoever asks why it ended."""

    __slots__ = ("_pending", "_sink", "_tail")

    def __init__(self, sink: Sink | None = None) -> None:
        """:param sink: None for one that comes by :meth:`use`, before there is anything to log."""
        self._sink: Sink = Nothing() if sink is None else sink
        self._pending = {STDOUT: b"", STDERR: b""}
        self._tail = b""

    def use(self, sink: Sink) -> None:
        """Send what comes to this sink."""
        self._sink = sink

    def feed(self, stream: int, data: bytes) -> None:
        """Take what the container wrote."""
        pending = self._pending[stream]
        if pending:
            data = pending + data
        ns = time.time_ns()
        at, size = 0, len(data)
        while True:
            # The last newline within the longest line there may be: all lines up to it are short enough.
            end = data.rfind(b"\n", at, at + MAX_LINE) + 1
            if not end:
                if size - at < MAX_LINE:
                    break
                end = _whole(data, at + MAX_LINE)
            self._write(stream, data[at:end], ns)
            at = end
        self._pending[stream] = data[at:]

    def end(self, stream: int) -> None:
        """Take note of the stream's end: a line without its newline is logged as it is."""
        pending, self._pending[stream] = self._pending[stream], b""
        if pending:
            self._write(stream, pending, time.time_ns())

    def _write(self, stream: int, data: bytes, ns: int) -> None:
        self._sink.write(stream, data, ns)
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]

    def last_lines(self, most: int = 10) -> list[bytes]:
        """Give the last lines of both streams, without their newlines."""
        return self._tail.splitlines()[-most:]

    def close(self) -> None:
        """Log what is pending and close."""
        for stream in self._pending:
            self.end(stream)
        self._sink.close()


def _whole(data: bytes, end: int) -> int:
    """Move the end of a piece back to where a character ends, when it is one of UTF-8 that is cut."""
    for back in range(min(4, len(data) - end + 4)):
        if end < len(data) and data[end - back] & 0xC0 != 0x80:
            return end - back
    return end


class Nothing:
    """The sink of the driver ``none``."""

    __slots__ = ()

    def write(self, stream: int, data: bytes, ns: int) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is open."""


class LocalFile:
    """The sink of the driver ``local``."""

    __slots__ = ("_file",)

    def __init__(self, path: str, max_size: int, max_file: int, *, compress: bool = False) -> None:
        self._file = logfile.RotatingFile(path, max_size, max_file, lines=False, compress=compress)

    def write(self, stream: int, data: bytes, ns: int) -> None:
        """Write each line as a record."""
        if self._file.lost:
            self._file.append_notice(_record(STDERR, self._file.notice(), ns))
        for line in _lines(data):
            self._file.append(_record(stream, line, ns), 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _record(stream: int, line: bytes, ns: int) -> bytes:
    length = _RECORD.size - _LENGTH.size + len(line)
    return _RECORD.pack(length, stream, ns) + line + _LENGTH.pack(length)


def _lines(data: bytes) -> list[bytes]:
    """Split after newlines alone; splitlines takes carriage returns too."""
    parts = data.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


class Journal:
    """The sink of the driver ``journald``: systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

    A journal that does not read is not waited for: the record is lost, and counted in the next one.
    """

    __slots__ = ("_fields", "_lost", "_path", "_socket")

    def __init__(self, fields: tuple[tuple[str, str], ...], path: str = JOURNAL) -> None:
        """Connect.

        :raises OSError: there is no journald.
        """
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
        self._path = path
        self._lost = 0
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno or _ENOENT, "log driver journald: no journal to write to", path) from None
        self._fields = b"".join(_field(name.encode(), value.encode()) for name, value in fields)

    def write(self, stream: int, data: bytes, ns: int) -> None:
        """Send each line as a message."""
        for line in _lines(data):
            self._send(stream, line)

    def _send(self, stream: int, line: bytes) -> None:
        message = _field(b"MESSAGE", line.removesuffix(b"\n")) + self._fields
        message += b"PRIORITY=3\n" if stream == STDERR else b"PRIORITY=6\n"
        if not line.endswith(b"\n"):
            message += b"CONTAINER_PARTIAL_MESSAGE=true\n"
        if self._lost:
            message += b"HEZI_LOST_BEFORE=%d\n" % self._lost
        try:
            self._socket.send(message, _MSG_DONTWAIT)
        except OSError as error:
            self._lost += 1
            if not isinstance(error, BlockingIOError):
                self._reconnect()
        else:
            self._lost = 0

    def _reconnect(self) -> None:
        try:
            self._socket.connect(self._path)
        except OSError:
            return  # it was restarted, or will be; the next record tries again

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _field(name: bytes, value: bytes) -> bytes:
    """Spell one field; with its length, so that the value may be anything."""
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def open_sink(
    driver: str,
    path: str,
    max_size: int,
    max_file: int,
    fields: tuple[tuple[str, str], ...] = (),
    compress: bool = False,
) -> Sink:
    """Open the log of a container.

    :param fields: what json-file and journald are to say with each record.
    :param compress: files that are full.
    :raises OSError: the file cannot be made, there is no journald, or (EINVAL) no such driver.
    """
    if driver == "json-file":
        return JsonFile(path, max_size, max_file, fields, compress=compress)
    if driver == "local":
        return LocalFile(path, max_size, max_file, compress=compress)
    if driver == "journald":
        return Journal(fields)
    if driver == "none":
        return Nothing()
    raise OSError(22, f"no log driver {driver}")
