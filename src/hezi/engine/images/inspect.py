"""``image inspect``: docker's document of an image."""

from __future__ import annotations

from hezi._util import clock
from hezi.engine import parse_health
from hezi.engine.images import listing
from hezi.engine.images.opening import opened
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from hezi.engine.paths import Paths
    from hezi.engine.results import ImageSummary
    from hezi.spec.digest import Digest
    from hezi.spec.image import ContainerConfig
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

# Go's zero time, which docker shows for "never".
_NEVER = "0001-01-01T00:00:00Z"


def get(paths: Paths, name: str) -> ImageSummary:
    """See :meth:`hezi.engine.engine.Images.get`."""
    with opened(paths) as store:
        image = store.resolve(name)
        with store.database.read() as connection:
            rows = listing.rows_of(connection, image.id)
    for row in rows:
        if name in {row.repository, f"{row.repository}:{row.tag}", f"{row.repository}@{row.digest}"}:
            return row
    return rows[0]


def document(paths: Paths, name: str, *, platform: str | None = None) -> dict[str, Any]:
    """See :meth:`hezi.engine.engine.Images.inspect`."""
    with opened(paths) as store:
        return _document(paths, store, resolve(store, name, platform))


def resolve(store: ImageStore, name: str, platform: str | None) -> Image:
    """Return the image that is meant; of several platforms the one that was asked for.

    :raises errors.Error: NOT_FOUND, with docker's words; INVALID: no platform is called so.
    """
    image = store.resolve(name)
    if not platform:
        return image
    from hezi.spec.platform import Platform
    from hezi.store import removal

    wanted = Platform.parse(platform)
    found = store.for_platform(image, wanted, name)
    if found is None:
        raise removal.no_platform(image, name, wanted)
    return found


def _document(paths: Paths, store: ImageStore, image: Image) -> dict[str, Any]:
    config = store.config(image.id)
    with store.database.read() as connection:
        from hezi.db import images as tables

        tagged = max((row.updated_ns for row in tables.names(connection, image.id)), default=0)
    comments = [entry.comment for entry in config.history[-1:]]
    return {
        "Id": str(image.id),
        "RepoTags": [Reference.parse(text).familiar for text in image.names],
        "RepoDigests": [f"{Reference.parse(text).familiar_name}@{digest}" for text, digest in image.digests],
        "Parent": image.parent,
        "Comment": comments[0] if comments else "",
        "Created": config.created,
        "DockerVersion": "",
        "Author": config.author,
        "Config": _config(config.config),
        "Architecture": image.architecture,
        **({"Variant": image.variant} if image.variant else {}),
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": _driver(paths, store.chain_ids(image.id)),
        "RootFS": _rootfs(config.diff_ids),
        "Metadata": {"LastTagTime": clock.rfc3339(tagged) if tagged else _NEVER},
    }


def _rootfs(diff_ids: Iterable[Digest]) -> dict[str, Any]:
    layers = [str(digest) for digest in diff_ids]
    return {"Type": "layers", **({"Layers": layers} if layers else {})}


def _driver(paths: Paths, chain_ids: tuple[Digest, ...]) -> dict[str, Any]:
    places = [f"{paths.root}/layers/{chain_id.hex}/diff" for chain_id in reversed(chain_ids)]
    data = {"LowerDir": ":".join(places[1:])} if places[1:] else {}
    return {"Data": {**data, "UpperDir": places[0]} if places else None, "Name": "overlay"}


def _config(inside: ContainerConfig) -> dict[str, Any]:
    """In the order of docker's own, without what belongs to containers only."""
    run: dict[str, Any] = {"User": inside.user}
    if inside.exposed_ports:
        run["ExposedPorts"] = {port: {} for port in sorted(inside.exposed_ports)}
    run |= {"Env": list(inside.env) or None, "Cmd": _words(inside.cmd)}
    if inside.healthcheck is not None:
        run["Healthcheck"] = parse_health.document(inside.healthcheck)
    run |= {
        "Volumes": {path: {} for path in sorted(inside.volumes)} or None,
        "WorkingDir": inside.working_dir,
        "Entrypoint": _words(inside.entrypoint),
        "OnBuild": list(inside.onbuild) or None,
        "Labels": dict(sorted(inside.labels)) or None,
    }
    if inside.stop_signal:
        run["StopSignal"] = inside.stop_signal
    if inside.stop_timeout is not None:
        run["StopTimeout"] = inside.stop_timeout
    if inside.shell:
        run["Shell"] = list(inside.shell)
    return run


def _words(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
