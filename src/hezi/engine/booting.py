"""``system start``: after a boot, start the containers that are to run. Again does nothing.

    ran when the host went down ── put right first: it ended, nobody knows how
    always                         started, also after `stop` (as docker does when its daemon starts)
    unless-stopped                 not after `stop` or `kill`
    on-failure[:TRIES]             when it ended with an exit code other than 0, or in a way that nobody knows

What never ran is not started.
"""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.engine import freeze, held, parse_restart, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.callers import Callbacks
    from hezi.engine.paths import Paths

_BY_HAND = ("stop", "kill")


class SystemStarted(NamedTuple):
    """What was started: names; and what could not be: (name, why)."""

    started: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def start(paths: Paths, database: Database, callbacks: Callbacks) -> SystemStarted:
    """Start what must run, those made first first.

    :param database: with what the dead left put right, see :mod:`hezi.engine.recover`.
    """
    from hezi.engine.containers import lifecycle

    with database.read() as connection:
        rows = containers.list_all(connection)
    started, failed = [], []
    for row in reversed(rows):
        if row.state != containers.EXITED or not wants(paths, row):
            continue
        try:
            done = lifecycle.start(paths, row.id, callbacks)
        except errors.Error as error:
            failed.append((row.name, str(error)))
            continue
        if done.monitored is not None:
            done.monitored.client.close()
            started.append(row.name)
    return SystemStarted(tuple(started), tuple(failed))


def wants(paths: Paths, row: ContainerRow) -> bool:
    """Tell whether a container that has ended is to run, by its policy and how it ended."""
    request = freeze.thaw(row.image_name, dict(record.decode(row.config).request))
    policy = parse_restart.parse_restart(request.restart or "")
    found = held.end(paths, row) or {}
    if int(found.get("finished_ns") or 0) != row.finished_ns:
        found = {}  # of an earlier run
    if policy.name == "always":
        return True
    if policy.name == "unless-stopped":
        return str(found.get("stopped_by") or "").partition(" ")[0] not in _BY_HAND
    if policy.name == "on-failure":
        again = not policy.most or int(found.get("restart_count") or 0) < policy.most
        return again and row.exit_code != 0
    return False
