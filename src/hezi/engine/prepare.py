"""Policy applied to one image: the steps that a real start and ``--plan`` have in common."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import accounts, devices, facts, runspec, syscall_filter
from hezi.runtime import plan as plans
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.runspec import Blueprint, Draft
    from hezi.linux.cgroup.layout import Layout
    from hezi.runtime.owners import Owners
    from hezi.spec.image import ImageConfig


class Case(NamedTuple):
    """A request, its image and the host, before anything of the image's files is read.

    :ivar volumes: names for the anonymous volumes, in the order of the mounts that want one.
    """

    request: RunRequest
    config: ImageConfig
    host: facts.HostFacts
    draft: Draft
    id: str
    volumes: tuple[str, ...]


def open_case(request: RunRequest, config: ImageConfig, container_id: str, new_name: Callable[[], str]) -> Case:
    """Decide what can be decided without the image's files.

    :raises errors.Error: the request or the image asks for something wrong.
    """
    host = facts.gather()
    draft = runspec.draft(request, config.config, host, container_id)
    if draft.security.writable_cgroups and not request.privileged:
        from hezi.engine import delegation
        from hezi.linux.cgroup import survey

        delegation.check(survey.take(), draft.modes.cgroupns)
    wanted = sum(ask.type == "volume" and not ask.source for ask in draft.mounts)
    return Case(request, config, host, draft, container_id, tuple(new_name() for _ in range(wanted)))


def with_variables(made: Blueprint, more: tuple[tuple[str, str], ...]) -> Blueprint:
    """Return the blueprint with variables that nobody else has set."""
    if not more:
        return made
    process = made.spec.process
    known = {text.partition("=")[0] for text in process.env}
    env = (*process.env, *(f"{name}={value}" for name, value in dict(more).items() if name not in known))
    return made._replace(spec=made.spec._replace(process=process._replace(env=env)))


def blueprint(
    case: Case,
    root_fd: int,
    paths: Paths,
    console_size: tuple[int, int] | None,
    *,
    network: str | None = None,
    owners: Owners | None = None,
) -> Blueprint:
    """Return the blueprint, with the user looked up in the image's own files.

    :param root_fd: the image's root directory.
    :param network: path of the network namespace to join.
    :param owners: ids of the container's own user namespace.
    :raises errors.Error: there is no such user, a device is missing, ...
    """
    if not case.draft.args[0]:
        # Not before: docker makes such a container too.
        raise errors.Error(errors.COMMAND_NOT_FOUND, 'exec: "": executable file not found in $PATH')
    account = accounts.resolve(
        case.draft.user,
        case.request.group_add,
        accounts.read_lines(root_fd, "etc/passwd"),
        accounts.read_lines(root_fd, "etc/group"),
    )
    names = iter(case.volumes)
    place = runspec.Place(
        id=case.id,
        files=f"{paths.containers}/{case.id}",
        volume_path=lambda name: _volume(paths, name),
        new_name=lambda: next(names),
        is_new=lambda name: _is_new(paths, name),
        layers=lambda image: _layers(paths, image),
        process_of=lambda name, kind: _process_of(paths, name, kind),
    )
    nodes = devices.gather(case.draft.devices, privileged=case.request.privileged)
    made = runspec.build(case.request, case.config.config, account, case.host, case.draft, place, nodes)
    if network is not None:
        spaces = (*made.spec.linux.namespaces, rt.Namespace("network", network))
        made = made._replace(spec=made.spec._replace(linux=made.spec.linux._replace(namespaces=spaces)))
    if owners is not None:
        from hezi.engine import userns

        made = made._replace(spec=userns.apply(made.spec, owners))
    if console_size is None or not case.request.tty:
        return made
    size = rt.ConsoleSize(*console_size)
    return made._replace(spec=made.spec._replace(process=made.spec.process._replace(console_size=size)))


def _volume(paths: Paths, name: str) -> str:
    from hezi.volume import catalog

    return catalog.source_of(paths.volumes, name)


def _is_new(paths: Paths, name: str) -> bool:
    from hezi.volume import catalog

    return catalog.get(paths.volumes, name) is None


def _layers(paths: Paths, image_id: str) -> tuple[str, ...]:
    """Return where the layers of an image are, the topmost first.

    :raises errors.Error: NOT_FOUND: it was removed.
    """
    from hezi.spec.digest import Digest
    from hezi.store.images import ImageStore

    with ImageStore(paths.root) as store:
        return store.driver.lower(store.unpacked(Digest(image_id)))


def _process_of(paths: Paths, name: str, kind: str) -> int:
    """Return the first process of another container, one of whose namespaces is to be joined.

    :param kind: ``pid``, or ``ipc``, which the other must have offered.
    :raises errors.Error: there is no such container (NOT_FOUND), it does not run, or does not share (CONFLICT).
    """
    from hezi.engine import record
    from hezi.engine.rootfs import target
    from hezi.store.images import ImageStore

    with ImageStore(paths.root) as store:
        row = target.find(store, name)
    process = target.process_of(paths, row)
    if process is None:
        raise errors.Error(errors.CONFLICT, f"cannot join {kind.upper()} of a non running container: {row.id}")
    if kind == "ipc" and record.decode(row.config).request.get("ipc") not in {"shareable", "host"}:
        text = f"cannot join IPC of container {name}: non-shareable IPC"
        raise errors.Error(errors.CONFLICT, text, hint="the other container has to be made with --ipc shareable")
    return process.pid


def plan(made: Blueprint, case: Case, paths: Paths, layout: Layout, cgroup_paths: dict[str, str] | None) -> plans.Plan:
    """Turn the blueprint into operations, with the compiled filter and the cgroups as they are to be seen.

    :raises errors.Error: the seccomp profile cannot be read or is wrong.
    """
    from hezi.linux.cgroup import view

    program, flags = syscall_filter.load(made.seccomp, made.spec.process.capabilities.bounding, paths)
    options = plans.Options(
        root=f"overlay of {len(case.config.diff_ids)} layers",
        seccomp=program,
        seccomp_flags=flags,
        init=bool(case.request.init),
        hierarchies=view.hierarchies(layout, cgroup_paths),
        extras=made.mounts.extras,
    )
    return plans.make(made.spec, options, made.origins)


def layout_of_host() -> Layout:
    """Return the cgroup layout of this host.

    :raises errors.Error: /proc cannot be read.
    """
    from hezi.linux.cgroup import layout

    try:
        return layout.detect()
    except OSError as error:
        doing = "cannot find this host's cgroups"
        raise errors.from_os_error(doing, error) from error
