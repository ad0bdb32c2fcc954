"""What must be there before the mounts are made: files of the network, host directories, volumes."""

from __future__ import annotations

import os

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.engine.record import Record
    from hezi.engine.runspec import Blueprint


def prepare(paths: Paths, container: Record, made: Blueprint, root_fd: int) -> None:
    """Make and check everything that the mounts of a container need.

    :param root_fd: the container's root, for what new volumes are filled with.
    :raises errors.Error: a source is missing or cannot be made, the disk is full, ...
    """
    from hezi.engine import files

    hostname = made.draft.hostname
    files.write(container.directory, files.contents(made.draft.modes.network, hostname))
    mounts = made.mounts
    for source in mounts.must_exist:
        if not os.path.lexists(source):
            text = f'invalid mount config for type "bind": bind source path does not exist: {source}'
            raise errors.Error(errors.INVALID, text)
    for source in mounts.make_directories:
        _make_host_directory(source)
    _check_propagation(made)
    if mounts.volumes:
        from hezi.volume import catalog, copyup, local

        for use in mounts.volumes:
            volume = local.ensure(paths.volumes, use.name, anonymous=use.anonymous, labels=use.labels)
            if use.copy:
                # Its own directory, or the one of the host that it stands for.
                copyup.copy_up(root_fd, use.destination, catalog.source_of(paths.volumes, volume.name))
    if not container.details.remove:
        from hezi.spec import runtime as rt

        container.write_config(rt.to_json(made.spec))


def _make_host_directory(path: str) -> None:
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except FileExistsError:
        # A file or a socket: it is mounted as what it is.
        return
    except OSError as error:
        doing = f"error while creating mount source path '{path}'"
        raise errors.from_os_error(doing, error) from error


def _check_propagation(made: Blueprint) -> None:
    """A mount can only share what its source shares: docker's check and words."""
    wanted = [ask for ask in made.draft.mounts if ask.propagation.endswith(("shared", "slave"))]
    if not wanted:
        return
    from hezi.linux import mountinfo

    for ask in wanted:
        try:
            fd = os.open(ask.source, os.O_PATH | os.O_CLOEXEC)
            try:
                entry = mountinfo.entry_of(fd)
            finally:
                os.close(fd)
        except OSError as error:
            doing = f"cannot find the mount of {ask.source}"
            raise errors.from_os_error(doing, error) from error
        needs_shared = ask.propagation.endswith("shared")
        if not entry.peer_group and (needs_shared or not entry.master):
            kind = "a shared" if needs_shared else "a shared or slave"
            text = f"path {ask.source} is mounted on {entry.mount_point} but it is not {kind} mount"
            raise errors.Error(errors.INVALID, text)
