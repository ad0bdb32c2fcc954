"""The number by which the network subsystem of this namespace knows another one (RTM_GETNSID, rtnetlink(7))."""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
import struct

_NETLINK_ROUTE = 0
_RTM_NEWNSID = 88
_RTM_GETNSID = 90
_NLM_F_REQUEST = 1
_NETNSA_NSID = 1
_NETNSA_FD = 3
_ANSWER_BYTES = 8192
UNASSIGNED = -1


def get(path: str) -> int | None:
    """Return the number, :data:`UNASSIGNED` (-1) when there is none, None when it cannot be found out.

    :param path: of a network namespace, as /proc/PID/ns/net.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        sock = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
        try:
            # nlmsghdr, rtgenmsg padded to four bytes, rtattr with the descriptor
            sock.send(struct.pack("=IHHIIB3xHHi", 28, _RTM_GETNSID, _NLM_F_REQUEST, 1, 0, 0, 8, _NETNSA_FD, fd))
            answer = sock.recv(_ANSWER_BYTES)
        finally:
            sock.close()
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(answer) < 28 or struct.unpack_from("=H", answer, 4)[0] != _RTM_NEWNSID:
        return None
    kind, number = struct.unpack_from("=Hi", answer, 22)
    return int(number) if kind == _NETNSA_NSID else None
