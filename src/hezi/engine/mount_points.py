"""What a container's mounts are called in lists and in inspect: docker's ``Mounts``."""

from __future__ import annotations

from hezi.engine import parse_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hezi.engine.parse_volume import MountAsk

# What docker's words do not tell of a mount, for a container that takes it over.
ASK = "Ask"


def points(asks: Sequence[MountAsk], names: Sequence[str], volumes: str) -> tuple[dict[str, object], ...]:
    """Return a JSON-able description of each mount that the user or the image asked for.

    :param names: of the anonymous volumes, in the order in which they are made: by the depth of their destination.
    :param volumes: the directory of all volumes.
    """
    spare = iter(names)
    # As docker: --tmpfs is told of in HostConfig alone, and no other container takes it over.
    by_depth = sorted((ask for ask in asks if ask.origin != "--tmpfs"), key=lambda ask: ask.destination.count("/"))
    return tuple(
        _point(ask, ask.source or (next(spare, "") if ask.type == "volume" else ""), volumes) for ask in by_depth
    )


def _point(ask: MountAsk, source: str, volumes: str) -> dict[str, object]:
    point: dict[str, object] = {"Type": ask.type}
    if ask.type == "volume":
        point |= {"Name": source, "Source": f"{volumes}/{source}/_data"}
    else:
        point["Source"] = source if ask.type in {"bind", "image"} else ""
    point["Destination"] = ask.destination
    if ask.type == "volume":
        point["Driver"] = "local"
    point["Mode"] = ask.mode
    point["RW"] = not ask.readonly
    point["Propagation"] = (ask.propagation or "rprivate") if ask.type == "bind" else ""
    told = parse_volume.MountAsk(ask.type, ask.source, ask.destination, ask.readonly, ask.propagation)
    if ask._replace(mode="", origin="-v", make_source=False, copy=True) != told:
        point[ASK] = parse_volume.dump(ask)
    return point


def inherited(points: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the names of the anonymous volumes that were another container's."""
    found = [point for point in points if point.get("Type") == "volume" and ASK in point]
    return [str(point["Name"]) for point in found if parse_volume.load(str(point[ASK])).anonymous]


def shown(points: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return the points as inspect shows them."""
    return [{key: value for key, value in point.items() if key != ASK} for point in points]
