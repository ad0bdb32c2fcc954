"""Telling what happened to a container that has a row; apart from :mod:`hezi.engine.events`, which records use."""

from __future__ import annotations

from hezi.engine import events, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths


def tell(paths: Paths, row: ContainerRow, action: str, **more: object) -> None:
    """Record what happened to a container; never fails."""
    known = events.about(row.name, row.image_name, record.decode(row.config).labels)
    events.tell(paths, events.CONTAINER, action, row.id, {**known, **more})
