"""What the calls of :mod:`hezi.engine.containers` give back: plain immutable values."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class State(NamedTuple):
    """How it is with a container.

    :ivar status: ``created``, ``running``, ``paused``, ``restarting``, ``exited`` or ``removing``.
    :ivar pid: of its first process, 0 when it does not run.
    :ivar exit_code: of the last end; None while nobody knows it.
    :ivar error: why the last start failed.
    :ivar started_ns: nanoseconds since the epoch, 0 for never; ``finished_ns`` alike.
    :ivar health: docker's document, None without a health check.
    """

    status: str
    pid: int = 0
    exit_code: int | None = None
    error: str = ""
    started_ns: int = 0
    finished_ns: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    health: Mapping[str, object] | None = None

    @property
    def running(self) -> bool:
        """Whether it has processes: paused ones count, as with docker."""
        return self.status in {"running", "paused", "restarting"}


class ContainerSummary(NamedTuple):
    """A row of ``hezi ps``.

    :ivar image: as it was asked for; the image's id when that name means another one by now.
    :ivar created_ns: nanoseconds since the epoch.
    :ivar status: for people: ``Up 3 seconds``, ``Exited (0) 2 hours ago``.
    :ivar mounts: names of volumes and sources of binds.
    :ivar ports: ``0.0.0.0:8080->80/tcp``, and those that are only exposed; empty when it does not run.
    :ivar size_rw: bytes of what the container has written; None unless asked for.
    :ivar size_root: bytes of everything in it.
    """

    id: str
    name: str
    image: str
    image_id: str
    command: str
    created_ns: int
    state: State
    status: str
    labels: Mapping[str, str]
    mounts: tuple[str, ...]
    local_volumes: int
    network: str
    ports: str = ""
    size_rw: int | None = None
    size_root: int | None = None


class Pruned(NamedTuple):
    """What a prune did.

    :ivar deleted: ids.
    :ivar space: bytes that were given back.
    :ivar failed: ids of those that could not be removed.
    """

    deleted: tuple[str, ...]
    space: int
    failed: tuple[str, ...] = ()
