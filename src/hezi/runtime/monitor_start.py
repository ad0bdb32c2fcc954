"""Starting a container under a monitor, which goes on without its starter.

    engine ── spawn(monitored=True) ──> interpreter ── fork ──> monitor       its own session, nobody's child
       │                                  (ends)                  │ fork
       └── "monitor" request, root, cgroup ──────────────────>    ├──> outer ── clone (CLONE_PARENT) ──> first process
       <── started, or what failed ───────────────────────────    │     (ends)                            its child
       <══ frames of hezi.runtime.protocol ═══════════════════    └── poll: streams, log, clients, timers, exit

Use::

    with spawn.spawn(monitored=True) as stage:          # early: the interpreter starts meanwhile
        ...
        held = monitor_start.start(stage, request)      # returns when the program runs
    held.client                                         # a MonitorClient that has been there from the first byte on

What the monitor needs of the host it is told; it opens no database and decides no policy. Its files:

    root/containers/<id>/exit.json          ExitRecord as JSON; synced before anybody is told. Not with --rm
    root/containers/<id>/<id>-json.log      docker's json-file format, rotated to .1 .2 (:mod:`hezi.runtime.jsonlog`)
    runroot/containers/<id>/state.json      {"status", "pid", "start_time", "boot_id", "started_ns", "finished_ns",
                                            "restart_count", "health", "paused", "exit_code", "oom_killed", "error",
                                            "cleaned", "monitor_pid", "monitor_start_time"}; replaced as a whole
    runroot/containers/<id>/monitor.sock    0600; :mod:`hezi.runtime.protocol`

``status`` is created, running, paused, restarting, exited or removed; the last one is the marker that a container
started with ``--rm`` has been taken away but for its row (and runroot directory), which is for the next command.
``health`` is null or {"Status", "FailingStreak", "Log": [{"Start", "End", "ExitCode", "Output"}]}, as docker shows it.
exit.json::

    {"ExitCode", "Signal", "OOMKilled", "StartedAt", "FinishedAt" (RFC 3339), "started_ns", "finished_ns", "Error",
     "restart_count", "stopped_by": "" | "stop" | "stop timeout" | "kill" | "monitor", "stop_signal", "health",
     "evidence": {"oom_kills", "memory_limit", "memory_peak", "pids_refused", "pids_limit", "log": ["last lines"...]}}

Lines of the events file::

    {"time_ns", "type": "container", "action", "id", "name", "attributes": {...}}

The actions are start, die (exitCode, signal, oom), oom, kill (signal), pause, unpause, health_status: ..., destroy,
exec_create, exec_start and exec_die of clients' programs; and mount and unmount of volumes. See
:mod:`hezi.engine.events`, which reads them.
A monitor that dies of a mistake of its own says why in runroot/containers/<id>/monitor.error.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.linux import pidfd
from hezi.runtime import attach, box, ops_mounts, ops_spaces, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.linux.cgroup.manager import ContainerCgroup
    from hezi.runtime.plan import Plan
    from hezi.runtime.spawn import Stage1


class LogConfig(NamedTuple):
    """Where the output goes.

    :ivar driver: ``json-file``, ``local``, ``none`` or ``journald``.
    :ivar path: the file of the first two.
    :ivar max_size: bytes after which a new file is begun; 0 is no limit.
    :ivar max_file: how many files there may be, the current one counted.
    :ivar fields: what json-file (as "attrs") and journald are to know beside the message: ("CONTAINER_NAME", ...).
    :ivar compress: files that are full, to .1.gz and so on.
    """

    driver: str = "json-file"
    path: str = ""
    max_size: int = 10_000_000
    max_file: int = 3
    fields: tuple[tuple[str, str], ...] = ()
    compress: bool = False


class RestartPolicy(NamedTuple):
    """``no``, ``on-failure``, ``always`` or ``unless-stopped``; ``most`` tries, 0 for no limit."""

    name: str = "no"
    most: int = 0


class HealthConfig(NamedTuple):
    """A health check; times in nanoseconds, 0 for docker's default (30 s, 30 s, 3, 0 s, 5 s).

    :ivar plan: from :func:`hezi.runtime.exec.plan`: the test as it is executed in the container.
    """

    plan: Plan
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0
    start_interval: int = 0


class Remount(NamedTuple):
    """The overlay to mount again when the container restarts: absolute paths, the topmost layer first.

    :ivar owner: (uid, gid) outside of who is root in a container whose owners are seen through its user namespace.
    """

    lower: tuple[str, ...]
    upper: str
    work: str
    readonly: bool = False
    owner: tuple[int, int] | None = None


class MonitorRequest(NamedTuple):
    """One container to start and to hold.

    :ivar directory: root/containers/<id>, which exists; ``runtime_directory`` runroot/containers/<id>, made if needed.
    :ivar plan: from :func:`hezi.runtime.plan.make`; with or without a terminal.
    :ivar rootfs: detached mount of the root; the caller's, who closes it afterwards.
    :ivar cgroup: made and limited already; from then on the monitor's to remove.
    :ivar join_late: see :func:`hezi.runtime.box.start`.
    :ivar stdin: keep a pipe for standard input (``-i``); ``stdin_once``: close it with the first client's input. A
        terminal takes input from any client that asks for it.
    :ivar client: flags of HELLO for the caller's own connection; 0 for none: then ``Monitored.client`` only asks.
    :ivar remount: without it there are no restarts.
    :ivar stop_timeout: seconds until SIGKILL; -1 is never.
    :ivar remove: ``--rm``: the directory goes when it has ended.
    :ivar events: a file to which a line of JSON is appended for each thing that happens; "" for none.
    :ivar event_attributes: what each of them says beside its own: the image, the labels.
    :ivar event_volumes: (name, destination, propagation, writable) of each volume, for those that tell of them.
    :ivar restart_count: of the container so far.
    :ivar space: descriptor of its user namespace, the caller's; -1 without one.
    """

    id: str
    name: str
    directory: str
    runtime_directory: str
    plan: Plan
    rootfs: int
    cgroup: ContainerCgroup | None = None
    join_late: bool = False
    stdin: bool = False
    stdin_once: bool = False
    client: int = 0
    log: LogConfig = LogConfig()
    restart: RestartPolicy = RestartPolicy()
    remount: Remount | None = None
    health: HealthConfig | None = None
    stop_signal: int = 15
    stop_timeout: float = 10
    remove: bool = False
    events: str = ""
    event_attributes: tuple[tuple[str, str], ...] = ()
    event_volumes: tuple[tuple[str, str, str, bool], ...] = ()
    restart_count: int = 0
    space: int = -1


class Monitored(NamedTuple):
    """A container that runs, held by its monitor.

    :ivar pid: of the first process, with its ``start_time`` in clock ticks since boot; ``monitor_pid`` alike.
    :ivar started_ns: wall clock.
    :ivar client: the caller's to close.
    :ivar warnings: what the container goes without, for the user.
    """

    pid: int
    start_time: int
    monitor_pid: int
    monitor_start_time: int
    started_ns: int
    client: attach.MonitorClient
    warnings: tuple[str, ...] = ()


def start(stage: Stage1, request: MonitorRequest) -> Monitored:
    """Start the program and return once it runs.

    :param stage: from ``spawn(monitored=True)``; consumed.
    :raises hezi.errors.Error: as :func:`hezi.runtime.box.start`; then nothing is left of it, the cgroup is the caller's
        again.
    """
    joins = {} if request.cgroup is None or request.join_late else box.join_names(request.cgroup)
    if request.space >= 0:
        joins[ops_spaces.SPACE] = request.space
    names = (ops_mounts.ROOT, *joins)
    try:
        os.makedirs(request.runtime_directory, 0o700, exist_ok=True)
        settings = _settings(request)
        with signals.Held():
            stage.channel.send(("monitor", request.plan.encode(), names, settings), [request.rootfs, *joins.values()])
        return _follow(stage, request)
    except OSError as error:
        raise box.broken_line(stage, error) from error
    finally:
        with signals.Held():
            stage.close()


def pid_of(stage: Stage1) -> int:
    """Wait for the monitor to be there, which is not the process that was started, and return its number.

    For those who have to put it somewhere before :func:`start`.

    :raises hezi.errors.Error: it died.
    """
    try:
        message, _ = stage.channel.receive()
    except OSError as error:
        raise box.broken_line(stage, error) from error
    if message is None:
        raise _death(stage)
    return int(message[1])


def _follow(stage: Stage1, request: MonitorRequest) -> Monitored:
    warnings = []
    failure = None
    while True:
        message, _ = stage.channel.receive()
        if message is None:
            raise failure or _death(stage)
        kind = message[0]
        if kind == "warning":
            warnings.append(box.warning(request.plan, message[1], message[2]))
        elif kind == "failed":
            # It is gone, and with it what it made, when the line ends.
            failure = box.operation_failure(request.plan, *message[1:])
        elif kind == "started":
            sock = _socket.socket(fileno=stage.channel.socket.detach())
            pid, start_time, monitor, monitor_start, started_ns = message[1:]
            client = attach.MonitorClient(sock)
            return Monitored(pid, start_time, monitor, monitor_start, started_ns, client, tuple(warnings))


def _death(stage: Stage1) -> errors.Error:
    complaint = stage.complaint()
    message = "the container's monitor died" + (f": {complaint.splitlines()[-1]}" if complaint else "")
    return errors.Error(errors.INTERNAL, message)


def _settings(request: MonitorRequest) -> dict[str, Any]:
    """Give the request in the form that travels: plain data."""
    health = request.health
    remount = request.remount
    return {
        "id": request.id,
        "name": request.name,
        "directory": request.directory,
        "runtime_directory": request.runtime_directory,
        "cgroups": [] if request.cgroup is None else request.cgroup.describe(),
        "join_late": request.join_late,
        "terminal": len(request.plan.fds) == 1,
        "stdin": request.stdin,
        "stdin_once": request.stdin_once,
        "client": request.client,
        "log": tuple(request.log),
        "restart": tuple(request.restart),
        "restart_count": request.restart_count,
        "remount": None if remount is None else tuple(remount),
        "health": None if health is None else {**health._asdict(), "plan": health.plan.encode()},
        "stop_signal": request.stop_signal,
        "stop_timeout": request.stop_timeout,
        "remove": request.remove,
        "events": request.events,
        "event_attributes": request.event_attributes,
        "event_volumes": request.event_volumes,
        "boot_id": pidfd.boot_id(),
    }
