"""The image of a container that was made before: its name may mean another one by now, and it may be gone itself."""

from __future__ import annotations

from hezi import errors
from hezi.db import images as image_rows
from hezi.engine import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.spec.digest import Digest
    from hezi.spec.image import ImageConfig

_LAYERS = """SELECT l.chain_id, l.parent FROM container_layers c JOIN layers l ON l.chain_id = c.chain_id
    WHERE c.container_id = ?"""


def config(paths: Paths, connection: Connection, row: ContainerRow) -> ImageConfig | None:
    """Return the configuration of a container's image; None when nothing has kept it."""
    from hezi.spec import image as images

    raw = image_rows.config(connection, row.image_id)
    if raw is None:
        try:
            with open(f"{paths.containers}/{row.id}/{record.IMAGE_CONFIG}", "rb") as file:
                raw = file.read(images.MAX_CONFIG + 1)
        except OSError:
            return None
    return images.parse_config(raw)


def needed(paths: Paths, connection: Connection, row: ContainerRow) -> ImageConfig:
    """As :func:`config`, for those who can do nothing without it.

    :raises errors.Error: NOT_FOUND.
    """
    found = config(paths, connection, row)
    if found is None:
        text = f"the image {row.image_name} of this container is gone"
        raise errors.Error(errors.NOT_FOUND, text, hint="pull or load the image again")
    return found


def layers(connection: Connection, row: ContainerRow) -> tuple[Digest, ...]:
    """Return the layers that a container stands on, lowest first, even when its image is gone."""
    from hezi.spec.digest import Digest

    own = record.decode(row.config).layers
    if own:
        return tuple(map(Digest, own))
    above = {parent: chain_id for chain_id, parent in connection.execute(_LAYERS, (row.id,))}
    found: list[Digest] = []
    at = ""
    while at in above and len(found) < len(above):
        at = above[at]
        found.append(Digest(at))
    return tuple(found)
