"""The record of a container: its row, its directory, and how both come to an end.

    containers/<id>/   0700
      upper, work      of the root file system
      hosts, resolv.conf, hostname
      config.json      OCI runtime specification
      image.json       the image's configuration (not with --rm)
      exit.json        how it ended, synced before anybody is told, by the monitor (not with --rm)
      <id>-json.log    what it wrote

The row comes before the directory and goes after it: whatever is killed wherever, a row tells of everything there is.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util import atomic, clock
from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.db import images as image_rows
from hezi.engine import held, names
from hezi.spec import jsondoc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from sqlite3 import Connection
    from typing import Any

    from hezi.db.connection import Database
    from hezi.engine.paths import Paths

IMAGE_CONFIG = "image.json"
# Written by ourselves: arguments and environment as far as execve(2) takes them, with escapes.
_MOST_CONFIG = 64 << 20
_NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME_LETTERS = _NAME_START | frozenset("_.-")


class Details(NamedTuple):
    """What the row's JSON keeps for whoever cleans up after us, and for those who look at the container."""

    remove: bool
    cgroup: str
    volumes: tuple[str, ...]  # anonymous ones, which go with the container
    args: tuple[str, ...]
    labels: Mapping[str, str]
    stop_signal: int
    tty: bool
    # What the caller asked for, as far as it differs from the defaults, and what that came to: for inspect and start.
    request: Mapping[str, object] = {}
    mounts: tuple[Mapping[str, object], ...] = ()
    hostname: str = ""
    error: str = ""  # why the last start failed
    exposed: tuple[str, ...] = ()  # "80/tcp", by the image, --expose or --publish
    image_config: bool = False  # image.json beside upper: the image itself may go before the container
    layers: tuple[str, ...] = ()  # what its root stands on, where container_layers has those of mounted images too


def check_name(name: str) -> str:
    """Return ``name``, without the ``/`` that it may begin with, when a container may be called so.

    :raises errors.Error: docker's text.
    """
    given, name = name, name.removeprefix("/")
    if len(name) < 2 or len(name) > 255 or name[0] not in _NAME_START or not set(name) <= _NAME_LETTERS:
        text = f"invalid container name ({given}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        raise errors.Error(errors.INVALID, text)
    return name


class Record:
    """One container's row and directory."""

    __slots__ = ("_database", "_paths", "details", "directory", "id", "name")

    def __init__(self, paths: Paths, database: Database, container_id: str, name: str, details: Details) -> None:
        self._paths = paths
        self._database = database
        self.id = container_id
        self.name = name
        self.details = details
        self.directory = f"{paths.containers}/{container_id}"

    @property
    def paths(self) -> Paths:
        """Where everything is."""
        return self._paths

    @property
    def database(self) -> Database:
        """Where its row is."""
        return self._database

    def create(self, image_id: str, image_name: str, chain_ids: Sequence[str], *, image_config: bytes = b"") -> None:
        """Add the row, which this process holds, and make the directory.

        :param image_config: to be kept for starts after the image is gone.

        :raises errors.Error: the name is taken, the image was removed meanwhile, the disk is full.
        """
        config = encode(self.details)
        now = clock.now_ns()
        holder = held.myself()
        row = containers.ContainerRow(
            id=self.id,
            name=self.name,
            image_id=image_id,
            image_name=image_name,
            state=containers.NEW,
            pid=holder[0],
            start_time=holder[1],
            boot_id=holder[2],
            created_ns=now,
            started_ns=0,
            finished_ns=0,
            exit_code=None,
            config=config,
        )
        with self._database.write() as connection:
            if image_rows.get(connection, image_id) is None:
                raise errors.Error(errors.NOT_FOUND, f"No such image: {image_name}")
            if self.name:
                refuse_taken(connection, self.name)
            else:
                self.name = names.free(lambda name: containers.by_name(connection, name) is not None)
            containers.insert(connection, row._replace(name=self.name), chain_ids)
            # For `image prune --unused-for` and --max-size.
            image_rows.touch(connection, image_id, now)
        try:
            os.mkdir(self.directory, 0o700)
            os.mkdir(f"{self.directory}/upper", 0o755)
            # Whatever the umask: this is the container's root directory.
            os.chmod(f"{self.directory}/upper", 0o755)  # noqa: S103 - inside a directory of mode 0700
            os.mkdir(f"{self.directory}/work", 0o700)
            if image_config:
                self._write(IMAGE_CONFIG, image_config, sync=False)
        except OSError as error:
            doing = "cannot make the container's directory"
            raise errors.from_os_error(doing, error) from error

    def started(self, monitor: containers.Process, started_ns: int) -> None:
        """Record that the program runs, and that its monitor holds the container from now on."""
        with self._database.write() as connection:
            containers.started(connection, self.id, monitor, started_ns)
            if self.details.error:
                self.details = self.details._replace(error="")
                containers.configure(connection, self.id, encode(self.details))

    def write_config(self, document: Mapping[str, Any]) -> None:
        """Keep the runtime specification, for people and for later commands.

        :raises errors.Error: the disk is full, ...
        """
        self._write("config.json", jsondoc.dumps(document, escaped=True), sync=False)

    def not_started(self, state: str, code: int, why: str) -> None:
        """Keep the code of a failed start, as docker does; nobody holds the container any more."""
        self.details = self.details._replace(error=why)
        with self._database.write() as connection:
            containers.release(connection, self.id, state)
            connection.execute("UPDATE containers SET exit_code=? WHERE id=?", (code, self.id))
            containers.configure(connection, self.id, encode(self.details))

    def release(self, state: str = containers.CREATED) -> None:
        """Say that nobody holds the container: it waits for its start."""
        with self._database.write() as connection:
            containers.release(connection, self.id, state)

    def _remove_volumes(self) -> None:
        own, points = self.details.volumes, self.details.mounts
        if not own and not any(point.get("Type") == "volume" for point in points):
            return
        from hezi.engine import events, volume_users

        volume_users.drop_anonymous(self._paths.volumes, self._database, self.id, own, points)
        for name in own:
            if not os.path.lexists(f"{self._paths.volumes}/{name}"):
                events.tell(self._paths, events.VOLUME, "destroy", name, {"driver": "local"})

    def _write(self, name: str, data: bytes, *, sync: bool) -> None:
        try:
            fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                atomic.write_file(fd, name, data, sync=sync)
            finally:
                os.close(fd)
        except OSError as error:
            doing = f"cannot write the container's {name}"
            raise errors.from_os_error(doing, error) from error

    def remove(self, *, volumes: bool = True) -> None:
        """Remove the directory, the anonymous volumes and the row.

        :raises errors.Error: something cannot be removed; the row then still tells of it.
        """
        if volumes:
            self._remove_volumes()
        try:
            parent = os.open(self._paths.containers, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                atomic.remove_tree(parent, self.id)
            finally:
                os.close(parent)
        except OSError as error:
            doing = "cannot remove the container's directory"
            raise errors.from_os_error(doing, error) from error
        held.forget(self._paths, self.id)
        self._database.free_reserve()
        # With --rm a row that comes back after a power cut is that of a dead container, which the next sweep removes.
        transaction = self._database.write if self.details.remove else self._database.removal
        with transaction() as connection:
            # A container may have run for a year: its image was in use until now.
            image_rows.touch_of(connection, self.id, clock.now_ns())
            containers.delete(connection, self.id)


def refuse_taken(connection: Connection, name: str) -> None:
    """Refuse a name that another container has.

    :raises errors.Error: docker's text.
    """
    holder = containers.by_name(connection, name)
    if holder is not None:
        text = f'conflict. The container name "/{name}" is already in use by container "{holder.id}"'
        hint = "remove or rename that container to be able to reuse its name"
        raise errors.Error(errors.ALREADY_EXISTS, text, hint=hint)


def encode(details: Details) -> str:
    """Return the JSON for a row; see :func:`decode`."""
    # Arguments may hold bytes that are not UTF-8, which only escapes carry through.
    return jsondoc.dumps(details._asdict(), escaped=True).decode()


def texts(request: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return an option of a frozen request that is a list of texts; empty when it is not given."""
    found = request.get(name)
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def decode(config: str) -> Details:
    """Return what :class:`Record` has kept in a row."""
    found = jsondoc.load_object(config.encode(), limit=_MOST_CONFIG, ours=True)
    known: dict[str, Any] = {name: found[name] for name in Details._fields if name in found}
    for name in ("exposed", "volumes", "args", "mounts", "layers"):
        known[name] = tuple(known.get(name, ()))
    return Details(**known)


def cgroup_of(config: str) -> str:
    """Return the group of a container from its row, where nothing else is asked."""
    return str(jsondoc.load_object(config.encode(), limit=_MOST_CONFIG, ours=True).get("cgroup", ""))


def from_row(paths: Paths, database: Database, row: containers.ContainerRow) -> Record:
    """Return the record of a row that somebody else wrote."""
    return Record(paths, database, row.id, row.name, decode(row.config))
