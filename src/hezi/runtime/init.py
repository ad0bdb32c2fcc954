"""The first process of a box started with ``--init``: forwards signals, reaps orphans, ends as its child does."""

from __future__ import annotations

import os

from hezi.runtime import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Raised by a process on itself or by the terminal on a whole group; sent on, they would arrive twice or mean us.
_OWN = frozenset(
    {
        signals.SIGCHLD,
        signals.SIGTTIN,
        signals.SIGTTOU,
        signals.SIGSEGV,
        signals.SIGBUS,
        signals.SIGFPE,
        signals.SIGILL,
    }
)


def run(child: int) -> NoReturn:
    """Serve as process 1 until ``child`` ends, then exit with its code, or 128 and the signal it died of.

    Called with all signals blocked: they are taken one by one, no handler runs. The kernel kills what is left in the
    process namespace when this process ends (pid_namespaces(7)).
    """
    while True:
        number = signals.wait_any()
        if number == signals.SIGCHLD:
            code = _reap(child)
            if code is not None:
                os._exit(code)
        elif number not in _OWN:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                continue


def _reap(child: int) -> int | None:
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
