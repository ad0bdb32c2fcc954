"""Calls over the system's message bus: as much of the D-Bus wire format as talking to systemd takes.

Blocking, one call at a time, little-endian, no descriptors. Values are given with the signature that the method has::

    with dbus.connect() as bus:
        bus.call(Target(NAME, PATH, INTERFACE), "StartTransientUnit", "ssa(sv)a(sa(sv))", (name, "fail", pairs, ()))

A variant is a pair (signature, value). The format is dbus-specification 0.43, "Type System" and "Message Protocol".
"""

from __future__ import annotations

import os
import struct
import time

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

SOCKET = "/run/dbus/system_bus_socket"
_CALL, _RETURN, _ERROR, _SIGNAL = 1, 2, 3, 4
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_FIXED = {"y": ("B", 1), "b": ("I", 4), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4), "x": ("q", 8)}
_FIXED |= {"t": ("Q", 8), "d": ("d", 8)}
_ALIGN = {**{code: size for code, (_, size) in _FIXED.items()}, "s": 4, "o": 4, "g": 1, "v": 1, "a": 4, "(": 8, "{": 8}
# The specification allows 128 MiB; what systemd says to us has a few hundred bytes.
_MOST = 1 << 20
_EPROTO, _ETIMEDOUT, _ECONNRESET = 71, 110, 104


class Target(NamedTuple):
    """Whom a call is for."""

    destination: str
    path: str
    interface: str


class Signal(NamedTuple):
    """What was told to all who listen."""

    path: str
    member: str
    values: tuple[Any, ...]


class CallError(Exception):
    """The other side refused.

    :ivar name: org.freedesktop.systemd1.UnitExists and the like.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}" if text else name)
        self.name = name
        self.text = text


class Bus:
    """A connection."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._socket = connection
        self._timeout = timeout
        self._serial = 0
        self._buffer = b""
        self.signals: list[Signal] = []

    def __enter__(self) -> Bus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def call(self, target: Target, member: str, signature: str = "", values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Call a method and wait for what it gives.

        :raises CallError: it refused.
        :raises OSError: ETIMEDOUT, no answer in time; EPROTO, nothing that can be read; ECONNRESET.
        """
        self._serial += 1
        self._socket.sendall(message(self._serial, target, member, signature, values))
        deadline = time.monotonic() + self._timeout
        while True:
            kind, fields, body = self._receive(deadline)
            if kind in {_RETURN, _ERROR} and fields.get(_REPLY_SERIAL) == self._serial:
                answer = unmarshal(str(fields.get(_SIGNATURE, "")), body)
                if kind == _ERROR:
                    text = answer[0] if answer and isinstance(answer[0], str) else ""
                    raise CallError(str(fields.get(_ERROR_NAME, "")), text)
                return answer

    def wait_signal(self, member: str, *, first: tuple[str, ...], at: int = 0) -> Signal:
        """Wait for a signal of that name one of whose values is wanted; those that came before count.

        :param first: the values, one of which the value number ``at`` has to be.
        :raises OSError: as :meth:`call`.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            for one in self.signals:
                if one.member == member and len(one.values) > at and one.values[at] in first:
                    return one
            self._receive(deadline)

    def _receive(self, deadline: float) -> tuple[int, dict[int, Any], bytes]:
        head = self._take(16, deadline)
        if head[0:1] != b"l":
            raise abi.error(_EPROTO, "dbus", SOCKET, "an answer in the other byte order")
        length, _, fields_length = struct.unpack_from("<III", head, 4)
        padded = (fields_length + 7) // 8 * 8
        if length > _MOST or padded > _MOST:
            raise abi.error(_EPROTO, "dbus", SOCKET, "an answer that is too long")
        rest = self._take(padded + length, deadline)
        # The fields are an array whose length is the last word of the head; padded as if it were the first.
        (pairs,) = unmarshal("a(yv)", head[12:16] + b"\0\0\0\0" + rest[:fields_length])
        fields = {code: value for code, (_, value) in pairs}
        body = rest[padded:]
        if head[1] == _SIGNAL:
            values = unmarshal(str(fields.get(_SIGNATURE, "")), body)
            self.signals.append(Signal(str(fields.get(_PATH)), str(fields.get(_MEMBER)), values))
        return head[1], fields, body

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise abi.error(_ETIMEDOUT, "dbus", SOCKET, "no answer")
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                raise abi.error(_ETIMEDOUT, "dbus", SOCKET, "no answer") from None
            if not piece:
                raise abi.error(_ECONNRESET, "dbus", SOCKET)
            self._buffer += piece
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


_BUS = Target("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def connect(path: str = SOCKET, timeout: float = 25.0) -> Bus:
    """Connect to the bus and greet it, as who we are.

    :param timeout: seconds that each answer may take.
    :raises OSError: ENOENT or ECONNREFUSED, there is no bus; EPROTO, it does not take us.
    """
    import socket

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(timeout)
        connection.connect(path)
        _authenticate(connection, path)
        bus = Bus(connection, timeout)
        bus.call(_BUS, "Hello")
    except BaseException:
        connection.close()
        raise
    return bus


def _authenticate(connection: socket.socket, path: str) -> None:
    identity = str(os.geteuid()).encode().hex()
    connection.sendall(f"\0AUTH EXTERNAL {identity}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n"):
        piece = connection.recv(512)
        if not piece:
            break
        answer += piece
    if not answer.startswith(b"OK "):
        raise abi.error(_EPROTO, "dbus", path, f"it says {answer[:80].decode(errors='replace').strip()!r}")
    connection.sendall(b"BEGIN\r\n")


def listen(bus: Bus, rule: str) -> None:
    """Have signals that match a rule delivered (Match Rules in the specification)."""
    bus.call(_BUS, "AddMatch", "s", (rule,))


# --- the wire format ------------------------------------------------------------------------------------------------


def message(serial: int, target: Target, member: str, signature: str, values: Sequence[Any]) -> bytes:
    """Encode a method call."""
    body = marshal(signature, values)
    fields: list[tuple[int, tuple[str, object]]] = [
        (_PATH, ("o", target.path)),
        (_INTERFACE, ("s", target.interface)),
        (_MEMBER, ("s", member)),
        (_DESTINATION, ("s", target.destination)),
    ]
    if signature:
        fields.append((_SIGNATURE, ("g", signature)))
    head = bytearray(struct.pack("<cBBBII", b"l", _CALL, 0, 1, len(body), serial))
    _put(head, "a(yv)", fields)
    _pad(head, 8)
    return bytes(head) + body


def marshal(signature: str, values: Sequence[Any]) -> bytes:
    """Encode values."""
    out = bytearray()
    for code, value in zip(split(signature), values, strict=True):
        _put(out, code, value)
    return bytes(out)


def split(signature: str) -> list[str]:
    """Take a signature apart into those of single values: ``sa(sv)u`` is s, a(sv), u."""
    found, start, depth = [], 0, 0
    for index, letter in enumerate(signature):
        depth += (letter in "({") - (letter in ")}")
        if depth == 0 and letter != "a":
            found.append(signature[start : index + 1])
            start = index + 1
    return found


def _pad(out: bytearray, size: int) -> None:
    out += b"\0" * (-len(out) % size)


def _put(out: bytearray, code: str, value: Any) -> None:  # noqa: ANN401 - what the signature says
    kind = code[0]
    _pad(out, _ALIGN[kind])
    if kind in _FIXED:
        out += struct.pack(f"<{_FIXED[kind][0]}", value)
    elif kind in "so":
        data = value.encode()
        out += struct.pack("<I", len(data)) + data + b"\0"
    elif kind == "g":
        out += bytes((len(value),)) + value.encode() + b"\0"
    elif kind == "v":
        _put(out, "g", value[0])
        _put(out, value[0], value[1])
    elif kind == "a":
        at = len(out)
        out += b"\0\0\0\0"
        _pad(out, _ALIGN[code[1]])
        start = len(out)
        for one in value:
            _put(out, code[1:], one)
        struct.pack_into("<I", out, at, len(out) - start)
    else:
        for inner, one in zip(split(code[1:-1]), value, strict=True):
            _put(out, inner, one)


def unmarshal(signature: str, data: bytes) -> tuple[Any, ...]:
    """Decode values; structures come as tuples, arrays as lists, variants as (signature, value).

    :raises OSError: EPROTO, the data is not what the signature says.
    """
    reader = _Reader(data)
    try:
        return tuple(reader.get(code) for code in split(signature))
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
        raise abi.error(_EPROTO, "dbus", SOCKET, f"an answer that is not {signature!r}: {error}") from None


class _Reader:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def get(self, code: str) -> Any:  # noqa: ANN401 - what the signature says
        kind = code[0]
        self._at += -self._at % _ALIGN[kind]
        if kind in _FIXED:
            letter, size = _FIXED[kind]
            (value,) = struct.unpack_from(f"<{letter}", self._data, self._at)
            self._at += size
            return bool(value) if kind == "b" else value
        if kind in "sog":
            length = self.get("y" if kind == "g" else "u")
            end = self._at + length
            if end >= len(self._data):  # a zero follows
                raise IndexError(end)
            text = self._data[self._at : end].decode()
            self._at = end + 1
            return text
        if kind == "v":
            inner = self.get("g")
            return inner, self.get(inner)
        if kind == "a":
            return self._array(code[1:])
        return tuple(self.get(inner) for inner in split(code[1:-1]))

    def _array(self, code: str) -> list[Any]:
        length = self.get("u")
        self._at += -self._at % _ALIGN[code[0]]
        end = self._at + length
        if end > len(self._data):
            raise IndexError(end)
        found = []
        while self._at < end:
            found.append(self.get(code))
        return found
