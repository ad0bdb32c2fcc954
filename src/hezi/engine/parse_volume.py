"""``-v``, ``--mount`` and ``--tmpfs``: text to :class:`MountAsk`, with docker's rules and docker's words.

Pure: nothing is opened or made here; whether a source exists is looked at when the mounts are prepared.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi._util.size import parse_bytes
from hezi.volume.names import check_name

PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")

# What --tmpfs takes (moby pkg/mount): "bind", "remount" and the propagation words of its list would turn the mount into
# something else than a tmpfs of its own and are left out.
_TMPFS_FLAGS = frozenset(
    {
        *("ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "mand", "nomand"),
        *("atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"),
    }
)
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"})
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class MountAsk(NamedTuple):
    """A mount that the user or the image asked for.

    :ivar type: ``bind``, ``volume`` or ``tmpfs``.
    :ivar source: absolute host path, volume name, or empty for an anonymous volume.
    :ivar make_source: a missing host directory is made (``-v``), or is an error (``--mount``).
    :ivar copy: a new volume is filled from the image's directory.
    :ivar recursive: mounts below a bind's source come along.
    :ivar options: of a tmpfs.
    :ivar origin: the option it came from, for ``--plan``.
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
    if not text:
        raise errors.Error(errors.INVALID, "invalid empty volume spec")
    parts = text.split(":")
    if len(parts) > 3:
        raise errors.Error(errors.INVALID, f"invalid spec: {text}: too many colons")
    if "" in parts:
        raise errors.Error(errors.INVALID, f"invalid spec: {text}: empty section between colons")
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


def _host_path(source: str, cwd: str) -> str:
    if "\0" in source:
        raise errors.Error(errors.INVALID, "a mount source cannot hold a NUL byte")
    return source if source.startswith("/") else f"{cwd}/{source}"


def _volume_bind(text: str, source: str, destination: str, words: list[str]) -> MountAsk:
    mode, propagation, _ = _modes(words, text)
    if "nocopy" in words:
        raise errors.Error(
            errors.INVALID, 'invalid mount config for type "bind": field VolumeOptions must not be specified'
        )
    target = clean_destination("bind", destination)
    return MountAsk("bind", source, target, mode == "ro", propagation, make_source=True)


def _volume_named(source: str, destination: str, words: list[str], text: str) -> MountAsk:
    mode, propagation, nocopy = _modes(words, text)
    if propagation:
        raise errors.Error(
            errors.INVALID, 'invalid mount config for type "volume": field BindOptions must not be specified'
        )
    return MountAsk("volume", source, clean_destination("volume", destination), mode == "ro", copy=not nocopy)


def _modes(words: list[str], text: str) -> tuple[str, str, bool]:
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
        else:
            raise errors.Error(errors.INVALID, f"invalid mode: {text.split(':', 2)[2]}")
        if group in groups:
            raise errors.Error(errors.INVALID, f"invalid mode: {text.split(':', 2)[2]}")
        groups[group] = word
    return groups.get("mode", "rw"), groups.get("propagation", ""), "copy" in groups


def parse_mount(text: str, cwd: str = "/") -> MountAsk:
    """Read ``--mount type=...,source=...,target=...``.

    :param cwd: directory that a source of ``.`` or ``./...`` means, as with docker.
    """
    try:
        return _mount(_fields(text), cwd)
    except errors.Error as error:
        if error.kind != errors.INVALID or error.message.startswith(("invalid mount config", "create ")):
            raise
        raise errors.Error(errors.INVALID, f'invalid argument "{text}" for "--mount" flag: {error.message}') from None


# option -> the mount type it belongs to
_TYPED = {
    "bind-propagation": "bind",
    "bind-nonrecursive": "bind",
    "bind-recursive": "bind",
    "volume-nocopy": "volume",
    "volume-label": "volume",
    "volume-driver": "volume",
    "volume-opt": "volume",
    "volume-subpath": "volume",
    "image-subpath": "image",
    "tmpfs-size": "tmpfs",
    "tmpfs-mode": "tmpfs",
}
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_BARE = frozenset(("readonly", "volume-nocopy", "bind-nonrecursive"))


def _mount(fields: list[str], cwd: str) -> MountAsk:
    values: dict[str, str] = {}
    labels: list[tuple[str, str]] = []
    for field in fields:
        key, equals, value = field.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if not equals:
            if key not in _BARE:
                raise errors.Error(errors.INVALID, f"invalid field '{field}' must be a key=value pair")
            value = "true"
        if key not in _TYPED and key not in {"type", "source", "target", "readonly", "consistency"}:
            raise errors.Error(errors.INVALID, f"unexpected key '{key}' in '{field}'")
        if key == "volume-label":
            name, _, content = value.partition("=")
            labels.append((name, content))
        if key == "source" and (value == "." or value.startswith("./")):
            value = _host_path(value, cwd)
        values[key] = value
    kind = values.get("type", "volume").lower()
    _check_mount_keys(kind, values)
    return _mount_of(kind, values, tuple(labels))


def _check_mount_keys(kind: str, values: dict[str, str]) -> None:
    if "target" not in values:
        raise errors.Error(errors.INVALID, "target is required")
    if kind in {"image", "cluster", "npipe"}:
        raise errors.Error(errors.UNSUPPORTED, f"mount type {kind} is not built in hezi")
    if kind not in {"bind", "volume", "tmpfs"}:
        raise errors.Error(errors.INVALID, f'invalid mount config for type "{kind}": mount type unknown')
    for key in values:
        if key in _TYPED and _TYPED[key] != kind:
            raise errors.Error(errors.INVALID, f"cannot mix '{_TYPED[key]}-*' options with mount type '{kind}'")
    for key in ("volume-driver", "volume-opt", "volume-subpath"):
        if key in values and (key, values[key]) != ("volume-driver", "local"):
            raise errors.Error(errors.UNSUPPORTED, f"{key} comes with the volumes of a later release")


def _mount_of(kind: str, values: dict[str, str], labels: tuple[tuple[str, str], ...]) -> MountAsk:
    source = values.get("source", "")
    readonly = _boolean("readonly", values.get("readonly", "false"))
    if kind == "tmpfs":
        if source:
            raise errors.Error(
                errors.INVALID, 'invalid mount config for type "tmpfs": field Source must not be specified'
            )
        target = clean_destination(kind, values["target"])
        return MountAsk(kind, "", target, readonly, options=_tmpfs_values(values), origin="--mount")
    if kind == "volume":
        if source:
            check_name(source)
        target = clean_destination(kind, values["target"])
        copy = not _boolean("volume-nocopy", values.get("volume-nocopy", "false"))
        return MountAsk(kind, source, target, readonly, copy=copy, labels=labels, origin="--mount")
    if not source:
        raise errors.Error(errors.INVALID, 'invalid mount config for type "bind": field Source must not be empty')
    if not source.startswith("/") or "\0" in source:
        raise errors.Error(
            errors.INVALID,
            f"invalid mount config for type \"bind\": invalid mount path: '{source}' mount path must be absolute",
        )
    propagation = values.get("bind-propagation", "")
    if propagation and propagation not in PROPAGATIONS:
        raise errors.Error(
            errors.INVALID, f'invalid mount config for type "bind": invalid propagation mode: {propagation}'
        )
    recursive = not _boolean("bind-nonrecursive", values.get("bind-nonrecursive", "false"))
    mode = values.get("bind-recursive", "enabled")
    if mode == "disabled":
        recursive = False
    elif mode in {"writable", "readonly"}:
        raise errors.Error(errors.UNSUPPORTED, f"bind-recursive={mode} comes with the volumes of a later release")
    elif mode != "enabled":
        raise errors.Error(errors.INVALID, f"invalid value for bind-recursive: {mode}")
    target = clean_destination(kind, values["target"])
    return MountAsk(kind, source, target, readonly, propagation, recursive=recursive, origin="--mount")


def _tmpfs_values(values: dict[str, str]) -> tuple[str, ...]:
    options = []
    if "tmpfs-size" in values:
        try:
            options.append(f"size={parse_bytes(values['tmpfs-size'])}")
        except ValueError:
            raise errors.Error(errors.INVALID, f"invalid value for tmpfs-size: {values['tmpfs-size']}") from None
    if "tmpfs-mode" in values:
        mode = values["tmpfs-mode"]
        if not mode or not set(mode) <= set("01234567") or int(mode, 8) > 0o7777:
            raise errors.Error(errors.INVALID, f"invalid value for tmpfs-mode: {mode}")
        options.append(f"mode={mode}")
    return tuple(options)


def _boolean(key: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise errors.Error(errors.INVALID, f"invalid value for {key}: {value}")


def _fields(text: str) -> list[str]:
    """Split one CSV record: commas separate, a field that starts with a quote runs to the closing one."""
    fields: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            field, rest = _quoted(rest, text)
            if rest and not rest.startswith(","):
                raise errors.Error(errors.INVALID, f"invalid quoting in '{text}'")
            separator, rest = rest[:1], rest[1:]
        else:
            field, separator, rest = rest.partition(",")
            if '"' in field:
                raise errors.Error(errors.INVALID, f"invalid quoting in '{text}'")
        fields.append(field)
        if not separator:
            return fields


def _quoted(rest: str, text: str) -> tuple[str, str]:
    field = ""
    rest = rest[1:]
    while True:
        part, quote, rest = rest.partition('"')
        field += part
        if not quote:
            raise errors.Error(errors.INVALID, f"invalid quoting in '{text}'")
        if not rest.startswith('"'):
            return field, rest
        field += '"'
        rest = rest[1:]


def parse_tmpfs(text: str) -> MountAsk:
    """Read ``--tmpfs DESTINATION[:OPTIONS]``."""
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise errors.Error(errors.INVALID, f"invalid mount path: '{path}' mount path must be absolute")
    words = [word for word in options.split(",") if word]
    for word in words:
        key, equals, _ = word.partition("=")
        if key not in (_TMPFS_VALUES if equals else _TMPFS_FLAGS):
            raise errors.Error(errors.INVALID, f'invalid tmpfs option ["{word}"]')
    return MountAsk("tmpfs", "", clean_destination("tmpfs", path), options=tuple(words), origin="--tmpfs")
