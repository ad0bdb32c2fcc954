"""Containers as objects: ``Engine().containers`` and what it gives.

>>> engine = hezi.Engine()
>>> box = engine.containers.create("busybox", ["echo", "hi"])   # doctest: +SKIP
>>> box.inspect()["State"]["Status"]                            # doctest: +SKIP
'created'
>>> box.remove()                                                # doctest: +SKIP
"""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from hezi.db.connection import Database
    from hezi.engine.containers.model import ContainerSummary, Pruned
    from hezi.engine.containers.stats import Stats
    from hezi.engine.containers.top import Table
    from hezi.engine.containers.why import Why
    from hezi.engine.logread import LogLine
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.results import ExecResult, NoticeCallback, ProgressCallback

# Seconds between two looks at the processor time: two of the periods in which the kernel counts a quota (100 ms), so
# that what --cpus allows is what is shown, and fifty of its ticks, of which one may be missing.
STATS_INTERVAL = 0.2


@contextmanager
def opened(paths: Paths) -> Iterator[Database]:
    """Give the database, with what killed processes left put right first."""
    from hezi.db.connection import Database
    from hezi.engine import recover

    paths.make()
    database = Database(paths.database)
    try:
        recover.sweep(paths, database)
        yield database
    finally:
        database.close()


class Container:
    """One container. A context manager: leaving it removes the container by force, with its anonymous volumes."""

    __slots__ = ("_paths", "id")

    def __init__(self, paths: Paths, container_id: str) -> None:
        self._paths = paths
        self.id = container_id

    @property
    def name(self) -> str:
        """Its name as it is now."""
        return str(self.inspect()["Name"]).removeprefix("/")

    @property
    def status(self) -> str:
        """``created``, ``running``, ``paused``, ``restarting`` or ``exited``."""
        return str(self.inspect()["State"]["Status"])

    def inspect(self, *, sizes: bool = False) -> dict[str, Any]:
        """Return docker's document of it.

        :param sizes: count its files too (``SizeRw``, ``SizeRootFs``).
        :raises hezi.Error: it was removed (``not-found``).
        """
        from hezi.engine.containers import inspect

        with opened(self._paths) as database:
            return inspect.document(self._paths, database, self.id, sizes=sizes)

    def ports(self) -> list[tuple[str, str]]:
        """Return its published ports as docker shows them: ``("80/tcp", "0.0.0.0:8080")``.

        :raises hezi.Error: it was removed (``not-found``).
        """
        from hezi.db import networks as rows
        from hezi.engine import network_view

        with opened(self._paths) as database, database.read() as connection:
            return [(network_view.key(row), network_view.host(row)) for row in rows.leading_ports(connection, self.id)]

    def publish(self, *texts: str) -> list[tuple[str, str]]:
        """Publish ports of it while it runs, as ``-p`` would have; return them as :meth:`ports` does.

        :raises hezi.Error: it does not run, or a port is in use (``conflict``).
        """
        from hezi.engine import changing

        with opened(self._paths) as database:
            return changing.publish(self._paths, database, self.id, texts)

    def unpublish(self, *texts: str) -> list[tuple[str, str]]:
        """Take published ports back while it runs: ``80``, ``80/udp`` or ``8080:80``; connections that there are go on.

        :raises hezi.Error: one is not published (``not-found``).
        """
        from hezi.engine import changing

        with opened(self._paths) as database:
            return changing.unpublish(self._paths, database, self.id, texts)

    def start(self, *, notice: NoticeCallback | None = None) -> None:
        """Start it, with nobody attached; nothing happens when it runs.

        :param notice: told what it goes without.
        :raises hezi.Error: kinds ``command-not-found``, ``not-executable``, and all others that a start has.
        """
        from hezi.engine import callers
        from hezi.engine.containers import lifecycle

        started = lifecycle.start(self._paths, self.id, callers.Callbacks(notice, None))
        if started.monitored is not None:
            started.monitored.client.close()

    def stop(self, *, timeout: float | None = None, signal: str | int | None = None) -> None:
        """Ask it to end, kill it when it does not, and return when it has ended; no error when it does not run.

        :param timeout: seconds until SIGKILL, -1 for never; its own (10 s) by default.
        :param signal: name or number; its own (SIGTERM) by default.
        """
        from hezi.engine.containers import lifecycle

        with opened(self._paths) as database:
            lifecycle.stop(self._paths, database, self.id, timeout=timeout, signal=_signal(signal, 0))

    def kill(self, signal: str | int = "KILL") -> None:
        """Send a signal to its first process.

        :raises hezi.Error: it does not run (``conflict``).
        """
        from hezi.engine.containers import lifecycle

        with opened(self._paths) as database:
            lifecycle.kill(self._paths, database, self.id, _signal(signal, 9))

    def restart(
        self,
        *,
        timeout: float | None = None,
        signal: str | int | None = None,
        notice: NoticeCallback | None = None,
    ) -> None:
        """Stop it, if it runs, and start it again; parameters as for :meth:`stop` and :meth:`start`."""
        from hezi.engine import callers
        from hezi.engine.containers import lifecycle

        told = callers.Callbacks(notice, None)
        with opened(self._paths) as database:
            lifecycle.restart(self._paths, database, self.id, told, timeout=timeout, signal=_signal(signal, 0))

    def pause(self) -> None:
        """Freeze all its processes.

        :raises hezi.Error: it does not run, or is paused already (``conflict``).
        """
        from hezi.engine.containers import lifecycle

        with opened(self._paths) as database:
            lifecycle.pause(self._paths, database, self.id)

    def unpause(self) -> None:
        """Let them go on.

        :raises hezi.Error: it is not paused (``conflict``).
        """
        from hezi.engine.containers import lifecycle

        with opened(self._paths) as database:
            lifecycle.unpause(self._paths, database, self.id)

    def wait(self, *, timeout: float | None = None) -> int:
        """Wait until it does not run, and return its exit code (128+n for a signal).

        :param timeout: seconds; then kind ``timeout`` is raised.
        :raises hezi.Error: nobody knows how it ended (``unavailable``).
        """
        from hezi.engine.containers import lifecycle
        from hezi.errors import TIMEOUT, Error

        with opened(self._paths) as database:
            code = lifecycle.wait(self._paths, database, self.id, timeout=timeout)
        if code is None:
            raise Error(TIMEOUT, f"the container still runs after {timeout:g} seconds")
        return code

    def exec(
        self,
        command: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002 - the name that subprocess.run has taught everybody
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        workdir: str | None = None,
        tty: bool = False,
        privileged: bool = False,
    ) -> ExecResult:
        """Run a program in it, wait for its end, and return what it wrote.

        :param input: bytes for its standard input; without it it reads end-of-file at once.
        :param timeout: seconds; it is killed then, and kind ``timeout`` raised.
        :param tty: give it a terminal; all output is ``stdout`` then.
        :raises hezi.Error: it does not run (``conflict``), there is no such program (``command-not-found``), ...
        """
        from hezi.engine import api, callers
        from hezi.engine.containers import exec as executing
        from hezi.engine.results import ExecResult

        request = executing.ExecRequest(
            api.words(command),
            env=tuple(f"{key}={value}" for key, value in (env or {}).items()),
            user=user,
            workdir=workdir,
            interactive=input is not None,
            tty=tty,
            privileged=privileged,
        )
        out: list[bytes] = []
        err: list[bytes] = []
        io = callers.Streams(None, out.append, err.append, None, input or b"")
        with opened(self._paths) as database:
            joined = executing.start(self._paths, database, self.id, request, io)
        with joined:
            code = joined.wait(timeout=timeout)
        return ExecResult(code, b"".join(out), b"".join(err))

    def update(self, **changes: object) -> tuple[str, ...]:
        """Change limits and the restart policy, of one that runs at once.

        :param changes: ``memory=64 << 20``, ``memory_swap``, ``memory_reservation``, ``pids_limit``, ``cpus`` (in
            billionths), ``cpu_shares``, ``cpuset_cpus``, ``blkio_weight``, ``restart="always"``, ... with names and
            values of :class:`hezi.engine.request.RunRequest`.
        :return: warnings about what this host cannot do.
        :raises hezi.Error: a value is wrong, does not go with what it has, or the kernel refuses it.
        """
        from hezi.engine.containers import update
        from hezi.errors import INVALID, Error

        unknown = sorted(changes.keys() - set(update.FIELDS))
        if unknown:
            raise Error(INVALID, f"cannot be updated: {', '.join(unknown)}")
        with opened(self._paths) as database:
            return update.update(self._paths, database, self.id, changes)

    def top(self, arguments: Sequence[str] = ()) -> Table:
        """List its processes, as the host's ps shows them.

        :param arguments: options of ps; ``-ef`` by default.
        :raises hezi.Error: it does not run (``conflict``), or ps refuses the options (``invalid``).
        """
        from hezi.engine.containers import top

        with opened(self._paths) as database:
            return top.top(self._paths, database, self.id, arguments)

    def stats(self, *, interval: float = STATS_INTERVAL) -> Stats:
        """Return what it uses now; all zeros when it does not run.

        :param interval: seconds over which the processor time is looked at.
        """
        return Containers(self._paths).stats([self.id], interval=interval)[0]

    def why(self) -> Why:
        """Say how it came to be as it is: how it ended and who ended it, with the evidence."""
        from hezi.engine.containers import why

        with opened(self._paths) as database:
            return why.why(self._paths, database, self.id)

    def rename(self, name: str) -> None:
        """Give it another name.

        :raises hezi.Error: the name is taken (``already-exists``) or none (``invalid``).
        """
        from hezi.engine.containers import create

        with opened(self._paths) as database:
            create.rename(self._paths, database, self.id, name)

    def remove(self, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it with all it has written.

        :param force: kill it when it runs.
        :param volumes: remove its anonymous volumes too.
        :raises hezi.Error: it runs (``conflict``).
        """
        from hezi.engine.containers import remove

        with opened(self._paths) as database:
            remove.remove(self._paths, database, self.id, force=force, volumes=volumes)

    def put(self, source: str, path: str, *, archive: bool = False) -> int:
        """Copy a file or directory of the host into it, by the rules of ``hezi cp``, running or not.

        :param archive: keep owners; without it everything made belongs to root.
        :return: bytes an archive of it would have.
        :raises hezi.Error: there is no such source or place.
        """
        from hezi.engine.rootfs import copy

        return copy.copy_in(self._paths, source, self.id, path, copy.Options(archive=archive)).transferred

    def get(self, path: str, destination: str, *, archive: bool = False) -> int:
        """Copy a file or directory of it to the host; see :meth:`put`.

        :param archive: keep owners; without it everything made belongs to the caller.
        """
        from hezi.engine.rootfs import copy

        return copy.copy_out(self._paths, self.id, path, destination, copy.Options(archive=archive)).transferred

    def archive(self, path: str) -> Iterator[bytes | memoryview]:
        """Yield the tar archive of a file or directory of it."""
        from hezi.engine.rootfs import copy

        return copy.archive_out(self._paths, self.id, path)

    def diff(self) -> tuple[tuple[str, str], ...]:
        """Return what it has changed in its files: (``A``, ``C`` or ``D``, absolute path)."""
        import os

        from hezi.engine.rootfs import diff

        return tuple((one.kind, "/" + os.fsdecode(one.path)) for one in diff.diff(self._paths, self.id))

    def export(self) -> Iterator[bytes | memoryview]:
        """Yield its whole file system, without volumes, as a tar archive."""
        from hezi.engine.rootfs import export

        return export.export(self._paths, self.id)

    def commit(
        self,
        name: str = "",
        *,
        author: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        pause: bool = True,
    ) -> str:
        """Make an image from what it has changed; return the image's id.

        :param changes: Dockerfile instructions for the image's configuration (``ENV A=b``).
        :param pause: freeze it meanwhile when it runs.
        :raises hezi.Error: its image is gone (``not-found``), or a change is wrong (``invalid``).
        """
        from hezi.engine.rootfs import commit

        options = commit.CommitOptions(name, author, message, tuple(changes), pause)
        return commit.commit(self._paths, self.id, options)

    def logs(self, *, follow: bool = False, tail: int = -1, since: int = 0, until: int = 0) -> Iterator[LogLine]:
        """Yield what it wrote, line by line; lines of more than 16 KiB come in pieces.

        :param follow: go on until it has ended.
        :param tail: how many lines from the end; -1 for all.
        :param since: nanoseconds since the epoch, 0 for the beginning; ``until`` alike.
        :raises hezi.Error: its log driver keeps nothing that could be read (``unsupported``).
        """
        from hezi.engine import logread

        for batch in logread.read(self._paths, self.id, logread.Selection(since, until, tail, follow)):
            yield from batch

    def __repr__(self) -> str:
        return f"<Container {self.id[:12]}>"

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from hezi.errors import NOT_FOUND, Error

        try:
            self.remove(force=True, volumes=True)
        except Error as failure:
            if failure.kind != NOT_FOUND:
                raise


def _signal(value: str | int | None, default: int) -> int:
    if value is None:
        return default
    from hezi.engine import parse_limits

    return parse_limits.parse_signal(str(value))


class Containers:
    """The containers of an engine."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def create(self, image: str, command: Sequence[str] = (), **options: object) -> Container:
        """Make a container and start nothing.

        :param options: any field of :class:`hezi.engine.request.RunRequest`, as for :meth:`hezi.Engine.run`.
        :raises hezi.Error: no image, a name that is taken, or an option that is wrong.
        """
        from hezi.engine import api

        return self.create_from(api.build_request(image, command, options))

    @staticmethod
    def check(request: RunRequest) -> None:
        """Look at the words of a request alone; making a container does that too, in its own order.

        :raises hezi.Error: an option is wrong whatever image and host it meets (``invalid``).
        """
        from hezi.engine import parse_line

        parse_line.check(request)

    def create_from(
        self,
        request: RunRequest,
        *,
        notice: NoticeCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> Container:
        """Make a container from a request; the callbacks are those of :meth:`hezi.Engine.start`."""
        from hezi.engine import callers
        from hezi.engine.containers import create

        return Container(self._paths, create.create(self._paths, request, callers.Callbacks(notice, progress)))

    def run(self, image: str, command: Sequence[str] = (), **options: object) -> Container:
        """Make a container and start it, with nobody attached (``run -d``).

        :param options: as for :meth:`create`.
        :raises hezi.Error: as :meth:`create` and :meth:`Container.start`.
        """
        from hezi.engine import api

        return self.run_from(api.build_request(image, command, {"detach": True, **options}))

    def run_from(
        self,
        request: RunRequest,
        *,
        notice: NoticeCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> Container:
        """Start a container from a request, with nobody attached; see :meth:`create_from` for the callbacks."""
        from hezi.engine import callers, launch

        return Container(self._paths, launch.detached(self._paths, request, callers.Callbacks(notice, progress)))

    def get(self, name: str) -> Container:
        """Return one by its name, its id or a unique prefix of that.

        :raises hezi.Error: there is none (``not-found``), or the prefix fits several (``invalid``).
        """
        from hezi.engine import find_container

        with opened(self._paths) as database, database.read() as connection:
            return Container(self._paths, find_container.find(connection, name).id)

    def list(
        self,
        *,
        all: bool = False,  # noqa: A002 - docker's word for it
        filters: Sequence[str] = (),
        limit: int = -1,
        sizes: bool = False,
    ) -> tuple[ContainerSummary, ...]:
        """Return the containers, newest first; only those that run unless more is asked for.

        :param filters: docker's ``KEY=VALUE`` texts.
        :param limit: at most so many, of any state; -1 for no limit.
        :param sizes: count their files too, which takes its time.
        :raises hezi.Error: a filter is wrong (``invalid``).
        """
        from hezi.engine.containers import listing

        with opened(self._paths) as database:
            return listing.summaries(self._paths, database, all_states=all, texts=filters, limit=limit, sizes=sizes)

    def stats(
        self,
        names: Sequence[str] = (),
        *,
        all: bool = False,  # noqa: A002 - docker's word for it
        interval: float = STATS_INTERVAL,
    ) -> tuple[Stats, ...]:
        """Return what containers use now: those named, or those that run.

        :param all: those that do not run too, with zeros.
        :param interval: seconds over which the processor time is looked at.
        :raises hezi.Error: there is no such container.
        """
        from hezi.engine.containers import stats

        with opened(self._paths) as database:
            return stats.once(self._paths, database, names, all_states=all, interval=interval)

    def rename(self, old: str, new: str) -> None:
        """Give a container, found as by :meth:`get`, another name.

        :raises hezi.Error: there is none, the name is taken (``already-exists``) or none (``invalid``).
        """
        from hezi.engine.containers import create

        with opened(self._paths) as database:
            create.rename(self._paths, database, old, new)

    def prune(self, *, filters: Sequence[str] = (), notice: NoticeCallback | None = None) -> Pruned:
        """Remove all that do not run.

        :param filters: ``until=...``, ``label=...``, ``label!=...``.
        :param notice: told what could not be removed.
        """
        from hezi.engine.containers import remove

        with opened(self._paths) as database:
            return remove.prune(self._paths, database, filters, notice or (lambda _text: None))
