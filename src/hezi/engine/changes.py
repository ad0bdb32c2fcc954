"""``--change`` of commit and import: Dockerfile instructions that change only an image's configuration.

Words are read by Dockerfile's rules: quotes and backslashes are taken off, ``$NAME``, ``${NAME}``, ``${NAME:-word}``
and ``${NAME:+word}`` are replaced by what the image's environment has.
"""

from __future__ import annotations

import json
import posixpath

from hezi import errors
from hezi.spec.image import Healthcheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from hezi.spec.image import ContainerConfig

_SHELL = ("/bin/sh", "-c")
_BLANKS = " \t"
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def apply(config: ContainerConfig, instructions: Sequence[str], *, stop_signal: bool = True) -> ContainerConfig:
    """Return ``config`` with all instructions applied, one after the other.

    :param stop_signal: whether STOPSIGNAL is one of them; import does not know it.
    :raises errors.Error: INVALID, with docker's words where it has some.
    """
    command_given = False
    lines = [line for text in instructions for line in _logical_lines(text)]
    if instructions and not lines:
        _refuse("file with no instructions")
    for line in lines:
        name, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
        word = name.lower()
        handler = _HANDLERS.get(word)
        if handler is None or (word == "stopsignal" and not stop_signal):
            _refuse(f"{word} is not a valid change command")
        rest = rest.strip()
        if not rest and word not in {"cmd", "entrypoint"}:
            _refuse(f"{word.upper()} requires at least one argument")
        command = config.cmd
        config = handler(config, rest)
        command_given = command_given or word == "cmd"
        if word == "entrypoint" and command_given:
            config = config._replace(cmd=command)
    return config


def _refuse(text: str) -> NoReturn:
    raise errors.Error(errors.INVALID, text)


def _logical_lines(text: str) -> list[str]:
    joined = text.replace("\\\r\n", "").replace("\\\n", "")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _array(rest: str) -> tuple[str, ...] | None:
    """The JSON form of an instruction; None when it is no array of strings."""
    if not rest.startswith("["):
        return None
    try:
        found = json.loads(rest)
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


def _command(config: ContainerConfig, rest: str) -> tuple[str, ...]:
    array = _array(rest)
    if array is not None:
        return array
    return (*(config.shell or _SHELL), *((rest,) if rest else ()))


def _cmd(config: ContainerConfig, rest: str) -> ContainerConfig:
    return config._replace(cmd=_command(config, rest))


def _entrypoint(config: ContainerConfig, rest: str) -> ContainerConfig:
    # As docker: the image's own command is not for another entrypoint; one that was given beside it is.
    return config._replace(entrypoint=(_command(config, rest) or None) if rest else None, cmd=None)


def _env(config: ContainerConfig, rest: str) -> ContainerConfig:
    found = dict(_split_pair(entry) for entry in config.env)
    found.update(_pairs("ENV", rest, found))
    return config._replace(env=tuple(f"{name}={value}" for name, value in found.items()))


def _label(config: ContainerConfig, rest: str) -> ContainerConfig:
    found = dict(config.labels)
    found.update(_pairs("LABEL", rest, dict(_split_pair(entry) for entry in config.env)))
    return config._replace(labels=tuple(sorted(found.items())))


def _split_pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def _pairs(instruction: str, rest: str, env: dict[str, str]) -> list[tuple[str, str]]:
    """``a=b c="d e"``; or in the old form one name, and all that follows is its value."""
    words = _words(rest)
    if "=" not in words[0]:
        name, _, value = rest.replace("\t", " ", 1).partition(" ")
        if not value.strip():
            _refuse(f"{instruction} must have two arguments")
        return [(name, expand(value.strip(), env))]
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            _refuse(f"Syntax error - can't find = in {json.dumps(word)}. Must be of the form: name=value")
        name = expand(name, env)
        if not name:
            _refuse(f"{instruction} names can not be blank")
        found.append((name, expand(value, env)))
    return found


def _words(text: str) -> list[str]:
    """Split at blanks that are neither quoted nor escaped; quotes and backslashes stay."""
    words: list[str] = []
    word, quote, at = "", "", 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'" and at + 1 < len(text):
            word += text[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _BLANKS:
            if word:
                words.append(word)
            word = ""
            at += 1
            continue
        word += char
        at += 1
    return [*words, word] if word else words


def expand(text: str, env: dict[str, str]) -> str:
    """Take quotes and backslashes off, and replace variables; none in single quotes."""
    out: list[str] = []
    quote, at = "", 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'" and at + 1 < len(text):
            following = text[at + 1]
            # Between double quotes a backslash means something before a few characters only.
            out.append(following if not quote or following in '"$\\' else char + following)
            at += 2
            continue
        if char == "$" and quote != "'":
            value, at = _variable(text, at + 1, env)
            out.append(value)
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                out.append(char)
        elif char in "\"'":
            quote = char
        else:
            out.append(char)
        at += 1
    return "".join(out)


def _variable(text: str, at: int, env: dict[str, str]) -> tuple[str, int]:
    """The value of the variable whose name begins at ``at``, and where the text goes on."""
    if text[at : at + 1] == "{":
        end = text.find("}", at)
        if end < 0:
            _refuse(f"failed to process {json.dumps(text)}: syntax error: missing closing brace")
        inner = text[at + 1 : end]
        name, modifier, word = inner, "", ""
        for mark in (":-", ":+", "-", "+"):
            if mark in inner:
                name, modifier, word = (*inner.partition(mark),)
                break
        value = env.get(name, "")
        if modifier in {":-", "-"}:
            value = value or expand(word, env)
        elif modifier:
            value = expand(word, env) if value else ""
        return value, end + 1
    end = at
    while end < len(text) and text[end] in _NAME_LETTERS:
        end += 1
    if end == at:
        return "$", at
    return env.get(text[at:end], ""), end


def _expose(config: ContainerConfig, rest: str) -> ContainerConfig:
    env = dict(_split_pair(entry) for entry in config.env)
    ports = set(config.exposed_ports)
    for word in _words(rest):
        text = expand(word, env)
        *host, port = text.split(":")
        if host and host[-1] and not host[-1].replace("-", "", 1).isdigit():
            _refuse(f"Invalid hostPort: {host[-1]}")
        ports.update(expand_ports(port, first=0) if text else ())
    return config._replace(exposed_ports=tuple(sorted(ports)))


def expand_ports(text: str, *, first: int = 1) -> list[str]:
    """Return the ports of ``80``, ``53/udp`` or ``8000-8003/tcp`` as ``NUMBER/PROTOCOL``.

    :param first: the lowest that is one.
    :raises errors.Error: INVALID.
    """
    numbers, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in {"tcp", "udp", "sctp"}:
        _refuse(f"Invalid proto: {protocol}")
    low, dash, high = numbers.partition("-")
    high = high if dash else low
    if not all(part.isascii() and part.isdigit() and first <= int(part) < 65536 for part in (low, high)):
        _refuse(f"Invalid containerPort: {numbers}")
    if int(high) < int(low):
        _refuse(f"Invalid range specified for the container port: {numbers}")
    return [f"{number}/{protocol}" for number in range(int(low), int(high) + 1)]


def _volume(config: ContainerConfig, rest: str) -> ContainerConfig:
    env = dict(_split_pair(entry) for entry in config.env)
    array = _array(rest)
    paths = array if array is not None else tuple(expand(word, env) for word in _words(rest))
    if not paths:
        _refuse("VOLUME requires at least one argument")
    if not all(path.strip() for path in paths):
        _refuse("VOLUME specified can not be an empty string")
    return config._replace(volumes=tuple(sorted({*config.volumes, *paths})))


def _workdir(config: ContainerConfig, rest: str) -> ContainerConfig:
    env = dict(_split_pair(entry) for entry in config.env)
    path = expand(rest, env)
    if not path.startswith("/"):
        # As docker: one that is absolute stays as it was written.
        path = "/" + posixpath.normpath(posixpath.join(config.working_dir or "/", path)).lstrip("/")
    return config._replace(working_dir=path)


def _one(field: str) -> Callable[[ContainerConfig, str], ContainerConfig]:
    def handler(config: ContainerConfig, rest: str) -> ContainerConfig:
        # All that follows is one argument, with its blanks.
        value = expand(rest, dict(_split_pair(entry) for entry in config.env))
        return config._replace(user=value) if field == "user" else config._replace(stop_signal=value)

    return handler


def _onbuild(config: ContainerConfig, rest: str) -> ContainerConfig:
    word = rest.split(None, 1)[0].upper()
    if word == "ONBUILD":
        _refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in {"MAINTAINER", "FROM"}:
        _refuse(f"{word} isn't allowed as an ONBUILD trigger")
    return config._replace(onbuild=(*config.onbuild, rest))


def _healthcheck(config: ContainerConfig, rest: str) -> ContainerConfig:
    health = Healthcheck()
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        rest = rest.strip()
        name, _, value = option[2:].partition("=")
        if name == "retries":
            if not value.isdigit():
                _refuse(f"--retries must be a number, not {json.dumps(value)}")
            health = health._replace(retries=int(value))
        elif name in {"interval", "timeout", "start-period", "start-interval"}:
            health = _with_duration(health, name, _duration(name, value))
        else:
            _refuse(f"unknown flag: {name}")
    kind, _, command = rest.partition(" ")
    if kind.upper() == "NONE" and command.strip():
        _refuse("HEALTHCHECK NONE takes no arguments")
    if kind.upper() == "NONE":
        return config._replace(healthcheck=Healthcheck(test=("NONE",)))
    if kind.upper() != "CMD" or not command.strip():
        _refuse(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    array = _array(command.strip())
    test = ("CMD", *array) if array is not None else ("CMD-SHELL", command.strip())
    return config._replace(healthcheck=health._replace(test=test))


def _with_duration(health: Healthcheck, name: str, value: int) -> Healthcheck:
    if name == "interval":
        return health._replace(interval=value)
    if name == "timeout":
        return health._replace(timeout=value)
    return health._replace(start_period=value) if name == "start-period" else health._replace(start_interval=value)


def _duration(name: str, text: str) -> int:
    """Go's durations: ``1m30s``, ``500ms``; in nanoseconds."""
    total, at = 0, 0
    while at < len(text):
        start = at
        while at < len(text) and text[at] in "0123456789.":
            at += 1
        number, start = text[start:at], at
        while at < len(text) and text[at] not in "0123456789.":
            at += 1
        unit = _UNITS.get(text[start:at])
        if unit is None or not number.replace(".", "", 1).isdigit():
            break
        total += int(float(number) * unit)
    else:
        if text and total >= 1_000_000:
            return total
    _refuse(f"--{name}: {json.dumps(text)} is no duration of at least 1ms")


_HANDLERS: dict[str, Callable[[ContainerConfig, str], ContainerConfig]] = {
    "cmd": _cmd,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "healthcheck": _healthcheck,
    "label": _label,
    "onbuild": _onbuild,
    "stopsignal": _one("stop_signal"),
    "user": _one("user"),
    "volume": _volume,
    "workdir": _workdir,
}
