"""Starting the program that unshare, nsenter and their kin end with, and waiting for it when it is a child.

Whoever gets here may have a foreign root directory: nothing is imported or looked up in Python's own files from here
on, and messages are written without codecs.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

from hezi.linux import nscalls, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SEARCH_PATH = "/bin:/usr/bin"
# A program that is executed would go on ignoring them.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
# Held back from the one who waits: they are for the program, which gets them from the terminal as well.
_HELD = (signal.SIGINT, signal.SIGTERM)


def complain(program: str, text: str) -> None:
    """Write a line to standard error."""
    line = f"{program}: {text}\n".encode("utf-8", "surrogateescape")
    try:
        os.write(2, line)
    except OSError:
        return  # nobody is listening; the exit code still speaks


def forget_coercion() -> None:
    """Undo what Python does to LC_CTYPE in the C locale (PEP 538): the program gets the environment that we got.

    While our own /proc is still there.
    """
    if "LC_CTYPE" not in os.environ or "LC_ALL" in os.environ:
        return
    try:
        with open("/proc/self/environ", "rb") as file:
            given = [word for word in file.read().split(b"\0") if word.startswith(b"LC_CTYPE=")]
    except OSError:
        return
    if given:
        os.environ["LC_CTYPE"] = os.fsdecode(given[-1].partition(b"=")[2])
    else:
        del os.environ["LC_CTYPE"]


def execute(program: str, argv: Sequence[str]) -> int:
    """Replace this process by ``argv``, or by the user's shell when that is empty; return the exit code of a failure.

    :return: 127 when there is no such program, 126 when it cannot be executed.
    """
    sys.stdout.flush()
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    if argv:
        name, words = argv[0], list(argv)
    else:
        name = os.environ.get("SHELL", "/bin/sh")
        words = ["-" + name.rpartition("/")[2]]
    why = _search(name, words)
    complain(program, f"failed to execute {name}: {os.strerror(why)}")
    return 127 if why == errno.ENOENT else 126


def _search(name: str, words: list[str]) -> int:
    """Try the directories of PATH as execvp(3) does; return why it failed."""
    if not name:
        return errno.ENOENT
    if "/" in name:
        return _try(name, words)
    found = errno.ENOENT
    for directory in os.environ.get("PATH", _SEARCH_PATH).split(":"):
        number = _try(f"{directory}/{name}" if directory else name, words)
        if number == errno.EACCES:
            found = number
        elif number not in {errno.ENOENT, errno.ENOTDIR}:
            return number
    return found


def _try(path: str, words: list[str]) -> int:
    try:
        os.execve(path, words, os.environ)  # noqa: S606 - that is what this is for
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            try:
                os.execve("/bin/sh", ["/bin/sh", path, *words[1:]], os.environ)  # noqa: S606 - as execvp(3)
            except OSError as again:
                return again.errno or errno.ENOEXEC
        return error.errno or errno.EINVAL
    except ValueError:
        return errno.ENOENT  # an empty name


class Child:
    """A forked copy of this process that goes on to :func:`execute`, and the one who waits for it.

    :ivar pid: 0 in the child.
    """

    __slots__ = ("before", "pid")

    def __init__(self) -> None:
        """Fork; SIGINT and SIGTERM are held back from the parent from before on.

        :raises OSError: ENOMEM when the PID namespace's first process has ended (fork(2)), EAGAIN.
        """
        sys.stdout.flush()
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        try:
            self.pid = nscalls.clone3(0, want_pidfd=False)[0]
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self.before)
            raise
        if self.pid == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, self.before)

    def forward(self) -> None:
        """Have SIGINT and SIGTERM sent on to the child."""

        def send(number: int, _frame: object) -> None:
            os.kill(self.pid, number)

        for number in _HELD:
            signal.signal(number, send)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)

    def wait(self, *, stops: bool = False) -> int:
        """Wait for the end of the child and return its exit code; die of the signal that it died of.

        :param stops: stop with it, and have it go on when we do.
        """
        while True:
            _, status = os.waitpid(self.pid, os.WUNTRACED if stops else 0)
            if os.WIFSTOPPED(status):
                os.kill(os.getpid(), signal.SIGSTOP)
                os.kill(self.pid, signal.SIGCONT)
                continue
            if os.WIFEXITED(status):
                return os.WEXITSTATUS(status)
            return _die_of(os.WTERMSIG(status))


def _die_of(number: int) -> int:
    prctl.set_dumpable(value=False)  # one core file is enough
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
    os.kill(os.getpid(), number)
    return 128 + number  # it is blocked for good, or ignored by whoever is process 1
