"""Which container is meant, and its root directory as a descriptor.

    runs      /proc/PID/root of its first process, reached through a descriptor of /proc/PID: once that is open, and
              the process in it has the right start time, the number cannot pass to another process unseen. It is the
              view from inside: volumes, binds and tmpfs are there; /proc and its like are not copied.
    stopped   its layers and changes, mounted detached: seen by no other process, gone with the descriptor. Volumes and
              binds are put in their places where the kernel can do that to a detached mount (Linux 6.15).

The caller stays outside: nothing is entered, every path is resolved with :func:`hezi.linux.fd.open_in_root`.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.engine import find_container, held, holding, image_of
from hezi.linux import fd as linux_fd
from hezi.linux import mountinfo, pidfd, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from sqlite3 import Connection

    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.runtime.owners import Owners
    from hezi.spec.digest import Digest
    from hezi.store.images import ImageStore

_PATIENCE_S = 15.0
_NO_FILES = frozenset({"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs"})
_DIRECTORY = linux_fd.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Process(NamedTuple):
    """The first process of a running container."""

    pid: int
    start_time: int
    boot_id: str


def find(store: ImageStore, text: str) -> ContainerRow:
    """Return the container a user means.

    :raises errors.Error: NOT_FOUND; INVALID: several ids begin so.
    """
    with store.database.read() as connection:
        return find_container.find(connection, text)


def process_of(paths: Paths, row: ContainerRow) -> Process | None:
    """Return the container's first process, None when it does not run."""
    state = held.state(paths, row.id, held.boot()) if row.state == containers.RUNNING else None
    if state is None or not state["pid"]:
        return None
    return Process(state["pid"], state["start_time"], state["boot_id"])


def is_paused(paths: Paths, row: ContainerRow) -> bool:
    """Say whether a running container is paused already."""
    state = held.state(paths, row.id, held.boot()) or {}
    return bool(state.get("paused"))


def _open_process(process: Process) -> int:
    """Open /proc/PID of exactly this process; -1 when it is gone."""
    if process.boot_id != pidfd.boot_id():
        return -1
    proc = procfs.open_private()
    try:
        fd = os.open(str(process.pid), _DIRECTORY, dir_fd=proc)
    except OSError:
        return -1
    finally:
        os.close(proc)
    try:
        # Read through the open directory: it stays this process's, whatever becomes of the number.
        if pidfd.start_time(".", fd) == process.start_time:
            return fd
    except OSError:
        pass  # it has just ended
    os.close(fd)
    return -1


def running_root(paths: Paths, row: ContainerRow) -> int:
    """Open the root directory of a running container, as its first process has it; -1 when it does not run."""
    process = process_of(paths, row)
    if process is None:
        return -1
    directory = _open_process(process)
    if directory < 0:
        return -1
    try:
        return os.open("root", _DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno in {2, 3}:  # ENOENT, ESRCH: it is ending
            return -1
        doing = "cannot open the container's root"
        raise errors.from_os_error(doing, error) from error
    finally:
        os.close(directory)


class Root(NamedTuple):
    """A container's root directory.

    :ivar owners: of a container that runs in a user namespace of its own: the numbers in it are the host's.
    :ivar hidden: devices (st_dev) of what the kernel shows in it: /proc, /sys, /dev. For docker, which looks at a
        container's files from outside, the places of these are empty directories.
    """

    fd: int
    owners: Owners | None = None
    hidden: frozenset[int] = frozenset()


def container_root(paths: Paths, store: ImageStore, row: ContainerRow, stack: ExitStack) -> Root:
    """Return the container's root directory, for reading and writing; ``stack`` closes it.

    :raises errors.Error: the container runs and its root cannot be opened, or it cannot be mounted.
    """
    from hezi.store.snapshot.base import Rootfs

    deadline = time.monotonic() + _PATIENCE_S
    while True:
        fd = running_root(paths, row)
        if fd >= 0:
            stack.callback(os.close, fd)
            hidden = _hidden(row, process_of(paths, row), fd)
            with store.database.read() as connection:
                return Root(fd, _owners(connection, row), hidden)
        if _hold(paths, store, row, stack):
            break
        # It ends just now, or starts.
        if time.monotonic() > deadline:
            raise errors.Error(errors.TIMEOUT, f"container {row.name} neither runs nor is it stopped")
        time.sleep(0.005)
    directory = f"{paths.containers}/{row.id}"
    rootfs = Rootfs(layers_of(store, row), f"{directory}/upper", f"{directory}/work", readonly=is_read_only(row))
    fd = store.driver.mount(rootfs)
    stack.callback(os.close, fd)
    _mount_sources(paths, row, fd)
    return Root(fd)


def _hidden(row: ContainerRow, process: Process | None, root_fd: int) -> frozenset[int]:
    """Return the devices of file systems without files of their own, but for those that volumes and binds brought."""
    if process is None:
        return frozenset()
    try:
        entries = mountinfo.read(process.pid)
    except OSError:
        return frozenset()  # it has ended, and with it what was mounted
    shown = (entry for entry in entries if entry.fstype in _NO_FILES or entry.mount_point == "/dev")
    found = {os.makedev(entry.major, entry.minor) for entry in shown}
    points = _details(row).get("mounts")
    for point in points if isinstance(points, list) else ():
        if point.get("Type") in {"bind", "volume", "image"}:
            with suppress(OSError):
                place = linux_fd.open_in_root(root_fd, str(point.get("Destination")), linux_fd.O_PATH)
                try:
                    found.discard(os.fstat(place).st_dev)
                finally:
                    os.close(place)
    return frozenset(found)


def _owners(connection: Connection, row: ContainerRow) -> Owners | None:
    """Return the ids of a container's own user namespace; None when they are the host's."""
    from hezi.engine import freeze, userns

    request = _details(row).get("request")
    if not isinstance(request, dict) or not request.get("userns"):
        return None
    known = userns.of_container(connection, row.id, freeze.thaw(row.image_name, request))
    return None if known is None or known.identity else known


def _hold(paths: Paths, store: ImageStore, row: ContainerRow, stack: ExitStack) -> bool:
    """Keep a container that does not run from being started: two mounts of the same files destroy them.

    :return: False when it runs by now.
    :raises errors.Error: NOT_FOUND: it was removed.
    """
    taken = holding.take(paths, store.database, row)
    if taken is None:
        return False
    if taken.state == holding.GONE:
        raise errors.Error(errors.NOT_FOUND, f"No such container: {row.name}")

    def let_go() -> None:
        with store.database.write() as connection:
            containers.release(connection, row.id, taken.state)

    stack.callback(let_go)
    return True


def layers_of(store: ImageStore, row: ContainerRow) -> tuple[Digest, ...]:
    """Return the layers that a container stands on, lowest first, even when its image is gone."""
    with store.database.read() as connection:
        return image_of.layers(connection, row)


def _details(row: ContainerRow) -> dict[str, object]:
    found = json.loads(row.config)
    return found if isinstance(found, dict) else {}


def is_read_only(row: ContainerRow) -> bool:
    """Say whether the container's root is mounted read-only (``--read-only``)."""
    request = _details(row).get("request")
    return isinstance(request, dict) and request.get("read_only") is True


def _mount_sources(paths: Paths, row: ContainerRow, root_fd: int) -> None:
    """Put volumes and binds in their places below a detached mount, as far as the kernel does that."""
    points = _details(row).get("mounts")
    for point in points if isinstance(points, list) else ():
        with suppress(OSError, errors.Error):  # before Linux 6.15, or a source that is gone
            if point.get("Type") == "volume":
                from hezi.volume import catalog

                source = catalog.source_of(paths.volumes, str(point.get("Name")))
            elif point.get("Type") == "bind":
                source = str(point.get("Source"))
            else:
                continue
            _attach(source, root_fd, str(point.get("Destination")), writable=point.get("RW") is not False)


def _attach(source: str, root_fd: int, destination: str, *, writable: bool) -> None:
    from hezi.linux import mount

    tree = mount.open_tree(mount.AT_FDCWD, source, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    try:
        if stat.S_ISDIR(os.fstat(tree).st_mode):
            # A container that was never started has no place for it yet.
            target = linux_fd.mkdir_in_root(root_fd, destination)
        else:
            target = linux_fd.open_in_root(root_fd, destination, linux_fd.O_PATH)
        try:
            if not writable:
                flags = mount.AT_EMPTY_PATH | mount.AT_RECURSIVE
                mount.mount_setattr(tree, "", flags, set=mount.MOUNT_ATTR_RDONLY)
            mount.move_mount(tree, "", target, "")
        finally:
            os.close(target)
    finally:
        os.close(tree)
