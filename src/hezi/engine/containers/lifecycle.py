"""``start``, ``stop``, ``kill``, ``restart``, ``pause``, ``unpause`` and ``wait``: of a container that is there."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.engine import (
    container_events,
    find_container,
    freeze,
    held,
    holding,
    image_of,
    prepare,
    record,
    recover,
    rights,
    starting,
)
from hezi.runtime import attach, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.callers import Callbacks
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.runtime.monitor_start import Monitored
    from hezi.runtime.spawn import Stage1
    from hezi.store.images import ImageStore

_KILL = 9
_GONE_SECONDS = 15.0
_CODES = {errors.COMMAND_NOT_FOUND: 127, errors.NOT_EXECUTABLE: 126}
_START_FAILED = 128


class Started(NamedTuple):
    """What a start came to.

    :ivar monitored: None when it ran already.
    """

    id: str
    request: RunRequest
    monitored: Monitored | None


def start(
    paths: Paths,
    name: str,
    callbacks: Callbacks,
    *,
    flags: Callable[[RunRequest], int] | None = None,
    console_size: tuple[int, int] | None = None,
) -> Started:
    """Start a container that was made or stopped; nothing happens to one that runs.

    :param flags: what the caller's connection wants, see :class:`hezi.engine.starting.Launch`.
    :raises errors.Error: there is none; it is paused; what keeps its program from being started.
    """
    from hezi.runtime import spawn
    from hezi.store.images import ImageStore

    rights.check()
    with spawn.spawn(monitored=True) as stage, ExitStack() as stack:
        paths.make()
        store = stack.enter_context(ImageStore(paths.root))
        recover.sweep(paths, store.database)
        with store.database.read() as connection:
            row = find_container.find(connection, name)
        taken = holding.take(paths, store.database, row)
        if taken is None:
            _refuse_paused(paths, row)
            return Started(row.id, _request(row), None)
        if taken.state == holding.GONE:
            raise errors.Error(errors.NOT_FOUND, f"No such container: {name}")
        monitored = _start(paths, store, taken, stage, (callbacks, flags, console_size))
        return Started(row.id, _request(taken), monitored)
    raise AssertionError  # no context manager above swallows exceptions


def _request(row: ContainerRow) -> RunRequest:
    return freeze.thaw(row.image_name, dict(record.decode(row.config).request))


def _refuse_paused(paths: Paths, row: ContainerRow) -> None:
    said = held.state(paths, row.id, held.boot())
    if said is not None and said["status"] == "paused":
        raise errors.Error(errors.CONFLICT, "cannot start a paused container, try unpause instead")


def _start(
    paths: Paths,
    store: ImageStore,
    row: ContainerRow,
    stage: Stage1,
    caller: tuple[Callbacks, Callable[[RunRequest], int] | None, tuple[int, int] | None],
) -> Monitored:
    """Start what this process holds; a failure is written into its record."""
    callbacks, flags, console_size = caller
    one = record.from_row(paths, store.database, row)
    try:
        with store.database.read() as connection:
            config = image_of.needed(paths, connection, row)
            layers = image_of.layers(connection, row)
        request = _request(row)
        names = iter(one.details.volumes)
        case = prepare.open_case(request, config, row.id, lambda: next(names))
        launch = starting.Launch(
            paths, store, one, case, layers, row.image_id, callbacks, flags(request) if flags else 0, console_size
        )
        return starting.start(launch, stage)
    except errors.Error as error:
        one.not_started(row.state, _CODES.get(error.kind, _START_FAILED), str(error))
        raise
    except BaseException:
        with suppress(errors.Error):
            one.release(row.state)
        raise


def _row(database: Database, name: str) -> ContainerRow:
    with database.read() as connection:
        return find_container.find(connection, name)


def connect(paths: Paths, row: ContainerRow) -> attach.MonitorClient | None:
    """Return a line to the monitor of a container, None when there is nobody to talk to."""
    try:
        return attach.connect(held.directory(paths, row.id))
    except errors.Error as error:
        if error.kind != errors.NOT_FOUND:
            raise
        return None


def running(paths: Paths, row: ContainerRow, text: str = "") -> attach.MonitorClient:
    """Return a line to the monitor of a container that runs.

    :param text: what to say when it does not.
    :raises errors.Error: CONFLICT.
    """
    client = connect(paths, row)
    if client is None:
        raise errors.Error(errors.CONFLICT, text or f"container {row.id} is not running")
    return client


def stop(paths: Paths, database: Database, name: str, *, timeout: float | None = None, signal: int = 0) -> None:
    """Ask a container to end, kill it when it does not, and return when it has; one that does not run is no error."""
    row = _row(database, name)
    client = connect(paths, row)
    if client is not None:
        with client, suppress(attach.Gone):
            client.stop(signal, timeout)
            client.wait_gone()
        container_events.tell(paths, row, "stop")
    recover.put_down(paths, database, row.id)


def kill(paths: Paths, database: Database, name: str, signal: int = _KILL) -> None:
    """Send a signal to the first process of a container.

    :raises errors.Error: CONFLICT: it does not run.
    """
    row = _row(database, name)
    text = f"cannot kill container: {name}: container {row.id} is not running"
    with running(paths, row, text) as client:
        try:
            client.signal(signal)
        except errors.Error as error:
            if error.kind == errors.UNAVAILABLE:
                return
            raise errors.Error(errors.CONFLICT, text) from error
        if signal == _KILL:
            client.wait_gone(_GONE_SECONDS)
    if signal == _KILL:
        recover.put_down(paths, database, row.id)


def pause(paths: Paths, database: Database, name: str) -> None:
    """Freeze every process of a container.

    :raises errors.Error: CONFLICT: it does not run, or is paused already.
    """
    row = _row(database, name)
    with running(paths, row) as client, _named(row, f"container {row.id} is already paused"):
        client.pause()


def unpause(paths: Paths, database: Database, name: str) -> None:
    """Let them go on.

    :raises errors.Error: CONFLICT: it is not paused.
    """
    row = _row(database, name)
    with running(paths, row) as client, _named(row, f"container {row.id} is not paused"):
        client.unpause()


class _named:
    """Puts docker's words in the place of the monitor's."""

    def __init__(self, row: ContainerRow, text: str) -> None:
        self._row = row
        self._text = text

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, attach.Gone):
            raise errors.Error(errors.CONFLICT, f"container {self._row.id} is not running") from error
        if isinstance(error, errors.Error) and error.kind in {errors.CONFLICT, errors.INTERNAL, errors.NOT_FOUND}:
            said = "not running" in str(error)
            text = f"container {self._row.id} is not running" if said else self._text
            raise errors.Error(errors.CONFLICT, text) from error


def wait(paths: Paths, database: Database, name: str, *, timeout: float | None = None) -> int | None:
    """Wait until a container does not run, and return its exit code; None when ``timeout`` seconds have passed.

    One that was never started gives 0, as with docker.

    :raises errors.Error: UNAVAILABLE: nobody knows how it ended.
    """
    row = _row(database, name)
    client = connect(paths, row)
    if client is not None:
        with client, suppress(attach.Gone):
            found = client.wait(timeout, until=protocol.WAIT_NOT_RUNNING)
            if found is None:
                return None
            if client.wait_gone(0.2):
                recover.put_down(paths, database, row.id)
            return int(found["ExitCode"])
    recover.put_down(paths, database, row.id)
    with database.read() as connection:
        now = containers.get(connection, row.id)
    if now is None:
        raise errors.Error(errors.NOT_FOUND, f"No such container: {name}")
    if now.exit_code is None and now.state == containers.EXITED:
        raise errors.Error(errors.UNAVAILABLE, f"nobody knows how container {now.name} ended")
    return now.exit_code or 0


def restart(
    paths: Paths,
    database: Database,
    name: str,
    callbacks: Callbacks,
    *,
    timeout: float | None = None,
    signal: int = 0,
) -> None:
    """Stop a container, if it runs, and start it again."""
    row = _row(database, name)
    with _kept(paths, database, row):
        stop(paths, database, row.id, timeout=timeout, signal=signal)
        started = start(paths, row.id, callbacks)
    if started.monitored is not None:
        started.monitored.client.close()
    container_events.tell(paths, row, "restart")


class _kept:
    """Keeps a container of ``--rm`` over a restart."""

    def __init__(self, paths: Paths, database: Database, row: ContainerRow) -> None:
        self._paths = paths
        self._database = database
        self._row = row
        self._remove = record.decode(row.config).remove

    def __enter__(self) -> None:
        if self._remove:
            self._set(remove=False)
            client = connect(self._paths, self._row)
            if client is not None:
                with client:
                    client.keep()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._remove:
            self._set(remove=True)

    def _set(self, *, remove: bool) -> None:
        with self._database.write() as connection:
            row = containers.get(connection, self._row.id)
            if row is not None:
                details = record.decode(row.config)._replace(remove=remove)
                containers.configure(connection, row.id, record.encode(details))
