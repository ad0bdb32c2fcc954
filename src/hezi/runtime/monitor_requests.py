"""What clients ask of a monitor, frame by frame."""

from __future__ import annotations

from hezi.runtime import backoff, monitor_files, protocol, signals
from hezi.runtime.monitor_clients import STDIN_WINDOW, Client, Clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from hezi.runtime.monitor_cgroup import Groups
    from hezi.runtime.monitor_child import Child
    from hezi.runtime.monitor_exec import Joiner
    from hezi.runtime.monitor_files import Files
    from hezi.runtime.monitor_streams import Streams

    class Container(Protocol):
        """The monitor, as far as requests go."""

        child: Child | None
        clients: Clients
        files: Files
        groups: Groups
        joiner: Joiner
        paused: bool
        policy: backoff.Policy
        settings: dict[str, Any]
        status: str
        stop_signal: int
        stopped_by: str
        streams: Streams

        def state(self) -> dict[str, Any]: ...
        def write_state(self) -> None: ...
        def stop(self, number: int, seconds: float | None, who: str) -> None: ...
        def thaw(self) -> None: ...
        def target(self) -> int: ...


_EBUSY, _EINVAL, _ESRCH, _EALREADY = 16, 22, 3, 114
_FOREVER, _OWN = -1, -2


class Requests:
    """See the module."""

    __slots__ = ("_container", "_kinds")

    def __init__(self, container: Container) -> None:
        self._container = container
        self._kinds = {
            protocol.HELLO: self._hello,
            protocol.STDIN: self._stdin,
            protocol.STDIN_EOF: self._stdin_eof,
            protocol.RESIZE: self._resize,
            protocol.SIGNAL: self._signal,
            protocol.STOP: self._stop,
            protocol.PAUSE: self._pause,
            protocol.UNPAUSE: self._unpause,
            protocol.WAIT: self._wait,
            protocol.DETACH: self._detach,
            protocol.UPDATE: self._update,
            protocol.QUERY: self._query,
            protocol.EXEC: self._exec,
            protocol.CLOSE_OUTPUT: self._close_output,
            protocol.KEEP: self._keep,
        }

    def handle(self, client: Client, kind: int, payload: bytes) -> None:
        """Serve one frame.

        :raises ValueError, struct.error: it is none of this protocol.
        """
        if kind in {protocol.SIGNAL, protocol.RESIZE} and self._container.joiner.request(client, kind, payload):
            return
        serve = self._kinds.get(kind)
        if serve is None:
            message = f"frame of kind {kind}"
            raise ValueError(message)
        try:
            serve(client, payload)
        except OSError as error:
            client.refuse(error.errno or 0, error.strerror or str(error))

    def hello(self, client: Client, flags: int) -> None:
        """Attach a client."""
        client.flags = flags
        if flags & (protocol.WANT_STDIN | protocol.TIED):
            # Before anything is sent: it may be gone already.
            client.on_gone = lambda: self._left(client)
        self._query(client, b"")
        if flags & protocol.WANT_STDIN:
            client.send(protocol.CREDIT, protocol.U32.pack(STDIN_WINDOW))
            if not self._container.streams.input_open:
                client.send(protocol.INPUT_CLOSED)

    def _hello(self, client: Client, payload: bytes) -> None:
        self.hello(client, protocol.U16.unpack(payload)[0])

    def _left(self, client: Client) -> None:
        """A client that gave input is gone: with docker's StdinOnce that was all there is."""
        if client.flags & protocol.TIED:
            self._container.stop(signals.SIGKILL, None, "caller")
        others = any(one.flags & protocol.WANT_STDIN for one in self._container.clients.all if one is not client)
        if client.flags & protocol.WANT_STDIN and not others:
            self._end_input()

    def _end_input(self) -> None:
        if self._container.settings["stdin_once"]:
            self._container.streams.end_input()

    def _stdin(self, client: Client, payload: bytes) -> None:
        if not client.flags & protocol.WANT_STDIN or len(payload) > STDIN_WINDOW:
            message = "input without leave"
            raise ValueError(message)
        self._container.streams.write(client, payload)

    def _stdin_eof(self, client: Client, _payload: bytes) -> None:
        if client.flags & protocol.WANT_STDIN:
            self._end_input()

    def _close_output(self, client: Client, payload: bytes) -> None:
        """A foreground client's reader is gone: the program's next write fails, as it would without us."""
        kind = protocol.U8.unpack(payload)[0]
        wanted = {protocol.STDOUT: protocol.WANT_STDOUT, protocol.STDERR: protocol.WANT_STDERR}.get(kind, 0)
        foreground = client.flags & wanted and client.flags & protocol.BACKPRESSURE
        client.flags &= ~wanted
        if foreground and not any(one.flags & wanted for one in self._container.clients.all):
            self._container.streams.close_output(kind)

    def _detach(self, client: Client, _payload: bytes) -> None:
        client.flags = 0
        self._container.clients.drop(client)

    def _resize(self, client: Client, payload: bytes) -> None:
        rows, columns = protocol.SIZE.unpack(payload)
        self._container.streams.resize(rows, columns)
        client.send(protocol.OK)

    def _alive(self) -> Child:
        child = self._container.child
        if child is None or child.pidfd < 0 or self._container.status not in {"running", "paused"}:
            raise OSError(_ESRCH, "the container is not running")
        return child

    def _signal(self, client: Client, payload: bytes) -> None:
        number = protocol.U8.unpack(payload)[0]
        one = self._container
        if number in {signals.SIGKILL, one.settings["stop_signal"]} and one.status == "restarting":
            one.stop(number, None, "kill")
        else:
            child = self._alive()
            if number in {signals.SIGKILL, one.settings["stop_signal"]}:
                # As docker: whoever kills it does not want it back.
                one.policy.over = True
                one.stopped_by = one.stopped_by or "kill"
                one.stop_signal = one.stop_signal or number
            child.signal(number)
            if number == signals.SIGKILL:
                one.thaw()
        one.files.event("kill", signal=number)
        client.send(protocol.OK)

    def _stop(self, client: Client, payload: bytes) -> None:
        number, milliseconds = protocol.STOPPING.unpack(payload)
        if number > 64:
            raise OSError(_EINVAL, f"no signal {number}")
        seconds = None if milliseconds == _OWN else -1.0 if milliseconds == _FOREVER else milliseconds / 1000
        self._container.files.event("kill", signal=number or self._container.settings["stop_signal"])
        self._container.stop(number, seconds, "stop")
        client.send(protocol.OK)

    def _pause(self, client: Client, payload: bytes) -> None:
        one = self._container
        self._alive()
        if one.paused:
            raise OSError(_EBUSY, "the container is already paused")
        one.groups.freeze()
        one.paused, one.status = True, "paused"
        one.write_state()
        one.files.event("pause")
        if payload:
            client.on_gone = self._go_on
        client.send(protocol.OK)

    def _go_on(self) -> None:
        """Whoever had it paused for himself is gone."""
        one = self._container
        if one.paused:
            one.thaw()
            one.write_state()
            one.files.event("unpause")

    def _unpause(self, client: Client, _payload: bytes) -> None:
        one = self._container
        if not one.paused:
            raise OSError(_EALREADY, "the container is not paused")
        one.thaw()
        one.write_state()
        one.files.event("unpause")
        client.send(protocol.OK)

    def _keep(self, client: Client, _payload: bytes) -> None:
        self._container.settings["remove"] = False
        client.send(protocol.OK)

    def _wait(self, client: Client, payload: bytes) -> None:
        client.waits.append(protocol.U8.unpack(payload)[0])

    def _update(self, client: Client, payload: bytes) -> None:
        name = payload[4:].decode()
        if name not in backoff.NAMES:
            raise OSError(_EINVAL, f"no restart policy {name}")
        policy = self._container.policy
        policy.name, policy.most = name, protocol.U32.unpack_from(payload)[0]
        self._container.write_state()
        client.send(protocol.OK)

    def _query(self, client: Client, _payload: bytes) -> None:
        client.send(protocol.STATE, monitor_files.dumps(self._container.state()))

    def _exec(self, client: Client, payload: bytes) -> None:
        if self._container.paused:
            raise OSError(_EBUSY, "the container is paused, unpause it before exec")
        self._alive()
        self._container.joiner.execute(client, payload, self._container.target())
