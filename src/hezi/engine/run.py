"""The run path: from a request to a container that runs under its monitor, attached or not.

spawn the monitor (hezi.engine.launch) ── its interpreter starts while we go on
open the database, sweep what the dead left, find the image (or pull it)
policy without files of the image      most mistakes end here, with nothing made
record: row, directory                 (hezi.engine.making)
mount, limits, files, plan ── the program runs, held by its monitor   (hezi.engine.starting)
Running.wait() ── bytes; then the record of its end
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from hezi import errors
from hezi._util import ids
from hezi.engine import (
    find_image,
    freeze,
    making,
    networking,
    parse_limits,
    prepare,
    recover,
    rights,
    session,
    starting,
)
from hezi.runtime import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from hezi.engine.callers import Callbacks, Streams
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.runtime.attach import MonitorClient
    from hezi.runtime.monitor_start import Monitored
    from hezi.runtime.owners import Owners
    from hezi.runtime.spawn import Stage1
    from hezi.store.images import ImageStore

_KILL = 9
# The monitor takes the cgroup, and with --rm the files, away before it ends.
_GONE_SECONDS = 30.0


class Running:
    """A program in its box, with its caller attached.

    A context manager: leaving it kills what still runs, unless the caller has detached, and removes what ``--rm``
    promises.

    :ivar detached: the detach keys were typed: the container goes on without the caller.
    """

    __slots__ = ("_paths", "_restarts", "_session", "id", "pid")

    def __init__(
        self, paths: Paths, container_id: str, pid: int, attached: session.Session, *, restarts: bool = False
    ) -> None:
        self.id = container_id
        self.pid = pid
        self._paths = paths
        self._session = attached
        self._restarts = restarts

    @property
    def detached(self) -> bool:
        """Whether the detach keys were typed."""
        return self._session.detached

    def wait(self, *, timeout: float | None = None) -> int:
        """Move the bytes until the program has ended, and return its exit code (128+n for a signal).

        Python signal handlers run meanwhile; they may call :meth:`signal` and :meth:`resize`. When the detach keys are
        typed it returns 0, and :attr:`detached` is true.

        :param timeout: seconds; then kind ``timeout`` is raised and the program still runs.
        """
        if not self._session.run(timeout):
            raise errors.Error(errors.TIMEOUT, f"the program still runs after {timeout:g} seconds")
        if self.detached:
            self._session.client.detach()
            self._session.close()
            return 0
        found = self._session.ended
        self._settle()
        if found is None:
            hint = "its monitor was killed, and the container with it"
            raise errors.Error(errors.UNAVAILABLE, "the container ended in an unknown way", hint=hint)
        return int(found["ExitCode"])

    def _settle(self) -> None:
        """Wait until all of it is cleaned up, and write down how it ended."""
        if not self._restarts:
            self._session.client.wait_gone(_GONE_SECONDS)
        self._session.close()
        if not self._restarts:
            settle(self._paths, self.id)

    def signal(self, number: int) -> None:
        """Send a signal to the program; one that has ended is no error."""
        self._session.signal(number)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the pseudo-terminal; without one nothing happens."""
        self._session.resize(rows, columns)

    def leave(self) -> None:
        """Leave it as it is: what runs goes on. Again does nothing."""
        self._session.close()

    def close(self) -> None:
        """Kill what still runs, and clean up. Again does nothing."""
        one = self._session
        if one.closed:
            return
        if one.ended is None and not one.detached and not one.gone:
            one.signal(_KILL)
            self._restarts = False
        self._settle()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def settle(paths: Paths, container_id: str) -> None:
    """Write down the end of a container whose monitor has ended."""
    from hezi.db.connection import Database

    database = Database(paths.database)
    try:
        recover.put_down(paths, database, container_id)
    finally:
        database.close()


def start(paths: Paths, request: RunRequest, io: Streams, callbacks: Callbacks, stage: Stage1) -> Running:
    """See :meth:`hezi.engine.engine.Engine.start`.

    :param stage: waits for its request; the caller's to close when this fails.
    """
    flags = attach_flags(request, tied=io.tied)
    container_id, monitored = _launch(paths, request, callbacks, stage, (flags, io.console_size))
    return attached(paths, container_id, monitored.pid, monitored.client, request, io)


def attached(
    paths: Paths, container_id: str, pid: int, client: MonitorClient, request: RunRequest, io: Streams
) -> Running:
    """Return a container with its caller attached by ``client``, whose HELLO has been said."""
    reads = request.interactive and (not request.attach or "stdin" in request.attach)
    source = io.stdin if reads and io.stdin is not None else -1
    keys = None
    if request.tty and reads:
        keys = parse_limits.parse_detach_keys(request.detach_keys or parse_limits.DEFAULT_DETACH_KEYS)
    one = session.Session(client, io, source=source, keys=keys)
    return Running(paths, container_id, pid, one, restarts=restarts(request))


def restarts(request: RunRequest) -> bool:
    """Whether the container may be started again by its monitor."""
    return bool(request.restart) and request.restart != "no"


def detached(paths: Paths, request: RunRequest, callbacks: Callbacks, stage: Stage1) -> str:
    """Start what ``request`` describes with nobody attached, and return the container's id."""
    container_id, monitored = _launch(paths, request, callbacks, stage, (0, None))
    monitored.client.close()
    return container_id


def attach_flags(request: RunRequest, *, tied: bool = False) -> int:
    """Return what the starter of a container wants of its monitor."""
    wanted = set(request.attach) or {"stdout", "stderr", *(("stdin",) if request.interactive else ())}
    flags = protocol.BACKPRESSURE
    flags |= protocol.TIED if tied else 0
    flags |= protocol.WANT_STDOUT if "stdout" in wanted else 0
    flags |= protocol.WANT_STDERR if "stderr" in wanted else 0
    return flags | (protocol.WANT_STDIN if "stdin" in wanted and request.interactive else 0)


def _launch(
    paths: Paths,
    request: RunRequest,
    callbacks: Callbacks,
    stage: Stage1,
    client: tuple[int, tuple[int, int] | None],
) -> tuple[str, Monitored]:
    making.check_early(request)
    paths.make()
    with ExitStack() as stack:
        store = _open_store(paths, stack)
        recover.sweep(paths, store.database)
        image, case = making.choose(paths, store, request, callbacks)
        container = making.make_record(paths, store, image, case)
        undo = stack.enter_context(making.Undo(container, request))
        if client[0]:
            making.tell_attached(paths, container, request)
        flags, size = client
        one = starting.Launch(
            *(paths, store, container, case, store.chain_ids(image.id), image.id, callbacks),
            flags=flags,
            console_size=size,
            prepared=undo.write_cidfile,
        )
        monitored = starting.start(one, stage)
        undo.started = True
        return container.id, monitored
    raise AssertionError  # no context manager above swallows exceptions


def _open_store(paths: Paths, stack: ExitStack) -> ImageStore:
    from hezi.store.images import ImageStore

    return stack.enter_context(ImageStore(paths.root))


def _planned(store: ImageStore, case: prepare.Case, root_fd: int) -> Owners | None:
    """Return the ids that a container would get."""
    if case.request.userns in {None, "", "host"}:
        return None
    from hezi.engine import space, userns

    mode = userns.check(case.request)
    if mode is None:
        return None
    return userns.owners(store.database, case.id, mode, space.wanted(case, root_fd), remember=False)


def plan_lines(paths: Paths, request: RunRequest, callbacks: Callbacks) -> list[str]:
    """See :meth:`hezi.engine.engine.Engine.plan`."""
    from hezi.engine import plan_limits, runspec
    from hezi.store.snapshot.base import Rootfs

    making.check_early(request)
    rights.check()
    paths.make()
    with ExitStack() as stack:
        store = _open_store(paths, stack)
        image = find_image.find(paths, store, request, callbacks.progress)
        request = making.resolve(store, freeze.freeze(request))
        case = prepare.open_case(request, store.config(image.id), ids.new_id(), ids.new_id)
        root_fd = store.driver.mount(Rootfs(store.unpacked(image.id), readonly=True))
        stack.callback(os.close, root_fd)
        network = networking.planned_path(paths, store.database, case.id, case.request)
        made = prepare.blueprint(case, root_fd, paths, None, network=network, owners=_planned(store, case, root_fd))
        limits = plan_limits.rows(made.spec.linux.resources, runspec.cgroup_path(request, case.host, case.id), request)
        return prepare.plan(made, case, paths, prepare.layout_of_host(), None).lines(limits)
