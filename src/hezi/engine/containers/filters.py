"""``--filter`` of ps and of container prune: docker's keys, its values and its words for wrong ones."""

from __future__ import annotations

from hezi import errors
from hezi._util import clock
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PS_KEYS = (
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
)
PRUNE_KEYS = ("label", "label!", "until")
_STATUSES = ("created", "dead", "exited", "paused", "removing", "restarting", "running")
_HEALTH = ("healthy", "none", "starting", "unhealthy")
_TRUE, _FALSE = ("1", "true"), ("0", "false")


class Subject(NamedTuple):
    """What filters look at in one container."""

    id: str
    name: str
    image_id: str
    status: str
    health: str
    started: bool
    running: bool
    exit_code: int | None
    labels: Mapping[str, str]
    network: str
    mounts: Sequence[Mapping[str, object]]
    published: Sequence[tuple[int, str]] = ()  # (port of the host, protocol)
    exposed: Sequence[str] = ()  # 80/tcp


def read(texts: Iterable[str], keys: Sequence[str]) -> dict[str, list[str]]:
    """Sort ``KEY=VALUE`` texts by key.

    :raises errors.Error: no such key.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().lower()
        if not equals:
            raise errors.Error(errors.INVALID, f"bad format of filter '{text}' (expected name=value)")
        if key not in keys:
            raise errors.Error(errors.INVALID, f"invalid filter '{key}'", hint=f"known are: {', '.join(keys)}")
        found.setdefault(key, []).append(value.strip())
    return found


def check(wanted: Mapping[str, list[str]]) -> None:
    """Check the values of ps's filters that have a closed set of them.

    :raises errors.Error: docker's texts.
    """
    for value in wanted.get("status", ()):
        if value not in _STATUSES:
            raise errors.Error(errors.INVALID, f"invalid filter 'status={value}'")
    for value in wanted.get("health", ()):
        if value not in _HEALTH:
            raise errors.Error(errors.INVALID, f"unrecognised filter value for health: {value}")
    for value in wanted.get("is-task", ()):
        if value not in (*_TRUE, *_FALSE):
            raise errors.Error(errors.INVALID, f"invalid filter 'is-task=[{value}]'")
    for value in wanted.get("exited", ()):
        if not value.lstrip("+-").isdecimal():
            raise errors.Error(errors.INVALID, f"invalid filter 'exited={value}': \"{value}\" is no exit code")
    for key in ("publish", "expose"):
        for value in wanted.get(key, ()):
            _check_port(key, value)


def _check_port(key: str, value: str) -> None:
    ports, _, protocol = value.partition("/")
    numbers = ports.split("-")
    fine = len(numbers) <= 2 and all(number.isdecimal() and int(number) < 65536 for number in numbers)
    if not fine or protocol not in {"", "tcp", "udp", "sctp"}:
        raise errors.Error(errors.INVALID, f"invalid filter '{key}={value}': no port or range of ports")


def passes(subject: Subject, wanted: Mapping[str, list[str]]) -> bool:
    """Tell whether a container passes every key; ``before``, ``since`` and ``ancestor`` are the caller's."""
    return all(_TESTS[key](subject, values) for key, values in wanted.items() if key in _TESTS)


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Tell whether a pattern is found in a text: a regular expression, or a plain text where it is none, as docker."""
    import re

    for pattern in patterns:
        try:
            if re.search(pattern, text):
                return True
        except re.error:
            if pattern == text:
                return True
    return False


def _name(subject: Subject, values: list[str]) -> bool:
    return matches(subject.name, values) or matches(f"/{subject.name}", values)


def labels_match(labels: Mapping[str, str], values: Iterable[str]) -> bool:
    """Tell whether all of ``KEY`` and ``KEY=VALUE`` are among the labels."""
    for text in values:
        key, equals, value = text.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def _exited(subject: Subject, values: list[str]) -> bool:
    return subject.started and not subject.running and subject.exit_code in {int(value) for value in values}


def _volume(subject: Subject, values: list[str]) -> bool:
    known = {str(mount.get(key, "")) for mount in subject.mounts for key in ("Name", "Source", "Destination")}
    return not known.isdisjoint(values)


def _network(subject: Subject, values: list[str]) -> bool:
    # As docker: each of them has some network.
    return "" in values or bool(set(values) & set(subject.network.split(",")))


_TESTS: dict[str, Callable[[Subject, list[str]], bool]] = {
    "id": lambda subject, values: matches(subject.id, filter(None, values)),
    "name": _name,
    "label": lambda subject, values: labels_match(subject.labels, values),
    "status": lambda subject, values: subject.status in values,
    "health": lambda subject, values: subject.health in values,
    "exited": _exited,
    "volume": _volume,
    "network": _network,
    # All are what they are without Windows.
    "isolation": lambda *_: True,
    "is-task": lambda _, values: all(value in _FALSE for value in values),
    "publish": lambda subject, values: any(_in(value, subject.published) for value in values),
    "expose": lambda subject, values: any(_in(value, map(_port, subject.exposed)) for value in values),
}


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol


def _in(value: str, ports: Iterable[tuple[int, str]]) -> bool:
    """Whether a port or range of ports, tcp unless it says otherwise, holds one of ``ports``."""
    numbers, _, protocol = value.partition("/")
    first, _, last = numbers.partition("-")
    wanted = range(int(first), int(last or first) + 1)
    return any(port in wanted and its == (protocol or "tcp") for port, its in ports)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def until(text: str) -> int:
    """Read a moment: an age (``24h``), a date or time (RFC 3339), or seconds since the epoch; gives nanoseconds.

    :raises errors.Error: none of them.
    """
    if text.replace(".", "", 1).isdecimal():
        return int(float(text) * 1e9)
    age = _age(text)
    if age is not None:
        return clock.now_ns() - int(age * 1e9)
    moment = clock.parse_rfc3339(_whole(text)) if _is_date(text) else 0
    if not moment:
        raise errors.Error(errors.INVALID, f'failed to parse value as time or duration: "{text}"')
    return moment


def _is_date(text: str) -> bool:
    """A date of the calendar, each part with all its digits; what follows it is looked at by who reads it."""
    import calendar

    year, month, day = text[:4], text[5:7], text[8:10]
    if text[4:5] + text[7:8] != "--" or not (f"{year}{month}{day}".isdecimal() and len(day) == 2):
        return False
    return 1 <= int(month) <= 12 and 1 <= int(day) <= calendar.monthrange(int(year) or 4, int(month))[1]


def _whole(text: str) -> str:
    """Add what a time may leave out, as docker lets it: ``2021-01-01T10`` and ``2021-01-01T10:30``, zone or not."""
    import re

    found = re.fullmatch(r"([^T]+T\d\d)(:\d\d)?([zZ]|[+-]\d\d:\d\d)?", text)
    return f"{found[1]}{found[2] or ':00'}:00{found[3] or ''}" if found else text


def _age(text: str) -> float | None:
    """Read Go's durations; one that is negative lies ahead."""
    import re

    if not re.fullmatch(r"[+-]?(\d+(\.\d+)?(h|ms|us|ns|m|s))+", text):
        return None
    parts = re.findall(r"(\d+(\.\d+)?)(h|ms|us|ns|m|s)", text)
    age = sum(float(number) * _UNITS[unit] for number, _, unit in parts)
    return -age if text.startswith("-") else age
