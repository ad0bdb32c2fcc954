"""``-v``, ``--tmpfs`` and ``--volumes-from``: text to :class:`MountAsk`, with docker's rules and docker's words.

Pure: nothing is opened or made here; whether a source exists is looked at when the mounts are prepared.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import parse_idmap
from hezi.volume.names import check_name

# The last two are not docker's.
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")

# What --tmpfs takes (moby pkg/mount): "bind", "remount" and the propagation words of its list would turn the mount into
# something else than a tmpfs of its own and are left out.
_TMPFS_FLAGS = frozenset(
    {
        *("ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "mand", "nomand"),
        *("atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"),
        "defaults",
    }
)
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"})
# What reaches the mounts below a recursive bind that is read-only.
ALL_IF_POSSIBLE, TOP_ONLY, ALL = "", "top", "all"


class MountAsk(NamedTuple):
    """A mount that the user or the image asked for.

    :ivar type: ``bind``, ``volume``, ``tmpfs`` or ``image``.
    :ivar source: absolute host path, volume name, image, or empty for an anonymous volume.
    :ivar make_source: a missing host directory is made (``-v``), or is an error (``--mount``).
    :ivar copy: a new volume is filled from the image's directory.
    :ivar recursive: mounts below a bind's source come along.
    :ivar options: of a tmpfs.
    :ivar origin: the option it came from, for ``--plan``.
    :ivar mode: what followed the second colon of ``-v``, for inspect.
    :ivar subpath: of a volume or image: what in it is mounted.
    :ivar readonly_below: how far read-only reaches below a recursive bind: one of ALL_IF_POSSIBLE, TOP_ONLY, ALL.
    :ivar driver_options: what a new volume is made of.
    :ivar idmap: how owners are shown: :func:`hezi.engine.parse_idmap.parse_idmap`'s text, empty for as they are.
    :ivar anonymous: a volume with a name that nobody chose: one of another container's.
    """

    type: str
    source: str
    destination: str
    readonly: bool = False
    propagation: str = ""
    make_source: bool = False
    copy: bool = True
    recursive: bool = True
    options: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    origin: str = "-v"
    mode: str = ""
    subpath: str = ""
    readonly_below: str = ALL_IF_POSSIBLE
    driver_options: tuple[tuple[str, str], ...] = ()
    idmap: str = ""
    anonymous: bool = False


class Words(NamedTuple):
    """The words after the second colon of ``-v``."""

    readonly: bool
    propagation: str
    nocopy: bool
    idmap: str


def clean_destination(kind: str, path: str) -> str:
    """Return the destination without ``.``, ``..``, doubled and trailing slashes (as path.Clean of Go).

    :raises errors.Error: it is relative, or the root.
    """
    if not path.startswith("/"):
        raise errors.Error(
            errors.INVALID,
            f"invalid mount config for type \"{kind}\": invalid mount path: '{path}' mount path must be absolute",
        )
    if "\0" in path:
        raise errors.Error(errors.INVALID, f'invalid mount config for type "{kind}": the mount path holds a NUL byte')
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    if not parts:
        raise errors.Error(
            errors.INVALID, f"invalid mount config for type \"{kind}\": invalid specification: destination can't be '/'"
        )
    return "/" + "/".join(parts)


def parse_volume(text: str, cwd: str) -> MountAsk:
    """Read ``-v [SOURCE:]DESTINATION[:OPTIONS]``.

    :param cwd: directory that a relative source (``./data:/data``) is below.
    """
    parts = sections(text)
    try:
        if len(parts) == 1:
            return MountAsk("volume", "", clean_destination("volume", parts[0]))
        source, destination = parts[0], parts[1]
        words = parts[2].split(",") if len(parts) == 3 else []
        if source in {".", ".."} or source.startswith(("./", "../", "/")):
            return _volume_bind(text, _host_path(source, cwd), destination, words)
        check_name(source)
        return _volume_named(source, destination, words, text)
    except errors.Error as error:
        if error.message.startswith("invalid mount config"):
            raise errors.Error(errors.INVALID, f"invalid volume specification: '{text}': {error.message}") from None
        raise


def sections(text: str) -> list[str]:
    """Split ``-v`` at its colons.

    :raises errors.Error: it has not one to three sections.
    """
    if not text:
        raise errors.Error(errors.INVALID, "invalid empty volume spec")
    parts = text.split(":")
    if len(parts) > 3:
        raise errors.Error(errors.INVALID, f"invalid spec: {text}: too many colons")
    if "" in parts:
        raise errors.Error(errors.INVALID, f"invalid spec: {text}: empty section between colons")
    return parts


def _host_path(source: str, cwd: str) -> str:
    if "\0" in source:
        raise errors.Error(errors.INVALID, "a mount source cannot hold a NUL byte")
    return source if source.startswith("/") else f"{cwd}/{source}"


def _volume_bind(text: str, source: str, destination: str, words: list[str]) -> MountAsk:
    read = _words(words, text)
    if read.nocopy:
        raise errors.Error(
            errors.INVALID, 'invalid mount config for type "bind": field VolumeOptions must not be specified'
        )
    target = clean_destination("bind", destination)
    return MountAsk(
        "bind",
        source,
        target,
        read.readonly,
        read.propagation,
        make_source=True,
        mode=",".join(words),
        idmap=read.idmap,
    )


def _volume_named(source: str, destination: str, words: list[str], text: str) -> MountAsk:
    read = _words(words, text)
    if read.propagation:
        raise errors.Error(
            errors.INVALID, 'invalid mount config for type "volume": field BindOptions must not be specified'
        )
    target = clean_destination("volume", destination)
    # As docker shows it: a named volume is one that several may share.
    mode = ",".join(words) or "z"
    return MountAsk("volume", source, target, read.readonly, copy=not read.nocopy, mode=mode, idmap=read.idmap)


def _words(words: list[str], text: str) -> Words:
    """Sort the words after the second colon: each group may be given once."""
    groups: dict[str, str] = {}
    for word in words:
        if word in {"ro", "rw"}:
            group = "mode"
        elif word in PROPAGATIONS:
            group = "propagation"
        elif word in {"z", "Z"}:
            # SELinux labels: nothing to do on a kernel without SELinux; the engine refuses it on one with it.
            group = "label"
        elif word == "nocopy":
            group = "copy"
        elif word in {"consistent", "cached", "delegated"}:
            group = "consistency"
        elif word == "idmap" or word.startswith("idmap="):
            group = "idmap"
        else:
            raise errors.Error(errors.INVALID, f"invalid mode: {text.split(':', 2)[2]}")
        if group in groups:
            raise errors.Error(errors.INVALID, f"invalid mode: {text.split(':', 2)[2]}")
        groups[group] = word
    idmap = parse_idmap.parse_idmap(groups["idmap"].partition("=")[2]) if "idmap" in groups else ""
    return Words(groups.get("mode") == "ro", groups.get("propagation", ""), "copy" in groups, idmap)


def dump(ask: MountAsk) -> str:
    """Return a mount as text that :func:`load` reads: what is kept of a mount that was another container's."""
    import json

    pairs = zip(MountAsk._fields, ask, strict=True)
    return json.dumps({name: value for name, value in pairs if value != MountAsk._field_defaults.get(name)})


def load(text: str) -> MountAsk:
    """Return the mount that :func:`dump` wrote; fields of another version are left out."""
    import json

    found = {name: value for name, value in json.loads(text).items() if name in MountAsk._fields}
    for name in ("labels", "driver_options"):
        if name in found:
            found[name] = tuple((key, value) for key, value in found[name])
    if "options" in found:
        found["options"] = tuple(found["options"])
    return MountAsk(**found)


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """Read ``--volumes-from CONTAINER[:ro|rw]`` to the container and whether all is to be read-only."""
    if not text:
        raise errors.Error(errors.INVALID, "volumes-from specification cannot be an empty string")
    name, _, mode = text.partition(":")
    words = mode.split(",") if mode else ["rw"]
    # Docker takes the label words; what they change is a matter of the container they came from.
    groups = ["mode" if word in {"ro", "rw"} else "label" if word in {"z", "Z"} else "" for word in words]
    if "" in groups or len(set(groups)) < len(groups):
        raise errors.Error(errors.INVALID, f"invalid mode: {mode}")
    if not name:
        raise errors.Error(errors.INVALID, 'invalid name or ID supplied: ""')
    return name, "ro" in words


def parse_tmpfs(text: str) -> MountAsk:
    """Read ``--tmpfs DESTINATION[:OPTIONS]``."""
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise errors.Error(errors.INVALID, f"invalid mount path: '{path}' mount path must be absolute")
    words = [word for word in options.split(",") if word]
    for word in words:
        key, equals, _ = word.partition("=")
        if key not in (_TMPFS_VALUES if equals else _TMPFS_FLAGS):
            shown = " ".join(f'"{part}"' for part in word.split("=", 1))
            raise errors.Error(errors.INVALID, f"invalid tmpfs option [{shown}]")
    return MountAsk("tmpfs", "", clean_destination("tmpfs", path), options=tuple(words), origin="--tmpfs")
