"""``push``: an image into a registry, several layers at a time; what is there is not sent, what can be mounted neither.

find    ── the name's manifest, or the index with all that is here    (hezi.engine.moving.stored)
lease   ── nobody removes what is under way
blobs   ── five at a time: is it there? mount it? send it             (hezi.registry.upload)
documents, children first, the name last: nobody sees a name whose parts are missing
record  ── the digest by which the registry has it
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack

from hezi import errors
from hezi._util.record import NamedTuple
from hezi._util.threads import joined
from hezi.engine.moving import stored
from hezi.engine.moving.results import PushedImage
from hezi.engine.pull import Report
from hezi.spec import image as documents
from hezi.spec.platform import Platform, host_platform
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.moving.stored import Stored
    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback
    from hezi.registry.client import RegistryClient
    from hezi.registry.config import Place
    from hezi.spec.digest import Digest
    from hezi.spec.image import Descriptor
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

BLOBS_AT_A_TIME = 5


def push(paths: Paths, name: str, *, platform: str | None, progress: ProgressCallback | None) -> PushedImage:
    """See :meth:`hezi.engine.moving.api.Moving.push`."""
    reference = _reference(name).with_default_tag()
    (done,) = _push(paths, reference, platform, progress)
    return done


def push_all(
    paths: Paths, name: str, *, platform: str | None, progress: ProgressCallback | None
) -> tuple[PushedImage, ...]:
    """See :meth:`hezi.engine.moving.api.Moving.push_all`."""
    reference = _reference(name)
    if reference.tag is not None:
        raise errors.Error(errors.INVALID, "tag can't be used with --all-tags/-a")
    return tuple(_push(paths, reference, platform, progress))


def _reference(name: str) -> Reference:
    reference = Reference.parse(name)
    if reference.digest is not None:
        raise errors.Error(errors.INVALID, "cannot push a digest reference")
    return reference


def _push(
    paths: Paths, reference: Reference, platform: str | None, progress: ProgressCallback | None
) -> list[PushedImage]:
    from hezi.engine import events
    from hezi.registry.client import RegistryClient
    from hezi.registry.config import places
    from hezi.store.images import ImageStore

    wanted = Platform.parse(platform, host_platform(os.uname().machine)) if platform else None
    report = Report(progress)
    report("", f"The push refers to repository [{reference.name}]")
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        names = _names(store, reference)
        # What can be known here is told before anybody is asked.
        found = [stored.find(store, image, wanted, str(name)) for name, image in names]
        # A mirror takes no pushes; where images of this name really are does.
        place = places(reference.domain, reference.path).origin
        client = stack.enter_context(RegistryClient(place.domain))
        client.reach()
        done = []
        for (name, image), one in zip(names, found, strict=True):
            done.append(_Pushing(store, client, name, place, image, report).run(one))
            events.tell(paths, events.IMAGE, "push", name.familiar, {"name": name.familiar_name})
        return done
    raise AssertionError  # no context manager above swallows exceptions


def _names(store: ImageStore, reference: Reference) -> list[tuple[Reference, Image]]:
    """The names that are meant, each with its image and its own manifest; docker's words when there are none."""
    prefix = f"{reference.name}:"
    tags = sorted(name for image in store.list() for name in image.names if name.startswith(prefix))
    wanted = tags if reference.tag is None else [name for name in tags if name == str(reference)]
    if not wanted:
        message = f"An image does not exist locally with the tag: {reference.familiar_name}"
        if tags:
            message = f"tag does not exist: {reference.familiar}"
        raise errors.Error(errors.NOT_FOUND, message, hint="hezi tag gives an image the name to push it by")
    found = [(Reference.parse(name), store.get(Reference.parse(name))) for name in wanted]
    return [(name, image) for name, image in found if image is not None]


class _Part(NamedTuple):
    """A blob to bring; ``shown`` is what people see of it, empty for a config."""

    descriptor: Descriptor
    shown: str


class _Pushing:
    """One name on its way."""

    def __init__(
        self, store: ImageStore, client: RegistryClient, name: Reference, place: Place, image: Image, report: Report
    ) -> None:
        self._store = store
        self._client = client
        self._name = name
        self._place = place
        self._image = image
        self._report = report
        self._error: BaseException | None = None
        self._lock = threading.Lock()

    def run(self, found: Stored) -> PushedImage:
        """Push what was found, and record it."""
        with self._store.lease(f"push {self._name}") as lease:
            lease.protect([part.digest for part in (found.root, *found.documents, *found.blobs)], ())
            self._blobs(self._parts(found))
            found = self._complete(found)
            for part in found.documents:
                raw = self._store.content.read(part.digest, documents.MAX_MANIFEST)
                self._client.push_manifest(self._place.path, part.digest, part.media_type, raw)
            tag = self._name.tag or ""
            digest = self._client.push_manifest(self._place.path, tag, found.root.media_type, found.raw)
            self._store.record_push(self._name, self._image, digest)
        self._report("", f"{tag}: digest: {digest} size: {len(found.raw)}")
        return PushedImage(self._name.familiar, str(digest), len(found.raw))

    def _complete(self, found: Stored) -> Stored:
        """An index of which the registry has the rest goes as it is; otherwise one of what is here is made."""
        if not found.missing or all(self._client.has_manifest(self._place.path, one) for one in found.missing):
            return found
        left = stored.without_missing(found)
        count = len(found.missing)
        which = "1 manifest is" if count == 1 else f"{count} manifests are"
        self._report("", f"{which} neither here nor in the registry: an index of the others is pushed")
        return left

    def _parts(self, found: Stored) -> list[_Part]:
        """The blobs, each once: layers by their DiffIDs, the top one first as docker has it, then the configs."""
        # Of the manifest itself: it may be the one for another platform.
        raw = self._store.content.read(found.manifest.config.digest, documents.MAX_CONFIG)
        config = documents.parse_config(raw)
        documents.check_image(found.manifest, config)
        names = {layer.digest: config.diff_ids[number].short for number, layer in enumerate(found.manifest.layers)}
        parts: dict[Digest, _Part] = {}
        for layer in reversed(found.manifest.layers):
            parts.setdefault(layer.digest, _Part(layer, names[layer.digest]))
        for blob in found.blobs:
            is_config = blob.media_type in documents.CONFIG_TYPES
            parts.setdefault(blob.digest, _Part(blob, "" if is_config else blob.digest.short))
        return list(parts.values())

    def _blobs(self, parts: list[_Part]) -> None:
        for part in parts:
            if part.shown:
                self._report(part.shown, "Preparing")
        gate = threading.Semaphore(BLOBS_AT_A_TIME)
        threads = [threading.Thread(target=self._work, args=(part, gate), daemon=True) for part in parts]
        with joined(threads, self._fail):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error

    def _work(self, part: _Part, gate: threading.Semaphore) -> None:
        try:
            with gate:
                if self._error is None:
                    self._bring(part)
        except BaseException as error:
            self._fail(error)

    def _bring(self, part: _Part) -> None:
        from hezi.registry import upload

        descriptor = part.descriptor
        with os.fdopen(self._store.content.open(descriptor.digest), "rb") as reader:
            how, where = self._client.bring_blob(
                self._place.path,
                descriptor,
                reader,
                mount_from=self._candidates(descriptor.digest),
                progress=lambda done: self._show(part, "Pushing", done),
            )
        words = {upload.EXISTS: "Layer already exists", upload.MOUNTED: f"Mounted from {where}"}
        self._show(part, words.get(how, "Pushed"))

    def _show(self, part: _Part, status: str, done: int = 0) -> None:
        if part.shown:
            self._report(part.shown, status, done, part.descriptor.size if done else 0)

    def _candidates(self, digest: Digest) -> tuple[str, ...]:
        """Other repositories of the same registry that had an image with this blob when it was pulled or pushed."""
        query = (
            "SELECT DISTINCT d.name FROM digests d JOIN image_blobs b ON b.image_id=d.image_id"
            " WHERE b.digest=? ORDER BY d.name"
        )
        prefix = f"{self._place.domain}/"
        with self._store.database.read() as connection:
            names = [row[0] for row in connection.execute(query, (digest,))]
        return tuple(name.removeprefix(prefix) for name in names if name.startswith(prefix) and name != self._name.name)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error = error
        # also those that wait for an answer, or for the time to try again
        self._client.cancel()
