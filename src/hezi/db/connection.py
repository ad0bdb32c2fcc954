"""The database: SQLite in WAL mode, one file, any number of processes and threads.

    names ----------> images <---------- digests          what an image is called; NAME@DIGEST
      reference PK      id PK (config digest)   (name, digest) PK
      name, tag         manifest_digest         image_id -> images
      image_id -> images  platform, times, size manifest_digest
      manifest_digest   labels, config (raw)
      digest            parent (an id or '')
        |                  |  |        |
    platforms -------------'  |        |               the same name's images for other platforms
      (reference, image_id) PK|        |
      manifest_digest         |        |
                           ,--'        |
                           |        ,--'
             image_layers  |        |  image_blobs        what an image needs in layers/ and content/
      (image_id, position) PK     (image_id, digest) PK
      chain_id -> layers            size, media_type
                           |
    layers  chain_id PK, parent, diff_id, blob_digest, size, driver, created_ns
                           |
    containers             |  container_layers            what a container stands on, even when its image is gone
      id PK, name UNIQUE   (container_id, chain_id) PK
      image_id, state, pid, start_time, boot_id, times, exit_code, config
      |
    id_ranges  container_id PK, size, uid_first, uid_count, gid_first, gid_count      --userns=auto

    networks                       sandboxes              a container's network while somebody holds it
      id PK, name UNIQUE             container_id PK        name, (pid, start_time, boot_id) of the holder
      driver, config                   |         |
        |                              |         |
    endpoints                          |       ports      (protocol, host_port, host_ip) PK, container_port
      (network_id, container_id) PK ---+
      id, ipv4, ipv6 (each once in a network), mac, names, priority

    leases  id PK, purpose, pid, start_time, boot_id      work under way ...
      lease_items (lease_id, kind, key) PK                ... and the blobs and layers it counts on

Everything that a list shows is a column. Rows name only what is whole on disk: files are synced and in place before
their row is committed, and a row is gone before its files are.

Durability: a connection runs with synchronous=NORMAL: after a power cut the last container records may be missing, the
database is whole. Transactions that make or remove images and layers are FULL (:meth:`Database.durable`).
"""

from __future__ import annotations

import _thread  # noqa: PLC2701 - threading, for its get_ident alone, would cost the start path a millisecond
import errno
import os

from hezi import errors
from hezi._util.lock import FileLock
from hezi.db.driver import sqlite3
from hezi.db.migrations import MIGRATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

SCHEMA_VERSION = len(MIGRATIONS)
# Longer than anything holds the write lock: transactions here are milliseconds, a slow disk's fsync is seconds.
BUSY_TIMEOUT_S = 60.0
# What removing needs when the disk is full: SQLite writes what it deletes to its log first.
RESERVE_BYTES = 2 << 20
_RESERVE = "reserve"
_LEAST_RESERVE_BYTES = 64 << 10
# And of files: its log and the log's index, an index.json beside the old one, lock files, a directory to move into.
RESERVE_FILES = 16
_FILES = "reserve.files"


class Database:
    """The database file ``path``; made when missing. Each thread gets a connection of its own.

    :raises hezi.errors.Error: CORRUPT: it is no database or damaged; UNSUPPORTED: a newer hezi made it; PERMISSION,
        NO_SPACE: it cannot be opened or made.
    """

    __slots__ = ("_connections", "_given", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        # Whether we have given up some of the reserve.
        self._given = False
        # By thread. An ident, and with it the connection, is used again when its thread has ended.
        self._connections: dict[int, sqlite3.Connection] = {}
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in autocommit mode."""
        ident = _thread.get_ident()
        known = self._connections.get(ident)
        if known is None:
            known = self._connections[ident] = self._open()
        return known

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except errors.Error as error:
            # Opening takes some space too, for the log and its index; the rest of the reserve is for removals.
            if self.free_reserve():
                try:
                    return self._connect()
                except errors.Error:
                    # What was kept was not enough, or somebody else was faster.
                    return self._connect(alone=True)
                finally:
                    self._make_reserve()
            if error.kind != errors.NO_SPACE and not self._is_full(RESERVE_FILES):
                raise
            # Alone with the file, SQLite keeps the index in memory: to read takes no space then.
            return self._connect(alone=True)

    def _connect(self, *, alone: bool = False) -> sqlite3.Connection:
        with translated(self.path):
            # Closed by close(), possibly from another thread, when no other thread uses it any more.
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                if alone:
                    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version != SCHEMA_VERSION:
                    self._migrate(connection, version)
                connection.execute("PRAGMA foreign_keys=ON")
                connection.execute("PRAGMA synchronous=NORMAL")
            except BaseException:
                connection.close()
                raise
        return connection

    def _migrate(self, connection: sqlite3.Connection, version: int) -> None:
        if version == 0:
            # Images bring setuid programs and secrets; nobody else reads even their names.
            os.chmod(self.path, 0o600)
            # SQLite does not wait when two processes change the mode at once: one gets SQLITE_BUSY straight away.
            lock = FileLock(None, f"{self.path}.new")
            lock.acquire()
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            finally:
                lock.release(remove=True)
        # Another process may be at it: what there is to do is known only under the lock.
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise self._too_new(version)  # noqa: TRY301 - the lock is given back below in any case
            for step in MIGRATIONS[version:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self._make_reserve()

    def _too_new(self, version: int) -> errors.Error:
        message = f"the database was made by a newer hezi (schema {version}, this one knows {SCHEMA_VERSION})"
        hint = "use that version of hezi, or another HEZI_ROOT"
        return errors.Error(errors.UNSUPPORTED, message, path=self.path, hint=hint)

    def read(self) -> _Reading:
        """Give the connection for one or more SELECTs that see the same state; inside a transaction, that one's."""
        return _Reading(self.path, self.connection())

    def write(self) -> _Writing:
        """Give the connection inside a write transaction: committed at the end, undone on an exception."""
        return _Writing(self.path, self.connection(), durable=False)

    def durable(self) -> _Writing:
        """As :meth:`write`, and on the disk when it returns."""
        return _Writing(self.path, self.connection(), durable=True)

    def needed(self) -> _Writing:
        """As :meth:`write`, for what has to be put down though no byte is free on the disk: how a container ended."""
        self.free_reserve()
        return self.write()

    def removal(self) -> _Writing:
        """As :meth:`durable`, for transactions that remove: works with no byte free on the disk.

        SQLite needs room for its log even to delete. Some is kept in a file of its own and given up when there is no
        other; it is filled again as soon as there is room.
        """
        self.free_reserve()
        return self.durable()

    def free_reserve(self) -> bool:
        """Give up the reserved bytes and files if the disk is full; True when that was done."""
        if not self._is_full(RESERVE_FILES // 2):
            return False
        found = False
        for path in (self._reserve_path(), *self._file_paths()):
            try:
                os.unlink(path)
            except OSError:
                continue
            found = self._given = True
        if found:
            self._settle()
        return found

    def _settle(self) -> None:
        """Wait until what was given up can be had: ext4 gives out freed blocks only when its journal says so too."""
        try:
            fd = os.open(os.path.dirname(self.path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            os.fsync(fd)
        except OSError:
            return
        finally:
            os.close(fd)

    def _is_full(self, files: int) -> bool:
        try:
            free = os.statvfs(os.path.dirname(self.path) or ".")
        except OSError:
            return False
        # Some file systems (btrfs) have no fixed number of files, and say that of none there is one left.
        return free.f_bavail * free.f_frsize < RESERVE_BYTES or bool(free.f_files and free.f_favail < files)

    def _reserve_path(self) -> str:
        return os.path.join(os.path.dirname(self.path), _RESERVE)

    def _file_paths(self) -> list[str]:
        directory = os.path.join(os.path.dirname(self.path), _FILES)
        return [f"{directory}/{number}" for number in range(RESERVE_FILES)]

    def _make_reserve(self) -> None:
        """Make the reserve, as large as there is room for it."""
        path = self._reserve_path()
        try:
            free = os.statvfs(os.path.dirname(self.path) or ".")
            # Before the files, of which there may be one fewer: without bytes nothing can be removed.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return
        try:
            least = max(os.fstat(fd).st_size, _LEAST_RESERVE_BYTES)
            size = min(RESERVE_BYTES, os.fstat(fd).st_size + free.f_bavail * free.f_frsize)
            if not self._allocated(fd, size, least):
                # No room, or a file system that cannot: a reserve is a comfort, its lack no failure.
                os.unlink(path)
            self._reserve_files()
        except OSError:
            return
        finally:
            os.close(fd)

    def _allocated(self, fd: int, size: int, least: int) -> bool:
        """Make a file ``size`` bytes large, or not quite; False when it is smaller than ``least`` then."""
        settled = False
        while size >= least:
            try:
                os.posix_fallocate(fd, 0, size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    return False
                # What was just freed counts as free, and cannot always be had yet.
                if settled:
                    size //= 2
                self._settle()
                settled = True
            else:
                return True
        return os.fstat(fd).st_size >= _LEAST_RESERVE_BYTES

    def _has_reserve(self) -> bool:
        try:
            return os.stat(self._reserve_path()).st_size >= RESERVE_BYTES
        except OSError:
            return False

    def _reserve_files(self) -> None:
        paths = self._file_paths()
        os.makedirs(os.path.dirname(paths[0]), 0o700, exist_ok=True)
        for path in paths:
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            except OSError:
                return  # as many as there is room for

    def close(self) -> None:
        """Close the connections of all threads; none may be in use."""
        for connection in self._connections.values():
            connection.close()
        last = self._file_paths()[-1]
        whole = not self._given and self._has_reserve() and os.path.exists(last)
        if self._connections and not whole:
            # It was given up, now or by another process; the log and its index are just gone.
            self._given = False
            self._make_reserve()
        self._connections.clear()


# Classes instead of generators with contextlib's decorator: that would import functools and collections, which is more
# than a tenth of what listing images takes.
class _Reading:
    """See :meth:`Database.read`."""

    __slots__ = ("_connection", "_nested", "_path")

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._nested = connection.in_transaction

    def __enter__(self) -> sqlite3.Connection:
        if not self._nested:
            with translated(self._path):
                self._connection.execute("BEGIN")
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._nested:
            return
        with translated(self._path):
            self._connection.execute("COMMIT")
        translate(error, self._path)


class _Writing:
    """See :meth:`Database.write` and :meth:`Database.durable`."""

    __slots__ = ("_connection", "_durable", "_path")

    def __init__(self, path: str, connection: sqlite3.Connection, *, durable: bool) -> None:
        self._path = path
        self._connection = connection
        self._durable = durable

    def __enter__(self) -> sqlite3.Connection:
        if self._durable:
            self._connection.execute("PRAGMA synchronous=FULL")
        try:
            with translated(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._relax()
            raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with translated(self._path):
                    self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._relax()
        translate(error, self._path)

    def _relax(self) -> None:
        if self._durable:
            self._connection.execute("PRAGMA synchronous=NORMAL")


class translated:
    """Turn SQLite's exceptions into hezi's, for a ``with`` block."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        translate(error, self._path)


def translate(error: BaseException | None, path: str) -> None:
    """Raise hezi's exception for one of SQLite's; do nothing for others and for None.

    :raises hezi.errors.Error: CONFLICT, CORRUPT, NO_SPACE, TIMEOUT, PERMISSION, INTERNAL.
    """
    if isinstance(error, sqlite3.IntegrityError):
        raise errors.Error(errors.CONFLICT, f"the database refuses it: {error}", path=path) from error
    if isinstance(error, sqlite3.OperationalError):
        raise _operational(error, path) from error
    if isinstance(error, sqlite3.DatabaseError):
        message = f"the database is damaged: {error}"
        hint = "restore it from a backup, or move it away: images are then pulled again"
        raise errors.Error(errors.CORRUPT, message, path=path, hint=hint) from error


def _operational(error: sqlite3.OperationalError, path: str) -> errors.Error:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return errors.Error(errors.NO_SPACE, "the disk is full: the database cannot be written", path=path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        message = f"the database was locked for {BUSY_TIMEOUT_S:.0f} s by another process"
        return errors.Error(errors.TIMEOUT, message, path=path)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        if name.startswith("SQLITE_CANTOPEN") and _is_used_up(path):
            # Its log and the log's index are files of their own.
            message = "the disk is full: it has no room for the database's log"
            return errors.Error(errors.NO_SPACE, message, path=path)
        hint = "run as the user whose images these are, or set HEZI_ROOT"
        return errors.Error(errors.PERMISSION, f"the database cannot be opened: {error}", path=path, hint=hint)
    if name.startswith("SQLITE_IOERR"):
        if _is_used_up(path):
            message = f"the disk is full: the database cannot be read or written: {error}"
            return errors.Error(errors.NO_SPACE, message, path=path)
        return errors.Error(errors.INTERNAL, f"the database cannot be read or written: {error}", path=path)
    return errors.Error(errors.INTERNAL, f"the database cannot do it: {error}", path=path)


def _is_used_up(path: str) -> bool:
    """Say whether there is no byte or no inode left where a database is."""
    try:
        free = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return not free.f_bavail or bool(free.f_files and not free.f_favail)
