"""The streams of a container as its monitor holds them: outputs to the log and to clients, input from clients."""

from __future__ import annotations

import errno
import os

from hezi.linux import pty
from hezi.runtime import loop, protocol
from hezi.runtime.jsonlog import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.runtime.logs import Log
    from hezi.runtime.monitor_clients import Client, Clients

_CHUNK = 64 << 10
_KINDS = {STDOUT: protocol.STDOUT, STDERR: protocol.STDERR}


class Streams:
    """The pipes or the terminal of one run of a container."""

    __slots__ = (
        "_clients",
        "_ending",
        "_held",
        "_log",
        "_loop",
        "_open_input",
        "_outputs",
        "_pending",
        "_stdin",
        "_theirs",
        "master",
    )

    def __init__(self, events: loop.Loop, log: Log, clients: Clients) -> None:
        self._loop = events
        self._log = log
        self._clients = clients
        self._outputs: dict[int, int] = {}
        self._stdin = self.master = -1
        self._theirs: list[int] = []
        self._pending: list[tuple[Client, bytes]] = []
        self._held = self._ending = False
        self._open_input = False

    def make(self, *, stdin: bool) -> list[int]:
        """Make pipes; gives the container's ends of stdin, stdout and stderr, until :meth:`release`.

        :raises OSError: no more descriptors.
        """
        if stdin:
            reading, self._stdin = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._stdin, False)
        else:
            reading = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._open_input = stdin
        self._theirs.append(reading)
        for stream in (STDOUT, STDERR):
            ours, writing = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._theirs.append(writing)
            self._outputs[ours] = stream
        return self._theirs

    def release(self, master: int = -1) -> None:
        """The container runs, or failed to: its ends are closed, ours are looked after from now on."""
        while self._theirs:
            os.close(self._theirs.pop())
        if master >= 0:
            os.set_blocking(master, False)
            self.master = master
            self._outputs[master] = STDOUT
            # A terminal takes input from whoever is let at it.
            self._open_input = True
            self._stdin = master
        for fd in self._outputs:
            self._watch(fd)
        if self._stdin >= 0 and self._stdin != self.master:
            self._loop.watch(self._stdin, 0, self._feed)
        self._update()

    def _watch(self, fd: int) -> None:
        events = 0 if self._held else loop.READ
        if fd == self._stdin and self._pending:
            events |= loop.WRITE
        self._loop.watch(fd, events, lambda ready: self._ready(fd, ready))

    def _ready(self, fd: int, ready: int) -> None:
        if ready & loop.WRITE and fd == self.master:
            self._feed(ready)
        # While held back only a hang-up gets here; what is in the pipe stays there until there is room.
        if fd in self._outputs and not self._held and ready & (loop.READ | loop.HANGUP):
            self._read(fd)
        elif fd in self._outputs and self._held and ready & loop.HANGUP:
            self._loop.forget(fd)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that nobody has open any more
                raise
            data = b""
        if not data:
            self._close_output(fd)
            return
        stream = self._outputs[fd]
        self._log.feed(stream, data)
        self._clients.broadcast(_KINDS[stream], data)
        if not self._held and not self._ending and self._clients.congested():
            self.hold(held=True)

    def drain(self) -> None:
        """Nobody writes any more: what the pipes hold still is taken at once, however far behind a client is."""
        self._ending = True
        if self._held:
            self.hold(held=False)

    def hold(self, *, held: bool) -> None:
        """Stop reading, or go on: a client that asked for it is behind."""
        self._held = held
        for fd in list(self._outputs):
            self._watch(fd)

    @property
    def held(self) -> bool:
        """Whether nothing is read for the sake of a client."""
        return self._held

    def _close_output(self, fd: int) -> None:
        stream = self._outputs.pop(fd)
        self._loop.forget(fd)
        self._log.end(stream)
        if fd == self.master:
            self.master = -1
            if self._stdin == fd:
                self._stdin = -1
        os.close(fd)
        if self._stdin < 0:
            self._drop_input()

    def close_output(self, kind: int) -> None:
        """Close the pipe of STDOUT or STDERR; a terminal is read on."""
        for fd, stream in list(self._outputs.items()):
            if _KINDS[stream] == kind and fd != self.master:
                self._close_output(fd)

    @property
    def ended(self) -> bool:
        """Whether all outputs have come to their end."""
        return not self._outputs

    # --- input ----------------------------------------------------------------------------------------------------

    def write(self, client: Client, data: bytes) -> None:
        """Take input of a client."""
        if self._stdin < 0:
            _credit(client, len(data))
            return
        self._pending.append((client, data))
        self._feed(loop.WRITE)

    def _feed(self, ready: int) -> None:
        while self._pending and self._stdin >= 0:
            client, data = self._pending[0]
            try:
                done = os.write(self._stdin, data[:_CHUNK]) if data else 0
            except BlockingIOError:
                break
            except OSError:
                self._close_input()  # EPIPE: the program does not read any more
                return
            _credit(client, done)
            if done < len(data):
                self._pending[0] = (client, data[done:])
            else:
                del self._pending[0]
        if not self._pending and ready & loop.HANGUP and self._stdin != self.master:
            self._close_input()
            return
        self._update()

    def end_input(self) -> None:
        """No more input comes: the program's is closed after the last byte (a terminal has no end of its own)."""
        if self._stdin >= 0 and self._stdin != self.master:
            self._open_input = False
            self._update()

    def _update(self) -> None:
        if self._stdin < 0:
            return
        if self._stdin == self.master:
            self._watch(self._stdin)
        elif not self._pending and not self._open_input:
            self._close_input()
        else:
            self._loop.watch(self._stdin, loop.WRITE if self._pending else 0, self._feed)

    def _close_input(self) -> None:
        fd, self._stdin = self._stdin, -1
        if fd >= 0 and fd != self.master:
            self._loop.forget(fd)
            os.close(fd)
        self._drop_input()

    def _drop_input(self) -> None:
        pending, self._pending = self._pending, []
        for client, data in pending:
            _credit(client, len(data))
        for client in self._clients.all:
            if client.flags & protocol.WANT_STDIN:
                client.send(protocol.INPUT_CLOSED)

    @property
    def input_open(self) -> bool:
        """Whether the program may still read something."""
        return self._stdin >= 0

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal; without one nothing happens."""
        if self.master >= 0:
            pty.set_winsize(self.master, rows, columns)

    def close(self) -> None:
        """Close all; what the container has not read is gone, what it wrote has been logged."""
        self.release()
        self._close_input()
        for fd in list(self._outputs):
            self._close_output(fd)


def _credit(client: Client, count: int) -> None:
    """Let the client send as much again."""
    if count:
        client.send(protocol.CREDIT, protocol.U32.pack(count))
