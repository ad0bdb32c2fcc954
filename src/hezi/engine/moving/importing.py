"""``import``: an image of one layer from a tar archive of a root directory."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager

from hezi import errors
from hezi._util import clock
from hezi._util.record import NamedTuple
from hezi.engine import changes as instructions
from hezi.engine.moving import spool
from hezi.engine.pull import Report
from hezi.image import compress
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.image import ContainerConfig, Descriptor, History, ImageConfig, Manifest
from hezi.spec.platform import Platform, host_platform
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback

_SCHEMES = ("http://", "https://")


class ImportOptions(NamedTuple):
    """What the new image says of itself.

    :ivar name: ``NAME[:TAG]``; empty for an image without a name.
    :ivar changes: Dockerfile instructions (:mod:`hezi.engine.changes`).
    :ivar message: for its history; docker's ``Imported from ...`` when empty.
    :ivar platform: what it is for; default this machine's.
    """

    name: str = ""
    changes: tuple[str, ...] = ()
    message: str = ""
    platform: str | None = None


def import_image(
    paths: Paths, source: str | int, options: ImportOptions, progress: ProgressCallback | None = None
) -> str:
    """See :meth:`hezi.engine.moving.api.Moving.import_image`."""
    from hezi.engine import events
    from hezi.store import newlayer
    from hezi.store.images import ImageStore
    from hezi.store.model import NewImage

    reference = _reference(options.name)
    config = instructions.apply(ContainerConfig(), options.changes, stop_signal=False)
    platform = _platform(options.platform)
    report = Report(progress)
    paths.make()
    with ExitStack() as stack:
        chunks = stack.enter_context(_opened(source, report))
        store = stack.enter_context(ImageStore(paths.root))
        lease = stack.enter_context(store.lease(f"import {reference or ''}"))
        plain = compress.decompress(chunks, archive=True)
        layer, diff_id = newlayer.make(store.content, store.driver, plain, (), lease)
        where = source if isinstance(source, str) and source.startswith(_SCHEMES) else "-"
        image = _image(config, platform, diff_id, options.message or f"Imported from {where}")
        described = Descriptor(documents.OCI_CONFIG, Digest.of(image.raw), len(image.raw))
        raw = documents.encode_manifest(described, (layer,))
        manifest = Manifest(raw, documents.OCI_MANIFEST, described, (layer,))
        lease.protect([described.digest, Digest.of(raw)], ())
        # Neither tag nor digest: the image is stored without a name.
        name = reference or Reference.parse("none")
        done = store.put(NewImage(name, manifest, Digest.of(raw), image, documents.chain_ids(image.diff_ids)))
        if reference is not None:
            events.tell(paths, events.IMAGE, "tag", str(done.id), {**dict(config.labels), "name": reference.familiar})
        events.tell(paths, events.IMAGE, "import", str(done.id), {"name": done.id})
        return str(done.id)
    raise AssertionError  # no context manager above swallows exceptions


def _reference(name: str) -> Reference | None:
    if not name:
        return None
    reference = Reference.parse(name)
    if reference.digest is not None:
        raise errors.Error(errors.INVALID, "cannot import digest reference")
    reference.refuse_ambiguous()
    return reference.with_default_tag()


def _platform(text: str | None) -> Platform:
    host = host_platform(os.uname().machine)
    found = Platform.parse(text, host) if text else host
    if found.os != "linux":
        raise errors.Error(errors.INVALID, f"operating system is not supported: {found.os}")
    return found


def _image(config: ContainerConfig, platform: Platform, diff_id: Digest, comment: str) -> ImageConfig:
    created = clock.rfc3339(clock.now_ns())
    made = ImageConfig(
        raw=b"",
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=created,
        config=config,
        diff_ids=(diff_id,),
        history=(History(created=created, comment=comment),),
    )
    return made._replace(raw=documents.encode_config(made))


@contextmanager
def _opened(source: str | int, report: Report) -> Iterator[Iterator[bytes]]:
    """Give the archive's bytes as they come: a file's, a descriptor's, or what a URL has."""
    if isinstance(source, str) and source.startswith(_SCHEMES):
        from hezi.registry import fetch

        with fetch.opened(source) as download:
            report("", f"Downloading from {download.where}")
            yield iter(download)
        return
    fd = spool.open_file(source) if isinstance(source, str) else source
    try:
        yield spool.chunks(fd)
    finally:
        if isinstance(source, str):
            os.close(fd)
