"""Putting a compiled filter on the calling thread. Part of stage 1: imports nothing but the ABI."""

from __future__ import annotations

from hezi.linux import abi

EINVAL = 22


def install(program: bytes, flags: int = 0) -> None:
    """Filter the calling thread's system calls, and those of all it will start, from now on and for good.

    Without CAP_SYS_ADMIN in the thread's user namespace no_new_privs must be set before (seccomp(2)). Installed
    before capabilities are dropped, the filter also judges the calls that drop them.

    :param program: an array of ``struct sock_filter`` from :mod:`hezi.linux.seccomp.cache`
    :param flags: SECCOMP_FILTER_FLAG_LOG and such; a flag that makes a listener is refused
    :raises OSError: EACCES without the privilege; EINVAL for a program or flag the kernel does not take.
    """
    listener = abi.SECCOMP_FILTER_FLAG_NEW_LISTENER | abi.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    if not program or len(program) % 8 or flags & listener:
        # A listener nobody reads would block the first call that asks for it, for ever.
        raise abi.error(EINVAL, "seccomp")
    abi.seccomp_filter(program, flags)
