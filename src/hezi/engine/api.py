"""``Engine.run``: the run path with the streams in memory, for programs that call hezi as a library."""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.size import parse_bytes
from hezi.engine.request import RunRequest
from hezi.engine.results import RunResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hezi.engine.paths import Paths

_SIZES = frozenset(("memory", "memory_swap", "memory_reservation"))
_NUMBERS = frozenset(
    (
        *(
            "oom_score_adj",
            "pids_limit",
            "stop_timeout",
            "cpu_shares",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
        ),
        *("memory_swappiness", "blkio_weight"),
    )
)
_TUPLES = frozenset(name for name, default in RunRequest._field_defaults.items() if isinstance(default, tuple))


def run(
    paths: Paths,
    image: str,
    command: Sequence[str],
    data: bytes | None,
    timeout: float | None,
    options: Mapping[str, object],
) -> RunResult:
    """See :meth:`hezi.engine.engine.Engine.run`."""
    from hezi.engine import callers, launch

    request = build_request(image, command, {"remove": True, "interactive": data is not None, **options})
    out: list[bytes] = []
    err: list[bytes] = []
    io = callers.Streams(None, out.append, err.append, None, data or b"", tied=True)
    with launch.start(paths, request, io, callers.Callbacks()) as running:
        code = running.wait(timeout=timeout)
    return RunResult(code, b"".join(out), b"".join(err), running.id)


def build_request(image: str, command: Sequence[str], options: Mapping[str, object]) -> RunRequest:
    """Return the request for keyword arguments: lists become tuples, dicts lists of ``K=V``, numbers text.

    :raises errors.Error: an option that there is not, or a value that it cannot have.
    """
    fields: dict[str, object] = {"image": image, "command": words(command)}
    for name, value in options.items():
        if name not in RunRequest._fields or name in fields:
            raise errors.Error(errors.INVALID, f"run has no option '{name}'")
        fields[name] = _texts(name, value) if name in _TUPLES else _plain(name, value)
    return RunRequest(**fields)  # type: ignore[arg-type]  # checked against the fields' defaults just above


def words(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command as its arguments.

    :raises errors.Error: it is one string.
    """
    if isinstance(command, str | bytes):
        raise errors.Error(errors.INVALID, "the command is one string, it must be a list of arguments")
    return tuple(os.fspath(part) for part in command)


def _plain(name: str, value: object) -> object:
    default = RunRequest._field_defaults[name]
    if isinstance(default, bool):
        return bool(value)
    if value is None:
        return value
    if name == "cpus":
        return _billionths(value)
    if name in _SIZES:
        return _bytes(name, value)
    return value if name in _NUMBERS else str(value)


def _bytes(name: str, value: object) -> int:
    """Bytes as a number, or as text: ``64m``; -1 for no limit."""
    try:
        return value if isinstance(value, int) else -1 if value == "-1" else parse_bytes(str(value))
    except ValueError as error:
        raise errors.Error(errors.INVALID, f"option '{name}': {error}") from None


def _billionths(value: object) -> int:
    """1.5 processors, as a number or as text."""
    try:
        return round(float(value) * 1_000_000_000)  # type: ignore[arg-type]  # what is no number is caught here
    except (TypeError, ValueError, OverflowError):
        raise errors.Error(errors.INVALID, f"option 'cpus' takes a number of processors, not {value!r}") from None


def _texts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        return tuple(key if content is None else f"{key}={content}" for key, content in value.items())
    try:
        items: Iterable[object] = iter(value)  # type: ignore[call-overload]  # what is not iterable is caught here
    except TypeError:
        raise errors.Error(errors.INVALID, f"option '{name}' takes a list") from None
    return tuple(str(item) for item in items)
