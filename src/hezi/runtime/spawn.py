"""Starting stage 1: a bare interpreter, sealed, connected by a socket, waiting for a plan.

It is started as early as the engine can, so that the interpreter's own start passes while the engine still reads the
image's configuration and mounts its layers. This is the one seam for other ways to come by such a process.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import fcntl
import os
import sys
from contextlib import suppress

import hezi
from hezi import errors
from hezi.linux import pidfd
from hezi.runtime import interpreter, signals
from hezi.runtime.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# -I: no environment variables, no user site, no current directory. -S: no site. -X utf8: no look at the locale.
_FLAGS = ("-I", "-S", "-X", "utf8")
# Appended to the path and not put first: beside hezi lies whatever else the user has installed. Without garbage
# collection the imports are 0.8 ms shorter, and pages that were shared by a fork stay so; nothing in there lives long.
_PROGRAM = (
    "import sys, gc; gc.disable(); sys.path.append(sys.argv[1]); "
    "from hezi._util import bundle; bundle.use(); "
    "from hezi.runtime.stage1 import main; main(int(sys.argv[2]), sys.argv[3:] == ['monitor'])"
)
_LINE = 3
_LOWEST = 16
_TROUBLE_BYTES = 4096


class Stage1:
    """A stage 1 that waits for its plan. Owns the process, the line to it, and what it may have to say when it breaks.

    :ivar pid: valid until :meth:`close`, since nobody else reaps it.
    """

    __slots__ = ("channel", "pid", "pidfd", "trouble")

    def __init__(self, pid: int, process: int, channel: Channel, trouble: int) -> None:
        self.pid = pid
        self.pidfd = process
        self.channel = channel
        self.trouble = trouble

    def complaint(self) -> str:
        """What it wrote to its standard error: empty unless the interpreter itself failed."""
        try:
            return os.read(self.trouble, _TROUBLE_BYTES).decode(errors="replace").strip()
        except BlockingIOError:
            return ""

    def reap(self) -> None:
        """Wait for the process, which ends by itself once it has done its part, or is killed when it does not."""
        if self.pidfd < 0:
            return
        # ECHILD: the embedding program waits for all children.
        with suppress(ChildProcessError):
            pidfd.wait(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1

    def close(self) -> None:
        """Give up on it: it is killed when it still runs. Again does nothing."""
        self.channel.close()
        if self.pidfd >= 0:
            with suppress(ProcessLookupError):
                pidfd.pidfd_send_signal(self.pidfd, 9)
            self.reap()
        if self.trouble >= 0:
            os.close(self.trouble)
            self.trouble = -1

    def __enter__(self) -> Stage1:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def spawn(*, monitored: bool = False) -> Stage1:
    """Start a stage 1; it is killed when the calling thread ends.

    :param monitored: start a monitor instead, for :mod:`hezi.runtime.monitor_start`: it becomes nobody's child, and
        ends when the line to it is closed before it got something to do.
    :raises hezi.errors.Error: UNSUPPORTED or PERMISSION when there is no interpreter to run it in.
    """
    path = interpreter.real_path()
    fds: list[int] = []
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
    try:
        line = _high(theirs.fileno(), fds)
        program = _high(interpreter.open_sealed(path), fds, close=True)
        trouble, complaints = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        fds.append(trouble)
        complaints = _high(complaints, fds, close=True)
        with signals.Held():
            process = _execute(path, program, line, complaints, monitored=monitored)
            stage = Stage1(process, pidfd.pidfd_open(process), Channel(ours), trouble)
            fds.remove(trouble)
    except OSError as error:
        ours.close()
        doing = "cannot start a process for the container"
        raise errors.from_os_error(doing, error) from error
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        for fd in fds:
            os.close(fd)
    return stage


def _high(fd: int, fds: list[int], *, close: bool = False) -> int:
    """Duplicate a descriptor out of the way of 0 to 3, which the new process gets assigned."""
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
    fds.append(high)
    if close:
        os.close(fd)
    return high


def _execute(path: str, program: int, line: int, complaints: int, *, monitored: bool) -> int:
    source = os.path.dirname(os.path.dirname(os.path.abspath(hezi.__file__)))
    return os.posix_spawn(
        f"/proc/self/fd/{program}",
        # The interpreter finds its library from the name it is called by.
        [path, *_FLAGS, "-c", _PROGRAM, source, str(_LINE), *(["monitor"] if monitored else [])],
        _environment(path),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, complaints, 2),
            (os.POSIX_SPAWN_DUP2, line, _LINE),
        ],
        # A session of its own: Ctrl-C on our terminal is for the engine to judge.
        setsid=True,
        setsigmask=[],
        setsigdef=[],
    )


def _environment(path: str) -> dict[str, str]:
    """Give what the dynamic loader needs to find a shared libpython beside an interpreter that was moved.

    In the sealed copy $ORIGIN is no longer the interpreter's directory.
    """
    library = os.path.join(os.path.dirname(os.path.dirname(path)), "lib")
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    return {"LD_LIBRARY_PATH": library} if os.path.exists(os.path.join(library, name)) else {}
