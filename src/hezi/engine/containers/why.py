"""``why``: how a container came to be as it is, in a sentence, with what that is concluded from.

The monitor saves the evidence before the cgroup goes (exit.json, see :mod:`hezi.runtime.monitor_start`). What the
evidence leaves open is said to be open: a SIGKILL that neither we nor the kernel's OOM killer sent came from elsewhere.
"""

from __future__ import annotations

from hezi._util import clock
from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.engine import find_container, held, record
from hezi.engine.containers import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.containers.model import State
    from hezi.engine.paths import Paths

# What the kind of an answer may be.
KINDS = (
    *("created", "running", "paused", "restarting", "not-started", "exited", "signalled", "oom", "oom-child"),
    *("stopped", "stop-timeout", "killed", "killed-from-outside", "unknown"),
)
_KILL = 9
_SHELL = 128
_FULL = "No space left on device"
_NO_FORK = ("Resource temporarily unavailable", "can't fork", "Cannot fork")
_WHO = {
    "stop": "`stop`",
    "kill": "`kill`",
    "caller": "the end of the program that had started it",
    "monitor": "SIGTERM sent to its monitor",
}


class Why(NamedTuple):
    """The answer.

    :ivar kind: one of ``KINDS``.
    :ivar sentence: for people.
    :ivar evidence: (what, value) pairs.
    :ivar log: the last lines that it wrote.
    """

    id: str
    name: str
    kind: str
    sentence: str
    evidence: tuple[tuple[str, str], ...]
    log: tuple[str, ...]


def why(paths: Paths, database: Database, name: str) -> Why:
    """Say it.

    :raises errors.Error: there is no such container.
    """
    with database.read() as connection:
        row = find_container.find(connection, name)
    details = record.decode(row.config)
    state = states.in_full(paths, row, details)
    if state.status == "restarting" or not state.running:
        found = held.end(paths, row) or {}
        if state.status == "exited" and int(found.get("finished_ns") or 0) != state.finished_ns:
            found = {}
    else:
        found = held.state(paths, row.id, held.boot()) or {}
    kind, sentence = _answer(row, state, found)
    log = tuple(str(line) for line in (found.get("evidence") or {}).get("log") or ())
    return Why(row.id, row.name, kind, sentence, tuple(_evidence(row, state, found, log)), log)


def _answer(row: ContainerRow, state: State, found: Mapping[str, Any]) -> tuple[str, str]:
    now = clock.now_ns()
    who = f"Container {row.name}"
    if state.status in {"running", "paused"}:
        text = f"{who} runs: process {state.pid}, for {clock.span(now - state.started_ns).lower()}"
        if state.status == "paused":
            text = f"{who} is paused: its processes are frozen until `unpause`"
        if state.health is not None:
            text += f"; its health check says {state.health['Status']}"
        return state.status, f"{text}{_restarts(state)}."
    if state.status == "removing":
        return "unknown", f"{who} is being removed."
    if state.error and not found:
        return "not-started", f"{who} could not be started: {state.error}."
    if state.status == "created" or not (found or state.started_ns):
        return "created", f"{who} was made {clock.span(now - row.created_ns).lower()} ago and never started."
    kind, how = _ending(state, found)
    if state.status == "restarting":
        return "restarting", f"{who} waits to be started again by its restart policy{_restarts(state)}: it {how}."
    return kind, f"{who} {how}{_restarts(state)}."


def _restarts(state: State) -> str:
    count = state.restart_count
    return f", after {count} restart{'s' if count > 1 else ''}" if count else ""


def _ending(state: State, found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind of an end, and the rest of a sentence that says it."""
    if state.exit_code is None or not found:
        return _unknown(state)
    code, signal = int(found["ExitCode"]), int(found.get("Signal") or 0)
    by, _, timeout = str(found.get("stopped_by") or "").partition(" ")
    evidence = found.get("evidence") or {}
    if found.get("Error") and code in {126, 127, _SHELL} and not found.get("Signal"):
        return "not-started", f"could not be started again: {found['Error']}"
    if timeout:
        name = _signal(int(found.get("stop_signal") or 15))
        return "stop-timeout", f"was killed because it had not ended in time after {name} ({_WHO.get(by, by)})"
    if by:
        kind = "stopped" if by in {"stop", "monitor"} else "killed"
        asked = _signal(int(found.get("stop_signal") or _KILL))
        ended = f"by {_signal(signal)}" if signal else f"with exit code {code}"
        return kind, f"ended {ended} because of {_WHO.get(by, by)} ({asked})"
    return _unasked(code, signal, evidence)


def _unasked(code: int, signal: int, evidence: Mapping[str, Any]) -> tuple[str, str]:
    """As :func:`_ending`, where nobody had asked us to end it."""
    kills = int(evidence.get("oom_kills") or 0)
    if signal == _KILL and kills:
        return "oom", f"ran out of memory: the kernel killed its main process{_limit(evidence)}"
    if kills:
        also = f"ended by {_signal(signal)}" if signal else f"ended with exit code {code}"
        many = "a child" if kills == 1 else f"{kills} children"
        return "oom-child", f"{also}, after the kernel had killed {many} of it for want of memory{_limit(evidence)}"
    if signal == _KILL:
        return "killed-from-outside", "was killed by SIGKILL that hezi did not send: `kill -9` from the host, or itself"
    if signal:
        return "signalled", f"ended by {_signal(signal)}, which hezi did not send: its own fault, or somebody's signal"
    return "exited", f"ended by itself with exit code {code}{_meaning(code)}"


def _unknown(state: State) -> tuple[str, str]:
    if state.started_ns and state.started_ns < clock.now_ns() - int(clock.boot_seconds() * 1e9):
        return "unknown", "ended with the host, which was started anew since: nobody knows its exit code"
    return "unknown", "ended in an unknown way: its monitor was killed, and the container with it"


def _limit(evidence: Mapping[str, Any]) -> str:
    limit = evidence.get("memory_limit")
    return f" (its limit is {_bytes(int(limit))})" if limit else ", its own limit or one above it"


def _meaning(code: int) -> str:
    """What an exit code above 128 says when the first process is a shell, or something like it."""
    return f", which is what a shell says when its program ended by {_signal(code - _SHELL)}" if code > _SHELL else ""


def _signal(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _bytes(number: int) -> str:
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.4g} {unit}"
        value /= 1024
    raise AssertionError


def _evidence(row: ContainerRow, state: State, found: Mapping[str, Any], log: tuple[str, ...]) -> list[tuple[str, str]]:
    evidence = found.get("evidence") or {}
    pairs: list[tuple[str, object]] = [
        ("exit code", None if _lives(state) else "unknown" if state.exit_code is None else state.exit_code),
        ("signal", _signal(int(found["Signal"])) if found.get("Signal") else None),
        ("started", clock.rfc3339(state.started_ns) if state.started_ns else None),
        ("ended", clock.rfc3339(state.finished_ns) if state.finished_ns and not _lives(state) else None),
        ("stopped by", found.get("stopped_by") or None),
        ("killed for want of memory", _processes(evidence.get("oom_kills"))),
        ("memory limit", _number(evidence.get("memory_limit"))),
        ("memory at most", _number(evidence.get("memory_peak"))),
        ("processes refused", _refused(evidence)),
        ("disk", "what it wrote last says that it is full" if any(_FULL in line for line in log) else None),
        ("processes", "what it wrote last says that it could make none" if _no_fork(log) else None),
        ("health", state.health["Status"] if state.health else None),
        ("restarts", state.restart_count or None),
        ("error", state.error or None),
        ("image", row.image_name),
    ]
    if state.status == containers.CREATED and not state.error:
        pairs = pairs[-1:]
    return [(name, str(value)) for name, value in pairs if value is not None]


def _lives(state: State) -> bool:
    return state.status in {"running", "paused"}


def _processes(count: object) -> str | None:
    return f"{count} process{'' if count == 1 else 'es'}" if count else None


def _number(value: object) -> str | None:
    return _bytes(value) if isinstance(value, int) else None


def _refused(evidence: Mapping[str, Any]) -> str | None:
    count = evidence.get("pids_refused")
    return f"{count}, by the limit of {evidence.get('pids_limit')}" if count else None


def _no_fork(log: tuple[str, ...]) -> bool:
    return any(text in line for line in log for text in _NO_FORK)
