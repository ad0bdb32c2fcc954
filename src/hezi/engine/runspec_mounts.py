"""Policy of the mounts: docker's own, the three files of the network, and what the user and the image ask for. Pure."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import defaults, parse_volume
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.engine.facts import HostFacts
    from hezi.engine.modes import Modes
    from hezi.engine.parse_volume import MountAsk
    from hezi.engine.request import RunRequest
    from hezi.spec.image import ContainerConfig

# runc's list: files of /proc that lxcfs and the like replace. Anything else below /proc would shadow what the kernel
# is asked through it (CVE-2019-16884), /proc itself above all.
_PROC_ALLOWED = frozenset(
    {
        *("/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime"),
        *("/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid"),
        "/proc/sys/crypto/fips_enabled",
    }
)
NETWORK_FILES = ("resolv.conf", "hostname", "hosts")


class VolumeUse(NamedTuple):
    """A volume that must exist before the mounts are made.

    :ivar anonymous: it has no name of the user's and goes with the container.
    :ivar copy: when it is empty, it is filled from the image's ``destination``.
    """

    name: str
    destination: str
    anonymous: bool
    copy: bool
    labels: tuple[tuple[str, str], ...] = ()


class Mounts(NamedTuple):
    """All mounts in the order in which they are made, and what must exist before."""

    mounts: tuple[rt.Mount, ...]
    volumes: tuple[VolumeUse, ...]
    make_directories: tuple[str, ...]
    must_exist: tuple[str, ...]
    origins: dict[str, str]


def gather(request: RunRequest, image: ContainerConfig, facts: HostFacts) -> list[MountAsk]:
    """Return what user and image ask for, each destination once.

    :raises errors.Error: two options want the same destination, or a place that is not to be had.
    """
    # As docker: the same -v twice is once, and of two --tmpfs for one directory the last counts.
    tmpfs = {ask.destination: ask for ask in map(parse_volume.parse_tmpfs, request.tmpfs)}
    asks = [
        *(parse_volume.parse_volume(text, facts.cwd) for text in dict.fromkeys(request.volume)),
        *(parse_volume.parse_mount(text, facts.cwd) for text in request.mount),
        *tmpfs.values(),
    ]
    taken: set[str] = set()
    for ask in asks:
        if ask.destination in taken:
            raise errors.Error(errors.INVALID, f"duplicate mount point: {ask.destination}")
        taken.add(ask.destination)
    for path in image.volumes:
        ask = parse_volume.MountAsk("volume", "", parse_volume.clean_destination("volume", path), origin="image")
        if ask.destination not in taken:
            taken.add(ask.destination)
            asks.append(ask)
    for ask in asks:
        _check_place(ask)
    if "selinux" in facts.lsms and any(_wants_label(text) for text in request.volume):
        raise errors.Error(errors.UNSUPPORTED, "-v with z or Z: hezi does not set SELinux labels yet")
    return asks


def _wants_label(text: str) -> bool:
    return not {"z", "Z"}.isdisjoint(text.rpartition(":")[2].split(","))


def _check_place(ask: MountAsk) -> None:
    path = ask.destination
    if path == "/proc" or (path.startswith("/proc/") and path not in _PROC_ALLOWED):
        text = f'"{path}" cannot be mounted because it is inside /proc'
        raise errors.Error(errors.INVALID, text)
    if path == "/dev":
        hint = "use --device for single devices, or --privileged for all"
        raise errors.Error(errors.UNSUPPORTED, "/dev is made by hezi and cannot be a mount of yours", hint=hint)


def build(
    request: RunRequest,
    asks: Iterable[MountAsk],
    modes: Modes,
    *,
    shm_size: int,
    files: str,
    volume_path: Callable[[str], str],
    new_name: Callable[[], str],
) -> Mounts:
    """Return the container's mounts.

    :param files: directory that holds resolv.conf, hostname and hosts.
    :param volume_path: name of a volume -> its data directory.
    :param new_name: makes the name of an anonymous volume.
    """
    asks = sorted(asks, key=lambda ask: ask.destination.count("/"))
    taken = {ask.destination for ask in asks}
    own = [*defaults.mounts(request.privileged, shm_size=shm_size), *_file_mounts(files, readonly=request.read_only)]
    mounts = [mount for mount in _for_modes(own, modes) if mount.destination not in taken]
    origins = {mount.destination: "default" for mount in mounts}
    volumes: list[VolumeUse] = []
    for ask in asks:
        origins[ask.destination] = "image" if ask.origin == "image" else f"flag {ask.origin}"
        if ask.type == "tmpfs":
            mounts.append(_tmpfs(ask))
            continue
        source = ask.source
        if ask.type == "volume":
            name = source or new_name()
            volumes.append(VolumeUse(name, ask.destination, not source, ask.copy, ask.labels))
            source = volume_path(name)
        mounts.append(_bind(ask, source))
    binds = [ask for ask in asks if ask.type == "bind"]
    return Mounts(
        tuple(mounts),
        tuple(volumes),
        tuple(ask.source for ask in binds if ask.make_source),
        tuple(ask.source for ask in binds if not ask.make_source),
        origins,
    )


def _for_modes(mounts: Iterable[rt.Mount], modes: Modes) -> Iterable[rt.Mount]:
    """Adapt /dev/shm, which belongs to the IPC namespace; an mqueue shows the namespace it is mounted in by itself."""
    for mount in mounts:
        if mount.destination != "/dev/shm" or modes.ipc == "private":  # noqa: S108 - inside the box
            yield mount
        elif modes.ipc == "host":
            options = ("rbind", "rprivate", "nosuid", "nodev", "noexec")
            yield rt.Mount(mount.destination, "bind", mount.destination, options)


def _file_mounts(files: str, *, readonly: bool) -> list[rt.Mount]:
    options = ("rbind", "rprivate", "ro") if readonly else ("rbind", "rprivate")
    return [rt.Mount(f"/etc/{name}", "bind", f"{files}/{name}", options) for name in NETWORK_FILES]


def _bind(ask: MountAsk, source: str) -> rt.Mount:
    options = ["rbind" if ask.recursive else "bind", ask.propagation or "rprivate"]
    if ask.readonly:
        options.append("ro")
    return rt.Mount(ask.destination, "bind", source, tuple(options))


def _tmpfs(ask: MountAsk) -> rt.Mount:
    """A tmpfs is nosuid, nodev and noexec unless its options say otherwise, word by word."""
    options = list(ask.options)
    for flag in ("nosuid", "nodev", "noexec"):
        if flag.removeprefix("no") not in options and flag not in options:
            options.append(flag)
    if ask.readonly and "ro" not in options:
        options.append("ro")
    return rt.Mount(ask.destination, "tmpfs", "tmpfs", tuple(options))
