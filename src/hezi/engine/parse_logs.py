"""``--log-driver`` and ``--log-opt``: text to :class:`~hezi.runtime.monitor_start.LogConfig`, in docker's words.

Two steps, since a container's name and image are known later than its options::

    ask = parse_logs(request.log_driver, request.log_opt)         # all mistakes are found here, before anything is made
    log_config(ask, path, About(...))                             # when it starts

Docker looks at most values only when the container starts; here a wrong one is refused with the same text before it is
made. Where nothing is said the log is bounded: 10 MB in each of 3 files (json-file), 20 MB in each of 5 (local).
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi._util.size import parse_bytes
from hezi.runtime.monitor_start import LogConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_COMMON = ("mode", "max-buffer-size")
_EXTRA = ("env", "env-regex", "labels", "labels-regex", "tag")
_KEYS = {
    "json-file": (*_COMMON, *_EXTRA, "max-size", "max-file", "compress"),
    "local": (*_COMMON, "max-size", "max-file", "compress"),
    "journald": (*_COMMON, *_EXTRA),
    "none": (),
}
_NOT_BUILT = ("awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "logentries", "splunk", "syslog")
_LOCAL_SIZE, _LOCAL_FILES = 20 << 20, 5
_INIT = "failed to initialize logging driver"
_DEFAULT_TAG = "{{.ID}}"
_BUFFER_NOTICE = (
    "--log-opt max-buffer-size has no effect: hezi writes to the log at once, and drops what a log does not take"
)


class LogAsk(NamedTuple):
    """What was asked for, checked.

    :ivar options: as given, for inspect.
    :ivar tag: template, empty for the driver's own.
    :ivar labels: names of labels that go along with each record; ``env`` alike.
    :ivar labels_regex: a pattern of such names, or empty; ``env_regex`` alike.
    :ivar notice: to be told to the user, or empty.
    """

    driver: str = "json-file"
    options: tuple[tuple[str, str], ...] = ()
    max_size: int = LogConfig().max_size
    max_file: int = LogConfig().max_file
    compress: bool = False
    tag: str = ""
    labels: tuple[str, ...] = ()
    labels_regex: str = ""
    env: tuple[str, ...] = ()
    env_regex: str = ""
    notice: str = ""


class About(NamedTuple):
    """What tags and attributes may say of a container.

    :ivar image_id: with ``sha256:``.
    :ivar args: the program as it is executed.
    :ivar env: ``NAME=value``, of the container.
    """

    id: str
    name: str
    image_id: str
    image_name: str
    args: tuple[str, ...]
    labels: Mapping[str, str]
    env: tuple[str, ...]


def parse_logs(driver: str | None, options: Iterable[str]) -> LogAsk:
    """Check ``--log-driver`` and the ``--log-opt KEY=VALUE``.

    :raises errors.Error: docker's texts; UNSUPPORTED for docker's drivers that hezi does not have.
    """
    driver = driver or "json-file"
    values = dict(text.partition("=")[::2] for text in options)
    if driver == "none" and values:
        raise errors.Error(errors.INVALID, "invalid logging opts for driver none")
    if driver in _NOT_BUILT:
        hint = "json-file, local, journald and none are"
        raise errors.Error(errors.UNSUPPORTED, f"log driver {driver} is not built in hezi", hint=hint)
    _check_mode(values)
    if driver not in _KEYS:
        text = f'error looking up logging plugin {driver}: plugin "{driver}" not found'
        raise errors.Error(errors.NOT_FOUND, text)
    for key in values:
        if key not in _KEYS[driver]:
            place = "for log driver local" if driver == "local" else f"for {driver} log driver"
            raise errors.Error(errors.INVALID, f"unknown log opt '{key}' {place}")
    ask = LogAsk(driver, tuple(values.items()), notice=_BUFFER_NOTICE if "max-buffer-size" in values else "")
    ask = _extra(ask, values)
    if driver == "local":
        return _local_bounds(ask, values)
    return _json_bounds(ask, values) if driver == "json-file" else ask


def _check_mode(values: Mapping[str, str]) -> None:
    """Both modes are the same here: the writer never waits for a reader."""
    mode = values.get("mode", "")
    if mode not in {"", "blocking", "non-blocking"}:
        raise errors.Error(errors.INVALID, f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in values:
        if mode != "non-blocking":
            text = "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
            raise errors.Error(errors.INVALID, text)
        _size(values["max-buffer-size"], "error parsing option max-buffer-size", 1024)


def _json_bounds(ask: LogAsk, values: Mapping[str, str]) -> LogAsk:
    max_size, max_file = _bounds(values, ask.max_size, ask.max_file)
    if "max-size" in values and values["max-size"] != "-1":
        max_size = _size(values["max-size"], _INIT, 1000)
        if not max_size:
            raise errors.Error(errors.INVALID, f"{_INIT}: max-size must be a positive number")
    if max_file < 1:
        raise errors.Error(errors.INVALID, f"{_INIT}: max-file cannot be less than 1")
    compress = _boolean(values.get("compress", "false"), _INIT)
    if compress and (max_file == 1 or not max_size):
        text = f"{_INIT}: compress cannot be true when max-file is less than 2 or max-size is not set"
        raise errors.Error(errors.INVALID, text)
    return ask._replace(max_size=max_size, max_file=max_file, compress=compress)


def _local_bounds(ask: LogAsk, values: Mapping[str, str]) -> LogAsk:
    max_size, max_file = _bounds(values, _LOCAL_SIZE, _LOCAL_FILES)
    if "max-size" in values and values["max-size"] != "-1":
        text = values["max-size"]
        max_size = _size(text, f"{_INIT}: invalid value for max-size: {text}", 1024)
    compress = _boolean(values.get("compress", "true"), f"{_INIT}: error reading compress log option")
    if compress and max_file < 2:
        raise errors.Error(errors.INVALID, f"{_INIT}: compression cannot be enabled when max file count is 1")
    if max_file < 1:
        raise errors.Error(errors.INVALID, f"{_INIT}: max file count cannot be less than 1")
    return ask._replace(max_size=max_size, max_file=max_file, compress=compress and max_size > 0)


def _bounds(values: Mapping[str, str], max_size: int, max_file: int) -> tuple[int, int]:
    """Give both bounds; the size is no limit when it is -1, as docker's manual has it."""
    if values.get("max-size") == "-1":
        max_size = 0
    if "max-file" in values:
        text = values["max-file"]
        digits = text[1:] if text[:1] in {"+", "-"} else text
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
            raise errors.Error(errors.INVALID, f'{_INIT}: strconv.Atoi: parsing "{text}": invalid syntax')
        max_file = int(text)
    return max_size, max_file


def _size(text: str, doing: str, unit: int) -> int:
    try:
        return parse_bytes(text, unit=unit)
    except ValueError as error:
        raise errors.Error(errors.INVALID, f"{doing}: {error}") from None


def _boolean(text: str, doing: str) -> bool:
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise errors.Error(errors.INVALID, f'{doing}: strconv.ParseBool: parsing "{text}": invalid syntax')


def _extra(ask: LogAsk, values: Mapping[str, str]) -> LogAsk:
    for key in ("labels-regex", "env-regex"):
        if values.get(key):
            _pattern(values[key])
    _fill(values.get("tag", ""), dict.fromkeys(_TAG_FIELDS, ""))
    return ask._replace(
        tag=values.get("tag", ""),
        labels=tuple(name for name in values.get("labels", "").split(",") if name),
        labels_regex=values.get("labels-regex", ""),
        env=tuple(name for name in values.get("env", "").split(",") if name),
        env_regex=values.get("env-regex", ""),
    )


def _pattern(text: str) -> Callable[[str], object]:
    """Compile a pattern; ``re`` is imported by whoever asks for one only."""
    import re

    try:
        return re.compile(text).search
    except re.error as error:
        raise errors.Error(errors.INVALID, f"{_INIT}: error parsing regexp: {error}: `{text}`") from None


_TAG_FIELDS: dict[str, Callable[[About], str]] = {
    "ID": lambda about: about.id[:12],
    "FullID": lambda about: about.id,
    "ContainerID": lambda about: about.id,
    "Name": lambda about: about.name,
    "ContainerName": lambda about: f"/{about.name}",
    "ImageID": lambda about: about.image_id[:12],
    "ImageFullID": lambda about: about.image_id,
    "ContainerImageID": lambda about: about.image_id,
    "ImageName": lambda about: about.image_name,
    "ContainerImageName": lambda about: about.image_name,
    "DaemonName": lambda about: "hezi",
    "Command": lambda about: " ".join(about.args),
}


def _fill(template: str, fields: Mapping[str, str]) -> str:
    """Replace each ``{{.Field}}``; nothing else of Go's templates is read in tags."""
    text, opening, rest = template.partition("{{")
    while opening:
        inner, closing, rest = rest.partition("}}")
        line = template.count("\n") + 1
        if not closing:
            raise errors.Error(errors.INVALID, f"{_INIT}: template: log-tag:{line}: unclosed action")
        name = inner.strip()
        if not name.startswith(".") or not name[1:].isidentifier():
            message = f"--log-opt tag={template}: only {{{{.Field}}}} is read in tags, and no other template"
            raise errors.Error(errors.UNSUPPORTED, message)
        if name[1:] not in fields:
            place = f'template: log-tag:{line}:{template.index(inner)}: executing "log-tag" at <{name}>'
            message = f"{_INIT}: {place}: can't evaluate field {name[1:]} in type *logger.Info"
            raise errors.Error(errors.INVALID, message)
        after, opening, rest = rest.partition("{{")
        text += fields[name[1:]] + after
    return text


def tag_of(ask: LogAsk, about: About) -> str:
    """Return the tag of a container; the driver's default when none was asked for."""
    template = ask.tag or ("" if ask.driver == "json-file" else _DEFAULT_TAG)
    return _fill(template, {name: read(about) for name, read in _TAG_FIELDS.items()})


def attributes(ask: LogAsk, about: About) -> dict[str, str]:
    """Return the labels and variables that go along with each record, sorted."""
    env = dict(text.partition("=")[::2] for text in about.env)
    found = {name: about.labels[name] for name in ask.labels if name in about.labels}
    if ask.labels_regex:
        search = _pattern(ask.labels_regex)
        found |= {name: value for name, value in about.labels.items() if search(name)}
    found |= {name: env[name] for name in ask.env if name in env}
    if ask.env_regex:
        search = _pattern(ask.env_regex)
        found |= {name: value for name, value in env.items() if search(name)}
    return dict(sorted(found.items()))


def log_config(ask: LogAsk, path: str, about: About) -> LogConfig:
    """Return what the monitor is told.

    :param path: of the current file; see :func:`file_name`.
    """
    extra = attributes(ask, about)
    if ask.driver == "journald":
        tag = tag_of(ask, about)
        own = {
            "CONTAINER_ID": about.id[:12],
            "CONTAINER_ID_FULL": about.id,
            "CONTAINER_NAME": about.name,
            "CONTAINER_TAG": tag,
            "IMAGE_NAME": about.image_name,
            "SYSLOG_IDENTIFIER": tag,
        }
        fields = {_journal_name(name): value for name, value in extra.items()} | own
        # The message's own fields come from the monitor alone, and none is without a name.
        return LogConfig("journald", fields=tuple(pair for pair in fields.items() if pair[0] not in _RESERVED))
    if ask.driver == "none":
        return LogConfig("none")
    if ask.tag:
        extra = dict(sorted({**extra, "tag": tag_of(ask, about)}.items()))
    return LogConfig(ask.driver, path, ask.max_size, ask.max_file, compress=ask.compress, fields=tuple(extra.items()))


def file_name(driver: str, container_id: str) -> str:
    """Return what the current file is called, below the container's directory; empty when the driver has none."""
    endings = {"json-file": "json", "local": "local"}
    return f"{container_id}-{endings[driver]}.log" if driver in endings else ""


_RESERVED = frozenset(("", "MESSAGE", "PRIORITY", "CONTAINER_PARTIAL_MESSAGE", "HEZI_LOST_BEFORE"))


def _journal_name(name: str) -> str:
    """Spell a name as journald takes it: upper case, digits and underscores, no underscore in front."""
    letters = (char if char.isascii() and char.isalnum() else "_" for char in name.upper())
    return "".join(letters).lstrip("_0123456789")[:64]
