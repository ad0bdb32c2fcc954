"""What ``images`` and ``rmi`` show and do."""

from __future__ import annotations

from contextlib import closing

from hezi import errors
from hezi.engine.results import ImageSummary, RemovedImages
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.paths import Paths
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

_NONE = "<none>"


def summaries(paths: Paths, name: str | None, *, all_names: bool) -> tuple[ImageSummary, ...]:
    """See :meth:`hezi.engine.engine.Images.list`."""
    with _open(paths) as store:
        rows = [row for image in store.list() for row in _rows(image)]
    if not all_names:
        rows = [row for row in rows if row.repository != _NONE]
    if name is None:
        return tuple(rows)
    try:
        wanted = Reference.parse(name)
    except errors.Error:
        return ()  # as docker: no image is called that
    return tuple(row for row in rows if row.repository == wanted.familiar_name and wanted.tag in {None, row.tag})


def _rows(image: Image) -> list[ImageSummary]:
    """One row for each name; for each repository that has it by digest only; one for an image without names."""
    rows = []
    for tag in image.tags:
        reference = Reference.parse(tag.reference)
        rows.append(_row(image, reference.familiar_name, reference.tag or _NONE, str(tag.digest or "")))
    named = {Reference.parse(text).name for text in image.names}
    for repository, digest in image.digests:
        if repository not in named:
            rows.append(_row(image, Reference.parse(repository).familiar_name, _NONE, str(digest)))
    return rows or [_row(image, _NONE, _NONE, "")]


def _row(image: Image, repository: str, tag: str, digest: str) -> ImageSummary:
    return ImageSummary(repository, tag, digest, str(image.id), image.created_ns, image.size)


def get(paths: Paths, name: str) -> ImageSummary:
    """See :meth:`hezi.engine.engine.Images.get`."""
    with _open(paths) as store:
        image = store.resolve(name)
    rows = _rows(image)
    for row in rows:
        if name in {row.repository, f"{row.repository}:{row.tag}"}:
            return row
    return rows[0]


def document(paths: Paths, name: str) -> dict[str, Any]:
    """See :meth:`hezi.engine.engine.Images.inspect`."""
    from hezi._util import clock

    with _open(paths) as store:
        image = store.resolve(name)
        config = store.config(image.id)
        layers = store.chain_ids(image.id)
    inside = config.config
    run: dict[str, Any] = {"User": inside.user}
    if inside.exposed_ports:
        run["ExposedPorts"] = {port: {} for port in sorted(inside.exposed_ports)}
    run |= {
        "Env": list(inside.env) or None,
        "Cmd": list(inside.cmd) if inside.cmd else None,
        "Volumes": {path: {} for path in inside.volumes} or None,
        "WorkingDir": inside.working_dir,
        "Entrypoint": list(inside.entrypoint) if inside.entrypoint else None,
        "OnBuild": list(inside.onbuild) or None,
        "Labels": dict(inside.labels) or None,
    }
    if inside.stop_signal:
        run["StopSignal"] = inside.stop_signal
    top = f"{paths.root}/layers/{layers[-1].partition(':')[2]}/diff" if layers else ""
    return {
        "Id": str(image.id),
        "RepoTags": [Reference.parse(text).familiar for text in image.names],
        "RepoDigests": [f"{Reference.parse(text).familiar_name}@{digest}" for text, digest in image.digests],
        "Parent": "",
        "Comment": config.history[-1].comment if config.history else "",
        "Created": config.created,
        "DockerVersion": "",
        "Author": config.author,
        "Config": run,
        "Architecture": image.architecture,
        **({"Variant": image.variant} if image.variant else {}),
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Data": {"UpperDir": top}, "Name": "overlay"},
        "RootFS": {"Type": "layers", "Layers": [str(digest) for digest in config.diff_ids]},
        "Metadata": {"LastTagTime": clock.rfc3339(image.pulled_ns)},
    }


def remove(paths: Paths, name: str, *, force: bool) -> RemovedImages:
    """See :meth:`hezi.engine.engine.Images.remove`."""
    from hezi.engine import recover

    with _open(paths) as store:
        # A container of a killed run must not hold its image for ever.
        recover.sweep(paths, store.database)
        done = store.remove(name, force=force)
    return RemovedImages(done.untagged, tuple(str(digest) for digest in done.deleted))


def _open(paths: Paths) -> closing[ImageStore]:
    from hezi.store.images import ImageStore

    paths.make()
    return closing(ImageStore(paths.root))
