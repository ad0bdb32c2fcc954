"""What a container's mounts are called in lists and in inspect: docker's ``Mounts``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.engine.parse_volume import MountAsk


def points(asks: Sequence[MountAsk], names: Sequence[str], volumes: str) -> tuple[dict[str, object], ...]:
    """Return a JSON-able description of each mount that the user or the image asked for.

    :param names: of the anonymous volumes, in the order in which they are made: by the depth of their destination.
    :param volumes: the directory of all volumes.
    """
    spare = iter(names)
    by_depth = sorted(asks, key=lambda ask: ask.destination.count("/"))
    return tuple(
        _point(ask, ask.source or (next(spare, "") if ask.type == "volume" else ""), volumes) for ask in by_depth
    )


def _point(ask: MountAsk, source: str, volumes: str) -> dict[str, object]:
    point: dict[str, object] = {"Type": ask.type}
    if ask.type == "volume":
        point |= {"Name": source, "Source": f"{volumes}/{source}/_data"}
    else:
        point["Source"] = source if ask.type == "bind" else ""
    point["Destination"] = ask.destination
    if ask.type == "volume":
        point["Driver"] = "local"
    point["Mode"] = ("ro" if ask.readonly else "") if ask.origin == "-v" else ""
    point["RW"] = not ask.readonly
    point["Propagation"] = (ask.propagation or "rprivate") if ask.type == "bind" else ""
    return point
