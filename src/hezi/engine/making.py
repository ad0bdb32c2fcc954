"""Making a container: its image found, policy asked, its row and directory made, and undone when a step fails."""

from __future__ import annotations

import os
from contextlib import suppress

from hezi import errors
from hezi._util import ids
from hezi.db import containers
from hezi.engine import events, find_image, freeze, modes, mount_points, networking, prepare, record, runspec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from hezi.engine.callers import Callbacks
    from hezi.engine.paths import Paths
    from hezi.engine.record import Record
    from hezi.engine.request import RunRequest
    from hezi.engine.runspec import Draft
    from hezi.store.images import ImageStore
    from hezi.store.model import Image


def choose(paths: Paths, store: ImageStore, request: RunRequest, callbacks: Callbacks) -> tuple[Image, prepare.Case]:
    """Find the image, pulled if need be, and decide what can be decided without its files.

    :raises errors.Error: no image, or the request asks for something wrong.
    """
    image = find_image.find(paths, store, request, callbacks.progress)
    config = store.config(image.id)
    _check_platform(image, request, callbacks)
    if request.oom_kill_disable and not request.memory:
        text = "the OOM killer is disabled for the container, but no memory limit is set"
        callbacks.tell(f"warning: {text}: the system can run out of memory")
    request = _name_by_id(store, resolve(store, freeze.freeze(request)))
    case = prepare.open_case(request, config, ids.new_id(), ids.new_id)
    return image, case


def resolve(store: ImageStore, request: RunRequest) -> RunRequest:
    """Return the request with what it names of other containers and images looked up; see :mod:`hezi.engine.inherit`.

    :raises errors.Error: no such container or image.
    """
    if not request.volumes_from and not request.mount:
        return request
    from hezi.engine import inherit

    return inherit.resolve(store, request)


def _taken_over(paths: Paths, store: ImageStore, request: RunRequest, draft: Draft) -> tuple[str, ...]:
    """Give the layers of images that are mounted, and keep the volumes that were another container's."""
    if not request.inherited and all(ask.type != "image" for ask in draft.mounts):
        return ()
    from hezi.engine import inherit

    inherit.keep(paths.volumes, request)
    return inherit.layers(store, draft.mounts)


def _name_by_id(store: ImageStore, request: RunRequest) -> RunRequest:
    """Write down the id of the container to join, which nobody else gets when it is renamed.

    :raises errors.Error: there is none of that name.
    """
    # What contradicts it is said first.
    networking.check_new(request)
    for name, mode in (("pid", request.pid), ("ipc", request.ipc), ("network", request.network)):
        other = modes.container_of(mode or "")
        if other:
            from hezi.engine import find_container

            with store.database.read() as connection:
                found = find_container.find(connection, other)
            known = f"container:{found.id}"
            if name == "network":
                request = request._replace(network=known, hostname_of=record.decode(found.config).hostname)
            else:
                request = request._replace(pid=known) if name == "pid" else request._replace(ipc=known)
    return request


def check_early(request: RunRequest) -> None:
    """Mistakes that cost nothing to find, before a process is started."""
    if request.name:
        record.check_name(request.name)
    _check_life(request)
    if request.cidfile and os.path.lexists(request.cidfile):
        text = f"container ID file found, make sure the other container isn't running or delete {request.cidfile}"
        raise errors.Error(errors.INVALID, text)


def _check_life(request: RunRequest) -> None:
    """What is looked at only when the container starts, or later still."""
    _check_joined(request)
    if request.restart:
        from hezi.engine import parse_restart

        parse_restart.policy(request)
    if request.log_driver or request.log_opt:
        from hezi.engine import parse_logs

        parse_logs.parse_logs(request.log_driver, request.log_opt)
    times = (
        request.health_interval,
        request.health_timeout,
        request.health_start_period,
        request.health_start_interval,
    )
    if request.health_cmd or request.no_healthcheck or request.health_retries or any(times):
        from hezi.engine import parse_health

        parse_health.asked(request)


def _check_joined(request: RunRequest) -> None:
    """A monitor starts its container again as it did before, and the process to join may be another's by then."""
    # What contradicts it is said first.
    networking.check_new(request)
    for name, mode in (("pid", request.pid), ("ipc", request.ipc), ("network", request.network)):
        if modes.container_of(mode or "") and request.restart not in {None, "", "no"}:
            text = f"--restart is not built for containers with --{name} container:NAME"
            hint = "start it again by `hezi start`, which looks the process up"
            raise errors.Error(errors.UNSUPPORTED, text, hint=hint)


def _check_platform(image: Image, request: RunRequest, callbacks: Callbacks) -> None:
    """Say it when the image is for another machine: it will hardly run, but the host may have an emulator."""
    from hezi.spec.platform import Platform, host_platform

    host = host_platform(os.uname().machine)
    own = Platform(image.os, image.architecture, image.variant or None)
    if not request.platform and not host.matches(own):
        text = f"the requested image's platform ({own}) does not match the detected host platform ({host})"
        callbacks.tell(f"warning: {text} and no specific platform was requested")


def make_record(paths: Paths, store: ImageStore, image: Image, case: prepare.Case) -> Record:
    """Make the container's row and directory; this process holds it until its monitor does, or :meth:`Record.release`.

    :raises errors.Error: the name is taken, the disk is full, ...
    """
    request, draft = case.request, case.draft
    details = record.Details(
        remove=request.remove,
        cgroup=runspec.cgroup_path(request, case.host, case.id),
        volumes=case.volumes,
        args=draft.args,
        labels=dict(draft.labels),
        stop_signal=draft.stop_signal,
        tty=request.tty,
        # No limit of processes is -1 here, and 0 after an update (host_config).
        request=freeze.differing(request if request.pids_limit != 0 else request._replace(pids_limit=-1)),
        mounts=mount_points.points(draft.mounts, case.volumes, paths.volumes),
        hostname=draft.hostname,
        exposed=networking.exposed(request, case.config.config.exposed_ports),
        image_config=not request.remove,
    )
    name = record.check_name(request.name) if request.name else ""
    layers = store.unpacked(image.id)
    more = _taken_over(paths, store, request, draft)
    if more:
        details = details._replace(layers=tuple(layers))
    container = record.Record(paths, store.database, case.id, name, details)
    try:
        container.create(
            image.id, request.image, (*layers, *more), image_config=b"" if request.remove else case.config.raw
        )
    except BaseException:
        with suppress(errors.Error):
            container.remove()
        raise
    events.tell(paths, events.CONTAINER, "create", container.id, _about(container, request))
    return container


def tell_attached(paths: Paths, container: Record, request: RunRequest) -> None:
    """Tell that somebody will see what it writes."""
    events.tell(paths, events.CONTAINER, "attach", container.id, _about(container, request))


def _about(container: Record, request: RunRequest) -> dict[str, object]:
    return events.about(container.name, request.image, container.details.labels)


# What a failed start leaves as the exit code of a container that stays.
_CODES = {
    errors.COMMAND_NOT_FOUND: 127,
    errors.NOT_EXECUTABLE: 126,
    errors.CONFLICT: 128,
    errors.EXHAUSTED: 128,
    errors.NOT_FOUND: 128,
}


class Undo:
    """What becomes of the record: removed with --rm; kept as ``created`` when only its start failed.

    That is as docker has it: the program cannot be executed, a port or an address is in use, a network is not there.
    """

    def __init__(self, container: Record, request: RunRequest) -> None:
        self._container = container
        self._remove = request.remove
        self._request = request
        self._wanted_cidfile = request.cidfile
        self._cidfile: str | None = None
        self.started = False

    def __enter__(self) -> Undo:
        return self

    def write_cidfile(self) -> None:
        """Write ``--cidfile``; it goes again with a container that could not be made."""
        path = self._wanted_cidfile
        if not path:
            return
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            self._cidfile = path
            try:
                os.write(fd, self._container.id.encode())
            finally:
                os.close(fd)
        except OSError as error:
            doing = "cannot write the container ID file"
            raise errors.from_os_error(doing, error) from error

    def _tell_removed(self) -> None:
        one = self._container
        events.tell(one.paths, events.CONTAINER, "destroy", one.id, _about(one, self._request))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started or error is None:
            return
        code = _CODES.get(error.kind) if isinstance(error, errors.Error) else None
        if isinstance(error, errors.Error) and code is not None:
            error.container = self._container.id
        if self._remove or code is None:
            # Without --rm too: nobody could do anything with it, docker's create would not have made it.
            self._container.remove()
            self._tell_removed()
            # As docker: once only the start was at fault the file stays, whose id messages and logs have named.
            if self._cidfile and code is None:
                with suppress(OSError):
                    os.unlink(self._cidfile)
        else:
            self._container.not_started(containers.CREATED, code, str(error))
