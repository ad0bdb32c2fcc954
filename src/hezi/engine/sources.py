"""What must be there before the mounts are made: files of the network, host directories, volumes."""

from __future__ import annotations

import os

from hezi import errors
from hezi.engine import parse_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.engine.paths import Paths
    from hezi.engine.prepare import Case
    from hezi.engine.record import Record
    from hezi.engine.runspec import Blueprint
    from hezi.engine.runspec_mounts import VolumeUse
    from hezi.volume.local import Volume


def prepare(paths: Paths, container: Record, made: Blueprint, root_fd: int, network_files: Mapping[str, bytes]) -> None:
    """Make and check everything that the mounts of a container need.

    :param root_fd: the container's root, for what new volumes are filled with.
    :param network_files: contents of hosts and resolv.conf.
    :raises errors.Error: a source is missing or cannot be made, the disk is full, ...
    """
    from hezi.engine import files

    hostname = made.draft.hostname
    files.write(container.directory, {**network_files, "hostname": f"{hostname}\n".encode()})
    mounts = made.mounts
    for source in mounts.must_exist:
        check_there(source)
    for source in mounts.make_directories:
        _make_host_directory(source)
    _check_propagation(made)
    _check_kernel(made)
    for use in mounts.volumes:
        _prepare_volume(paths, container, use, root_fd)
    from hezi.spec import runtime as rt

    container.write_config(rt.to_json(made.spec))


def check_there(source: str) -> None:
    """Look for the source of a ``--mount``, which nobody makes.

    :raises errors.Error: it is not there.
    """
    if not os.path.lexists(source):
        text = f'invalid mount config for type "bind": bind source path does not exist: {source}'
        raise errors.Error(errors.INVALID, text)


def make_volumes(paths: Paths, case: Case) -> None:
    """Make the volumes of a container that is not started yet; they are filled when it is.

    :raises errors.Error: one cannot be made.
    """
    from hezi.volume import local

    spare = iter(case.volumes)
    for ask in sorted(case.draft.mounts, key=lambda ask: ask.destination.count("/")):
        if ask.type == "volume":
            name = ask.source or next(spare)
            anonymous = ask.anonymous or not ask.source
            made = local.ensure(paths.volumes, name, anonymous=anonymous, labels=ask.labels, options=ask.driver_options)
            _tell_made(paths, made)
            if ask.anonymous:
                local.keep(paths.volumes, name)


def _tell_made(paths: Paths, volume: Volume) -> None:
    if volume.created:
        from hezi.engine import events

        events.tell(paths, events.VOLUME, "create", volume.name, {"driver": "local"})


def _prepare_volume(paths: Paths, container: Record, use: VolumeUse, root_fd: int) -> None:
    from hezi.volume import catalog, copyup, local

    made = local.ensure(paths.volumes, use.name, anonymous=use.anonymous, labels=use.labels, options=use.options)
    _tell_made(paths, made)
    if use.kept:
        local.keep(paths.volumes, use.name)
    if not use.copy and not use.options and not local.has_options(paths.volumes, use.name):
        return
    volume = catalog.get(paths.volumes, made.name)
    if volume is None:
        raise errors.Error(errors.CONFLICT, f"volume {use.name} was removed while the container was made")
    if volume.wanted.fstype:
        from hezi.engine import volume_mounts

        volume_mounts.attach(paths, container.database, volume, container.id)
    if use.copy:
        # Its own directory, or the one of the host that it stands for.
        copyup.copy_up(root_fd, use.destination, volume.source)


def _check_kernel(made: Blueprint) -> None:
    """Refuse what would silently be less than was asked for on an older kernel."""
    if not any(ask.readonly_below == parse_volume.ALL for ask in made.draft.mounts):
        return
    from hezi.linux import features

    if not features.probe("mount_setattr").present:
        text = "bind-recursive=readonly needs mount_setattr(2), which this kernel does not have (Linux 5.12)"
        raise errors.Error(errors.UNSUPPORTED, text)


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
