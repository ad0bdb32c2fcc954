"""A netlink socket: requests with their acknowledgements, several in one go, and dumps.

The kernel's own words come with an error when it has any (extended acknowledgement, Linux 4.12):
``OSError: [Errno 17] RTM_NEWLINK: File exists (...)``.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import errno
from struct import Struct

from hezi.linux import abi
from hezi.linux.netlink import messages
from hezi.linux.netlink.attributes import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from hezi.linux.netlink.attributes import Headed

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12

_AF_NETLINK = 16
_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_MULTI, _NLM_F_CAPPED, _NLM_F_ACK_TLVS, _NLM_F_DUMP_INTR = 0x2, 0x100, 0x200, 0x10

_HEADER = Struct("=IHHII")  # length, type, flags, sequence number, port
_ERROR = Struct("=i")
# As iproute2: the kernel cuts dumps into pieces of at most 32 KiB when the reader shows so much room.
_ROOM = 64 << 10
_DUMP_TRIES = 16


class Request:
    """One message on its way: its type, flags beside NLM_F_REQUEST, payload, and what to call it when it fails."""

    __slots__ = ("body", "flags", "kind", "name")

    def __init__(self, name: str, kind: int, flags: int, body: bytes) -> None:
        self.name = name
        self.kind = kind
        self.flags = flags
        self.body = body


class Netlink:
    """A connection to the kernel, of the network namespace that the thread was in when it was made.

    :param protocol: NETLINK_ROUTE, NETLINK_NETFILTER.
    :raises OSError: EPROTONOSUPPORT when the kernel was built without.
    """

    __slots__ = ("_next", "_socket")

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_AF_NETLINK, kind, protocol)
        self._next = 1
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError as error:
                # An older kernel: fewer words, or more to be filtered here.
                if error.errno != errno.ENOPROTOOPT:
                    raise
        self._socket.bind((0, 0))

    def call(self, requests: Sequence[Request], *, around: tuple[Request, Request] | None = None) -> None:
        """Send all requests at once and wait for the acknowledgement of each.

        The kernel does them one after another, and goes on after one that fails.

        :param around: messages before and after them that make them one transaction; they are not acknowledged.
        :raises OSError: that of the first that failed.
        """
        if not requests:
            return
        first = self._next
        self._next += len(requests)
        raw = []
        for number, request in enumerate(requests, first):
            flags = request.flags | messages.NLM_F_REQUEST | messages.NLM_F_ACK
            raw.append(_packed(request, flags, number))
        outside = self._next
        if around:
            self._next += 1
            begin, end = (_packed(one, messages.NLM_F_REQUEST, outside) for one in around)
            raw = [begin, *raw, end]
        self._socket.send(b"".join(raw))
        failed: dict[int, OSError] = {}
        waiting = set(range(first, outside))
        while waiting:
            for kind, flags, number, body in self._receive():
                if kind != _NLMSG_ERROR:
                    continue
                if around and number == outside:
                    # None of them is looked at then.
                    error = _error(around[0].name, flags, body)
                    if error is not None:
                        raise error
                elif number in waiting:
                    waiting.discard(number)
                    error = _error(requests[number - first].name, flags, body)
                    if error is not None:
                        failed[number] = error
        if failed:
            raise failed[min(failed)]

    def get(self, request: Request) -> list[bytes]:
        """Send a question and return the payloads of what is answered before its acknowledgement.

        :raises OSError: the kernel's.
        """
        number = self._next
        self._next += 1
        flags = request.flags | messages.NLM_F_REQUEST | messages.NLM_F_ACK
        self._socket.send(_packed(request, flags, number))
        found: list[bytes] = []
        while True:
            for kind, flags, answered, body in self._receive():
                if answered != number:
                    continue
                if kind == _NLMSG_ERROR:
                    error = _error(request.name, flags, body)
                    if error is not None:
                        raise error
                    return found
                found.append(body)

    def dump(self, request: Request, layout: Headed) -> list[dict[str, object]]:
        """Ask for all objects of a kind; asked again when they changed meanwhile.

        :raises OSError: the kernel's; EINTR when they change all the time.
        """
        for _ in range(_DUMP_TRIES):
            bodies, whole = self._dump(request)
            if whole:
                return [layout.decode(body) for body in bodies]
        raise abi.error(errno.EINTR, request.name, detail="the answers changed while they were read")

    def _dump(self, request: Request) -> tuple[list[bytes], bool]:
        number = self._next
        self._next += 1
        flags = request.flags | messages.NLM_F_REQUEST | messages.NLM_F_DUMP
        self._socket.send(_packed(request, flags, number))
        bodies: list[bytes] = []
        whole = True
        while True:
            for kind, flags, answered, body in self._receive():
                if answered != number:
                    continue
                whole = whole and not flags & _NLM_F_DUMP_INTR
                if kind in {_NLMSG_ERROR, _NLMSG_DONE}:
                    error = _error(request.name, flags, body) if len(body) >= _ERROR.size else None
                    if error is not None:
                        raise error
                    return bodies, whole
                bodies.append(body)

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        raw = self._socket.recv(_ROOM)
        while len(raw) >= _HEADER.size:
            length, kind, flags, number, _ = _HEADER.unpack_from(raw)
            if not _HEADER.size <= length <= len(raw):
                raise abi.error(errno.EBADMSG, "netlink", detail=f"a message of {length} bytes in {len(raw)}")
            yield kind, flags, number, raw[_HEADER.size : length]
            raw = raw[(length + 3) & ~3 :]

    def close(self) -> None:
        """Close the socket. Again does nothing."""
        self._socket.close()

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _packed(request: Request, flags: int, number: int) -> bytes:
    length = _HEADER.size + len(request.body)
    return _HEADER.pack(length, request.kind, flags, number, 0) + request.body + bytes(-length % 4)


def _error(name: str, flags: int, body: bytes) -> OSError | None:
    """Return what an NLMSG_ERROR says; None for an acknowledgement."""
    (number,) = _ERROR.unpack_from(body)
    if number == 0:
        return None
    text = ""
    if flags & _NLM_F_ACK_TLVS:
        at = _ERROR.size + _HEADER.size
        if not flags & _NLM_F_CAPPED:
            # The request itself lies between; its own header says how long it is.
            at += (_HEADER.unpack_from(body, _ERROR.size)[0] - _HEADER.size + 3) & ~3
        text = str(decode(messages.ERROR, body[at:]).get("message", ""))
    return abi.error(-number, name, detail=text)
