"""The facade: one object through which the command line, scripts and servers use hezi.

    >>> import hezi
    >>> engine = hezi.Engine()
    >>> engine.images.pull("busybox").digest          # doctest: +SKIP
    >>> engine.run("busybox", ["echo", "hi"]).stdout  # doctest: +SKIP
    b'hi\\n'

Making an :class:`Engine` touches nothing: directories, database and heavy imports come with the first use. An engine
may be used from several threads; it never forks the calling process, changes its directory, its umask or its signals.
"""

from __future__ import annotations

from hezi.engine.moving.api import Moving
from hezi.engine.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Any

    from hezi.engine.booting import SystemStarted
    from hezi.engine.containers.api import Containers
    from hezi.engine.disk_usage import Usage
    from hezi.engine.images.history import Step
    from hezi.engine.images.tree import Footprint, TreeLayer
    from hezi.engine.moving.registries import Registries
    from hezi.engine.networks import Networks
    from hezi.engine.request import RunRequest
    from hezi.engine.results import (
        ImageSummary,
        NoticeCallback,
        ProgressCallback,
        PrunedImages,
        PulledImage,
        RemovedImages,
        RunResult,
        Version,
    )
    from hezi.engine.run import Running
    from hezi.engine.system_prune import SystemPruned
    from hezi.engine.volumes import Volumes
    from hezi.store.check import Report
    from hezi.store.compare import FileChange


class Engine:
    """Images and containers below one root directory.

    :param root: where images and containers are kept; default ``$HEZI_ROOT``, then ``/var/lib/hezi``.
    :param runroot: what need not outlive a boot; default ``$HEZI_RUNROOT``, then ``/run/hezi``.
    """

    def __init__(self, root: str | None = None, runroot: str | None = None) -> None:
        self.paths = Paths.choose(root, runroot)
        self.images = Images(self.paths)
        self.system = System(self.paths)

    @property
    def containers(self) -> Containers:
        """The containers: make, list, get, prune."""
        from hezi.engine.containers.api import Containers

        return Containers(self.paths)

    @property
    def registries(self) -> Registries:
        """The registries: login, logout, search, manifests."""
        from hezi.engine.moving.registries import Registries

        return Registries()

    @property
    def volumes(self) -> Volumes:
        """The volumes: create, list, get, inspect, remove, prune."""
        from hezi.engine.volumes import Volumes

        return Volumes(self.paths)

    @property
    def networks(self) -> Networks:
        """The networks: create, list, get, inspect, remove, prune."""
        from hezi.engine.networks import Networks

        return Networks(self.paths)

    def run(
        self,
        image: str,
        command: Sequence[str] = (),
        *,
        input: bytes | None = None,  # noqa: A002 - the name that subprocess.run has taught everybody
        timeout: float | None = None,
        **options: object,
    ) -> RunResult:
        """Run a program in a new container, wait for its end, and return what it wrote.

        The container is removed afterwards unless ``remove=False`` is given.

        :param input: bytes for the program's standard input; without it the program reads end-of-file at once.
        :param timeout: seconds; the container is killed then.
        :param options: any field of :class:`hezi.engine.request.RunRequest` (``env``, ``user``, ``workdir``,
            ``volume`` ...); a list or, for ``K=V`` things, a dict is taken where the field is a tuple.
        :raises hezi.Error: the container could not be started, or ``timeout`` passed (kind ``timeout``).
        """
        from hezi.engine import api

        return api.run(self.paths, image, command, input, timeout, options)

    def start(
        self,
        request: RunRequest,
        *,
        stdin: int | None = None,
        stdout: int = 1,
        stderr: int = 2,
        console_size: tuple[int, int] | None = None,
        notice: NoticeCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> Running:
        """Start what ``request`` describes and return it running; :meth:`Running.wait` then moves the bytes.

        The program has started (execve succeeded) when this returns.

        :param stdin: descriptor to read the program's input from, used with ``request.interactive``; not closed.
        :param stdout: descriptor for its output; with ``request.tty`` all output goes here; not closed.
        :param stderr: descriptor for its errors; not closed.
        :param console_size: (rows, columns) of the pseudo-terminal before the first instruction.
        :param notice: called with single lines meant for the user's standard error.
        :param progress: called with the steps of the pull, when one is needed.
        :raises hezi.Error: kinds ``command-not-found`` (exit code 127), ``not-executable`` (126), all others (125).
        """
        from hezi.engine import callers, launch

        streams = callers.Streams(stdin, stdout, stderr, console_size)
        return launch.start(self.paths, request, streams, callers.Callbacks(notice, progress))

    def plan(self, request: RunRequest, *, notice: NoticeCallback | None = None) -> list[str]:
        """Return the operations that running ``request`` would execute, one line each; nothing is started.

        :raises hezi.Error: as :meth:`start`; the image must be in the store (or be pulled by ``request.pull``).
        """
        from hezi.engine import callers, run

        return run.plan_lines(self.paths, request, callers.Callbacks(notice, None))

    def close(self) -> None:
        """Give up the database and descriptors; the engine may be used again."""
        self.images.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Images(Moving):
    """The images of an engine."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def pull(self, name: str, *, platform: str | None = None, progress: ProgressCallback | None = None) -> PulledImage:
        """Bring an image from its registry into the store; layers that are here already are not fetched.

        :param name: ``[REGISTRY[:PORT]/]NAME[:TAG|@DIGEST]``.
        :param platform: ``linux/arm64/v8``; default is this machine's.
        :param progress: called with :class:`hezi.engine.results.Progress`, from any thread but never twice at once.
        :raises hezi.Error: not found, unauthorized, unavailable, exhausted, corrupt, no space, ...
        """
        from hezi.engine import pull

        return pull.pull(self._paths, name, platform=platform, progress=progress)

    def pull_all(
        self, name: str, *, platform: str | None = None, progress: ProgressCallback | None = None
    ) -> tuple[PulledImage, ...]:
        """Bring every tag of a repository (``pull --all-tags``)."""
        from hezi.engine import pull

        return pull.pull_all(self._paths, name, platform=platform, progress=progress)

    def list(
        self,
        name: str | None = None,
        *,
        all_names: bool = True,
        intermediate: bool = False,
        filters: Sequence[str] = (),
    ) -> tuple[ImageSummary, ...]:
        """Return the images of the store, newest first: a row for each name, and for each image without one.

        :param name: only this repository (``busybox``) or name (``busybox:latest``), or a pattern of such.
        :param all_names: False leaves out images that no name points to.
        :param intermediate: also nameless images that others were made from, as ``images -a``.
        :param filters: docker's ``KEY=VALUE`` texts.
        :raises hezi.Error: a filter is wrong (``invalid``).
        """
        from hezi.engine.images import listing

        rows = listing.summaries(self._paths, name, intermediate=intermediate, filters=filters)
        return rows if all_names else tuple(row for row in rows if row.repository != listing.NONE)

    def table(self) -> Sequence[tuple[str, str, str, int, int]]:
        """Return (image id, name, tag, created, size) of what `images` shows, for who shows thousands.

        They are what :meth:`list` gives, without what is known by a digest beside its tag; a name may be the full one
        (``docker.io/library/busybox``).
        """
        from hezi.engine.images import table

        return table.table(self._paths)

    def get(self, name: str) -> ImageSummary:
        """Return one image by name, id or unique prefix of an id.

        :raises hezi.Error: there is none (``not-found``), or the prefix fits several (``invalid``).
        """
        from hezi.engine.images import inspect

        return inspect.get(self._paths, name)

    def inspect(self, name: str, *, platform: str | None = None) -> dict[str, Any]:
        """Return docker's document of an image.

        :param platform: which image, where the name has several; it must have one for this.
        :raises hezi.Error: as :meth:`get`.
        """
        from hezi.engine.images import inspect

        return inspect.document(self._paths, name, platform=platform)

    def history(self, name: str, *, platform: str | None = None) -> tuple[Step, ...]:
        """Return how an image was made, newest step first.

        :raises hezi.Error: as :meth:`get`.
        """
        from hezi.engine.images import history

        return history.history(self._paths, name, platform=platform)

    def tag(self, name: str, target: str) -> None:
        """Give an image one more name; an image that had it before loses it.

        :raises hezi.Error: as :meth:`get`; no image can be called ``target`` (``invalid``).
        """
        from hezi.engine.images import remove

        remove.tag(self._paths, name, target)

    def remove(
        self, name: str, *, force: bool = False, parents: bool = True, platform: str | None = None
    ) -> RemovedImages:
        """Remove a name, and the image itself with its last name.

        :param force: also an image that has several names, or that a container has which does not run.
        :param parents: also nameless images that it was made from and nobody needs.
        :param platform: only the image for this one, where the name has several.
        :raises hezi.Error: there is none (``not-found``); a container uses it or it has several names (``conflict``).
        """
        from hezi.engine.images import remove

        return remove.remove(self._paths, name, force=force, parents=parents, platform=platform)

    def tree(self, names: Sequence[str] = ()) -> tuple[TreeLayer, ...]:
        """Return layers as they stand on each other, depth first, with the images that share them.

        :param names: only layers of these images; none for all.
        :raises hezi.Error: as :meth:`get`.
        """
        from hezi.engine.images import tree

        return tree.tree(self._paths, names)

    def footprints(
        self, name: str | None = None, *, intermediate: bool = False, filters: Sequence[str] = ()
    ) -> tuple[Footprint, ...]:
        """Return what images take on the disk; the parameters are those of :meth:`list`."""
        from hezi.engine.images import tree

        return tree.footprints(self._paths, name, intermediate=intermediate, filters=filters)

    def diff(self, first: str, second: str) -> Iterator[FileChange]:
        """Yield what the second image has otherwise than the first: files added, changed and removed, by path.

        :raises hezi.Error: as :meth:`get`.
        """
        from hezi.engine.images import diff

        return diff.diff(self._paths, first, second)

    def prune(
        self,
        *,
        all: bool = False,  # noqa: A002 - docker's word for it
        filters: Sequence[str] = (),
        unused_for_s: float | None = None,
        keep_last: int | None = None,
        max_size: int | None = None,
        dry_run: bool = False,
    ) -> PrunedImages:
        """Remove images without a tag, or all that no container has.

        :param filters: ``until=...``, ``label=...``, ``label!=...``, ``dangling=...``.
        :param unused_for_s: only those not used for so many seconds; this and the next two look at all images.
        :param keep_last: keep so many of each repository, the newest.
        :param max_size: remove the least recently used until what images take is not more than so many bytes.
        :param dry_run: only find out what would go.
        :raises hezi.Error: a filter is wrong (``invalid``).
        """
        from hezi.engine.images import prune

        unused = None if unused_for_s is None else int(unused_for_s * 1e9)
        request = prune.PruneRequest(all, tuple(filters), unused, keep_last, max_size, dry_run)
        return prune.prune(self._paths, request)

    def close(self) -> None:
        """Nothing is held between calls; here for symmetry with :meth:`Engine.close`."""


class System:
    """The machine as hezi sees it."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def info(self) -> dict[str, Any]:
        """Return kernel features, cgroup layout, driver and counts, as ``hezi info`` shows them (JSON-able)."""
        from hezi.engine import info

        return info.info(self._paths)

    def start(self, *, notice: NoticeCallback | None = None) -> SystemStarted:
        """Start the containers whose restart policy wants it, after a boot; where all run nothing happens.

        :param notice: told what they go without.
        """
        from hezi.engine import booting, callers
        from hezi.engine.containers.api import opened

        with opened(self._paths) as database:
            return booting.start(self._paths, database, callers.Callbacks(notice, None))

    def df(self) -> Usage:
        """Return what images, containers and volumes take on the disk."""
        from hezi.engine import disk_usage

        return disk_usage.usage(self._paths)

    def check(self, *, repair: bool = False, tell: NoticeCallback | None = None) -> Report:
        """Verify every blob, layer and row of the store; others may work on meanwhile.

        :param repair: mend what can be mended, and collect what nothing needs.
        :param tell: called with what is looked at next.
        """
        from hezi.engine.images.opening import opened
        from hezi.store import check

        with opened(self._paths) as store:
            return check.check(store, repair=repair, tell=tell)

    def prune(
        self,
        *,
        all_images: bool = False,
        volumes: bool = False,
        filters: Sequence[str] = (),
        notice: NoticeCallback | None = None,
    ) -> SystemPruned:
        """Remove containers that do not run, networks and images nobody needs, and what broken-off pulls have left.

        :param all_images: all images that no container has, not only those without a tag.
        :param volumes: anonymous volumes that no container has, too.
        :param filters: ``until=...``, ``label=...``, ``label!=...``.
        :param notice: told what could not be removed.
        :raises hezi.Error: a filter is wrong (``invalid``).
        """
        from hezi.engine import system_prune

        return system_prune.prune(self._paths, all_images=all_images, volumes=volumes, filters=filters, notice=notice)

    def version(self) -> Version:
        """Return the versions of hezi, Python and the kernel."""
        from hezi.engine import info

        return info.version()
