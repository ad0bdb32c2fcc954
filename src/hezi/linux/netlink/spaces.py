"""Network namespaces by descriptor: making one, and doing something inside it.

A namespace belongs to a thread. Whoever enters one here comes back before anything else runs in that thread, and other
threads notice nothing.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = "/proc/thread-self/ns/net"


def own() -> int:
    """Return a descriptor of this thread's network namespace; close-on-exec."""
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)


def new() -> int:
    """Make a network namespace with nothing but a loopback that is down, and return its descriptor.

    It lives as long as the descriptor, a process in it, or a mount of it.

    :raises OSError: EPERM without CAP_SYS_ADMIN, ENOSPC when /proc/sys/user/max_net_namespaces is reached.
    """
    before = own()
    try:
        abi.unshare(abi.CLONE_NEWNET)
        try:
            return own()
        finally:
            abi.setns(before, abi.CLONE_NEWNET)
    finally:
        os.close(before)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Have this thread in the namespace ``fd`` for as long as the block lasts.

    Sockets made there stay there; /proc/sys/net is that of the namespace.

    :raises OSError: EINVAL when ``fd`` is no network namespace, EPERM.
    """
    before = own()
    try:
        abi.setns(fd, abi.CLONE_NEWNET)
        try:
            yield
        finally:
            abi.setns(before, abi.CLONE_NEWNET)
    finally:
        os.close(before)
