"""The monitor of one container: starts it, holds its streams, sees its end, starts it again, cleans up after it.

See :mod:`hezi.runtime.monitor_start` for who starts it and what it writes, :mod:`hezi.runtime.protocol` for what it is
asked. It is a stage 1 that stayed: bare, sealed, not dumpable, single-threaded, in the host's namespaces, and it never
looks into the container's tree.

    launched ── running ── ended ── drained ── recorded ── (back-off ── launched) or (cleaned up ── told ── gone)
"""

from __future__ import annotations

import gc
import os
import time

from hezi.linux import nscalls, pidfd, prctl, title
from hezi.runtime import backoff, logs, loop, monitor_child, monitor_files, protocol, remount, signals
from hezi.runtime.monitor_cgroup import Groups
from hezi.runtime.monitor_clients import Clients
from hezi.runtime.monitor_exec import Joiner
from hezi.runtime.monitor_health import Health
from hezi.runtime.monitor_requests import Requests
from hezi.runtime.monitor_streams import Streams
from hezi.runtime.ops_mounts import ROOT
from hezi.runtime.ops_process import STDIO
from hezi.runtime.ops_spaces import SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from hezi.runtime.channel import Channel
    from hezi.runtime.monitor_child import Child, Encoded, Failure

_SCORE = b"-999"
_DRAIN_SECONDS = 2.0
_LINGER_SECONDS = 5.0
_ENOENT, _ENOTDIR, _ENOEXEC, _EACCES, _EISDIR = 2, 20, 8, 13, 21
_EXEC = "Exec"


def main(channel: Channel) -> NoReturn:
    """Become the monitor of the container that comes over the line; never returns."""
    # Nobody's child: a program that embeds the engine has nothing to wait for, and nothing to forget.
    if nscalls.clone3(0, want_pidfd=False)[0]:
        os._exit(0)
    os.setsid()
    # Else the directory the command was given in could not be unmounted as long as the container lives.
    os.chdir("/")  # noqa: TID251 - nobody else is in this process
    events = loop.Loop()
    child = monitor_child.Child(events)
    # Before there is anything to do, so that it is ready when there is.
    child.fork()
    try:
        channel.send(("ready", os.getpid()))
        message, fds = channel.receive()
    except OSError:
        os._exit(1)
    if message is None:
        os._exit(0)
    _, encoded, names, settings = message
    monitor = None
    try:
        monitor = Monitor(channel, events, encoded, dict(zip(names, fds, strict=True)), settings)
        monitor.child = child
        monitor.run()
    except BaseException as error:
        _last_words(error, channel, settings, started=monitor is not None and monitor.announced)
        os._exit(1)
    os._exit(0)


def _last_words(error: BaseException, channel: Channel, settings: dict[str, Any], *, started: bool) -> None:
    """Say why a monitor died of itself: the container dies with it."""
    number = error.errno or 0 if isinstance(error, OSError) else 0
    text = (error.strerror or str(error)) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    try:
        if not started:
            where = error.filename if isinstance(error, OSError) else None
            channel.send(("failed", -1, number, text, where if isinstance(where, str | bytes) else None))
            return
        trace, lines = error.__traceback__, []
        while trace is not None:
            lines.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}\n")
            trace = trace.tb_next
        with open(f"{settings['runtime_directory']}/monitor.error", "w", encoding="utf-8") as file:
            file.write("".join([*lines, text, "\n"]))
    except OSError:
        return


class Monitor:
    """See the module.

    :ivar announced: the engine knows that the container runs.
    :ivar cleaned: it has ended, and nothing of its control groups is left.
    """

    __slots__ = (
        "_channel",
        "_draining",
        "_encoded",
        "_joins",
        "_late",
        "_oom",
        "_rootfs",
        "_score",
        "_wake",
        "announced",
        "child",
        "cleaned",
        "clients",
        "done",
        "error",
        "exit_code",
        "exit_signal",
        "files",
        "finished_ns",
        "groups",
        "health",
        "joiner",
        "log",
        "loop",
        "oom_killed",
        "paused",
        "policy",
        "requests",
        "settings",
        "start_time",
        "started_at",
        "started_ns",
        "status",
        "stop_signal",
        "stop_timer",
        "stopped_by",
        "streams",
        "timer",
    )

    def __init__(
        self,
        channel: Channel,
        events: loop.Loop,
        encoded: Encoded,
        fds: dict[str, int],
        settings: dict[str, Any],
    ) -> None:
        self._channel = channel
        self._encoded = encoded
        self._rootfs = fds.pop(ROOT)
        self._joins = fds
        self.settings = settings
        with open("/proc/self/oom_score_adj", "rb") as file:
            self._score = file.read().strip()
        self.loop = events
        self.log = logs.Log()
        self.policy = backoff.Policy(settings["restart"][0], settings["restart"][1], settings["restart_count"])
        self.requests = Requests(self)
        self.clients = Clients(self.loop, self.requests.handle)
        self.clients.on_room = self._room
        self.joiner = Joiner(self.loop, self._joins, self._join if settings["join_late"] else None, self._score)
        self.health = None
        if settings["health"]:
            self.health = Health(self.loop, settings["health"], self.joiner, self.target, self._health_changed)
        self.streams = Streams(self.loop, self.log, self.clients)
        self.child: Child | None = None
        self.announced = self.cleaned = self.done = self.paused = self.oom_killed = False
        self.status = "created"
        self.error = self.stopped_by = ""
        self.exit_code = self.exit_signal = self.stop_signal = 0
        self.started_ns = self.finished_ns = self.start_time = 0
        self.started_at = 0.0
        self.timer: loop.Timer | None = None
        self.stop_timer: loop.Timer | None = None
        self._draining = self._late = False
        self._oom = (-1, -1)

    def _protect(self) -> None:
        """Out of the OOM killer's way, deaf to the terminal; SIGTERM means the container."""
        monitor_child.set_score(_SCORE)
        title.set_title(f"hezi-monitor {self.settings['name']}")
        # What --pid host leaves behind, and programs of ours whose parents died, come to us.
        prctl.set_child_subreaper(value=True)
        signals.ignore(signals.SIGHUP)
        signals.ignore(signals.SIGINT)
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wake = reading
        signals.wake_by(writing, *monitor_child.HANDLED)

    def _prepare(self) -> None:
        """Open what is needed to hold it.

        :raises OSError: something cannot be had; the child dies with us then.
        """
        self._protect()
        settings = self.settings
        self.files = monitor_files.Files(
            settings["directory"],
            settings["runtime_directory"],
            settings["events"],
            (settings["id"], settings["name"]),
            settings["event_attributes"],
        )
        self.joiner.tell = self.files.event
        self.groups = Groups(settings["cgroups"])
        self.joiner.inner = self._inner
        self.log.use(logs.open_sink(*settings["log"]))
        self.clients.listen(self.files.runtime)
        self.loop.watch(self._wake, loop.READ, self._signalled)

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Hold the container until its last end."""
        # First of all, so that it goes on on another processor; it waits for our leave before it does anything.
        self._launch(self._rootfs)
        self._prepare()
        # Stage 1 lives too short for it, this process does not. What was imported is not looked at again.
        gc.freeze()
        gc.enable()
        while not self.done:
            self.loop.turn()
            if self._draining:
                self._look_whether_drained()
        self._linger()

    def _signalled(self, _events: int) -> None:
        try:
            numbers = os.read(self._wake, 512)
        except BlockingIOError:
            return
        if signals.SIGTERM in numbers:
            self.stop(0, None, "monitor")
        self._reap_strays()

    def _reap_strays(self) -> None:
        """Wait for children that are not ours but became so (we are a subreaper)."""
        mine = {child.pid for child in (self.child, *self.joiner.children) if child is not None}
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid in mine or self._launching():
                    return
                os.waitpid(found.si_pid, os.WNOHANG)
            except ChildProcessError:
                return

    def _launching(self) -> bool:
        """Whether a child is on its way, whose processes' numbers we may not know yet."""
        return any(child is not None and child.launching for child in (self.child, *self.joiner.children))

    def _room(self) -> None:
        if self.streams.held and not self.clients.congested():
            self.streams.hold(held=False)

    # --- start ----------------------------------------------------------------------------------------------------

    def _launch(self, rootfs: int) -> None:
        child = self.child = self.child if not self.announced and self.child else monitor_child.Child(self.loop)
        child.join = self._join if self.settings["join_late"] else None
        child.on_started = self._started
        child.on_failed = self._failed
        child.on_ended = self._ended
        fds = {ROOT: rootfs, **self._joins}
        try:
            if not self.settings["terminal"]:
                fds.update(zip(STDIO, self.streams.make(stdin=self.settings["stdin"]), strict=True))
            child.launch(self._encoded, fds, self._score)
        except OSError as error:
            if not self.announced:
                raise
            self._failed((-1, error.errno or 0, error.strerror or str(error), None))
        finally:
            os.close(rootfs)

    def _join(self, pid: int) -> None:
        self.groups.add(pid)

    def _inner(self) -> int:
        return -1 if self.child is None else self.groups.inner(self.child.pid)

    def _started(self) -> None:
        child = self.child
        if child is None:
            return
        self.started_ns, self.started_at = time.time_ns(), loop.now()
        self.start_time = _start_time(child.pid)
        self.status = "running"
        self.error = self.stopped_by = ""
        self.oom_killed = False
        self.exit_code = self.stop_signal = 0
        self.files.forget_exit()
        self.write_state()
        for name, destination, propagation, writable in self.settings["event_volumes"]:
            details = {
                "destination": destination,
                "propagation": propagation,
                "read/write": "true" if writable else "false",
            }
            self.files.volume_event("mount", name, **details)
        self.files.event("start")
        # Before a client asks whether there is input; nothing is read before the next turn of the loop.
        master, child.master = child.master, -1
        self.streams.release(master)
        if not self.announced:
            self._announce(child)
        self._watch_oom()
        if self.health is not None:
            self.health.start()

    def _announce(self, child: Child) -> None:
        self.announced = True
        me = os.getpid()
        try:
            for index, text in child.warnings:
                self._channel.send(("warning", index, text))
            self._channel.send(("started", child.pid, self.start_time, me, _start_time(me), self.started_ns))
        except OSError:
            pass  # the engine is gone; the container stays
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, 2, inheritable=True)
        os.close(null)
        client = self.clients.add(self._channel.socket)
        if self.settings["client"]:
            self.requests.hello(client, self.settings["client"])

    def _failed(self, failure: Failure) -> None:
        self.streams.close()
        if not self.announced:
            self.done = True
            self.clients.stop_listening(self.files.runtime)
            try:
                self._channel.send(("failed", *failure))
            except OSError:
                return
            return
        # A later start of a restart policy: it stays down, with docker's code.
        index, number, self.error, path = failure
        if path:
            self.error += f": {os.fsdecode(path)}"
        self.exit_code, self.exit_signal = _code(self._encoded, index, number), 0
        self.policy.over = True
        self.finished_ns = time.time_ns()
        self._record()

    def _again(self) -> None:
        """Start it once more: what was mounted went with the last run."""
        self.timer = None
        self.groups.kill()
        self.groups.reset()
        self.groups.started()
        self.streams = Streams(self.loop, self.log, self.clients)
        try:
            lower, upper, work, readonly, owner = self.settings["remount"]
            rootfs = remount.overlay(lower, upper, work, readonly, owner, self._joins.get(SPACE, -1))
        except OSError as error:
            self._failed((-1, error.errno or 0, error.strerror or str(error), None))
            return
        self._launch(rootfs)

    # --- while it runs --------------------------------------------------------------------------------------------

    def target(self) -> int:
        """Give a descriptor of the first process for those who want to join it; -1 when that cannot be now."""
        return -1 if self.child is None or self.paused or self.status != "running" else self.child.pidfd

    def _watch_oom(self) -> None:
        self._forget_oom()
        self._oom = self.groups.watch_oom()
        if self._oom[0] >= 0:
            events = loop.READ if self._oom[1] >= 0 else loop.PRIORITY
            self.loop.watch(self._oom[0], events, self._oom_happened)
        # It may have been before we looked.
        self._note_oom()

    def _forget_oom(self) -> None:
        events, control = self._oom
        self._oom = (-1, -1)
        if events >= 0:
            self.loop.forget(events)
            os.close(events)
        if control >= 0:
            os.close(control)

    def _oom_happened(self, _events: int) -> None:
        events, control = self._oom
        try:
            os.read(events, 8) if control >= 0 else os.pread(events, 4096, 0)
        except OSError:
            self._forget_oom()
        self._note_oom()

    def _note_oom(self) -> None:
        if not self.oom_killed and self.groups.new_oom_kills() > 0:
            self.oom_killed = True
            self.files.event("oom")
            self.write_state()

    def _health_changed(self, before: str) -> None:
        if self.health is not None and self.health.status != before:
            self.files.event(f"health_status: {self.health.status}")
        self.write_state()

    def stop(self, number: int, seconds: float | None, who: str) -> None:
        """Ask the container to end, and see to it that it does."""
        self.policy.over = True
        if self.status == "restarting":
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            self.stopped_by = self.stopped_by or who
            self._finish()
            return
        if self.child is None or not self.child.alive:
            return
        self.stopped_by = who
        self.stop_signal = number or self.settings["stop_signal"]
        self.child.signal(self.stop_signal)
        try:
            self.thaw()
        except OSError:
            pass  # SIGKILL will have to do
        patience = self.settings["stop_timeout"] if seconds is None else seconds
        if self.stop_timer is not None:
            self.stop_timer.cancel()
        self.stop_timer = None if patience < 0 else self.loop.after(patience, self._force)

    def _force(self) -> None:
        if self.child is not None and self.child.signal(signals.SIGKILL):
            self.stopped_by = f"{self.stopped_by} timeout"
            self.files.event("kill", signal=signals.SIGKILL)

    def thaw(self) -> None:
        """Let a paused container go on: frozen, it does not even die."""
        if self.paused:
            self.groups.thaw()
            self.paused = False
            self.status = "running"

    # --- end ------------------------------------------------------------------------------------------------------

    def _ended(self) -> None:
        child = self.child
        if child is None or child.status is None:
            return
        self.finished_ns = time.time_ns()
        self.exit_code, self.exit_signal = child.status
        if self.stop_timer is not None:
            self.stop_timer.cancel()
            self.stop_timer = None
        if self.health is not None:
            self.health.stop()
        try:
            self.thaw()
        except OSError:
            pass  # it will show when the group is killed
        self.joiner.kill()
        # Without a process namespace of its own others outlive the first process, and keep its pipes.
        self.groups.kill()
        self.streams.drain()
        self._draining, self._late = True, False
        self.loop.after(_DRAIN_SECONDS, self._drain_late)

    def _drain_late(self) -> None:
        """Somebody else may hold its pipes for ever."""
        self._late = True

    def _look_whether_drained(self) -> None:
        if self.streams.ended or self._late:
            self._draining = False
            self.streams.close()
            self._record()

    def _record(self) -> None:
        # The end may be heard of before the kill that it comes from: then that is told of now.
        self._note_oom()
        self._forget_oom()
        delay = None
        if self.settings["remount"]:
            delay = self.policy.next(self.exit_code, loop.now() - self.started_at)
        self.files.event("die", exitCode=self.exit_code, signal=self.exit_signal, oom=self.oom_killed)
        for one in self.settings["event_volumes"]:
            self.files.volume_event("unmount", one[0])
        self.status = "exited" if delay is None else "restarting"
        record = self._exit_record()
        if not self.settings["remove"]:
            problem = self.files.write_exit(record)
            if problem and not self.error:
                self.error = f"the exit record could not be written to the disk: {problem}"
        if delay is None:
            self._finish(record)
            return
        self.write_state()
        self._tell(record, last=False)
        self.timer = self.loop.after(delay, self._again)

    def _exit_record(self) -> dict[str, Any]:
        evidence = self.groups.evidence()
        evidence["log"] = self.log.last_lines()
        return {
            "ExitCode": self.exit_code,
            "Signal": self.exit_signal or None,
            "OOMKilled": self.oom_killed,
            "StartedAt": monitor_files.rfc3339(self.started_ns),
            "FinishedAt": monitor_files.rfc3339(self.finished_ns),
            "started_ns": self.started_ns,
            "finished_ns": self.finished_ns,
            "Error": self.error,
            "restart_count": self.policy.count,
            "stopped_by": self.stopped_by,
            "stop_signal": self.stop_signal or None,
            "health": self.health.document() if self.health is not None else None,
            "evidence": evidence,
        }

    def _finish(self, record: dict[str, Any] | None = None) -> None:
        """Clean up, and tell everybody; whoever is told finds nothing of it left."""
        self.status = "exited"
        if record is None:
            record = self._exit_record()
            if not self.settings["remove"]:
                self.files.write_exit(record)
        self.log.close()
        self.groups.kill()
        self.cleaned = self.groups.delete()
        if self.settings["remove"]:
            self._remove()
        self.write_state()
        self.clients.stop_listening(self.files.runtime)
        self._tell(record, last=True)
        self.done = True

    def _remove(self) -> None:
        from hezi._util import atomic

        path = self.settings["directory"]
        try:
            atomic.remove_path(path)
        except OSError as error:
            self.error = f"cannot remove {path}: {error.strerror}"
            return
        self.status = "removed"
        self.files.event("destroy")

    def _tell(self, record: dict[str, Any], *, last: bool) -> None:
        payload = monitor_files.dumps(record)
        for client in list(self.clients.all):
            waits = client.waits
            # At the last end everybody: who had not asked yet finds the answer waiting.
            if last or client.flags or protocol.WAIT_NEXT_EXIT in waits:
                client.send(protocol.EXIT, payload)
                client.waits = [] if last else [kind for kind in waits if kind != protocol.WAIT_NEXT_EXIT]

    def _linger(self) -> None:
        """Send what is still owed: a foreground client gets all of it, however slowly it reads."""
        patience = loop.now() + _LINGER_SECONDS
        while True:
            late = loop.now() >= patience
            waiting = [client for client in self.clients.all if not client.idle]
            owed = any(client.flags & protocol.BACKPRESSURE or not late for client in waiting)
            # With the host's process namespace programs that joined end a little later.
            if not owed and (late or not self.joiner.children):
                break
            self._let_go_of_the_others()
            self.loop.after(1.0, _nothing)
            self.loop.turn()
        self.clients.close()

    def _let_go_of_the_others(self) -> None:
        """Who has got everything does not wait for who has not: a stop for one that is attached and does not read."""
        owners = [child.owner for child in self.joiner.children]
        for client in list(self.clients.all):
            if client.idle and client not in owners:
                self.clients.drop(client)

    # --- what others see ------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Give what state.json says."""
        alive = self.child is not None and self.status in {"running", "paused"}
        me = os.getpid()
        return {
            "status": self.status,
            "pid": self.child.pid if self.child is not None and alive else 0,
            "start_time": self.start_time if alive else 0,
            "boot_id": self.settings["boot_id"],
            "started_ns": self.started_ns,
            "finished_ns": self.finished_ns,
            "restart_count": self.policy.count,
            "restart_policy": {"Name": self.policy.name, "MaximumRetryCount": self.policy.most},
            "health": self.health.document() if self.health is not None else None,
            "paused": self.paused,
            "exit_code": self.exit_code,
            "exit_signal": self.exit_signal or None,
            "oom_killed": self.oom_killed,
            "stopped_by": self.stopped_by,
            "error": self.error,
            "cleaned": self.cleaned,
            "monitor_pid": me,
            "monitor_start_time": _start_time(me),
        }

    def write_state(self) -> None:
        """Replace state.json."""
        self.files.write_state(self.state())


def _start_time(pid: int) -> int:
    try:
        return pidfd.start_time(pid)
    except OSError:
        return 0


def _code(encoded: Encoded, index: int, number: int) -> int:
    """Docker's exit codes for a program that could not be started."""
    if 0 <= index < len(encoded) and encoded[index][0] == _EXEC:
        return 127 if number in {_ENOENT, _ENOTDIR} else 126
    return 128


def _nothing() -> None:
    """Only to wake up."""
