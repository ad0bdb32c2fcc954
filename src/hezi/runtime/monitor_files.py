"""What a monitor leaves for others to read: state.json, exit.json and the lines of an events file."""

from __future__ import annotations

import os
import time

from hezi.runtime import eventlog, jsonlog, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Value = Any

_NEW = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_ROOM = 8192


def dumps(value: Value) -> bytes:
    """Encode plain data as JSON; the json module would be a third of this process's memory.

    Bytes are text that may not be UTF-8.
    """
    if value is None or value is True or value is False:
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int | float):
        return repr(value).encode()
    if isinstance(value, str | bytes):
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        return b'"' + jsonlog.escape(raw).replace(b"\n", b"\\n") + b'"'
    if isinstance(value, dict):
        return b"{" + b", ".join(dumps(key) + b": " + dumps(item) for key, item in value.items()) + b"}"
    return b"[" + b", ".join(map(dumps, value)) + b"]"


def rfc3339(ns: int) -> str:
    """Format nanoseconds since the epoch as docker does; its zero for 0."""
    if not ns:
        return "0001-01-01T00:00:00Z"
    seconds, fraction = divmod(ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction:09d}Z"


class Files:
    """The two directories of a container, by descriptor."""

    __slots__ = ("_about", "_events", "_id", "_name", "persistent", "runtime")

    def __init__(
        self,
        directory: str,
        runtime_directory: str,
        events: str,
        identity: tuple[str, str],
        about: tuple[tuple[str, str], ...] = (),
    ) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self.persistent = os.open(directory, flags)
        self.runtime = os.open(runtime_directory, flags)
        self._events = events
        self._id, self._name = identity
        self._about = about

    def write_state(self, state: Mapping[str, Value]) -> None:
        """Replace state.json; a full file system keeps the old one."""
        try:
            _replace(self.runtime, protocol.STATE_FILE, dumps(dict(state)), sync=False)
        except OSError:
            return

    def write_exit(self, record: Mapping[str, Value]) -> str:
        """Replace exit.json, and return when it is on the disk; says what went wrong, if something did.

        Where the container's own disk is full the record goes beside state.json, which is in memory.
        """
        data = dumps(dict(record))
        try:
            _replace(self.persistent, protocol.EXIT_FILE, data, sync=True)
        except OSError as error:
            if len(data) > _ROOM:
                data = dumps({**record, "evidence": {}})
            try:
                _replace(self.runtime, protocol.EXIT_FILE, data, sync=False, temporary=protocol.ROOM_FILE)
            except OSError:
                pass
            return os.strerror(error.errno or 0)
        return ""

    def _keep_room(self) -> None:
        """Have room for the record of the end, for the case that nothing has any when it comes."""
        try:
            fd = os.open(protocol.ROOM_FILE, _NEW, 0o600, dir_fd=self.runtime)
            try:
                os.posix_fallocate(fd, 0, _ROOM)
            finally:
                os.close(fd)
        except OSError:
            return

    def forget_exit(self) -> None:
        """Remove the record of an earlier end."""
        for at in (self.persistent, self.runtime):
            try:
                os.unlink(protocol.EXIT_FILE, dir_fd=at)
            except OSError:
                continue
        self._keep_room()

    def event(self, action: str, **attributes: Value) -> None:
        """Append one line to the events file."""
        if not self._events:
            return
        line: dict[str, Value] = {
            "time_ns": time.time_ns(),
            "type": "container",
            "action": action,
            "id": self._id,
            "name": self._name,
            "attributes": {**dict(self._about), **attributes},
        }
        eventlog.write(self._events, dumps(line) + b"\n")

    def volume_event(self, action: str, volume: str, **attributes: Value) -> None:
        """Tell of a volume that the container has."""
        if not self._events:
            return
        line: dict[str, Value] = {
            "time_ns": time.time_ns(),
            "type": "volume",
            "action": action,
            "id": volume,
            "attributes": {"container": self._id, "driver": "local", **attributes},
        }
        eventlog.write(self._events, dumps(line) + b"\n")


def _replace(at: int, name: str, data: bytes, *, sync: bool, temporary: str = "") -> None:
    temporary = temporary or f".{name}.{os.getpid()}"
    fd = os.open(temporary, _NEW, 0o600, dir_fd=at)
    try:
        try:
            # Not truncated before: what room it has already is used.
            size = len(data)
            while data:
                data = data[os.write(fd, data) :]
            os.ftruncate(fd, size)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
    except OSError:
        os.unlink(temporary, dir_fd=at)
        raise
    if sync:
        os.fsync(at)
