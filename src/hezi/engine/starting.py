"""From a container that is made, or was stopped, to one that runs under its monitor. The caller holds it meanwhile.

    cgroup, root mounted detached          the user looked up in its files
    limits, files, volumes, seccomp filter
    plan, request ── monitor ── the program runs
    the row names the monitor as the holder

Everything made is undone backwards when a step fails; the record is the caller's.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import cgroup_place, guests, held, networking, prepare, sources, syscall_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hezi.engine.callers import Callbacks
    from hezi.engine.paths import Paths
    from hezi.engine.prepare import Case
    from hezi.engine.record import Record
    from hezi.engine.request import RunRequest
    from hezi.engine.runspec import Blueprint
    from hezi.engine.space import Space
    from hezi.linux.cgroup.layout import Layout
    from hezi.linux.cgroup.manager import ContainerCgroup
    from hezi.runtime.monitor_start import HealthConfig, LogConfig, Monitored, MonitorRequest, Remount, RestartPolicy
    from hezi.runtime.plan import Plan
    from hezi.runtime.spawn import Stage1
    from hezi.spec.digest import Digest
    from hezi.store.images import ImageStore

# Stage 1 and its child are two processes: a cgroup with less room is joined by the child alone.
_LOW_PIDS_LIMIT = 2
_KILL = 9
_GONE_SECONDS = 10.0


class Launch(NamedTuple):
    """One start of a container.

    :ivar layers: lowest first.
    :ivar image_id: ``sha256:...``.
    :ivar flags: of :mod:`hezi.runtime.protocol`: what the caller's connection wants; 0 for nothing.
    :ivar console_size: (rows, columns) of the terminal before the first instruction.
    :ivar prepared: called when nothing but the program's start is left to do.
    """

    paths: Paths
    store: ImageStore
    container: Record
    case: Case
    layers: Sequence[Digest]
    image_id: str
    callbacks: Callbacks
    flags: int = 0
    console_size: tuple[int, int] | None = None
    prepared: Callable[[], None] | None = None


def start(one: Launch, stage: Stage1) -> Monitored:
    """Start the program and return once it runs; the row names the monitor as the holder then.

    :param stage: from ``spawn(monitored=True)``; consumed.
    :raises errors.Error: a step failed; nothing is left of this start.
    """
    from hezi.runtime import monitor_start

    layout = prepare.layout_of_host()
    with ExitStack() as stack:
        cgroup = _make_cgroup(one, layout, stage, stack)
        inside = _space(one, stack)
        root_fd = _mount(one, stack, inside)
        joined = _network(one, stack, inside)
        known = None if inside is None else inside.owners
        made = prepare.blueprint(one.case, root_fd, one.paths, one.console_size, network=joined.path, owners=known)
        made = prepare.with_variables(made, joined.environment)
        _apply_limits(cgroup, made, one.callbacks)
        # What volumes are filled with has the owners that are on the disk.
        sources.prepare(one.paths, one.container, made, root_fd if inside is None else inside.view, joined.files)
        plan = prepare.plan(made, one.case, one.paths, layout, cgroup.paths)
        if one.prepared is not None:
            one.prepared()
        monitored = monitor_start.start(stage, _request(one, made, plan, root_fd, cgroup, inside))
        # From here on the group is the monitor's; only our descriptors of it are ours.
        stack.pop_all()
        cgroup.close()
        for fd in (root_fd, *(() if inside is None else inside[1:])):
            if fd >= 0:
                os.close(fd)
    for warning in monitored.warnings:
        one.callbacks.tell(f"warning: {warning}")
    _write_down(one, monitored)
    return monitored


def _space(one: Launch, stack: ExitStack) -> Space | None:
    """Make the container's user namespace, when it asks for one."""
    if one.case.request.userns in {None, "", "host"}:
        return None
    from hezi.engine import space

    view = one.store.driver.view(one.layers, f"{one.container.directory}/upper")
    if view is None:
        raise AssertionError
    stack.callback(os.close, view)
    return space.make(one.store.database, one.case, view, stack)


def _network(one: Launch, stack: ExitStack, inside: Space | None) -> guests.Joined:
    """Make or find the container's network; undone when the start fails."""
    case, database = one.case, one.store.database
    guest = guests.Guest(
        one.container.id, one.container.name, case.draft.hostname, case.request, tuple(case.config.config.exposed_ports)
    )
    namespace = -1 if inside is None else inside.network
    joined = networking.attach(one.paths, database, guest, one.callbacks.tell, namespace=namespace)
    stack.callback(networking.detach, one.paths, database, one.container.id)
    return joined


def _write_down(one: Launch, monitored: Monitored) -> None:
    monitor = (monitored.monitor_pid, monitored.monitor_start_time, held.boot())
    try:
        networking.hold(one.store.database, one.container.id, monitor)
        one.container.started(monitor, monitored.started_ns)
    except BaseException:
        # A container that no list shows is worse than none.
        with monitored.client as client:
            client.signal(_KILL)
            client.wait_gone(_GONE_SECONDS)
        raise


def _make_cgroup(one: Launch, layout: Layout, stage: Stage1, stack: ExitStack) -> ContainerCgroup:
    from hezi.linux.cgroup import manager

    # Where it was decided to be when the container was made.
    path = one.container.details.cgroup
    if cgroup_place.is_scoped(path):
        _make_scope(one, layout, stage)
    try:
        cgroup = manager.create(layout, path)
    except OSError as error:
        doing = "cannot make the container's cgroup"
        raise errors.from_os_error(doing, error) from error
    stack.enter_context(cgroup)
    stack.callback(_delete_cgroup, cgroup)
    return cgroup


def _make_scope(one: Launch, layout: Layout, stage: Stage1) -> None:
    """Have systemd make what the group is in. It goes with the monitor, whatever becomes of this start."""
    from hezi.linux import dbus
    from hezi.linux.cgroup import systemd
    from hezi.runtime import monitor_start

    doing = "cannot have systemd make the container's scope"
    if layout.v2 is None or not systemd.manages_groups():
        text = f"{doing}: systemd does not make the control groups here any more"
        raise errors.Error(errors.UNSUPPORTED, text)
    path = one.container.details.cgroup
    pid = monitor_start.pid_of(stage)
    try:
        systemd.start_scope(path, pid, f"hezi container {one.container.name or one.container.id}")
        systemd.settle(layout.v2.mount_point, path, pid)
    except dbus.CallError as error:
        raise errors.Error(errors.UNSUPPORTED, f"{doing}: {error}") from error
    except OSError as error:
        raise errors.from_os_error(doing, error) from error


def _delete_cgroup(cgroup: ContainerCgroup) -> None:
    try:
        cgroup.delete(timeout=0.1)
    except OSError:
        # Something outlived the program (--pid host), or is being taken apart still.
        try:
            cgroup.kill()
            cgroup.delete()
        except OSError as error:
            doing = "cannot remove the container's cgroup"
            raise errors.from_os_error(doing, error) from error


def _mount(one: Launch, stack: ExitStack, inside: Space | None) -> int:
    """Mount the layers with the container's directory on top; nothing is attached anywhere."""
    from hezi.store.snapshot.base import Rootfs

    directory = one.container.directory
    # The mark of a volatile mount, by which overlayfs refuses another one: after --rm and a restart it means nothing.
    work = f"{directory}/work"
    incompatible = f"{work}/work/incompat"
    with suppress(OSError):
        os.unlink(f"{incompatible}/volatile/dirty")
        os.rmdir(f"{incompatible}/volatile")
        os.rmdir(incompatible)
    mapped = None if inside is None else inside.mapped
    rootfs = Rootfs(tuple(one.layers), f"{directory}/upper", work, volatile=one.container.details.remove, mapped=mapped)
    root_fd = one.store.driver.mount(rootfs)
    stack.callback(os.close, root_fd)
    return root_fd


def _apply_limits(cgroup: ContainerCgroup, made: Blueprint, callbacks: Callbacks) -> None:
    try:
        cgroup.apply(made.spec.linux.resources)
    except OSError as error:
        doing = "cannot set the container's limits"
        raise errors.from_os_error(doing, error) from error
    for warning in cgroup.warnings:
        callbacks.tell(f"warning: {warning}")


def _request(
    one: Launch, made: Blueprint, plan: Plan, root_fd: int, cgroup: ContainerCgroup, inside: Space | None
) -> MonitorRequest:
    from hezi.runtime import monitor_start

    request = one.case.request
    container = one.container
    pids = made.spec.linux.resources.pids_limit
    policy = restart_policy(request)
    return monitor_start.MonitorRequest(
        id=container.id,
        name=container.name,
        directory=container.directory,
        runtime_directory=held.directory(one.paths, container.id),
        plan=plan,
        rootfs=root_fd,
        cgroup=cgroup,
        join_late=pids is not None and 0 < pids <= _LOW_PIDS_LIMIT,
        stdin=request.interactive and not request.tty,
        stdin_once=request.interactive and not request.detach,
        client=one.flags,
        log=_log(one, made),
        restart=policy,
        # Without a policy too: it may get one while it runs.
        remount=None if container.details.remove else _remount(one, inside),
        space=-1 if inside is None else inside.fd,
        health=_health(one, made),
        stop_signal=container.details.stop_signal,
        stop_timeout=_stop_timeout(request),
        remove=container.details.remove,
        events=one.paths.events,
        event_attributes=(*container.details.labels.items(), ("image", request.image)),
        event_volumes=tuple(
            (str(point["Name"]), str(point["Destination"]), str(point["Propagation"]), bool(point["RW"]))
            for point in container.details.mounts
            if point["Type"] == "volume"
        ),
    )


def restart_policy(request: RunRequest) -> RestartPolicy:
    """Return what is to be done when the program has ended."""
    from hezi.runtime import monitor_start

    if not request.restart:
        return monitor_start.RestartPolicy()
    from hezi.engine import parse_restart

    return parse_restart.parse_restart(request.restart)


def _remount(one: Launch, inside: Space | None) -> Remount:
    from hezi.runtime import monitor_start

    directory = one.container.directory
    owner = None if inside is None or inside.mapped is None else inside.owners.root
    lower = one.store.driver.lower(one.layers)
    return monitor_start.Remount(lower, f"{directory}/upper", f"{directory}/work", owner=owner)


def _log(one: Launch, made: Blueprint) -> LogConfig:
    from hezi.runtime import monitor_start

    request, container = one.case.request, one.container
    usual = f"{container.directory}/{container.id}-json.log"
    if not request.log_driver and not request.log_opt:
        return monitor_start.LogConfig(path=usual)
    from hezi.engine import parse_logs

    ask = parse_logs.parse_logs(request.log_driver, request.log_opt)
    if ask.notice:
        one.callbacks.tell(ask.notice)
    process = made.spec.process
    about = parse_logs.About(
        container.id,
        container.name,
        one.image_id,
        request.image,
        process.args,
        container.details.labels,
        process.env,
    )
    path = f"{container.directory}/{parse_logs.file_name(ask.driver, container.id)}"
    return parse_logs.log_config(ask, path, about)


def _health(one: Launch, made: Blueprint) -> HealthConfig | None:
    config, request = one.case.config.config, one.case.request
    if config.healthcheck is None and not request.health_cmd:
        return None
    from hezi.engine import parse_health
    from hezi.runtime import exec as joining
    from hezi.runtime import monitor_start, owners
    from hezi.runtime import plan as plans

    check = parse_health.merge(request, config)
    args = parse_health.command(check, config)
    if check is None or not args:
        return None
    process = made.spec.process._replace(args=args, terminal=False, console_size=None)
    program, flags = syscall_filter.load(made.seccomp, process.capabilities.bounding, one.paths)
    known = owners.of(made.spec)
    plan = joining.plan(process, plans.Options(seccomp=program, seccomp_flags=flags, owners=known))
    return monitor_start.HealthConfig(
        plan, check.interval, check.timeout, check.retries, check.start_period, check.start_interval
    )


def _stop_timeout(request: RunRequest) -> float:
    return 10.0 if request.stop_timeout is None else float(request.stop_timeout)
