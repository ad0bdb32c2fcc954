"""Policy: what the user asks, what the image says and what the host is, turned into an OCI runtime specification.

    RunRequest ─┐
    ImageConfig ┼─> build() ─> Blueprint: Spec, seccomp choice, volumes to make, where each value came from
    Account     │
    HostFacts ──┘

Pure: nothing is opened, made or looked up here, so that every rule is tested without root. An image decides what runs,
as whom, where, and which volumes; never devices, hooks, capabilities, sysctls or anything of the host's.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import (
    cgroup_place,
    defaults,
    modes,
    parse_device,
    parse_env,
    parse_limits,
    parse_security,
    runspec_mounts,
    runspec_process,
    syscall_filter,
)
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.engine.accounts import Account
    from hezi.engine.facts import HostFacts
    from hezi.engine.parse_device import DeviceAsk
    from hezi.engine.parse_volume import MountAsk
    from hezi.engine.request import RunRequest
    from hezi.spec.image import ContainerConfig

Place = runspec_mounts.Place
_HOSTNAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
# The fields that parse_resources reads.
_LIMITS = (
    *("cpus", "cpu_shares", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpuset_cpus", "cpuset_mems"),
    *("memory", "memory_swap", "memory_reservation", "memory_swappiness", "oom_kill_disable"),
    *("blkio_weight", "blkio_weight_device"),
    *("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops", "device_cgroup_rule"),
)
_MAX_HOSTNAME = 64  # bytes, uname(2)


class Draft(NamedTuple):
    """What can be decided before the image's user is known, and thus before its files are read.

    Most mistakes of the user are found here, before anything is made.
    """

    user: str
    user_origin: str
    args: tuple[str, ...]
    args_origin: str
    modes: modes.Modes
    security: parse_security.Security
    mounts: list[MountAsk]
    devices: tuple[DeviceAsk, ...]
    hostname: str
    stop_signal: int
    labels: tuple[tuple[str, str], ...]
    shm_size: int
    limits: rt.Resources = rt.Resources()


class Blueprint(NamedTuple):
    """A container ready to be built.

    :ivar seccomp: ``default``, ``unconfined``, or the path of a profile.
    :ivar origins: dotted name of a value, or ``mount:DESTINATION`` -> ``flag ...``, ``image`` or ``default``.
    """

    spec: rt.Spec
    seccomp: str
    mounts: runspec_mounts.Mounts
    draft: Draft
    origins: dict[str, str]


def draft(request: RunRequest, image: ContainerConfig, facts: HostFacts, container_id: str) -> Draft:
    """Decide what does not depend on the files of the image.

    :raises errors.Error: the request or the image asks for something wrong.
    """
    chosen = modes.choose(request)
    security = parse_security.parse_security_opts(request.security_opt, facts.lsms)
    args, args_origin = runspec_process.command(request, image)
    user, user_origin = (request.user, "flag") if request.user else (image.user, "image")
    labels = dict(image.labels)
    for path in request.label_file:
        labels.update(parse_env.read_label_file(path))
    labels.update(map(parse_env.parse_label, request.label))
    shm_size = parse_limits.parse_shm_size(request.shm_size) if request.shm_size else 0
    if request.detach_keys:
        parse_limits.parse_detach_keys(request.detach_keys)
    return Draft(
        user=user or "",
        user_origin=user_origin if user else "default",
        args=args,
        args_origin=args_origin,
        modes=chosen,
        security=security,
        mounts=runspec_mounts.gather(request, image, facts),
        devices=tuple(map(parse_device.parse_device, request.device)),
        hostname=_hostname(request, chosen, facts, container_id),
        stop_signal=parse_limits.parse_signal(request.stop_signal or image.stop_signal or "TERM"),
        labels=tuple(labels.items()),
        shm_size=shm_size or defaults.SHM_SIZE,
        limits=_limits(request, facts),
    )


def _limits(request: RunRequest, facts: HostFacts) -> rt.Resources:
    """Few have any: what reads them is loaded for those."""
    if not any(getattr(request, name) for name in _LIMITS) and request.memory_swappiness is None:
        return rt.Resources()
    from hezi.engine import parse_resources

    return parse_resources.parse(request, facts)


def _hostname(request: RunRequest, chosen: modes.Modes, facts: HostFacts, container_id: str) -> str:
    if request.hostname:
        if len(request.hostname) > _MAX_HOSTNAME or not set(request.hostname) <= _HOSTNAME_LETTERS:
            text = f"invalid hostname '{request.hostname}': at most 64 letters, digits, '-', '_' and '.'"
            raise errors.Error(errors.INVALID, text)
        return request.hostname
    if "host" in {chosen.uts, chosen.network}:
        return facts.hostname
    return request.hostname_of or container_id[:12]


def build(
    request: RunRequest,
    image: ContainerConfig,
    account: Account,
    facts: HostFacts,
    decided: Draft,
    place: Place,
    host_devices: Sequence[rt.Device] = (),
) -> Blueprint:
    """Return the blueprint.

    :param account: of the user, as the image's own files have it.
    :param host_devices: what ``--device`` and ``--privileged`` came to on this host.
    :raises errors.Error: the request asks for something wrong.
    """
    origins: dict[str, str] = {"args": decided.args_origin, "user": decided.user_origin}
    mounts = runspec_mounts.build(
        request,
        decided.mounts,
        decided.modes,
        shm_size=decided.shm_size,
        writable_cgroups=decided.security.writable_cgroups,
        place=place,
    )
    spec = rt.Spec(
        process=_process(request, image, account, facts, decided, origins),
        root=rt.Root(readonly=request.read_only),
        hostname=decided.hostname if decided.modes.uts == "private" else None,
        domainname=_domainname(request),
        mounts=mounts.mounts,
        linux=_linux(request, decided, facts, place, host_devices),
        annotations=tuple(map(parse_env.parse_annotation, request.annotation)),
    )
    origins.update(_flag_origins(request))
    origins.update({f"mount:{path}": origin for path, origin in mounts.origins.items()})
    return Blueprint(spec, syscall_filter.choose(request, decided.security), mounts, decided, origins)


def _flag_origins(request: RunRequest) -> dict[str, str]:
    """Say for each part of the plan whether an option of the user's decided it, by the keys of the plan."""
    given = {
        "hostname": request.hostname,
        "domainname": request.domainname,
        "root": request.read_only,
        "capabilities": request.cap_add or request.cap_drop or request.privileged,
        "seccomp": any(option.startswith("seccomp") for option in request.security_opt),
        "no_new_privileges": request.security_opt,
        "terminal": request.tty,
        "init": request.init is not None,
        "devices": request.device or request.privileged,
        "oom_score_adj": request.oom_score_adj is not None,
        "rlimit": request.ulimit,
        "masked": request.security_opt,
        "readonly": request.security_opt,
    }
    origins = {key: "flag" if value else "default" for key, value in given.items()}
    origins.update({f"sysctl:{text.partition('=')[0]}": "flag" for text in request.sysctl})
    origins.setdefault("sysctl", "default")
    return origins


def _domainname(request: RunRequest) -> str | None:
    name = request.domainname
    if name and (len(name) > _MAX_HOSTNAME or not set(name) <= _HOSTNAME_LETTERS):
        raise errors.Error(errors.INVALID, f"invalid domain name '{name}'")
    return name or None


def _process(
    request: RunRequest,
    image: ContainerConfig,
    account: Account,
    facts: HostFacts,
    decided: Draft,
    origins: dict[str, str],
) -> rt.Process:
    environment = runspec_process.environment(request, image, account, decided.hostname, facts)
    origins.update({f"env:{name}": origin for name, (_, origin) in environment.items()})
    cwd, origins["cwd"] = runspec_process.directory(request, image)
    adj = None if request.oom_score_adj is None else parse_limits.parse_oom_score_adj(request.oom_score_adj)
    return rt.Process(
        args=decided.args,
        env=tuple(f"{name}={value}" for name, (value, _) in environment.items()),
        cwd=cwd,
        user=rt.User(account.uid, account.gid, account.groups),
        terminal=request.tty,
        capabilities=runspec_process.capabilities(request, account, facts),
        rlimits=runspec_process.rlimits(request),
        no_new_privileges=decided.security.no_new_privileges,
        oom_score_adj=adj,
    )


def _linux(
    request: RunRequest, decided: Draft, facts: HostFacts, place: Place, host_devices: Sequence[rt.Device]
) -> rt.Linux:
    open_paths = request.privileged or decided.security.systempaths_unconfined
    asked = (*_device_rules(decided.devices, host_devices), *decided.limits.devices)
    rules = defaults.device_rules(request.privileged, asked)
    return rt.Linux(
        namespaces=_namespaces(decided.modes, place),
        masked_paths=() if open_paths else defaults.masked_paths(facts.cpus),
        readonly_paths=() if open_paths else defaults.READONLY_PATHS,
        devices=_once((*defaults.DEVICES, *host_devices)),
        sysctl=_sysctls(request, decided.modes),
        cgroups_path=cgroup_path(request, facts, place.id),
        resources=decided.limits._replace(pids_limit=_pids_limit(request.pids_limit), devices=rules),
        rootfs_propagation=_propagation(decided.mounts),
    )


def cgroup_path(request: RunRequest, facts: HostFacts, container_id: str) -> str:
    """Return the container's cgroup, from the top of each hierarchy.

    :raises errors.Error: the parent is none, or the manager is not to be had here.
    """
    manager = cgroup_place.choose(request.cgroup_manager, systemd=facts.systemd)
    return cgroup_place.path(request.cgroup_parent, container_id, manager)


def _namespaces(chosen: modes.Modes, place: Place) -> tuple[rt.Namespace, ...]:
    made = [rt.Namespace(kind) for kind in modes.namespaces(chosen)]
    for kind, mode in (("pid", chosen.pid), ("ipc", chosen.ipc)):
        other = modes.container_of(mode)
        if other:
            made.append(rt.Namespace(kind, f"/proc/{place.process_of(other, kind)}/ns/{kind}"))
    return tuple(made)


def _once(devices: Sequence[rt.Device]) -> tuple[rt.Device, ...]:
    """Each path once: of the user's device over one that every container has, the user's counts."""
    return tuple({device.path: device for device in devices}.values())


def _propagation(asks: Sequence[MountAsk]) -> str | None:
    """A mount that is to share with the host needs a root that does not cut it off."""
    wanted = {ask.propagation for ask in asks}
    if wanted & {"shared", "rshared"}:
        # The root alone: below it each mount is what was asked for.
        return "shared"
    return "rslave" if wanted & {"slave", "rslave"} else None


def _device_rules(asks: Sequence[DeviceAsk], devices: Sequence[rt.Device]) -> tuple[rt.DeviceRule, ...]:
    access = {ask.destination: ask.access for ask in asks}
    rules = []
    for device in devices:
        below = [path for path in access if device.path == path or device.path.startswith(f"{path}/")]
        letters = access[max(below, key=len)] if below else "rwm"
        rules.append(rt.DeviceRule(True, device.type, device.major, device.minor, letters))
    return tuple(rules)


def _pids_limit(wanted: int | None) -> int | None:
    if wanted is None:
        return defaults.PIDS_LIMIT
    return wanted if wanted > 0 else None


def _sysctls(request: RunRequest, chosen: modes.Modes) -> tuple[tuple[str, str], ...]:
    """Only where the namespace that keeps the value is the container's own (CVE-2022-0532)."""
    values = dict(defaults.SYSCTLS) if chosen.network != "host" else {}
    for text in request.sysctl:
        name, value, namespace = parse_limits.parse_sysctl(text)
        if namespace == "network" and chosen.network == "host":
            raise errors.Error(errors.INVALID, f'sysctl "{name}" not allowed in host network namespace')
        if namespace == "ipc" and modes.container_of(chosen.ipc):
            raise errors.Error(errors.INVALID, f'sysctl "{name}" is for the container whose ipc namespace is joined')
        if namespace == "ipc" and chosen.ipc == "host":
            raise errors.Error(errors.INVALID, f'sysctl "{name}" is not allowed in the hosts ipc namespace')
        values[name] = value
    return tuple(values.items())
