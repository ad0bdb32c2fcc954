"""Images in a store for tests of what is kept and what goes: made at a time, with labels, and containers on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hezi.db import containers
from hezi.image.build import BuiltImage, FileSpec, build_image
from hezi.spec import image
from hezi.spec.reference import Reference
from hezi.store.images import ImageStore
from hezi.store.model import Image
from tests.support.store import PLATFORM, pull

DETAILS = (
    '{"owner": [0, 0, ""], "remove": false, "cgroup": "/hezi-tests/none", "volumes": [], "args": [], "labels": {},'
    ' "stop_signal": 15, "tty": false}'
)


def built(
    *layers: Sequence[FileSpec], created: str = "2024-01-01T00:00:00Z", labels: dict[str, str] | None = None
) -> BuiltImage:
    config = image.ContainerConfig(cmd=("sh",), labels=tuple((labels or {}).items()))
    return build_image(layers, config, PLATFORM, created=created)


def add(store: ImageStore, name: str, *layers: bytes, created: str = "2024-01-01T00:00:00Z", **labels: str) -> Image:
    """Pull an image of layers with one file each, called as what is in it."""
    files = [[FileSpec(b"file-" + data[:20], data=data)] for data in layers]
    return pull(store, built(*files, created=created, labels=labels), name)


def tag(store: ImageStore, name: str, other: str) -> None:
    store.tag(store.resolve(name), Reference.parse(other))


def make_parent(store: ImageStore, child: Image, parent: Image) -> None:
    """Have ``child`` made from ``parent``, as commit does."""
    with store.database.write() as connection:
        connection.execute("UPDATE images SET parent=? WHERE id=?", (parent.id, child.id))


def used(store: ImageStore, found: Image, days_ago: float) -> None:
    """Let the last use of an image be some days in the past."""
    with store.database.write() as connection:
        query = "UPDATE images SET last_used_ns=last_used_ns-? WHERE id=?"
        connection.execute(query, (int(days_ago * 86400e9), found.id))


def add_container(store: ImageStore, found: Image, state: str = containers.EXITED, digit: str = "c") -> str:
    row = containers.ContainerRow(
        digit * 64, f"box-{digit}", found.id, "image", state, 0, 0, "", 1, 1, 0, 0, DETAILS
    )  # fmt: skip
    with store.database.write() as connection:
        containers.insert(connection, row, store.chain_ids(found.id))
    return row.id


def bytes_in_files(root: Path) -> int:
    """The bytes in the files of layers and blobs: what a prune says it gives back."""
    total = 0
    for place in ("layers", "content/blobs", "ingest"):
        for path in (root / place).rglob("*"):
            info = os.lstat(path)
            # Beside the tree a layer has a file that says how large it is.
            if not path.is_dir() and (place != "layers" or "diff" in path.parts):
                total += info.st_size
    return total
