"""Namespace modes: ``--network --pid --ipc --uts --userns --cgroupns``; what is not built is refused by name."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import networking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.request import RunRequest


class Modes(NamedTuple):
    """``host`` or ``private`` for each namespace; ``none``: a network of lo only, IPC without /dev/shm.

    ``pid`` and ``ipc`` may be ``container:NAME`` too.

    :ivar network: ``none``, ``host``, ``bridge`` (a network of hezi's) or ``container`` (another container's).
    """

    network: str = "bridge"
    pid: str = "private"
    ipc: str = "private"
    uts: str = "private"
    cgroupns: str = "private"


_ALLOWED = {
    "pid": ("PID", ("host",), "private"),
    "uts": ("UTS", ("host",), "private"),
    "cgroupns": ("CGROUP", ("host", "private"), "private"),
}


def choose(request: RunRequest) -> Modes:
    """Return the modes, with docker's texts for what is wrong.

    :raises errors.Error: unknown (``invalid``) or not built yet (``unsupported``).
    """
    chosen = {name: check(name, getattr(request, name)) for name in _ALLOWED}
    modes = Modes(
        network=networking.choose(request),
        pid=chosen["pid"],
        ipc=_ipc(request.ipc),
        uts=chosen["uts"],
        cgroupns=chosen["cgroupns"],
    )
    if request.userns not in {None, "", "host"}:
        from hezi.engine import userns

        userns.check(request)
    if modes.uts == "host":
        for option in ("hostname", "domainname"):
            if getattr(request, option):
                raise errors.Error(errors.INVALID, f"conflicting options: {option} and the UTS mode")
    return modes


def check(name: str, value: str | None) -> str:
    """Return the mode of one namespace: ``pid``, ``uts`` or ``cgroupns``.

    :raises errors.Error: there is no such mode.
    """
    title, allowed, default = _ALLOWED[name]
    if not value:
        return default
    if value in allowed:
        return value
    if name == "pid" and container_of(value):
        return value
    raise errors.Error(errors.INVALID, f"--{name}: invalid {title} mode", hint=f"one of: {', '.join(allowed)}")


def container_of(value: str) -> str:
    """Return the container that a mode names (``container:NAME``), "" when it names none."""
    word, colon, name = value.partition(":")
    return name if word == "container" and colon else ""


def _ipc(value: str | None) -> str:
    # What is shareable is as private as the rest until somebody else asks for it.
    if not value or value in {"private", "shareable"}:
        return "private"
    if value in {"host", "none"} or container_of(value):
        return value
    hint = "one of: private, shareable, host, none, container:NAME"
    raise errors.Error(errors.INVALID, f"invalid IPC mode: {value}", hint=hint)


def namespaces(modes: Modes) -> tuple[str, ...]:
    """Return the types of the new namespaces, as the runtime specification names them.

    A network of hezi's, or another container's, is there before the container is, and is joined.
    """
    wanted = ["mount"]
    if modes.uts == "private":
        wanted.append("uts")
    if modes.ipc in {"private", "none"}:
        wanted.append("ipc")
    if modes.pid == "private":
        wanted.append("pid")
    if modes.network == "none":
        wanted.append("network")
    if modes.cgroupns == "private":
        wanted.append("cgroup")
    return tuple(wanted)
