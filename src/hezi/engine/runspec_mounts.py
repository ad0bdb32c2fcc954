"""Policy of the mounts: docker's own, the three files of the network, and what the user and the image ask for. Pure."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import defaults, parse_idmap, parse_mount, parse_volume
from hezi.engine.modes import container_of
from hezi.runtime.plan_mounts import Extra
from hezi.spec import runtime as rt
from hezi.volume import options as volume_options

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


_SHM = "/dev/shm"  # noqa: S108 - inside the box


class Place(NamedTuple):
    """Where the container is: what the engine has chosen for it.

    :ivar files: directory that holds resolv.conf, hostname and hosts.
    :ivar volume_path: name of a volume -> what is mounted for it.
    :ivar new_name: makes the name of an anonymous volume.
    :ivar is_new: whether there is no volume of that name yet.
    :ivar process_of: name of a container that runs, and which of its namespaces is to be joined -> its first process.
    :ivar layers: id of an image -> the directories of its layers, the topmost first.
    """

    id: str
    files: str
    volume_path: Callable[[str], str]
    new_name: Callable[[], str]
    is_new: Callable[[str], bool] = lambda _: True
    layers: Callable[[str], tuple[str, ...]] = lambda _: ("/", "/")
    process_of: Callable[[str, str], int] = lambda _name, _kind: 1


class VolumeUse(NamedTuple):
    """A volume that must exist before the mounts are made.

    :ivar anonymous: it has no name of the user's and goes with the container.
    :ivar copy: when it is empty, it is filled from the image's ``destination``.
    :ivar options: of the driver, for a new one.
    :ivar kept: another container may have it, although it is anonymous.
    """

    name: str
    destination: str
    anonymous: bool
    copy: bool
    labels: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    kept: bool = False


class Mounts(NamedTuple):
    """All mounts in the order in which they are made, and what must exist before.

    :ivar extras: what the specification cannot say of a mount, by its destination.
    """

    mounts: tuple[rt.Mount, ...]
    volumes: tuple[VolumeUse, ...]
    make_directories: tuple[str, ...]
    must_exist: tuple[str, ...]
    origins: dict[str, str]
    extras: dict[str, Extra]


def gather(request: RunRequest, image: ContainerConfig, facts: HostFacts) -> list[MountAsk]:
    """Return what user and image ask for, each destination once.

    :raises errors.Error: two options want the same destination, or a place that is not to be had.
    """
    # As docker: the same -v twice is once, and of two --tmpfs for one directory the last counts.
    tmpfs = {ask.destination: ask for ask in map(parse_volume.parse_tmpfs, request.tmpfs)}
    asks = [
        *(parse_volume.parse_volume(text, facts.cwd) for text in dict.fromkeys(request.volume)),
        *(parse_mount.parse_mount(text, facts.cwd) for text in request.mount),
        *tmpfs.values(),
    ]
    _check_driver(request, asks)
    taken: set[str] = set()
    for ask in asks:
        if ask.destination in taken:
            raise errors.Error(errors.INVALID, f"duplicate mount point: {ask.destination}")
        taken.add(ask.destination)
    # What is asked for here goes before what another container had there; of several of those the last one counts.
    inherited = {ask.destination: ask for ask in map(parse_volume.load, request.inherited)}
    asks += (ask for ask in inherited.values() if ask.destination not in taken)
    taken |= inherited.keys()
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


def _check_driver(request: RunRequest, asks: Iterable[MountAsk]) -> None:
    """``--volume-driver`` is about the volumes of ``-v``."""
    driver = request.volume_driver
    if driver in {None, "", "local"}:
        return
    for ask in asks:
        if ask.type == "volume" and ask.origin == "-v":
            raise parse_mount.no_driver(ask.source, driver or "")


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
    writable_cgroups: bool = False,
    place: Place,
) -> Mounts:
    """Return the container's mounts.

    :param writable_cgroups: the container may share out its own control group.
    """
    asks = sorted(asks, key=lambda ask: ask.destination.count("/"))
    taken = {ask.destination for ask in asks}
    own = [
        *defaults.mounts(request.privileged, shm_size=shm_size, writable_cgroups=writable_cgroups),
        *_file_mounts(place.files, readonly=request.read_only),
    ]
    mounts = [mount for mount in _for_modes(own, modes) if mount.destination not in taken]
    origins = {mount.destination: "default" for mount in mounts}
    volumes: list[VolumeUse] = []
    extras: dict[str, Extra] = {}
    donor = container_of(modes.ipc)
    if donor and _SHM not in taken:
        extras[_SHM] = Extra(space=f"/proc/{place.process_of(donor, 'ipc')}/ns/mnt")
    for ask in asks:
        origins[ask.destination] = "image" if ask.origin == "image" else f"flag {ask.origin}"
        if ask.type == "tmpfs":
            mounts.append(_tmpfs(ask))
            continue
        idmap = _idmap(ask, request)
        if ask.subpath or idmap:
            extras[ask.destination] = Extra(ask.subpath, idmap)
        if ask.type == "image":
            lower = ":".join(place.layers(ask.source))
            mounts.append(rt.Mount(ask.destination, "overlay", "overlay", (f"lowerdir={lower}", "ro")))
            continue
        source = ask.source
        if ask.type == "volume":
            source = _use_volume(ask, place, volumes)
        mounts.append(_bind(ask, source))
    binds = [ask for ask in asks if ask.type == "bind"]
    return Mounts(
        tuple(mounts),
        tuple(volumes),
        tuple(ask.source for ask in binds if ask.make_source),
        tuple(ask.source for ask in binds if not ask.make_source),
        origins,
        extras,
    )


def _idmap(ask: MountAsk, request: RunRequest) -> str:
    """Return the maps that a mount asks for.

    :raises errors.Error: those of a user namespace that the container does not have.
    """
    if ask.idmap != parse_idmap.OWN:
        return ask.idmap
    if request.userns in {None, "", "host"}:
        message = f"idmap without a mapping for {ask.destination} needs a container with a user namespace of its own"
        hint = "run it with --userns=auto, or give the mapping: idmap=uids=0-1000-1;gids=0-1000-1"
        raise errors.Error(errors.INVALID, message, hint=hint)
    return ""


def _use_volume(ask: MountAsk, place: Place, volumes: list[VolumeUse]) -> str:
    """Note that a volume is needed; gives what is mounted for it."""
    name = ask.source or place.new_name()
    if ask.driver_options:
        volume_options.check(name, dict(ask.driver_options))
    options = ask.driver_options
    anonymous = ask.anonymous or not ask.source
    volumes.append(VolumeUse(name, ask.destination, anonymous, ask.copy, ask.labels, options, kept=ask.anonymous))
    path = place.volume_path(name)
    if ask.driver_options and place.is_new(name):
        return volume_options.read(dict(ask.driver_options)).directory or path
    return path


def _for_modes(mounts: Iterable[rt.Mount], modes: Modes) -> Iterable[rt.Mount]:
    """Adapt /dev/shm, which belongs to the IPC namespace; an mqueue shows the namespace it is mounted in by itself."""
    for mount in mounts:
        if mount.destination != _SHM or modes.ipc == "private":
            yield mount
        elif modes.ipc == "host" or container_of(modes.ipc):
            options = ("rbind", "rprivate", "nosuid", "nodev", "noexec")
            yield rt.Mount(mount.destination, "bind", mount.destination, options)


def _file_mounts(files: str, *, readonly: bool) -> list[rt.Mount]:
    options = ("rbind", "rprivate", "ro") if readonly else ("rbind", "rprivate")
    return [rt.Mount(f"/etc/{name}", "bind", f"{files}/{name}", options) for name in NETWORK_FILES]


def _bind(ask: MountAsk, source: str) -> rt.Mount:
    options = ["rbind" if ask.recursive else "bind", ask.propagation or "rprivate"]
    if ask.readonly:
        below = ask.recursive and ask.readonly_below != parse_volume.TOP_ONLY
        options.append("rro" if below else "ro")
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
