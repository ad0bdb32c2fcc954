"""``commit``: an image from a container's changes.

One pass over the changes makes the layer's archive, its digests, the compressed blob and, beside it, the unpacked
layer: nothing is read twice. A running container is frozen meanwhile, unless it is not to be.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack, contextmanager

from hezi import errors
from hezi._util import atomic, clock
from hezi._util.record import NamedTuple
from hezi.engine import changes
from hezi.engine.rootfs import diff, target
from hezi.image import tarwrite
from hezi.image.tarlayer import TarReader
from hezi.image.treewalk import PickedSource
from hezi.spec import image as images
from hezi.spec.digest import Digest
from hezi.spec.image import ContainerConfig, Descriptor, History, ImageConfig, Manifest
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.store.images import ImageStore
    from hezi.store.lease import Lease
    from hezi.store.model import Image

_CHUNK = 1 << 20
_LEVEL = 1  # of isal's 0 to 3: faster than the disk
_AS_OCI = {
    images.DOCKER_LAYER: images.OCI_LAYER,
    images.DOCKER_LAYER_GZIP: images.OCI_LAYER_GZIP,
    images.DOCKER_LAYER_ZSTD: images.OCI_LAYER_ZSTD,
}


class CommitOptions(NamedTuple):
    """What the new image says of itself.

    :ivar name: ``NAME[:TAG]``; empty for an image without a name.
    :ivar changes: Dockerfile instructions (:mod:`hezi.engine.changes`).
    :ivar pause: freeze the container meanwhile.
    """

    name: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True


class _Layer(NamedTuple):
    descriptor: Descriptor
    diff_id: Digest


def commit(paths: Paths, container: str, options: CommitOptions) -> str:
    """Make an image of a container and return its id.

    :raises errors.Error: no such container; its image is gone; a change is wrong; the disk is full.
    """
    from hezi.engine import rights
    from hezi.store.images import ImageStore

    rights.check()
    reference = _reference(options.name)
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        row = target.find(store, container)
        parent = store.by_id(Digest(row.image_id))
        if parent is None:
            hint = "export the container and import what comes out"
            raise errors.Error(errors.NOT_FOUND, f"the image of container {container} is gone", hint=hint)
        old = store.config(parent.id)
        # As docker: what an image has for builds, its containers have not.
        own = container_config(row, old.config)._replace(onbuild=(), shell=())
        config = _merged(changes.apply(own, options.changes), own)
        manifest = store.manifest(parent)
        lease = stack.enter_context(store.lease(f"commit {row.id}"))
        chain = store.chain_ids(parent.id)
        lease.protect([layer.digest for layer in manifest.layers], chain)
        frozen = stack.enter_context(_frozen(paths, row, options.pause))
        found, upper = diff.changes(paths, store, row, stack)
        layer = _layer(store, row, found, upper, chain, lease) if found else None
        frozen.close()
        new = _image(row, old, config, options, layer)
        image_id = str(_put(store, manifest, new, layer, reference, parent.id, lease).id)
        _tell(paths, row, image_id, reference, new, options.message)
        return image_id
    raise AssertionError  # no context manager above swallows exceptions


def _tell(
    paths: Paths, row: ContainerRow, image_id: str, reference: Reference | None, new: ImageConfig, comment: str
) -> None:
    from hezi.engine import container_events, events

    known = {"imageID": image_id}
    if reference is not None:
        known["imageRef"] = reference.familiar
        events.tell(paths, events.IMAGE, "tag", image_id, {**dict(new.config.labels), "name": reference.familiar})
    container_events.tell(paths, row, "commit", comment=comment, **known)


def _reference(name: str) -> Reference:
    if not name:
        # Neither tag nor digest: the image is stored without a name.
        return Reference.parse("none")
    reference = Reference.parse(name)
    if reference.digest is not None:
        raise errors.Error(errors.INVALID, "refusing to create a tag with a digest reference")
    reference.refuse_ambiguous()
    return reference.with_default_tag()


def _merged(config: ContainerConfig, own: ContainerConfig) -> ContainerConfig:
    """Let what changes have emptied be the container's own again, as docker does."""
    if config.healthcheck is not None and own.healthcheck is not None:
        # What is not said of it stays as well.
        said = {name: value for name, value in config.healthcheck._asdict().items() if value}
        config = config._replace(healthcheck=own.healthcheck._replace(**said))
    if config.entrypoint:
        return config
    return config._replace(
        entrypoint=own.entrypoint if config.entrypoint is None else config.entrypoint, cmd=config.cmd or own.cmd
    )


def container_config(row: ContainerRow, image: ContainerConfig) -> ContainerConfig:
    """Return an image's configuration as a container was made with it: what ``run`` was told instead."""
    details = json.loads(row.config)
    request = details.get("request") or {}
    env = dict(entry.partition("=")[::2] for entry in image.env)
    for entry in request.get("env", ()):
        name, equals, value = entry.partition("=")
        if equals:
            env[name] = value
        else:
            env.pop(name, None)
    entrypoint, command = image.entrypoint, image.cmd
    if request.get("entrypoint") is not None:
        entrypoint, command = (request["entrypoint"],) if request["entrypoint"] else None, None
    if request.get("command"):
        command = tuple(request["command"])
    elif not request and details.get("args"):
        whole, known = tuple(details["args"]), entrypoint or ()
        command = whole[len(known) :] if whole[: len(known)] == known else whole
    ports = [port for text in request.get("expose", ()) for port in changes.expand_ports(text)]
    return image._replace(
        env=tuple(f"{name}={value}" for name, value in env.items()),
        entrypoint=entrypoint,
        cmd=command,
        user=request.get("user") or image.user,
        working_dir=request.get("workdir") or image.working_dir,
        labels=tuple(sorted({**dict(image.labels), **(details.get("labels") or {})}.items())),
        exposed_ports=tuple(sorted({*image.exposed_ports, *ports})),
        stop_signal=request.get("stop_signal") or image.stop_signal,
    )


@contextmanager
def _frozen(paths: Paths, row: ContainerRow, wanted: bool) -> Iterator[ExitStack]:
    """Freeze a running container until the stack that is given is closed; one that is paused already stays so.

    Its monitor does it, and lets it go on when this process is killed.
    """
    from hezi.engine import held
    from hezi.runtime import attach

    with ExitStack() as stack:
        if wanted and target.process_of(paths, row) is not None and not target.is_paused(paths, row):
            try:
                client = stack.enter_context(attach.connect(held.directory(paths, row.id)))
                client.pause(while_here=True)
            except errors.Error as error:
                if error.kind not in {errors.NOT_FOUND, errors.UNAVAILABLE}:  # it has ended meanwhile
                    text = f"cannot pause the container: {error}"
                    raise errors.Error(error.kind, text, hint="--pause=false commits it as it runs") from error
        yield stack


def _layer(
    store: ImageStore,
    row: ContainerRow,
    found: Sequence[diff.Change],
    upper: int,
    parents: tuple[Digest, ...],
    lease: Lease,
) -> _Layer:
    """Write the layer: its blob into the content store, its tree into the snapshot driver."""
    source = PickedSource(upper, ((change.path, change.kind == diff.DELETED) for change in found))
    with ExitStack() as stack:
        tee = _Tee(_temporary(f"{store.root}/containers/{row.id}", stack))
        writer = store.driver.prepare()
        stack.callback(writer.discard)
        try:
            writer.unpack(TarReader(tee.pieces(tarwrite.stream(source, whole_seconds=True))))
            layer = _Layer(Descriptor(images.OCI_LAYER_GZIP, tee.digest(), tee.size), tee.diff_id())
            chain_id = _chain_id(parents, layer.diff_id)
            lease.protect([layer.descriptor.digest], [chain_id])
            writer.settle(parents)
            writer.sync()
            with store.content.ingest(layer.descriptor.digest, tee.size) as ingest:
                if not ingest.present:
                    ingest.restart()
                    for chunk in tee.blob():
                        ingest.write(chunk)
                    ingest.commit()
            writer.commit(chain_id)
        except OSError as error:
            doing = "cannot store the container's changes"
            raise errors.from_os_error(doing, error) from error
        return layer
    raise AssertionError  # no context manager above swallows exceptions


def _chain_id(parents: tuple[Digest, ...], diff_id: Digest) -> Digest:
    return Digest.of(f"{parents[-1]} {diff_id}".encode("ascii")) if parents else diff_id


def _temporary(directory: str, stack: ExitStack) -> int:
    """A file without a name: it is gone with its descriptor, whatever happens to us."""
    path = f"{directory}/.commit-{os.urandom(8).hex()}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    stack.callback(os.close, fd)
    os.unlink(path)
    return fd


class _Tee:
    """The archive on its way to the unpacker: hashed, and compressed into a file."""

    def __init__(self, fd: int) -> None:
        from isal import isal_zlib

        self._fd = fd
        self._plain = hashlib.sha256()
        self._packed = hashlib.sha256()
        # The header of isal's gzip has no name and no time: the same bytes each time.
        self._packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 31)
        self.size = 0

    def pieces(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        held: list[bytes | memoryview] = []
        size = 0
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            # Headers are small; larger pieces cost fewer calls.
            if size >= _CHUNK:
                yield self._pass(b"".join(held))
                held, size = [], 0
        yield self._pass(b"".join(held))
        self._write(self._packer.flush())

    def _pass(self, data: bytes) -> bytes:
        self._plain.update(data)
        self._write(self._packer.compress(data))
        return data

    def _write(self, data: bytes) -> None:
        self._packed.update(data)
        atomic.write_all(self._fd, data)
        self.size += len(data)

    def digest(self) -> Digest:
        return Digest(f"sha256:{self._packed.hexdigest()}")

    def diff_id(self) -> Digest:
        return Digest(f"sha256:{self._plain.hexdigest()}")

    def blob(self) -> Iterator[bytes]:
        os.lseek(self._fd, 0, os.SEEK_SET)
        while chunk := os.read(self._fd, _CHUNK):
            yield chunk


def _image(
    row: ContainerRow, old: ImageConfig, config: ContainerConfig, options: CommitOptions, layer: _Layer | None
) -> ImageConfig:
    created = clock.rfc3339(clock.now_ns())
    entry = History(
        created=created,
        created_by=" ".join(json.loads(row.config).get("args") or ()),
        author=options.author,
        comment=options.message,
        empty_layer=layer is None,
    )
    diff_ids = old.diff_ids if layer is None else (*old.diff_ids, layer.diff_id)
    made = old._replace(
        raw=b"",
        created=created,
        author=options.author,
        config=config,
        diff_ids=diff_ids,
        history=(*old.history, entry),
    )
    return made._replace(raw=images.encode_config(made))


def _put(
    store: ImageStore,
    below: Manifest,
    image: ImageConfig,
    layer: _Layer | None,
    name: Reference,
    parent: Digest,
    lease: Lease,
) -> Image:
    from hezi.store.model import NewImage

    described = Descriptor(images.OCI_CONFIG, Digest.of(image.raw), len(image.raw))
    blobs = [one._replace(media_type=_AS_OCI.get(one.media_type, one.media_type)) for one in below.layers]
    if layer is not None:
        blobs.append(layer.descriptor)
    raw = images.encode_manifest(described, tuple(blobs))
    manifest = Manifest(raw, images.OCI_MANIFEST, described, tuple(blobs))
    images.check_image(manifest, image)
    chain = images.chain_ids(image.diff_ids)
    lease.protect([described.digest, Digest.of(raw)], ())
    return store.put(NewImage(name, manifest, Digest.of(raw), image, chain, parent=parent))
