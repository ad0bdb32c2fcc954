"""A container as its network sees it, and what the network gives back to its start."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.network.place import Place


class Joined(NamedTuple):
    """What a start needs to know of the network.

    :ivar path: of the namespace that is there already; None for one that the runtime makes, or the host's.
    :ivar files: contents of hosts and resolv.conf.
    :ivar environment: variables that tell of linked containers.
    """

    path: str | None
    files: dict[str, bytes]
    environment: tuple[tuple[str, str], ...] = ()


class Guest(NamedTuple):
    """The container that a network is made for."""

    id: str
    name: str
    hostname: str
    request: RunRequest
    image_ports: Sequence[str]


def place_of(paths: Paths) -> Place:
    """Return where the networks of an engine keep their things."""
    from hezi.network.place import Place

    return Place(paths.root, paths.runroot)
