"""``save``: images as one archive that docker, podman and skopeo load, and that is an OCI image layout.

    oci-layout  index.json      the OCI image layout: each name with its manifest, digests as they are in the store
    manifest.json               the same for docker's readers: config, names, layers
    blobs/sha256/...            each blob once, as it is in the store; nothing is packed again

Layers in zstd are there twice, the second time as plain tars, which ``manifest.json`` names: docker before 23 could not
read them otherwise. An OCI archive has no ``manifest.json`` and each layer once.

The same images give the same bytes: all times are 0, and the order is that of the names.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine.moving import plain, stored
from hezi.image import saved, tarlayer, tarwrite
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.jsondoc import dumps
from hezi.spec.platform import Platform, host_platform
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hezi.engine.moving.stored import Stored
    from hezi.engine.paths import Paths
    from hezi.spec.image import Descriptor
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

FORMATS = ("docker-archive", "oci-archive")
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class _Named(NamedTuple):
    """What one argument asked for: an image with the name to save it under, if any."""

    image: Image
    name: Reference | None


class _File(NamedTuple):
    """A file of the archive; ``chunks`` gives exactly ``size`` bytes."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


def save(
    paths: Paths,
    names: Sequence[str],
    *,
    format: str = FORMATS[0],  # noqa: A002 - the name of the option
    platform: str | None = None,
    uncompressed: bool = False,
) -> Iterator[bytes]:
    """See :meth:`hezi.engine.moving.api.Moving.save`."""
    from hezi.engine import events
    from hezi.store.images import ImageStore

    if format not in FORMATS:
        message = f"invalid format '{format}': it is one of {', '.join(FORMATS)}"
        raise errors.Error(errors.INVALID, message)
    wanted = Platform.parse(platform, host_platform(os.uname().machine)) if platform else None
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        # On a full disk too: who saves an image elsewhere is about to make room.
        store.database.free_reserve()
        lease = stack.enter_context(store.lease("save " + " ".join(names)[:200]))
        found = [
            (one, stored.find(store, one.image, wanted, str(one.name) if one.name else None))
            for one in _asked(store, names)
        ]
        # What is saved stays until it is written, whoever removes the image meanwhile.
        lease.protect([part.digest for _, one in found for part in (one.root, *one.documents, *one.blobs)], ())
        if uncompressed:
            found = [(one, plain.unpacked(store, it)) for one, it in found]
        docker = [(one, plain.for_docker(store, it)) for one, it in found] if format == FORMATS[0] else []
        files = _files(store, found, docker)
        for image_id in dict.fromkeys(str(one.image.id) for one, _ in found):
            events.tell(paths, events.IMAGE, "save", image_id, {"name": image_id})
        yield from _archive(files)


def _asked(store: ImageStore, names: Sequence[str]) -> list[_Named]:
    """A name without a tag means all tags of the repository, as docker has it; an id or digest means no name."""
    found: list[_Named] = []
    for text in names:
        for one in _one(store, text):
            if one not in found:
                found.append(one)
    return found


def _one(store: ImageStore, text: str) -> list[_Named]:
    try:
        reference = Reference.parse(text)
    except errors.Error:
        return [_Named(store.resolve(text), None)]
    if reference.digest is not None:
        return [_Named(store.resolve(text), None)]
    if reference.tag is None:
        tags = [name for image in store.list() for name in image.names if name.rpartition(":")[0] == reference.name]
        if tags:
            return [_by_name(store, Reference.parse(name)) for name in sorted(tags)]
        return [_Named(store.resolve(text), None)]
    return [_by_name(store, reference)] if store.get(reference) else [_Named(store.resolve(text), None)]


def _by_name(store: ImageStore, reference: Reference) -> _Named:
    # By its name, not by its id: each name has its own manifest.
    image = store.get(reference)
    if image is None:
        message = f"No such image: {reference.familiar}"
        raise errors.Error(errors.NOT_FOUND, message)
    return _Named(image, reference)


def _files(
    store: ImageStore, found: list[tuple[_Named, Stored]], docker: list[tuple[_Named, Stored]]
) -> Iterator[_File]:
    """The files of the archive; documents first, so that who reads a pipe knows what is to come.

    :param docker: the same images as docker's readers are to find them; none for an OCI archive.
    """
    yield _document(saved.LAYOUT, _LAYOUT)
    yield _document(saved.INDEX, documents.encode_index(tuple(_entry(named, one) for named, one in found)))
    if docker:
        yield _document(saved.MANIFEST, dumps(_docker_manifest(docker)))
    seen: set[str] = set()
    for _, one in (*found, *docker):
        made: dict[Digest, bytes] = {one.root.digest: one.raw, Digest.of(one.manifest.raw): one.manifest.raw}
        for part in (one.root, *one.documents, *one.blobs):
            name = _path(part.digest)
            if name in seen:
                continue
            seen.add(name)
            raw = made.get(part.digest)
            if raw is not None:
                yield _document(name, raw)
            else:
                yield _File(name, part.size, plain.reader(store, one, part))


def _document(name: str, raw: bytes) -> _File:
    return _File(name, len(raw), lambda: (raw,))


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _entry(named: _Named, one: Stored) -> Descriptor:
    """An image in ``index.json``, with its names as containerd and docker look for them."""
    if named.name is None:
        return one.root
    annotations = ((saved.IMAGE_NAME, str(named.name)), (saved.REF_NAME, named.name.tag or ""))
    return one.root._replace(annotations=annotations)


def _docker_manifest(found: list[tuple[_Named, Stored]]) -> list[dict[str, object]]:
    """One entry for each image, with all names that were asked for, as docker does it."""
    entries: dict[tuple[Digest, ...], dict[str, object]] = {}
    for named, one in found:
        parts = (one.manifest.config.digest, *(layer.digest for layer in one.manifest.layers))
        entry = entries.setdefault(
            parts,
            {
                "Config": _path(parts[0]),
                "RepoTags": None,
                "Layers": [_path(digest) for digest in parts[1:]],
            },
        )
        if named.name is not None:
            tags = entry["RepoTags"]
            entry["RepoTags"] = [*(tags if isinstance(tags, list) else ()), named.name.familiar]
    return list(entries.values())


def _archive(files: Iterable[_File]) -> Iterator[bytes]:
    for directory in ("blobs", "blobs/sha256"):
        yield tarwrite.header(tarwrite.Member(directory.encode(), tarlayer.DIRECTORY, 0o755))
    for file in files:
        yield tarwrite.header(tarwrite.Member(file.name.encode(), tarlayer.REGULAR, 0o644, size=file.size))
        left = file.size
        for chunk in file.chunks():
            left -= len(chunk)
            yield chunk
        if left:
            raise errors.Error(errors.CORRUPT, f"blob {file.name} in the store has another size than it should")
        yield from tarwrite.zeros(-file.size % 512)
    yield tarwrite.END
