"""``--mount type=...,source=...,target=...``: text to :class:`~hezi.engine.parse_volume.MountAsk`, in docker's words.

Docker's keys, and ``idmap``, which is podman's.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.size import parse_bytes
from hezi.engine import parse_idmap, parse_volume
from hezi.engine.parse_volume import MountAsk, clean_destination
from hezi.volume.names import check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

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
_PLAIN = frozenset(("type", "source", "target", "readonly", "consistency", "idmap"))
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_BARE = {"readonly": "true", "volume-nocopy": "true", "bind-nonrecursive": "true", "idmap": ""}
_RECURSIVE = ("enabled", "disabled", "writable", "readonly")
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class _Values:
    """The fields of one ``--mount``."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.options: dict[str, str] = {}

    def get(self, name: str, default: str = "") -> str:
        return self.given.get(name, default)

    def flag(self, name: str) -> bool:
        return _boolean(name, self.given.get(name, "false"))


def parse_mount(text: str, cwd: str = "/") -> MountAsk:
    """Read one ``--mount``.

    :param cwd: directory that a source of ``.`` or ``./...`` means, as with docker.
    """
    kind, values = _understood(text, cwd)
    made = {"tmpfs": _tmpfs, "volume": _volume, "bind": _bind, "image": _image}
    if kind == "cluster":
        raise errors.Error(errors.UNSUPPORTED, f"mount type {kind} is refused: hezi is no swarm")
    if kind not in made:
        raise errors.Error(errors.INVALID, f'invalid mount config for type "{kind}": mount type unknown')
    ask = made[kind](kind, values)
    if "idmap" not in values.given:
        return ask
    if kind == "tmpfs":
        raise errors.Error(errors.INVALID, 'invalid mount config for type "tmpfs": idmap is for files that are there')
    return ask._replace(idmap=parse_idmap.parse_idmap(values.get("idmap")))


def check_form(text: str) -> None:
    """Look at the fields of one ``--mount`` alone.

    :raises errors.Error: a field is unknown, wrong or missing, or is another type's.
    """
    _understood(text, "/")


def said(text: str) -> tuple[str, dict[str, str], dict[str, str], dict[str, str]]:
    """Return the type, the fields by their long names, labels and options of the driver; for inspect."""
    kind, values = _understood(text, "/")
    return kind, values.given, values.labels, values.options


def is_true(value: str) -> bool:
    """Read a switch among the fields, which was checked before."""
    return value in _TRUE


def _understood(text: str, cwd: str) -> tuple[str, _Values]:
    try:
        values = _read(fields(text), cwd)
        return _kind(values), values
    except errors.Error as error:
        if error.kind != errors.INVALID:
            raise
        raise errors.Error(errors.INVALID, f'invalid argument "{text}" for "--mount" flag: {error.message}') from None


def _read(parts: list[str], cwd: str) -> _Values:
    """Take the fields apart, each checked as far as docker's command line does it, in their order."""
    values = _Values()
    for field in parts:
        key, equals, value = field.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if not equals:
            if key not in _BARE:
                _wrong(f"invalid field '{field}' must be a key=value pair")
            value = _BARE[key]
        if key not in _TYPED and key not in _PLAIN:
            _wrong(f"unexpected key '{key}' in '{field}'")
        if key in {"volume-label", "volume-opt"}:
            name, _, content = value.partition("=")
            if name:
                (values.labels if key == "volume-label" else values.options)[name] = content
        if key == "source" and (value == "." or value.startswith("./")):
            value = f"{cwd}/{value}"
        values.given[key] = _checked(key, value)
    return values


def _checked(key: str, value: str) -> str:
    if key in {"readonly", "volume-nocopy", "bind-nonrecursive"}:
        _boolean(key, value)
    elif key == "bind-recursive":
        if value not in _RECURSIVE:
            _wrong(f'invalid value for {key}: {value} (must be "enabled", "disabled", "writable", or "readonly")')
    elif key in {"type", "bind-propagation"}:
        return value.lower()
    elif key == "tmpfs-size":
        try:
            return str(parse_bytes(value))
        except ValueError:
            _wrong(f"invalid value for tmpfs-size: {value}")
    elif key == "tmpfs-mode" and (not value or not set(value) <= set("01234567") or int(value, 8) >= 2**32):
        _wrong(f"invalid value for tmpfs-mode: {value}")
    return value


def _kind(values: _Values) -> str:
    """Return the type of the mount; what does not go with it is refused, as docker's command line does it."""
    kind = values.get("type", "volume")
    if not kind:
        _wrong("type is required")
    if not values.get("target"):
        _wrong("target is required")
    for group in ("volume", "image", "bind", "tmpfs"):
        if kind != group and any(_TYPED.get(key) == group for key in values.given):
            _wrong(f"cannot mix '{group}-*' options with mount type '{kind}'")
    recursive = values.get("bind-recursive")
    if recursive in {"writable", "readonly"} and not values.flag("readonly"):
        _wrong(f"option 'bind-recursive={recursive}' requires 'readonly' to be specified in conjunction")
    if recursive == "readonly" and values.get("bind-propagation") != "rprivate":
        _wrong("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
    return kind


def _tmpfs(kind: str, values: _Values) -> MountAsk:
    if values.get("source"):
        _bad(kind, "field Source must not be specified")
    target = clean_destination(kind, values.get("target"))
    options = [f"size={values.get('tmpfs-size')}"] if values.get("tmpfs-size", "0") != "0" else []
    if "tmpfs-mode" in values.given:
        options.append(f"mode={int(values.get('tmpfs-mode'), 8) & 0o7777:o}")
    return MountAsk(kind, "", target, values.flag("readonly"), options=tuple(options), origin="--mount")


def _volume(kind: str, values: _Values) -> MountAsk:
    source, driver = values.get("source"), values.get("volume-driver")
    if source:
        check_name(source)
    if driver not in {"", "local"}:
        raise no_driver(source, driver)
    subpath = values.get("volume-subpath")
    return MountAsk(
        kind,
        source,
        clean_destination(kind, values.get("target")),
        values.flag("readonly"),
        copy=not values.flag("volume-nocopy") and not subpath,
        labels=tuple(values.labels.items()),
        origin="--mount",
        subpath=_subpath(kind, subpath),
        driver_options=tuple(values.options.items()),
    )


def no_driver(volume: str, driver: str) -> errors.Error:
    """Return docker's complaint about a driver that is not there; hezi has no plugins."""
    text = f'create {volume}: error looking up volume plugin {driver}: plugin "{driver}" not found'
    return errors.Error(errors.NOT_FOUND, text, hint="hezi has no plugins; the driver is local")


def _subpath(kind: str, path: str) -> str:
    """Check a path inside of a volume or an image; links in it are judged when it is opened."""
    if path.startswith("/") or "\0" in path or not _stays_inside(path):
        _bad(kind, f"subpath must be a relative path within the {kind}")
    return path


def _stays_inside(path: str) -> bool:
    depth = 0
    for part in path.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return False
    return True


def _image(kind: str, values: _Values) -> MountAsk:
    source = values.get("source")
    if not source:
        _bad(kind, "field Source must not be empty")
    target = clean_destination(kind, values.get("target"))
    # Of several containers' shared layers nobody can be let write to.
    subpath = _subpath(kind, values.get("image-subpath"))
    return MountAsk(kind, source, target, readonly=True, copy=False, origin="--mount", subpath=subpath)


def _bind(kind: str, values: _Values) -> MountAsk:
    source = values.get("source")
    if not source:
        _bad(kind, "field Source must not be empty")
    if not source.startswith("/") or "\0" in source:
        _bad(kind, f"invalid mount path: '{source}' mount path must be absolute")
    propagation = values.get("bind-propagation")
    if propagation and propagation not in parse_volume.PROPAGATIONS:
        _bad(kind, f"invalid propagation mode: {propagation}")
    recursive = values.get("bind-recursive", "enabled")
    below = {"writable": parse_volume.TOP_ONLY, "readonly": parse_volume.ALL}
    return MountAsk(
        kind,
        source,
        clean_destination(kind, values.get("target")),
        values.flag("readonly"),
        propagation,
        recursive=not values.flag("bind-nonrecursive") and recursive != "disabled",
        origin="--mount",
        readonly_below=below.get(recursive, parse_volume.ALL_IF_POSSIBLE),
    )


def _boolean(key: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    return _wrong(f"invalid value for {key}: {value}")


def _wrong(message: str) -> NoReturn:
    raise errors.Error(errors.INVALID, message)


def _bad(kind: str, message: str) -> NoReturn:
    raise errors.Error(errors.INVALID, f'invalid mount config for type "{kind}": {message}')


def fields(text: str) -> list[str]:
    """Split one CSV record: commas separate, a field that starts with a quote runs to the closing one.

    :raises errors.Error: the quotation marks are not where they belong.
    """
    found: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            field, rest = _quoted(rest, text)
            if rest and not rest.startswith(","):
                _wrong(f"invalid quoting in '{text}'")
            separator, rest = rest[:1], rest[1:]
        else:
            field, separator, rest = rest.partition(",")
            if '"' in field:
                _wrong(f"invalid quoting in '{text}'")
        found.append(field)
        if not separator:
            return found


def _quoted(rest: str, text: str) -> tuple[str, str]:
    field = ""
    rest = rest[1:]
    while True:
        part, quote, rest = rest.partition('"')
        field += part
        if not quote:
            _wrong(f"invalid quoting in '{text}'")
        if not rest.startswith('"'):
            return field, rest
        field += '"'
        rest = rest[1:]


def joined(parts: list[str]) -> str:
    """Return the record of these fields; the opposite of :func:`fields`."""
    return ",".join('"' + part.replace('"', '""') + '"' if set(part) & set(',"\n') else part for part in parts)
