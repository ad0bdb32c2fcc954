"""The OCI runtime specification 1.2 (config.md, config-linux.md): what a container's process and box are to be.

Only what hezi sets is modelled. The engine's policy fills a :class:`Spec`; :mod:`hezi.runtime.plan` turns it into
operations; :func:`to_json` gives the ``config.json`` that runc and crun accept. Pure data, no I/O::

    Spec ── Root, Process (User, Capabilities, Rlimit*), Mount*, Linux (Namespace*, Device*, Resources)
"""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

VERSION: Final = "1.2.0"

# Namespace types as config-linux.md names them; the clone flags belong to hezi.linux.
NAMESPACE_TYPES: Final = ("uts", "ipc", "pid", "network", "mount", "cgroup", "user", "time")


class User(NamedTuple):
    """Ids of the process, as numbers inside the container.

    ``additional_gids`` are all supplementary groups in the order given to setgroups(2); the primary ``gid`` is not
    added here, the engine puts it in when it wants it there.
    """

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    umask: int | None = None


class Capabilities(NamedTuple):
    """The five capability sets as names (``CAP_CHOWN``); capabilities(7)."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class Rlimit(NamedTuple):
    """One resource limit: ``type`` as in ``RLIMIT_NOFILE``; -1 is no limit (getrlimit(2))."""

    type: str
    soft: int
    hard: int


class ConsoleSize(NamedTuple):
    """Size of the terminal in characters."""

    height: int
    width: int


class Process(NamedTuple):
    """The program: what is executed, as whom, with which limits.

    :ivar args: argv; ``args[0]`` without a slash is looked up in the PATH of ``env``, inside the container.
    :ivar env: ``NAME=value`` strings, the whole environment.
    :ivar cwd: absolute path inside the container; made when missing.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: User = User()
    terminal: bool = False
    capabilities: Capabilities = Capabilities()
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    console_size: ConsoleSize | None = None


class Root(NamedTuple):
    """The root file system. hezi hands its mount over as a descriptor; ``path`` is for other runtimes."""

    path: str = "rootfs"
    readonly: bool = False


class Mount(NamedTuple):
    """One mount: ``options`` as fstab(5) writes them, plus ``rbind`` and the propagation words (``rslave``)."""

    destination: str
    type: str
    source: str
    options: tuple[str, ...] = ()


class Namespace(NamedTuple):
    """A namespace of :data:`NAMESPACE_TYPES`: a new one, or the one at ``path`` (``/proc/PID/ns/net``)."""

    type: str
    path: str | None = None


class Device(NamedTuple):
    """A device node to be made in /dev: ``type`` is c, b or p; ``mode`` the permission bits."""

    path: str
    type: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0


class DeviceRule(NamedTuple):
    """A rule of the devices controller: None for "any" number; ``access`` of the letters r, w and m."""

    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


class Cpu(NamedTuple):
    """Processor time: shares as cgroup v1 counts them, times in microseconds (a quota of -1 is none), lists as 0-3."""

    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    rt_runtime: int | None = None
    rt_period: int | None = None
    cpus: str | None = None
    mems: str | None = None


class Memory(NamedTuple):
    """Limits in bytes, -1 is none; ``swap`` is of memory and swap together."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    swappiness: int | None = None
    oom_kill_disable: bool | None = None


class BlockIO(NamedTuple):
    """Weights from 10 to 1000; the others are (major, minor, value) for each device, per second."""

    weight: int | None = None
    weight_device: tuple[tuple[int, int, int], ...] = ()
    read_bps: tuple[tuple[int, int, int], ...] = ()
    write_bps: tuple[tuple[int, int, int], ...] = ()
    read_iops: tuple[tuple[int, int, int], ...] = ()
    write_iops: tuple[tuple[int, int, int], ...] = ()


class Resources(NamedTuple):
    """What the cgroup limits; None is "not limited by us"."""

    pids_limit: int | None = None
    devices: tuple[DeviceRule, ...] = ()
    cpu: Cpu | None = None
    memory: Memory | None = None
    block_io: BlockIO | None = None


class IdMapping(NamedTuple):
    """``size`` ids from ``container_id`` inside are ``host_id`` and following outside (user_namespaces(7))."""

    container_id: int
    host_id: int
    size: int


class Linux(NamedTuple):
    """The Linux part of the spec.

    :ivar seccomp: the ``seccomp`` object of config-linux.md, None for no filter.
    :ivar sysctl: (name, value) pairs such as ``("net.ipv4.ip_forward", "1")``.
    """

    namespaces: tuple[Namespace, ...] = ()
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    sysctl: tuple[tuple[str, str], ...] = ()
    seccomp: dict[str, Any] | None = None
    cgroups_path: str | None = None
    resources: Resources = Resources()
    rootfs_propagation: str | None = None
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()


class Spec(NamedTuple):
    """A whole container, ready to be planned."""

    process: Process
    root: Root = Root()
    hostname: str | None = None
    domainname: str | None = None
    mounts: tuple[Mount, ...] = ()
    linux: Linux = Linux()
    annotations: tuple[tuple[str, str], ...] = ()


def to_json(spec: Spec) -> dict[str, Any]:
    """The ``config.json`` of the spec, as a dict ready for :func:`json.dumps`; unset members are left out."""
    document: dict[str, Any] = {
        "ociVersion": VERSION,
        "root": {"path": spec.root.path, "readonly": spec.root.readonly},
        "process": _process(spec.process),
        "mounts": [_mount(mount) for mount in spec.mounts],
        "linux": _linux(spec.linux),
    }
    _put(document, "hostname", spec.hostname)
    _put(document, "domainname", spec.domainname)
    if spec.annotations:
        document["annotations"] = dict(spec.annotations)
    return document


def _put(document: dict[str, Any], key: str, value: object) -> None:
    if value is not None:
        document[key] = value


def _process(process: Process) -> dict[str, Any]:
    user: dict[str, Any] = {"uid": process.user.uid, "gid": process.user.gid}
    if process.user.additional_gids:
        user["additionalGids"] = list(process.user.additional_gids)
    _put(user, "umask", process.user.umask)
    document: dict[str, Any] = {
        "terminal": process.terminal,
        "user": user,
        "args": list(process.args),
        "env": list(process.env),
        "cwd": process.cwd,
        "capabilities": {name: list(names) for name, names in process.capabilities._asdict().items()},
        "noNewPrivileges": process.no_new_privileges,
    }
    if process.rlimits:
        # -1 is RLIM_INFINITY, which config.json can only write as the unsigned number.
        document["rlimits"] = [
            {"type": limit.type, "soft": limit.soft % 2**64, "hard": limit.hard % 2**64} for limit in process.rlimits
        ]
    _put(document, "oomScoreAdj", process.oom_score_adj)
    if process.console_size is not None:
        document["consoleSize"] = process.console_size._asdict()
    return document


def _mount(mount: Mount) -> dict[str, Any]:
    document: dict[str, Any] = {"destination": mount.destination, "type": mount.type, "source": mount.source}
    if mount.options:
        document["options"] = list(mount.options)
    return document


def _linux(linux: Linux) -> dict[str, Any]:
    document: dict[str, Any] = {
        "namespaces": [_without_none(namespace._asdict()) for namespace in linux.namespaces],
        "maskedPaths": list(linux.masked_paths),
        "readonlyPaths": list(linux.readonly_paths),
        "resources": _resources(linux.resources),
    }
    if linux.devices:
        document["devices"] = [_device(device) for device in linux.devices]
    if linux.sysctl:
        document["sysctl"] = dict(linux.sysctl)
    _put(document, "seccomp", linux.seccomp)
    _put(document, "cgroupsPath", linux.cgroups_path)
    _put(document, "rootfsPropagation", linux.rootfs_propagation)
    for key, mappings in (("uidMappings", linux.uid_mappings), ("gidMappings", linux.gid_mappings)):
        if mappings:
            document[key] = [
                {"containerID": mapping.container_id, "hostID": mapping.host_id, "size": mapping.size}
                for mapping in mappings
            ]
    return document


def _resources(resources: Resources) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if resources.pids_limit is not None:
        document["pids"] = {"limit": resources.pids_limit}
    if resources.devices:
        document["devices"] = [_without_none(rule._asdict()) for rule in resources.devices]
    for name, keys, part in (
        ("cpu", _CPU_KEYS, resources.cpu),
        ("memory", _MEMORY_KEYS, resources.memory),
    ):
        if part is not None:
            document[name] = {keys[key]: value for key, value in part._asdict().items() if value is not None}
    if resources.block_io is not None:
        document["blockIO"] = _block_io(resources.block_io)
    return document


_CPU_KEYS: Final = {
    "shares": "shares",
    "quota": "quota",
    "period": "period",
    "rt_runtime": "realtimeRuntime",
    "rt_period": "realtimePeriod",
    "cpus": "cpus",
    "mems": "mems",
}
_MEMORY_KEYS: Final = {
    "limit": "limit",
    "reservation": "reservation",
    "swap": "swap",
    "swappiness": "swappiness",
    "oom_kill_disable": "disableOOMKiller",
}
_THROTTLE_KEYS: Final = {
    "read_bps": "throttleReadBpsDevice",
    "write_bps": "throttleWriteBpsDevice",
    "read_iops": "throttleReadIOPSDevice",
    "write_iops": "throttleWriteIOPSDevice",
}


def _block_io(block_io: BlockIO) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if block_io.weight is not None:
        document["weight"] = block_io.weight
    if block_io.weight_device:
        document["weightDevice"] = [
            {"major": major, "minor": minor, "weight": weight} for major, minor, weight in block_io.weight_device
        ]
    for field, key in _THROTTLE_KEYS.items():
        if rates := getattr(block_io, field):
            document[key] = [{"major": major, "minor": minor, "rate": rate} for major, minor, rate in rates]
    return document


def _device(device: Device) -> dict[str, Any]:
    return {
        "path": device.path,
        "type": device.type,
        "major": device.major,
        "minor": device.minor,
        "fileMode": device.mode,
        "uid": device.uid,
        "gid": device.gid,
    }


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}
