"""``attach`` and ``start -a``: a caller at the streams of a container that runs."""

from __future__ import annotations

from hezi import errors
from hezi.engine import container_events, find_container, freeze, held, parse_limits, record, run
from hezi.engine.containers import lifecycle
from hezi.runtime import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.connection import Database
    from hezi.engine.callers import Callbacks, Streams
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.run import Running


def attach(
    paths: Paths, database: Database, name: str, io: Streams, *, stdin: bool = True, keys: str | None = None
) -> tuple[Running, RunRequest]:
    """Attach to a container that runs.

    :param stdin: pass input on too, where the container reads some.
    :param keys: the detach keys, None for the container's own.
    :raises errors.Error: CONFLICT: it does not run, or is paused.
    """
    if keys:
        parse_limits.parse_detach_keys(keys)
    with database.read() as connection:
        row = find_container.find(connection, name)
    state = held.state(paths, row.id, held.boot()) or {}
    if state.get("status") == "paused":
        raise errors.Error(errors.CONFLICT, "cannot attach to a paused container, unpause it first")
    if state.get("status") == "restarting":
        raise errors.Error(errors.CONFLICT, "cannot attach to a restarting container, wait until it is running")
    client = lifecycle.running(paths, row, "cannot attach to a stopped container, start it first")
    request = freeze.thaw(row.image_name, dict(record.decode(row.config).request))
    request = request._replace(attach=(), detach_keys=keys or request.detach_keys)
    reads = stdin and request.interactive
    flags = protocol.WANT_STDOUT | protocol.WANT_STDERR | protocol.BACKPRESSURE
    try:
        said = client.hello(flags | (protocol.WANT_STDIN if reads else 0))
    except BaseException:
        client.close()
        raise
    container_events.tell(paths, row, "attach")
    shown = request._replace(interactive=reads)
    return run.attached(paths, row.id, said["pid"], client, shown, io), shown


def start(
    paths: Paths, name: str, io: Streams, callbacks: Callbacks, *, stdin: bool, keys: str | None = None
) -> tuple[Running, RunRequest]:
    """Start a container with the caller attached from its first byte on; attach to one that runs already.

    :param stdin: pass input on too, where the container reads some.
    """
    started = lifecycle.start(
        paths,
        name,
        callbacks,
        flags=lambda request: run.attach_flags(request._replace(attach=(), interactive=stdin and request.interactive)),
        console_size=io.console_size,
    )
    request = started.request._replace(attach=(), detach_keys=keys or started.request.detach_keys)
    shown = request._replace(interactive=stdin and request.interactive)
    if started.monitored is None:
        from hezi.engine.containers.api import opened

        with opened(paths) as database:
            return attach(paths, database, started.id, io, stdin=stdin, keys=keys)
    one = started.monitored
    return run.attached(paths, started.id, one.pid, one.client, shown, io), shown
