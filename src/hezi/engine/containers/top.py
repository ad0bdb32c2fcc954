"""``top``: the host's ps, of which the lines of one container's processes are kept."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import container_events, find_container, held, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

_DEFAULT = ("-ef",)
_PID = "PID"


class Table(NamedTuple):
    """What ps says: the words of its header, and a row of as many cells for each process; the last may have blanks."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def top(paths: Paths, database: Database, name: str, arguments: Sequence[str] = ()) -> Table:
    """List a container's processes.

    :param arguments: options of ps; ``-ef`` by default. The column PID must be among what it prints.
    :raises errors.Error: it does not run (CONFLICT); ps refuses the options, or is not there.
    """
    with database.read() as connection:
        row = find_container.find(connection, name)
    state = held.state(paths, row.id, held.boot()) or {}
    if state.get("status") == "restarting":
        raise errors.Error(errors.CONFLICT, f"Container {row.id} is restarting, wait until the container is running")
    if state.get("status") not in {"running", "paused"}:
        raise errors.Error(errors.CONFLICT, f"Container {row.id} is not running")
    wanted = tuple(arguments) or _DEFAULT
    container_events.tell(paths, row, "top")
    pids = processes(row)
    return _table(_ps(wanted, pids), pids)


def processes(row: ContainerRow) -> list[int]:
    """Return the numbers of a container's processes on the host, sorted."""
    from hezi.linux.cgroup import layout, manager

    group = manager.open_existing(layout.detect(), record.decode(row.config).cgroup)
    if group is None:
        return []
    with group:
        return group.pids()


def _ps(arguments: Sequence[str], pids: Sequence[int]) -> str:
    from hezi._util import proc

    # As docker: asked for these alone, all else costs time; but with some options (f) it takes no -q.
    done = proc.run(["ps", *arguments, f"-q{','.join(map(str, pids))}"])
    if done.code:
        done = proc.run(["ps", *arguments])
    if done.code:
        # The first line says it; the others are its help.
        text = done.stderr.decode(errors="replace").strip().split("\n")[0]
        raise errors.Error(errors.INVALID, f"ps: {text}")
    return done.stdout.decode(errors="replace")


def _table(output: str, pids: Sequence[int]) -> Table:
    header, *lines = output.splitlines()
    titles = tuple(header.split())
    if _PID not in titles:
        raise errors.Error(errors.INVALID, "Couldn't find PID field in ps output")
    at, ours = titles.index(_PID), {str(pid) for pid in pids}
    rows = []
    for line in lines:
        cells = line.split(None, len(titles) - 1)
        if len(cells) > at and cells[at] in ours:
            rows.append(tuple(cells))
    return Table(titles, tuple(rows))
