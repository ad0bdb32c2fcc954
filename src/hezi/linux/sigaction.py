"""rt_sigaction(2): dispositions of signals, those included that libc keeps to itself."""

from __future__ import annotations

from hezi.linux import abi

# The kernel's struct sigaction: handler, flags, restorer, mask, all of a machine word. Zeros mean SIG_DFL.
_KERNEL_SIGACTION_BYTES = 32
_KERNEL_SIGSET_BYTES = 8


def set_default(number: int) -> None:
    """Give a signal its default disposition, 32 and 33 too.

    glibc's posix_spawn leaves those two, which its threads use, ignored in what it starts, ignored signals stay ignored
    over execve(2), and libc's own sigaction refuses to touch them.

    :raises OSError: EINVAL for SIGKILL, SIGSTOP and what is no signal.
    """
    memory = abi.buffer(_KERNEL_SIGACTION_BYTES)
    abi.rt_sigaction(number, abi.addressof(memory), None, _KERNEL_SIGSET_BYTES)
