"""The run path: from a request to a running box, and what is undone when a step fails.

    spawn stage 1 (hezi.engine.launch) ── its interpreter starts while we go on
    open the database, sweep what the dead left, find the image (or pull it)
    policy without files of the image      most mistakes end here, with nothing made
    record: row, directory
    mount the layers, detached             look the user up in them
    volumes, files, seccomp filter, cgroup
    plan, start ── the program runs
    Running.wait() ── bytes; then cgroup, mount, directory, record, in this order

Everything made is pushed on one ExitStack at once: a failure anywhere undoes it all, backwards.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from hezi import errors
from hezi._util import ids
from hezi.engine import (
    find_image,
    freeze,
    inherit,
    mount_points,
    parse_limits,
    prepare,
    record,
    recover,
    rights,
    runspec,
    sources,
    streams,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hezi.engine.callers import Callbacks, Streams
    from hezi.engine.paths import Paths
    from hezi.engine.record import Record
    from hezi.engine.request import RunRequest
    from hezi.engine.runspec import Blueprint
    from hezi.linux.cgroup.layout import Layout
    from hezi.linux.cgroup.manager import ContainerCgroup
    from hezi.runtime.box import Box, ExitStatus
    from hezi.runtime.spawn import Stage1
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

# Stage 1 and its child are two processes: a cgroup with less room is joined by the child alone.
_LOW_PIDS_LIMIT = 2
_NO_DETACH = "detaching comes with the containers of a later release: the program keeps this terminal"


class Running:
    """A program in its box. A context manager: leaving it kills what still runs and removes what ``--rm`` promises.

    It belongs to the thread that started it: the kernel kills the container when that thread ends.
    """

    __slots__ = ("_box", "_callbacks", "_pump", "_record", "_stack", "id")

    def __init__(self, container: Record, box: Box, pump: streams.Pump, stack: ExitStack, callbacks: Callbacks) -> None:
        self.id = container.id
        self._callbacks = callbacks
        self._record = container
        self._box = box
        self._pump = pump
        self._stack = stack

    @property
    def pid(self) -> int:
        """The program's process number, as the caller's namespace has it."""
        return self._box.pid

    def wait(self, *, timeout: float | None = None) -> int:
        """Move the bytes until the program has ended, and return its exit code (128+n for a signal).

        Python signal handlers run meanwhile; they may call :meth:`signal` and :meth:`resize`.

        :param timeout: seconds; then kind ``timeout`` is raised and the program still runs.
        """
        if not self._pump.run(timeout):
            raise errors.Error(errors.TIMEOUT, f"the program still runs after {timeout:g} seconds")
        status = self._box.wait()
        self._pump.drain()
        self._pump.close()
        if status is None:
            raise errors.Error(errors.INTERNAL, "the program has ended without an exit status")
        self._finish(status)
        return status.code

    def _finish(self, status: ExitStatus) -> None:
        """Write the record and undo everything; what fails here is told, the program's exit code counts for more."""
        try:
            with self._stack:
                if not self._record.details.remove:
                    self._record.finished(status)
        except errors.Error as error:
            self._callbacks.tell(f"warning: {error}")

    def signal(self, number: int) -> None:
        """Send a signal to the program; one that has ended is no error."""
        self._box.signal(number)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the pseudo-terminal; without one nothing happens."""
        if self._pump.terminal >= 0:
            from hezi.linux import pty

            with suppress(OSError):
                pty.set_winsize(self._pump.terminal, rows, columns)

    def close(self) -> None:
        """Kill what still runs, and clean up. Again does nothing."""
        with self._stack:
            if self._box.pidfd < 0:
                return
            with suppress(OSError):
                self._box.kill_all()
            status = self._box.wait()
            self._pump.close()
            if status is not None:
                self._finish(status)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(paths: Paths, request: RunRequest, io: Streams, callbacks: Callbacks, stage: Stage1) -> Running:
    """See :meth:`hezi.engine.engine.Engine.start`.

    :param stage: waits for its plan; the caller's to close when this fails.
    """
    from hezi.runtime import box as boxes

    check_early(request)
    paths.make()
    with ExitStack() as stack:
        store = _open_store(paths, stack)
        recover.sweep(paths, store.database)
        image, case = choose(paths, store, request, callbacks)
        request, container_id = case.request, case.id
        container = make_record(paths, store, image, case)
        undo = stack.enter_context(Undo(container, request))
        layout = prepare.layout_of_host()
        cgroup = _make_cgroup(request, container_id, layout, stack)
        root_fd = _mount(store, image.id, container, stack)
        made = prepare.blueprint(case, root_fd, paths, io.console_size)
        _apply_limits(cgroup, made, callbacks)
        sources.prepare(paths, container, made, root_fd)
        plan = prepare.plan(made, case, paths, layout, cgroup.paths)
        undo.write_cidfile()
        limit = made.spec.linux.resources.pids_limit
        box = boxes.start(
            stage,
            plan,
            root_fd,
            cgroup=cgroup,
            join_late=limit is not None and limit <= _LOW_PIDS_LIMIT,
            stdin=request.interactive and not request.tty,
        )
        stack.callback(box.close)
        undo.started = True
        for warning in box.warnings:
            callbacks.tell(f"warning: {warning}")
        container.started(box.pid)
        pump = _pump(request, box, io, callbacks)
        return Running(container, box, pump, stack.pop_all(), callbacks)
    raise AssertionError  # no context manager above swallows exceptions


def choose(paths: Paths, store: ImageStore, request: RunRequest, callbacks: Callbacks) -> tuple[Image, prepare.Case]:
    """Find the image, pulled if need be, and decide what can be decided without its files.

    :raises errors.Error: no image, or the request asks for something wrong.
    """
    image = find_image.find(paths, store, request, callbacks.progress)
    config = store.config(image.id)
    _check_platform(image, request, callbacks)
    request = inherit.resolve(store, freeze.freeze(request))
    case = prepare.open_case(request, config, ids.new_id(), ids.new_id)
    if case.draft.modes.notice:
        callbacks.tell(case.draft.modes.notice)
    return image, case


def check_early(request: RunRequest) -> None:
    """Mistakes that cost nothing to find, before a process is started."""
    if request.name:
        record.check_name(request.name)
    if request.cidfile and os.path.lexists(request.cidfile):
        text = f"container ID file found, make sure the other container isn't running or delete {request.cidfile}"
        raise errors.Error(errors.INVALID, text)


def _open_store(paths: Paths, stack: ExitStack) -> ImageStore:
    from hezi.store.images import ImageStore

    return stack.enter_context(ImageStore(paths.root))


def _check_platform(image: Image, request: RunRequest, callbacks: Callbacks) -> None:
    """Say it when the image is for another machine: it will hardly run, but the host may have an emulator."""
    from hezi.spec.platform import Platform, host_platform

    host = host_platform(os.uname().machine)
    own = Platform(image.os, image.architecture, image.variant or None)
    if not request.platform and not host.matches(own):
        text = f"the requested image's platform ({own}) does not match the detected host platform ({host})"
        callbacks.tell(f"warning: {text} and no specific platform was requested")


def make_record(paths: Paths, store: ImageStore, image: Image, case: prepare.Case) -> Record:
    """Make the container's row and directory; this process holds it until :meth:`Record.release`.

    :raises errors.Error: the name is taken, the disk is full, ...
    """
    request, draft = case.request, case.draft
    details = record.Details(
        owner=record.myself(),
        remove=request.remove,
        cgroup=runspec.cgroup_path(request.cgroup_parent, case.id),
        volumes=case.volumes,
        args=draft.args,
        labels=dict(draft.labels),
        stop_signal=draft.stop_signal,
        tty=request.tty,
        request=freeze.differing(request),
        mounts=mount_points.points(draft.mounts, case.volumes, paths.volumes),
        hostname=draft.hostname,
        image_config=not request.remove,
    )
    name = record.check_name(request.name) if request.name else ""
    layers = store.chain_ids(image.id)
    more = inherit.layers(store, draft.mounts)
    if more:
        details = details._replace(layers=tuple(layers))
    inherit.keep(paths.volumes, request)
    container = record.Record(paths, store.database, case.id, name, details)
    try:
        container.create(
            image.id, request.image, (*layers, *more), image_config=b"" if request.remove else case.config.raw
        )
    except BaseException:
        with suppress(errors.Error):
            container.remove()
        raise
    return container


class Undo:
    """What becomes of the record: removed with --rm; kept as ``created`` when only the program could not be started."""

    def __init__(self, container: Record, request: RunRequest) -> None:
        self._container = container
        self._remove = request.remove
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        codes = {errors.COMMAND_NOT_FOUND: 127, errors.NOT_EXECUTABLE: 126}
        code = codes.get(error.kind) if isinstance(error, errors.Error) else None
        if self.started:
            if self._remove:
                self._container.remove()
        elif self._remove or code is None:
            # Without --rm too: nobody could do anything with it, docker's create would not have made it.
            self._container.remove()
            # As docker: once only the program was at fault the file stays, whose id messages and logs have named.
            if self._cidfile and code is None:
                with suppress(OSError):
                    os.unlink(self._cidfile)
        else:
            self._container.not_started(code, str(error))


def _make_cgroup(request: RunRequest, container_id: str, layout: Layout, stack: ExitStack) -> ContainerCgroup:
    from hezi.linux.cgroup import manager

    path = runspec.cgroup_path(request.cgroup_parent, container_id)
    try:
        cgroup = manager.create(layout, path)
    except OSError as error:
        doing = "cannot make the container's cgroup"
        raise errors.from_os_error(doing, error) from error
    stack.enter_context(cgroup)
    stack.callback(_delete_cgroup, cgroup)
    return cgroup


def _delete_cgroup(cgroup: ContainerCgroup) -> None:
    try:
        cgroup.delete(timeout=0.1)
    except OSError:
        # Something outlived the program (--pid host), or is being taken apart still.
        try:
            cgroup.kill()
            cgroup.delete()
        except OSError as error:
            doing = "cannot remove the container's cgroup"
            raise errors.from_os_error(doing, error) from error


def _mount(store: ImageStore, image_id: str, container: Record, stack: ExitStack) -> int:
    """Mount the layers with the container's directory on top; nothing is attached anywhere."""
    from hezi.spec.digest import Digest
    from hezi.store.snapshot.base import Rootfs

    directory = container.directory
    rootfs = Rootfs(
        store.chain_ids(Digest(image_id)),
        f"{directory}/upper",
        f"{directory}/work",
        volatile=container.details.remove,
    )
    root_fd = store.driver.mount(rootfs)
    stack.callback(os.close, root_fd)
    return root_fd


def _apply_limits(cgroup: ContainerCgroup, made: Blueprint, callbacks: Callbacks) -> None:
    try:
        cgroup.apply(made.spec.linux.resources)
    except OSError as error:
        doing = "cannot set the container's limits"
        raise errors.from_os_error(doing, error) from error
    for warning in cgroup.warnings:
        callbacks.tell(f"warning: {warning}")


def plan_lines(paths: Paths, request: RunRequest, callbacks: Callbacks) -> list[str]:
    """See :meth:`hezi.engine.engine.Engine.plan`."""
    from hezi.store.snapshot.base import Rootfs

    check_early(request)
    rights.check()
    paths.make()
    with ExitStack() as stack:
        store = _open_store(paths, stack)
        image = find_image.find(paths, store, request, callbacks.progress)
        request = inherit.resolve(store, freeze.freeze(request))
        case = prepare.open_case(request, store.config(image.id), ids.new_id(), ids.new_id)
        root_fd = store.driver.mount(Rootfs(store.chain_ids(image.id), readonly=True))
        stack.callback(os.close, root_fd)
        made = prepare.blueprint(case, root_fd, paths, None)
        return prepare.plan(made, case, paths, prepare.layout_of_host(), None).lines()


def _pump(request: RunRequest, box: Box, io: Streams, callbacks: Callbacks) -> streams.Pump:
    """Hand the box's descriptors to the pump, which owns them from here on."""
    keys = parse_limits.parse_detach_keys(request.detach_keys or parse_limits.DEFAULT_DETACH_KEYS)
    if request.tty:
        outputs = [streams.Output(box.master, _writer(io.stdout))]
        sink = box.master
    else:
        outputs = [streams.Output(box.stdout, _writer(io.stdout)), streams.Output(box.stderr, _writer(io.stderr))]
        sink = box.stdin
    box.master = box.stdin = box.stdout = box.stderr = -1
    source = io.stdin if request.interactive and io.stdin is not None else -1
    return streams.Pump(
        box.pidfd,
        outputs,
        source=source,
        sink=sink,
        data=io.data,
        detach=streams.DetachFilter(keys) if request.tty and request.interactive else None,
        on_detach=lambda: callbacks.tell(_NO_DETACH),
    )


def _writer(target: int | Callable[[bytes], None]) -> Callable[[bytes], None]:
    return streams.writer(target) if isinstance(target, int) else target
