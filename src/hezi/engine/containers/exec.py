"""``exec``: one more program in a container that runs."""

from __future__ import annotations

from contextlib import contextmanager, suppress

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import (
    accounts,
    facts,
    find_container,
    freeze,
    held,
    image_of,
    parse_env,
    parse_limits,
    parse_security,
    record,
    runspec_process,
    streams,
    syscall_filter,
)
from hezi.runtime import exec as joining
from hezi.runtime import plan as plans
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection
    from types import TracebackType

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.accounts import Account
    from hezi.engine.callers import Streams
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.runtime.owners import Owners
    from hezi.runtime.plan import Plan
    from hezi.spec.image import ContainerConfig

_NO_IMAGE = "its image's configuration is gone"


class ExecRequest(NamedTuple):
    """What ``exec`` can be told; the fields are those of :class:`hezi.engine.request.RunRequest`.

    :ivar user: None for the container's own.
    :ivar env: ``K=V``, or ``K`` for the caller's value; on top of the container's.
    """

    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    env_file: tuple[str, ...] = ()
    user: str | None = None
    workdir: str | None = None
    interactive: bool = False
    tty: bool = False
    privileged: bool = False
    detach: bool = False
    detach_keys: str | None = None


class Joined:
    """A program that joined a container, with its caller attached. A context manager that kills it when it is left.

    :ivar pid: in the caller's process namespace.
    """

    def __init__(self, executed: joining.Executed, pump: streams.Pump | None) -> None:
        self._executed = executed
        self._pump = pump
        self.pid = executed.pid

    @property
    def detached(self) -> bool:
        """The detach keys were typed, and it goes on."""
        return self._pump is not None and self._pump.detached

    def wait(self, *, timeout: float | None = None) -> int:
        """Move the bytes until it has ended, and return its exit code (128+n for a signal).

        :param timeout: seconds; then kind ``timeout`` is raised and it still runs.
        :raises errors.Error: UNAVAILABLE: the container ended in between and nobody knows how it did.
        """
        if self._pump is not None and not self._pump.run(timeout):
            raise errors.Error(errors.TIMEOUT, f"the program still runs after {timeout:g} seconds")
        if self.detached:
            return 0
        status = self._executed.wait(timeout)
        if status is None:
            raise errors.Error(errors.TIMEOUT, f"the program still runs after {timeout:g} seconds")
        if self._pump is not None:
            self._pump.drain()
            self._pump.close()
        return status.code

    def signal(self, number: int) -> None:
        """Send it a signal; one that has ended is no error."""
        self._executed.signal(number)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal; without one nothing happens."""
        if self._pump is not None and self._pump.terminal >= 0:
            from hezi.linux import pty

            with suppress(OSError):
                pty.set_winsize(self._pump.terminal, rows, columns)

    def leave(self) -> None:
        """Close everything; the program goes on."""
        if self._pump is not None:
            self._pump.close()
        self._executed.close()

    def __enter__(self) -> Joined:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not self.detached:
            self._executed.signal(9)
        self.leave()


def start(paths: Paths, database: Database, name: str, request: ExecRequest, io: Streams) -> Joined:
    """Start a program in a container.

    :raises errors.Error: CONFLICT: it does not run, or is paused; COMMAND_NOT_FOUND, NOT_EXECUTABLE; INVALID: no such
        user, ...
    """
    with database.read() as connection:
        row = find_container.find(connection, name)
        known = image_of.config(paths, connection, row)
        own_ids = _owners(connection, row)
    state = held.state(paths, row.id, held.boot()) or {}
    if state.get("status") == "paused":
        raise errors.Error(errors.CONFLICT, f"container {name} is paused, unpause the container before exec")
    if state.get("status") == "restarting":
        raise errors.Error(errors.CONFLICT, f"container {row.id} is restarting, wait until the container is running")
    if state.get("status") != "running":
        raise errors.Error(errors.CONFLICT, f"container {row.id} is not running")
    if not request.command[0]:
        raise errors.Error(errors.COMMAND_NOT_FOUND, 'exec: "": executable file not found in $PATH')
    config = known.config if known is not None else None
    plan = _plan(paths, row, request, config, (state["pid"], state["start_time"], io.console_size), own_ids)
    reads = request.interactive and not request.detach
    with _beginning(row):
        executed = joining.start(held.directory(paths, row.id), plan, stdin=reads, detached=request.detach)
    if request.detach:
        return Joined(executed, None)
    return Joined(executed, _pump(executed, request, io))


@contextmanager
def _beginning(row: ContainerRow) -> Iterator[None]:
    """Tell a container that does not run from a program that cannot: no such user, no such directory, ..."""
    try:
        yield
    except errors.Error as error:
        if error.kind == errors.NOT_FOUND and "not running" in str(error):
            raise errors.Error(errors.CONFLICT, f"container {row.id} is not running") from error
        if error.kind not in {errors.NOT_FOUND, errors.INVALID, errors.PERMISSION, errors.CORRUPT}:
            raise
        raise errors.Error(errors.NOT_EXECUTABLE, error.message, path=error.path, hint=error.hint) from error


def _plan(
    paths: Paths,
    row: ContainerRow,
    request: ExecRequest,
    config: ContainerConfig | None,
    process: tuple[int, int, tuple[int, int] | None],
    own_ids: Owners | None,
) -> Plan:
    pid, started, size = process
    details = record.decode(row.config)
    own = freeze.thaw(row.image_name, dict(details.request))
    user = request.user if request.user is not None else own.user or (config.user if config else "")
    with _beginning(row), joining.open_target(pid, started) as target:
        account = accounts.resolve(
            user,
            () if request.user is not None else own.group_add,
            accounts.read_lines(target.root, "etc/passwd"),
            accounts.read_lines(target.root, "etc/group"),
        )
    host = facts.gather()
    variables = _variables(own, request, host)
    with _beginning(row):
        made = _process(request, own._replace(env=variables, env_file=()), config, account, (details.hostname, host))
    if size is not None and request.tty:
        made = made._replace(console_size=rt.ConsoleSize(*size))
    wanted = syscall_filter.choose(own, parse_security.parse_security_opts(own.security_opt))
    choice = "unconfined" if request.privileged else wanted
    program, flags = syscall_filter.load(choice, made.capabilities.bounding, paths)
    return joining.plan(made, plans.Options(seccomp=program, seccomp_flags=flags, owners=own_ids))


def _owners(connection: Connection, row: ContainerRow) -> Owners | None:
    """Return the ids of the container's own user namespace, if it has one."""
    own = freeze.thaw(row.image_name, dict(record.decode(row.config).request))
    if own.userns in {None, "", "host"}:
        return None
    from hezi.engine import userns

    return userns.of_container(connection, row.id, own)


def _variables(own: RunRequest, request: ExecRequest, host: facts.HostFacts) -> tuple[str, ...]:
    """Return the container's own variables and those of the request, later ones in the place of earlier ones.

    :raises errors.Error: an --env-file cannot be read.
    """
    flags = [*own.env]
    for path in request.env_file:
        flags += [
            key if value is None else f"{key}={value}" for key, value in parse_env.read_env_file(path, host.environment)
        ]
    return (*flags, *request.env)


def _process(
    request: ExecRequest,
    own: RunRequest,
    config: ContainerConfig | None,
    account: Account,
    place: tuple[str, facts.HostFacts],
) -> rt.Process:
    """Return the container's own process with what was asked for in the place of its own values."""
    from hezi.spec.image import ContainerConfig as Empty

    image = config if config is not None else Empty()
    hostname, host = place
    shown = own._replace(tty=request.tty, workdir=request.workdir or own.workdir)
    environment = runspec_process.environment(shown, image, account, hostname, host)
    cwd, _ = runspec_process.directory(shown, image)
    rights = own._replace(privileged=own.privileged or request.privileged)
    score = None if own.oom_score_adj is None else parse_limits.parse_oom_score_adj(own.oom_score_adj)
    security = parse_security.parse_security_opts(own.security_opt)
    return rt.Process(
        args=request.command,
        env=tuple(f"{name}={value}" for name, (value, _) in environment.items()),
        cwd=cwd,
        user=rt.User(account.uid, account.gid, account.groups),
        terminal=request.tty and not request.detach,
        capabilities=runspec_process.capabilities(rights, account, host),
        rlimits=runspec_process.rlimits(own),
        no_new_privileges=security.no_new_privileges,
        oom_score_adj=score,
    )


def _pump(executed: joining.Executed, request: ExecRequest, io: Streams) -> streams.Pump:
    """Hand the program's descriptors to the pump, which owns them from here on."""
    if request.tty:
        outputs = [streams.Output(executed.master, streams.writer(io.stdout))]
        sink = executed.master
    else:
        outputs = [
            streams.Output(executed.stdout, streams.writer(io.stdout)),
            streams.Output(executed.stderr, streams.writer(io.stderr)),
        ]
        sink = executed.stdin
    executed.master = executed.stdin = executed.stdout = executed.stderr = -1
    keys = parse_limits.parse_detach_keys(request.detach_keys or parse_limits.DEFAULT_DETACH_KEYS)

    return streams.Pump(
        executed.pidfd,
        outputs,
        source=io.stdin if request.interactive and io.stdin is not None else -1,
        sink=sink,
        data=io.data,
        detach=streams.DetachFilter(keys) if request.tty and request.interactive else None,
    )
