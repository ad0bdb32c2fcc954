"""What ``images`` and ``rmi`` show and do."""

from __future__ import annotations

from contextlib import closing

from hezi.engine.results import ImageSummary, RemovedImages
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    wanted = Reference.parse(name)
    return tuple(row for row in rows if row.repository == wanted.familiar_name and wanted.tag in {None, row.tag})


def _rows(image: Image) -> list[ImageSummary]:
    """One row for each name; for each repository that has it by digest only; one for an image without names."""
    digests = dict(image.digests)
    rows = []
    for text in image.names:
        reference = Reference.parse(text)
        rows.append(_row(image, reference.familiar_name, reference.tag or _NONE, str(digests.pop(reference.name, ""))))
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
