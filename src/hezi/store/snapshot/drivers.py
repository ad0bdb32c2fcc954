"""The table of snapshot drivers: one line for each."""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.store.snapshot.base import SnapshotDriver

DEFAULT = "overlay"
# Name -> the module with its driver; None for one that has its place and no code yet.
_DRIVERS: dict[str, str | None] = {
    "overlay": "hezi.store.snapshot.overlay",
    # Layers stay archives, an EROFS index points into them: no extraction (docs/adr).
    "erofs": None,
}


def open_driver(name: str, root: str) -> SnapshotDriver:
    """Return the driver ``name`` for the store at ``root``.

    :raises hezi.errors.Error: INVALID: there is no such driver; UNSUPPORTED: not in this version.
    """
    if name not in _DRIVERS:
        message = f"unknown snapshot driver '{name}'"
        raise errors.Error(errors.INVALID, message, hint=f"known drivers: {', '.join(sorted(_DRIVERS))}")
    if _DRIVERS[name] is None:
        message = f"snapshot driver '{name}' is not part of this version of hezi"
        raise errors.Error(errors.UNSUPPORTED, message, hint=f"use '{DEFAULT}'")
    from hezi.store.snapshot import overlay

    return overlay.OverlayDriver(root)
