"""Signals for stage 1: the C half of the ``signal`` module, whose Python half imports ``enum`` (4 ms)."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # noqa: PLC2701 - see above; typeshed does not have it

from hezi.linux import sigaction

SIGHUP = 1
SIGINT = 2
SIGILL = 4
SIGBUS = 7
SIGFPE = 8
SIGKILL = 9
SIGSEGV = 11
SIGTERM = 15
SIGCHLD = 17
SIGTTIN = 21
SIGTTOU = 22
# Left ignored by posix_spawn, and unknown to libc's functions.
_LIBC_SIGNALS = (32, 33)


def block_all() -> None:
    """Hold back every signal that can be held back."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())


class Held:
    """Hold signals back for the length of a ``with``, so that no handler's exception comes between making and keeping.

    A KeyboardInterrupt between the system call that gives a process and the assignment that remembers it would leave
    the process behind. What waits must be outside.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        # Read first: holding back runs the handlers of what has arrived, and their exception would take the old mask
        # away with it.
        self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            block_all()
        except BaseException:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
            raise

    def __exit__(self, *_exc: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)


def wait_any() -> int:
    """Take the next held back signal, waiting for one."""
    number: int = _signal.sigwait(_signal.valid_signals())
    return number


def default(number: int) -> None:
    """Give one signal its default disposition."""
    _signal.signal(number, _signal.SIG_DFL)


def reset() -> None:
    """Give every signal its default disposition and hold none back, as a program expects to be started.

    Python ignores SIGPIPE and SIGXFSZ, and what is ignored stays so over execve(2); handlers do not.
    """
    for number in _LIBC_SIGNALS:
        sigaction.set_default(number)
    for number in _signal.valid_signals():
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def ignore(number: int) -> None:
    """Take no notice of one signal."""
    _signal.signal(number, _signal.SIG_IGN)


def _noticed(_number: int, _frame: object) -> None:
    """The number is in the wake-up descriptor already."""


def wake_by(fd: int, *numbers: int) -> None:
    """Have the numbers of these signals written to a non-blocking descriptor as they arrive."""
    _signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    for number in numbers:
        _signal.signal(number, _noticed)


def wake_no_more(*numbers: int) -> None:
    """Undo :func:`wake_by`, in a child."""
    _signal.set_wakeup_fd(-1)
    for number in numbers:
        _signal.signal(number, _signal.SIG_DFL)
