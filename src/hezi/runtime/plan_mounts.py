"""The part of a plan that puts the tree together: mounts, /dev, cgroup views, volumes."""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.linux import mount
from hezi.runtime import ops, ops_devices, ops_mounts, ops_outside, ops_sources, targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hezi.linux.cgroup.view import Shown
    from hezi.runtime.owners import Owners
    from hezi.spec.runtime import Device, Mount, Spec

_SET = {
    "ro": mount.MOUNT_ATTR_RDONLY,
    "rro": mount.MOUNT_ATTR_RDONLY,
    "nosuid": mount.MOUNT_ATTR_NOSUID,
    "nodev": mount.MOUNT_ATTR_NODEV,
    "noexec": mount.MOUNT_ATTR_NOEXEC,
    "nosymfollow": mount.MOUNT_ATTR_NOSYMFOLLOW,
    "nodiratime": mount.MOUNT_ATTR_NODIRATIME,
    "noatime": mount.MOUNT_ATTR_NOATIME,
    "strictatime": mount.MOUNT_ATTR_STRICTATIME,
    "relatime": mount.MOUNT_ATTR_RELATIME,
}
_CLEAR = {
    "rw": mount.MOUNT_ATTR_RDONLY,
    "suid": mount.MOUNT_ATTR_NOSUID,
    "dev": mount.MOUNT_ATTR_NODEV,
    "exec": mount.MOUNT_ATTR_NOEXEC,
    "symfollow": mount.MOUNT_ATTR_NOSYMFOLLOW,
    "diratime": mount.MOUNT_ATTR_NODIRATIME,
    "atime": mount.MOUNT_ATTR_NOATIME,
}
# What a mount is without them. The kernel's new calls do not know the last two.
_NOTHING = {"defaults", "norelatime", "nostrictatime"}
_ATIME = {"noatime", "strictatime", "relatime"}
_PROPAGATION = {
    f"{recursive}{kind}" for recursive in ("", "r") for kind in ("private", "slave", "shared", "unbindable")
}
# Links every /dev has; runc's list.
_LINKS = (
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
    (b"ptmx", b"pts/ptmx"),
    (b"core", b"/proc/kcore"),
)
_TTY = 5  # the group of terminals
_FILE_SYSTEMS = frozenset({"tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "bind", "overlay"})


class Extra(NamedTuple):
    """What a specification has no word for.

    :ivar below: only this path inside of the source is mounted; what leads out of the source is refused.
    :ivar space: the mount namespace in which the source is, as a path; "" for the host's.
    :ivar idmap: maps of uids and gids as the kernel takes them, joined by ``;``, ranges by commas; "" for none.
    :ivar owners: the ids of the container's user namespace, where it has one of its own.
    """

    below: str = ""
    idmap: str = ""
    space: str = ""
    owners: Owners | None = None


class _Words(NamedTuple):
    """Mount options, sorted by what they are for."""

    attrs_set: int
    attrs_clear: int
    recursive: bool
    bind: str
    propagation: str
    data: tuple[tuple[str, bytes | None], ...]


def _words(options: Sequence[str]) -> _Words:
    attrs_set = attrs_clear = 0
    recursive = False
    bind = propagation = ""
    data: list[tuple[str, bytes | None]] = []
    for word in options:
        if word in _SET:
            attrs_set |= _SET[word]
            attrs_clear = (attrs_clear | mount.MOUNT_ATTR__ATIME) if word in _ATIME else attrs_clear & ~_SET[word]
            recursive = recursive or word == "rro"
        elif word in _CLEAR:
            attrs_clear |= _CLEAR[word] if word != "atime" else mount.MOUNT_ATTR__ATIME
            attrs_set &= ~_CLEAR[word]
        elif word in {"bind", "rbind"}:
            bind = word
        elif word in _PROPAGATION:
            propagation = word
        elif word not in _NOTHING:
            name, equals, value = word.partition("=")
            data.append((name, os.fsencode(value) if equals else None))
    return _Words(attrs_set, attrs_clear, recursive, bind, propagation, tuple(data))


def _refuse(kind: str, message: str, hint: str | None = None) -> errors.Error:
    return errors.Error(kind, message, hint=hint)


def mounts(
    spec: Spec,
    hierarchies: tuple[Shown, ...],
    extras: Mapping[str, Extra] = {},
    owners: Owners | None = None,
) -> Iterator[tuple[str, ops.Operation]]:
    """Plan the mounts of the spec in its order, with the devices and the terminal.

    :raises hezi.errors.Error: INVALID, UNSUPPORTED.
    """
    own_proc = [entry for entry in spec.mounts if entry.destination == "/proc"]
    words = _words(own_proc[-1].options if own_proc else ("nosuid", "noexec", "nodev"))
    yield "mount:/proc", ops_mounts.OpenProc(words.attrs_set, (("source", b"proc"), *words.data))
    nodes = [_node(device) for device in spec.linux.devices]
    terminal = False
    for number, entry in enumerate(spec.mounts):
        terminal = terminal or (entry.type == "devpts" and entry.destination == "/dev/pts")
        key = f"mount:{entry.destination}"
        extra = extras.get(entry.destination, Extra())
        if owners is not None:
            extra = extra._replace(owners=owners)
        for operation in _one(entry, number, nodes, spec, hierarchies, extra):
            yield key, operation
    outside = tuple(node for node in nodes if node[0].startswith(b"/"))
    if outside and owners is not None:
        message = f"the device {os.fsdecode(outside[0][0])} outside of /dev, in a user namespace, is not supported"
        raise _refuse(errors.UNSUPPORTED, message, "name a place in /dev for it")
    if outside:
        yield "devices", ops_devices.MakeNodes(outside)
    if spec.process.terminal:
        if not terminal:
            message = "a terminal needs a devpts on /dev/pts"
            raise _refuse(errors.INVALID, message)
        size = spec.process.console_size
        rows, columns = (size.height, size.width) if size else (0, 0)
        yield "terminal", ops_devices.OpenTerminal(columns, rows, spec.process.user.uid)


def _one(
    entry: Mount,
    number: int,
    nodes: list[ops_devices.Node],
    spec: Spec,
    hierarchies: tuple[Shown, ...],
    extra: Extra,
) -> Iterator[ops.Operation]:
    destination = _destination(entry)
    words = _words(entry.options)
    if entry.type == "bind" or words.bind:
        yield from _bind(entry, destination, number, words, extra)
    elif entry.type == "overlay":
        yield from _layers(entry, destination, number, words, extra)
    elif entry.type == "proc":
        yield ops_mounts.AttachMount(0, 0, destination, ops_mounts.PROC, "", recursive=False)
    elif entry.type == "tmpfs" and destination == b"/dev":
        yield from _dev(entry, words, nodes, extra.owners)
    elif entry.type == "cgroup":
        yield from _cgroup(destination, words, spec, hierarchies)
    else:
        keep = ops_mounts.DEVPTS if destination == b"/dev/pts" and entry.type == "devpts" else ""
        data = (("source", os.fsencode(entry.source or entry.type)), *words.data)
        if keep and extra.owners is not None and not extra.owners.knows_gid(_TTY):
            # As the kernel refuses a group that has no number inside.
            data = tuple(option for option in data if option != ("gid", b"%d" % _TTY))
        yield ops_mounts.MountFilesystem(words.attrs_set, destination, entry.type, keep, data)


def _destination(entry: Mount) -> bytes:
    """Give the mount point in its shortest form, as Docker reads it.

    :raises hezi.errors.Error: INVALID for a place where nothing may be mounted.
    """
    destination = os.fsencode(entry.destination)
    if not destination.startswith(b"/") or b"\0" in destination or "\0" in entry.source:
        message = f"mount destination {entry.destination!r} is not an absolute path"
        raise _refuse(errors.INVALID, message)
    if entry.type not in _FILE_SYSTEMS:
        message = f"mounts of type {entry.type!r} are not supported"
        raise _refuse(errors.UNSUPPORTED, message)
    # Two leading slashes are kept by normpath, since POSIX lets them mean something; Linux does not.
    normal = b"/" + os.path.normpath(destination).lstrip(b"/")
    if normal == b"/":
        message = f"mount destination {entry.destination!r} is the root itself"
        raise _refuse(errors.INVALID, message)
    # Judged again by descriptor when it is resolved; said here already, since here it can be said well.
    if normal == b"/proc" and entry.type != "proc":
        message = "nothing but a procfs may be mounted on /proc"
        raise _refuse(errors.INVALID, message, "hezi writes to /proc while it starts a container")
    if normal.startswith(b"/proc/") and normal not in targets.PROC_TARGETS:
        message = f"nothing may be mounted inside /proc, as on {entry.destination}"
        raise _refuse(errors.INVALID, message, "hezi writes to /proc while it starts a container")
    if entry.type == "proc" and normal != b"/proc":
        message = f"a procfs belongs on /proc, not on {entry.destination}"
        raise _refuse(errors.UNSUPPORTED, message)
    return normal


def _bind(entry: Mount, destination: bytes, number: int, words: _Words, extra: Extra) -> Iterator[ops.Operation]:
    if words.data:
        message = f"unknown option {words.data[0][0]!r} for the bind on {entry.destination}"
        raise _refuse(errors.INVALID, message)
    if not entry.source.startswith("/"):
        message = f"source {entry.source!r} of the bind on {entry.destination} is not an absolute path"
        raise _refuse(errors.INVALID, message)
    name = f"bind {number}: {entry.source}"
    recursive = words.bind != "bind"
    if extra.below:
        below = os.fsencode(extra.below)
        yield ops_sources.OpenBelow(below, name, os.fsencode(entry.source), recursive=recursive)
    elif extra.space:
        yield ops_sources.OpenElsewhere(name, os.fsencode(entry.source), os.fsencode(extra.space))
    else:
        yield ops_mounts.OpenSource(name, os.fsencode(entry.source), recursive=recursive)
    yield from _owners(name, extra, recursive=recursive)
    # "rw" and its kin take nothing away: what is read-only on the host stays so.
    clear = words.attrs_clear & mount.MOUNT_ATTR__ATIME
    propagation = words.propagation or "rprivate"
    # "rro" is for the mounts below too, which "ro" leaves alone (OCI runtime specification 1.1, mounts).
    yield ops_mounts.AttachMount(clear, words.attrs_set, destination, name, propagation, words.recursive)


def _owners(name: str, extra: Extra, *, recursive: bool) -> Iterator[ops.Operation]:
    if extra.owners is not None and not extra.owners.identity and not extra.idmap:
        yield ops_outside.MapToContainer(name, recursive)
    if extra.idmap:
        uids, _, gids = os.fsencode(extra.idmap).partition(b";")
        yield ops_sources.MapOwners(gids.replace(b",", b"\n"), name, uids.replace(b",", b"\n"))


def _layers(entry: Mount, destination: bytes, number: int, words: _Words, extra: Extra) -> Iterator[ops.Operation]:
    """Show the layers of an image, read-only: with an upper directory two containers would spoil each other's."""
    given = dict(words.data)
    lower = given.pop("lowerdir", None)
    if given or not lower or not words.attrs_set & mount.MOUNT_ATTR_RDONLY:
        message = f"the overlay on {entry.destination} has to be read-only, of lower directories alone"
        raise _refuse(errors.UNSUPPORTED, message)
    name = f"layers {number}"
    mapped = extra.owners is not None and not extra.owners.identity
    if extra.idmap and mapped:
        message = f"idmap of the image on {entry.destination}: its layers are mapped by the user namespace already"
        raise _refuse(errors.UNSUPPORTED, message)
    owner = extra.owners.root if mapped and extra.owners is not None else None
    yield ops_sources.OpenLayers(os.fsencode(extra.below), tuple(lower.split(b":")), name, owner)
    yield from _owners(name, extra._replace(owners=None), recursive=False)
    yield ops_mounts.AttachMount(0, words.attrs_set, destination, name, words.propagation or "rprivate", False)


def _dev(entry: Mount, words: _Words, nodes: list[ops_devices.Node], owners: Owners | None) -> Iterator[ops.Operation]:
    if owners is not None:
        yield from _dev_of(entry, words, nodes, owners)
        return
    yield ops_devices.NewDev(words.attrs_set, (("source", os.fsencode(entry.source or "tmpfs")), *words.data))
    inside = tuple((path[len(b"/dev/") :], *rest) for path, *rest in nodes if path.startswith(b"/dev/"))
    nodes[:] = [node for node in nodes if not node[0].startswith(b"/dev/")]
    if inside:
        yield ops_devices.MakeNodes(inside)  # type: ignore[arg-type]  # mypy gives up on star-unpacking fixed tuples
    yield ops_devices.MakeLinks(b"", _LINKS)
    yield ops_mounts.AttachMount(0, 0, b"/dev", ops_devices.DEV, "", recursive=False)


def _dev_of(entry: Mount, words: _Words, nodes: list[ops_devices.Node], owners: Owners) -> Iterator[ops.Operation]:
    """Make it outside, for a user namespace; an owner of the host's who has no number inside becomes root."""
    options = (("source", os.fsencode(entry.source or "tmpfs")), *words.data)
    inside = tuple(
        (path[len(b"/dev/") :], kind, mode, major, minor, owners.outer_uid(uid), owners.outer_gid(gid))
        for path, kind, mode, major, minor, uid, gid in nodes
        if path.startswith(b"/dev/")
    )
    nodes[:] = [node for node in nodes if not node[0].startswith(b"/dev/")]
    yield ops_outside.MakeDev(words.attrs_set, _LINKS, inside, options, owners.root)
    yield ops_mounts.AttachMount(0, 0, b"/dev", ops_devices.DEV, "", recursive=False)


def _node(device: Device) -> ops_devices.Node:
    path = os.fsencode(device.path)
    if device.type not in {"c", "b", "p", "u"} or os.path.normpath(path) != path or not path.startswith(b"/"):
        message = f"malformed device {device.path!r} of type {device.type!r}"
        raise _refuse(errors.INVALID, message)
    return path, device.type, device.mode & 0o7777, device.major, device.minor, device.uid, device.gid


def _cgroup(destination: bytes, words: _Words, spec: Spec, hierarchies: tuple[Shown, ...]) -> Iterator[ops.Operation]:
    """Show the container its cgroups: with a namespace of its own new mounts, which the kernel roots in it."""
    private = any(space.type == "cgroup" and space.path is None for space in spec.linux.namespaces)
    if len(hierarchies) == 1 and not hierarchies[0].name:
        if private:
            yield ops_mounts.MountFilesystem(words.attrs_set, destination, "cgroup2", "", (("source", b"cgroup"),))
        else:
            # Mounted anew outside of a cgroup namespace it would lose its options for the whole host: nsdelegate, by
            # which containers are kept from lifting their limits (cgroup_get_tree in kernel/cgroup/cgroup.c).
            yield ops_mounts.OpenSource("cgroup top", os.fsencode(hierarchies[0].top), recursive=False)
            yield ops_mounts.AttachMount(0, words.attrs_set, destination, "cgroup top", "rprivate", recursive=False)
        return
    attrs = words.attrs_set & ~mount.MOUNT_ATTR_RDONLY
    data = (("source", b"tmpfs"), ("mode", b"0755"))
    yield ops_mounts.MountFilesystem(attrs, destination, "tmpfs", "", data)
    links = []
    for hierarchy in hierarchies:
        name = os.fsencode(hierarchy.name)
        target = destination + b"/" + name
        if private:
            given = ((key, None if value is None else os.fsencode(value)) for key, value in hierarchy.options)
            own = (("source", b"cgroup"), *given)
            yield ops_mounts.MountFilesystem(words.attrs_set, target, hierarchy.fstype, "", own)
        else:
            source = f"cgroup {hierarchy.name}"
            yield ops_mounts.OpenSource(source, os.fsencode(hierarchy.path), recursive=False)
            yield ops_mounts.AttachMount(0, words.attrs_set, target, source, "rprivate", recursive=False)
        if b"," in name:
            links += [(part, name) for part in name.split(b",")]
    if links:
        yield ops_devices.MakeLinks(destination, tuple(links))
    if words.attrs_set & mount.MOUNT_ATTR_RDONLY:
        yield ops_mounts.SetMountAttributes(mount.MOUNT_ATTR_RDONLY, destination)
