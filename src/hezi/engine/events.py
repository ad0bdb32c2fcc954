"""What has happened: told by whoever did it, read by ``events``.

    engine, monitors ── a line each ──> runroot/events ── read(), following it ──> docker's filters ──> caller

The names of actions and attributes are docker's. Telling costs a write of a few hundred bytes and never fails; the file
is bounded, see :mod:`hezi.runtime.eventlog`. What a monitor tells it tells by the name that its container had when it
was started; the reader puts in the present one.
"""

from __future__ import annotations

import os
import time

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.runtime import eventlog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from hezi.engine.paths import Paths

CONTAINER, IMAGE, VOLUME, NETWORK = "container", "image", "volume", "network"
KEYS = (
    *("config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret"),
    *("service", "type", "volume"),
)
# What follows a colon in an action is no part of its name.
_WITH_DETAILS = frozenset({"health_status", "exec_create", "exec_start"})
# What monitors tell beside docker's attributes.
_OWN = frozenset({"signal", "oom"})
_PAUSE_S = 0.1
_CHUNK = 1 << 16
_BEGINNING = b'{"time_ns":'


class Event(NamedTuple):
    """One thing that happened.

    :ivar time_ns: since the epoch.
    :ivar type: ``container``, ``image``, ``volume`` or ``network``.
    :ivar id: of what it happened to.
    :ivar attributes: texts; a container's labels are among them.
    """

    time_ns: int
    type: str
    action: str
    id: str
    attributes: Mapping[str, str]


class Selection(NamedTuple):
    """Which events: times in nanoseconds, 0 for none; ``wanted`` as :func:`hezi.engine.containers.filters.read` gives.

    Without any time only what comes is read; it goes on until ``until``, and for ever without that.
    """

    since: int = 0
    until: int = 0
    wanted: Mapping[str, list[str]] = {}


# --- telling --------------------------------------------------------------------------------------------------------


def tell(paths: Paths, kind: str, action: str, subject: str, attributes: Mapping[str, object]) -> None:
    """Record that something happened; never fails."""
    from hezi.spec import jsondoc

    line = {"time_ns": time.time_ns(), "type": kind, "action": action, "id": subject, "attributes": dict(attributes)}
    eventlog.write(paths.events, jsondoc.dumps(line, escaped=True) + b"\n")


def about(name: str, image: str, labels: Mapping[str, str]) -> dict[str, object]:
    """Return the attributes that every event of a container has."""
    return {**labels, "image": image, "name": name}


def tell_endpoint(paths: Paths, action: str, network: tuple[str, str, str], container_id: str) -> None:
    """Record that a container was connected to a network or disconnected: (id, name, driver) of that."""
    identifier, name, driver = network
    tell(paths, NETWORK, action, identifier, {"container": container_id, "name": name, "type": driver})


# --- reading --------------------------------------------------------------------------------------------------------


def read(paths: Paths, selection: Selection) -> Iterator[Event]:
    """Yield events in the order in which they were told.

    :raises errors.Error: INVALID: the times or filters are wrong.
    """
    since, until, wanted = selection
    if since and until and since > until:
        text = f"`since` time ({_moment(since)}) cannot be after `until` time ({_moment(until)})"
        raise errors.Error(errors.INVALID, text)
    follows = not until or until > time.time_ns()
    past = bool(since or until)
    return _read(paths, selection, past=past, follows=follows) if _possible(wanted) else iter(())


def _read(paths: Paths, selection: Selection, *, past: bool, follows: bool) -> Iterator[Event]:
    since, until, wanted = selection
    with _Tail(paths.events) as tail:
        names: dict[str, str] = {}
        old = [_event(line, names) for line in tail.history()]
        if past:
            known = [one for one in old if one is not None]
            for event in sorted(known, key=lambda one: one.time_ns):
                if event.time_ns >= since and not (until and event.time_ns > until) and passes(event, wanted):
                    yield event
        while follows and not (until and time.time_ns() > until):
            for line in tail.new():
                fresh = _event(line, names)
                if fresh is not None and not (until and fresh.time_ns > until) and passes(fresh, wanted):
                    yield fresh
            time.sleep(_PAUSE_S)


class _Tail:
    """The lines of the file, over its renaming."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._rest = b""

    def __enter__(self) -> _Tail:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def history(self) -> list[bytes]:
        """Return the lines of the file before, and of this one so far."""
        lines: list[bytes] = []
        self._fd = _open(f"{self._path}.1")
        if self._fd >= 0:
            lines = self._lines()
        # What was written to the old one after that, a writer that was slow: read when it is followed no more.
        return lines + self.new()

    def new(self) -> list[bytes]:
        """Return the lines that have come."""
        lines = self._lines() if self._fd >= 0 else []
        fd = _open(self._path)
        if fd < 0:
            return lines
        if self._fd >= 0 and os.path.samestat(os.fstat(fd), os.fstat(self._fd)):
            os.close(fd)
            return lines
        if self._fd >= 0:
            lines += self._lines()
            os.close(self._fd)
        self._fd, self._rest = fd, b""
        return lines + self._lines()

    def _lines(self) -> list[bytes]:
        parts = [self._rest]
        while True:
            data = os.read(self._fd, _CHUNK)
            if not data:
                break
            parts.append(data)
        *lines, self._rest = b"".join(parts).split(b"\n")
        return lines


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return -1


def _event(line: bytes, names: dict[str, str]) -> Event | None:
    """Read a line; None for one that was cut off by a full disk.

    :param names: of the containers that were renamed, as they are by now.
    """
    from hezi.spec import jsondoc

    # After a line that was cut off the next one stands in the same.
    at = line.rfind(_BEGINNING)
    try:
        found: dict[str, Any] = jsondoc.load_object(line[max(at, 0) :], limit=1 << 20, ours=True)
        action, subject = str(found["action"]), str(found["id"])
        raw = dict(found["attributes"])
        event_time, kind = int(found["time_ns"]), str(found["type"])
    except (errors.Error, KeyError, TypeError, ValueError):
        return None
    if action == "die":
        raw = {key: value for key, value in raw.items() if key not in _OWN}
    if action == "rename":
        names[subject] = str(raw["name"])
    elif kind == CONTAINER and (subject in names or "name" not in raw) and subject:
        raw["name"] = names.get(subject) or found.get("name") or ""
    attributes = {str(key): str(value) for key, value in sorted(raw.items())}
    return Event(event_time, kind, action, subject, attributes)


def _moment(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


# --- filters --------------------------------------------------------------------------------------------------------


def _possible(wanted: Mapping[str, list[str]]) -> bool:
    for key in wanted:
        if key not in KEYS:
            raise errors.Error(errors.INVALID, f"Invalid filter '{key}'")
    return True


def passes(event: Event, wanted: Mapping[str, list[str]]) -> bool:
    """Tell whether an event passes every filter, by docker's rules."""
    return all(_test(event, key, values) for key, values in wanted.items())


def _test(event: Event, key: str, values: list[str]) -> bool:
    if key == "event":
        fuzzy = not _WITH_DETAILS.isdisjoint(values)
        return _begins(event.action, values) if fuzzy else event.action in values
    if key == "type":
        return event.type in values
    if key == "scope":
        return "local" in values
    if key == "label":
        return _labels(event.attributes, values)
    if key == "image":
        name = event.attributes.get("name" if event.type == IMAGE else "image", "")
        return not {event.id, name, _bare(event.id), _bare(name)}.isdisjoint(values)
    return _begins(event.id, values) or _begins(event.attributes.get("name", ""), values)


def _begins(text: str, values: Iterable[str]) -> bool:
    return any(text.startswith(value) for value in values)


def _labels(attributes: Mapping[str, str], values: Iterable[str]) -> bool:
    for value in values:
        key, equals, text = value.partition("=")
        if key not in attributes or (equals and attributes[key] != text):
            return False
    return True


def _bare(name: str) -> str:
    """Return the name of an image without its tag; docker leaves an id alone."""
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0] if last.partition(":")[0] != "sha256" else name
