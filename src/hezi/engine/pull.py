"""Pull: from a registry into the store, several layers at a time.

    resolve ── manifest, config            (documents, verified)
    lease   ── nobody removes what we count on
    layers  ── three at a time: download, hash, decompress, unpack (hezi.store.layers)
    commit  ── from the lowest up, as soon as all below are there
    put     ── the image becomes visible, and gets its name

A pull that ends early, by an error, Ctrl-C or a kill, leaves the parts of its downloads for the next one.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack

from hezi import errors
from hezi._util.record import NamedTuple
from hezi._util.threads import joined
from hezi.engine.results import Progress, PulledImage
from hezi.spec.digest import Digest
from hezi.spec.image import chain_ids
from hezi.spec.platform import Platform, host_platform
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback
    from hezi.registry.mirrors import ImageSource
    from hezi.registry.resolve import Resolved
    from hezi.spec.image import Descriptor
    from hezi.store.images import ImageStore
    from hezi.store.layers import BlobStream, LayerIngest, LayerSpec, OpenBlob
    from hezi.store.model import NewImage

LAYERS_AT_A_TIME = 3


def pull(
    paths: Paths,
    name: str,
    *,
    platform: str | None,
    progress: ProgressCallback | None,
    store: ImageStore | None = None,
) -> PulledImage:
    """See :meth:`hezi.engine.engine.Images.pull`.

    :param store: an open one to use.
    """
    reference = Reference.parse(name).with_default_tag()
    if reference.digest is not None:
        reference = reference._replace(tag=None)  # it says all that there is to say
    wanted = _platform(platform)
    with ExitStack() as stack:
        store = store or _open(paths, stack)
        client = _client(reference, stack)
        done = _one(store, client, reference, wanted, explicit=platform is not None, report=Report(progress))
        _tell(paths, reference)
        return done


def pull_all(
    paths: Paths, name: str, *, platform: str | None, progress: ProgressCallback | None
) -> tuple[PulledImage, ...]:
    """See :meth:`hezi.engine.engine.Images.pull_all`."""
    reference = Reference.parse(name)
    if reference.tag or reference.digest:
        raise errors.Error(errors.INVALID, "tag can't be used with --all-tags/-a")
    wanted = _platform(platform)
    report = Report(progress)
    with ExitStack() as stack:
        store = _open(paths, stack)
        client = _client(reference, stack)
        tags = client.tags(reference.path)
        if not tags:
            raise errors.Error(errors.NOT_FOUND, f"repository {reference.familiar_name} has no tags")
        done = []
        for tag in tags:
            one = reference._replace(tag=tag)
            done.append(_one(store, client, one, wanted, explicit=platform is not None, report=report))
            report("", f"Digest: {done[-1].digest}")
            _tell(paths, one)
        return tuple(done)


def _tell(paths: Paths, reference: Reference) -> None:
    from hezi.engine import events

    events.tell(paths, events.IMAGE, "pull", reference.familiar, {"name": reference.familiar_name})


def step(text: str) -> Progress:
    """Return a line about a pull as a whole, as a step of it."""
    return Progress("", text)


def image_id(done: PulledImage) -> Digest:
    """Return the id of what was pulled."""
    return Digest.parse(done.image_id)


def _platform(text: str | None) -> Platform:
    host = host_platform(os.uname().machine)
    return Platform.parse(text, host) if text else host


def _open(paths: Paths, stack: ExitStack) -> ImageStore:
    from hezi.store.images import ImageStore

    paths.make()
    return stack.enter_context(ImageStore(paths.root))


def _client(reference: Reference, stack: ExitStack) -> ImageSource:
    from hezi.registry import mirrors

    client = mirrors.open_source(reference)
    stack.callback(client.close)
    return client


class Report:
    """Passes steps on, one at a time, whatever thread they come from."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._lock = threading.Lock()

    def __call__(self, layer: str, status: str, current: int = 0, total: int = 0) -> None:
        if self._callback is not None:
            with self._lock:
                self._callback(Progress(layer, status, current, total))


def _one(
    store: ImageStore,
    client: ImageSource,
    reference: Reference,
    platform: Platform,
    *,
    explicit: bool,
    report: Report,
) -> PulledImage:
    from hezi.registry import resolve

    # The digest of what the registry has is all that is needed when the store has it under this name already.
    found = resolve.resolve(client, reference, platform, explicit=explicit)
    report(str(reference) if reference.digest else reference.tag or "", f"Pulling from {_path(reference)}")
    descriptor = found.index_descriptor or found.manifest_descriptor
    config_digest = found.manifest.config.digest
    before = store.get(reference)
    if before is not None and before.id != config_digest:
        before = store.for_platform(before, found.config.platform, str(reference))
    new = before is None or before.id != config_digest
    with store.lease(f"pull {reference}") as lease:
        chain = chain_ids(found.config.diff_ids)
        lease.protect([layer.digest for layer in found.manifest.layers], chain)
        # An image that is here under any name is up to date without a word about its layers, as with docker.
        silent = not new or store.by_id(config_digest) is not None
        _layers(store, client, reference, found, chain, report, silent=silent)
        store.put(_new_image(reference, found, chain, descriptor.digest))
    return PulledImage(reference.familiar, str(reference), str(descriptor.digest), str(config_digest), new)


def _path(reference: Reference) -> str:
    """Docker shows the repository's path, with ``library/`` for the Hub's own."""
    return reference.path


def _new_image(reference: Reference, found: Resolved, chain: tuple[Digest, ...], digest: Digest) -> NewImage:
    from hezi.store.model import NewImage

    documents: tuple[tuple[Digest, str, bytes], ...] = ()
    if found.index_document is not None and found.index_descriptor is not None:
        index = found.index_document
        documents = ((found.index_descriptor.digest, index.media_type, index.raw),)
    return NewImage(
        reference=reference,
        manifest=found.manifest,
        manifest_digest=found.manifest_descriptor.digest,
        config=found.config,
        chain_ids=chain,
        repository_digest=digest,
        documents=documents,
    )


class _Job(NamedTuple):
    """One layer of the image under way."""

    ingest: LayerIngest
    spec: LayerSpec
    short: str
    open_blob: OpenBlob


def _layers(
    store: ImageStore,
    client: ImageSource,
    reference: Reference,
    found: Resolved,
    chain: tuple[Digest, ...],
    report: Report,
    *,
    silent: bool,
) -> None:
    """Fetch the layers, three at a time, and commit them in order.

    :param silent: say nothing about layers that are here.
    """
    with ExitStack() as stack:
        jobs = _jobs(store, client, reference, found, chain, report)
        for job in jobs:
            stack.enter_context(job.ingest)
        missing = []
        for job in jobs:
            if not job.ingest.present:
                report(job.short, "Pulling fs layer")
                missing.append(job)
            elif not silent:
                report(job.short, "Already exists")
        _Fetch(missing, report, client).run()


def _jobs(
    store: ImageStore,
    client: ImageSource,
    reference: Reference,
    found: Resolved,
    chain: tuple[Digest, ...],
    report: Report,
) -> list[_Job]:
    from hezi.store.layers import DOWNLOADING, LayerIngest, LayerSpec

    jobs = []
    for number, layer in enumerate(found.manifest.layers):
        spec = LayerSpec(layer, found.config.diff_ids[number], chain[number], chain[:number])
        short, size = layer.digest.short, layer.size

        def progress(phase: str, done: int, short: str = short, size: int = size) -> None:
            report(short, "Downloading" if phase == DOWNLOADING else "Extracting", done, size)
            if phase == DOWNLOADING and done == size:
                report(short, "Verifying Checksum")
                report(short, "Download complete")

        def open_blob(offset: int, layer: Descriptor = layer) -> BlobStream:
            return client.blob(reference.path, layer, offset)

        jobs.append(_Job(LayerIngest(store.content, store.driver, spec, progress=progress), spec, short, open_blob))
    return jobs


class _Fetch:
    """Runs the downloads in threads and commits each in the calling one, when its turn comes."""

    def __init__(self, jobs: list[_Job], report: Report, client: ImageSource) -> None:
        self._jobs = jobs
        self._report = report
        self._client = client
        self._gate = threading.Semaphore(LAYERS_AT_A_TIME)
        self._lock = threading.Lock()
        self._done = [threading.Event() for _ in jobs]
        self._error: BaseException | None = None

    def run(self) -> None:
        """Bring all layers into the store.

        :raises errors.Error: the first that any of them met; the others are cancelled, what they have is kept.
        """
        threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(len(self._jobs))
        ]
        with joined(threads, self._fail):
            for number, thread in enumerate(threads):
                if number >= LAYERS_AT_A_TIME:
                    self._report(self._jobs[number].short, "Waiting")
                thread.start()
            self._commit()
        if self._error is not None:
            raise self._error

    def _commit(self) -> None:
        for number, job in enumerate(self._jobs):
            self._done[number].wait()
            if self._error is not None:
                return
            job.ingest.commit()
            self._report(job.short, "Pull complete")

    def _work(self, number: int) -> None:
        job = self._jobs[number]
        try:
            with self._gate:
                if self._error is None:
                    self._fetch(job)
        except BaseException as error:
            self._fail(error)
        finally:
            self._done[number].set()

    def _fetch(self, job: _Job) -> None:
        try:
            job.ingest.fetch(job.open_blob)
        except errors.Error as error:
            # Bytes with another digest may be a mirror's; where the image belongs gets one try.
            if error.kind != errors.CORRUPT or not self._client.distrust():
                raise
            job.ingest.fetch(job.open_blob)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error = error
        # also those that wait for bytes, or for the time to try again
        self._client.cancel()
        for job in self._jobs:
            job.ingest.cancel()
        for event in self._done:
            event.set()
