"""Programs that join the container: those of clients (:mod:`hezi.runtime.exec`) and those of the health check."""

from __future__ import annotations

import marshal
import os

from hezi.linux import pty
from hezi.runtime import monitor_files, ops_join, ops_spaces, protocol, signals
from hezi.runtime.monitor_child import Child
from hezi.runtime.ops_process import STDIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hezi.runtime import loop
    from hezi.runtime.monitor_child import Failure
    from hezi.runtime.monitor_clients import Client

_EINVAL = 22
_EXEC = "Exec"


class Joiner:
    """Starts programs in a container that runs.

    :param joins: descriptors by which a process gets into the container's cgroups by itself.
    :param join: what moves it in from outside, for those that have room for one process only.
    :param score: the OOM score adjustment they begin with.
    """

    __slots__ = ("_join", "_joins", "_loop", "_score", "_told", "children", "inner", "tell")

    def __init__(
        self, events: loop.Loop, joins: dict[str, int], join: Callable[[int], None] | None, score: bytes
    ) -> None:
        self._loop = events
        self._joins = joins
        self._join = join
        self._score = score
        self.children: list[Child] = []
        # Called with (action, attributes...) for each program of a client.
        self.tell: Callable[..., None] | None = None
        self._told: dict[Child, str] = {}
        # Opens the v2 group that the container's first process is in, when it has left the container's own.
        self.inner: Callable[[], int] | None = None

    def launch(self, child: Child, encoded: tuple[tuple[Any, ...], ...], fds: dict[str, int], target: int) -> None:
        """Start a program beside the process that the descriptor ``target`` is.

        :raises OSError: the fork failed.
        """
        inner = self.inner() if self.inner is not None else -1
        try:
            moved = {} if inner < 0 else {ops_spaces.BORN_IN: inner}
            child.launch(encoded, {**fds, ops_join.TARGET: target, **self._joins, **moved}, self._score)
        finally:
            if inner >= 0:
                os.close(inner)
        self.children.append(child)

    def new(self) -> Child:
        """Give a child that is not launched yet."""
        return Child(self._loop, self._join)

    def forget(self, child: Child) -> None:
        """It has ended."""
        if child in self.children:
            self.children.remove(child)
        child.close()

    # --- on behalf of clients -------------------------------------------------------------------------------------

    def execute(self, client: Client, payload: bytes, target: int) -> None:
        """Serve EXEC: the connection belongs to the program from then on."""
        fds = client.take_fds()
        try:
            encoded, detached = marshal.loads(payload)  # noqa: S302 - from root, through a socket of mode 0600
            if detached and not fds:
                fds += [os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC) for _ in STDIO]
            child = self.new()
            child.on_started = lambda: self._started(client, child)
            child.on_failed = lambda failure: self._failed(client, child, failure)
            child.on_ended = lambda: self._ended(client, child)
            self.launch(child, encoded, dict(zip(STDIO, fds, strict=False)), target)
            self._tell_start(child, encoded)
        except OSError as error:
            client.refuse(error.errno or 0, error.strerror or str(error))
        except (ValueError, TypeError, EOFError):
            client.refuse(_EINVAL, "not a plan")
        finally:
            for fd in fds:
                os.close(fd)

    def request(self, client: Client, kind: int, payload: bytes) -> bool:
        """Serve what a client asks of the program it started; False when it has none."""
        child = next((one for one in self.children if one.owner is client), None)
        if child is None:
            return False
        if kind == protocol.SIGNAL:
            child.signal(payload[0])
        elif kind == protocol.RESIZE and child.master >= 0:
            try:
                pty.set_winsize(child.master, *protocol.SIZE.unpack(payload))
            except OSError:
                pass
        client.send(protocol.OK)
        return True

    def _started(self, client: Client, child: Child) -> None:
        child.owner = client
        # A copy of the terminal stays here: somebody has to set its size.
        fds = [child.pidfd] if child.master < 0 else [child.pidfd, child.master]
        client.send_with(protocol.STARTED, protocol.U32.pack(child.pid) + marshal.dumps(child.warnings), fds)

    def _failed(self, client: Client, child: Child, failure: Failure) -> None:
        self._told.pop(child, None)
        self.forget(child)
        client.send(protocol.FAILED, marshal.dumps(failure))

    def _ended(self, client: Client, child: Child) -> None:
        code, number = child.status or (0, 0)
        identity = self._told.pop(child, "")
        if self.tell is not None:
            self.tell("exec_die", execID=identity, exitCode=code)
        client.send(protocol.EXIT, monitor_files.dumps({"ExitCode": code, "Signal": number or None}))
        self.forget(child)

    def _tell_start(self, child: Child, encoded: tuple[tuple[Any, ...], ...]) -> None:
        identity = self._told[child] = os.urandom(32).hex()
        if self.tell is not None:
            words = next((one[1] for one in encoded if one[0] == _EXEC), ())
            # As docker has it: the program, a blank, its arguments.
            first, *rest = (os.fsdecode(word) for word in words) if words else ("",)
            for action in ("exec_create", "exec_start"):
                self.tell(f"{action}: {first} {' '.join(rest)}", execID=identity)

    def kill(self) -> None:
        """Kill all of them, at the container's end: they share its process namespace, or not."""
        for child in self.children:
            child.signal(signals.SIGKILL)
