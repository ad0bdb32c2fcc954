"""From a spec to the operations that make the box: pure, no I/O, nothing of the host but what is handed in.

The order is runc's, with the reasons beside it. Outside: sources of binds are opened and namespaces joined, then the
first process is cloned. Inside: the tree is put together below the still attached root of the host, so that the null
device for masks is the host's; the root is changed; then the process gives up, one by one, what it may not keep.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.linux import caps, rlimits
from hezi.runtime import ops, ops_mounts, ops_outside, ops_process, ops_spaces, owners, plan_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from hezi.linux.cgroup.view import Shown
    from hezi.runtime.owners import Owners
    from hezi.spec.runtime import Process, Spec

# OCI names of namespaces -> those of /proc/PID/ns
_KINDS = {
    "user": "user",
    "uts": "uts",
    "ipc": "ipc",
    "pid": "pid",
    "network": "net",
    "mount": "mnt",
    "cgroup": "cgroup",
    "time": "time",
}
# Kernel parameters that belong to a namespace, by the namespace that makes them the container's own.
_IPC_SYSCTLS = frozenset(
    f"kernel.{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
)
_MAX_ID = 2**32 - 2


class Options(NamedTuple):
    """What the spec does not say.

    :ivar root: what the root is, for people ("overlay of 3 layers").
    :ivar seccomp: the compiled filter; None for no filter, whatever the spec's profile says.
    :ivar seccomp_flags: ``SECCOMP_FILTER_FLAG_*``.
    :ivar init: a first process that reaps and forwards signals (``--init``).
    :ivar extras: what the specification cannot say of a mount, by its destination.
    :ivar hierarchies: what :mod:`hezi.linux.cgroup.view` says is shown at a mount of type cgroup.
    :ivar owners: of the container that is joined, for :func:`process_operations` alone: a spec says them itself.
    """

    root: str = "the root file system"
    seccomp: bytes | None = None
    seccomp_flags: int = 0
    init: bool = False
    hierarchies: tuple[Shown, ...] = ()
    extras: Mapping[str, plan_mounts.Extra] = {}
    owners: Owners | None = None


class Entry(NamedTuple):
    """One line of a plan: the operation, what in the spec it comes from, and who said so."""

    operation: ops.Operation
    key: str
    origin: str


class Plan(NamedTuple):
    """The operations of one start, in order, and the names of the descriptors they need."""

    entries: tuple[Entry, ...]
    fds: tuple[str, ...]

    def encode(self) -> tuple[tuple[Any, ...], ...]:
        """Give the form in which it goes to stage 1."""
        return tuple(entry.operation.encode() for entry in self.entries)

    def lines(self, ahead: Sequence[tuple[str, str, str]] = ()) -> list[str]:
        """Show it to people: where, operation, what, and the origin of the value in brackets.

        :param ahead: name, what and origin of what is done outside before all this.
        """
        rows = [(ops.OUTSIDE, *row) for row in ahead]
        for entry in self.entries:
            operation = entry.operation
            rows.append((operation.where, type(operation).__name__, operation.describe(), entry.origin))
        width = max((len(row[1]) for row in rows), default=0)
        return [
            f"{where:<7}  {name:<{width}}  {what}{f'  [{origin}]' if origin else ''}".rstrip()
            for where, name, what, origin in rows
        ]

    def to_json(self) -> list[dict[str, str]]:
        """Show it to programs: the same as a list of objects."""
        return [
            {
                "where": entry.operation.where,
                "operation": type(entry.operation).__name__,
                "what": entry.operation.describe(),
                "key": entry.key,
                "origin": entry.origin,
            }
            for entry in self.entries
        ]


def make(spec: Spec, options: Options | None = None, origins: Mapping[str, str] | None = None) -> Plan:
    """Plan the start of a container.

    :param origins: who decided a value ("flag", "image", "default"), by key: the ``key`` of an entry
        (``mount:/dev/shm``, ``user``, ``args``), or the part before its colon for all of that kind.
    :raises hezi.errors.Error: INVALID for a spec that contradicts itself, UNSUPPORTED for what hezi does not do.
    """
    chosen = options or Options()
    said = origins or {}
    _check(spec)
    chosen = chosen._replace(owners=owners.of(spec))
    pairs = [*_spaces(spec), *_tree(spec, chosen), *process_operations(spec.process, chosen)]
    # What happens outside comes first, and of that the clone, after which there is only the inside, comes last.
    pairs.sort(key=lambda pair: (pair[1].where != ops.OUTSIDE, isinstance(pair[1], ops_spaces.CloneInit)))
    entries = tuple(Entry(operation, key, _origin(said, key)) for key, operation in pairs)
    streams = () if spec.process.terminal else ops_process.STDIO
    return Plan(entries, (ops_mounts.ROOT, *streams))


def _origin(origins: Mapping[str, str], key: str) -> str:
    return origins.get(key) or origins.get(key.partition(":")[0], "")


def _invalid(message: str) -> errors.Error:
    return errors.Error(errors.INVALID, message)


def _check(spec: Spec) -> None:
    for text in (spec.hostname or "", spec.domainname or ""):
        if "\0" in text:
            message = f"NUL byte in {text!r}"
            raise _invalid(message)
    check_process(spec.process)


def check_process(process: Process) -> None:
    """Refuse a process that contradicts itself.

    :raises hezi.errors.Error: INVALID.
    """
    if not process.args or not process.args[0]:
        message = "no program to run"
        raise _invalid(message)
    if not process.cwd.startswith("/"):
        message = f"the working directory {process.cwd!r} is not an absolute path"
        raise _invalid(message)
    for text in (*process.args, *process.env, process.cwd):
        if "\0" in text:
            message = f"NUL byte in {text!r}"
            raise _invalid(message)
    for variable in process.env:
        # A name without a value is never filled in from the host (CVE-2026-57231).
        if variable.find("=") < 1:
            message = f"environment variable {variable!r} is not NAME=value"
            raise _invalid(message)
    _check_numbers(process)
    unknown = {name for names in process.capabilities for name in names} - caps.CAPABILITIES.keys()
    if unknown:
        message = f"unknown capability {min(unknown)}"
        raise _invalid(message)


def _check_numbers(process: Process) -> None:
    user = process.user
    for number in (user.uid, user.gid, *user.additional_gids):
        if not 0 <= number <= _MAX_ID:
            message = f"id {number} is not between 0 and {_MAX_ID}"
            raise _invalid(message)
    if user.umask is not None and not 0 <= user.umask <= 0o777:
        message = f"umask {user.umask:o} is not between 0 and 777"
        raise _invalid(message)
    if process.oom_score_adj is not None and not -1000 <= process.oom_score_adj <= 1000:
        message = f"oom score adjustment {process.oom_score_adj} is not between -1000 and 1000"
        raise _invalid(message)
    for limit in process.rlimits:
        soft, hard = (number % 2**64 for number in (limit.soft, limit.hard))
        if limit.type not in rlimits.RLIMITS or soft > hard or min(limit.soft, limit.hard) < -1:
            message = f"malformed limit {limit.type}={limit.soft}:{limit.hard}"
            raise _invalid(message)


def _spaces(spec: Spec) -> Iterator[tuple[str, ops.Operation]]:
    new = []
    seen = set()
    for space in spec.linux.namespaces:
        kind = _KINDS.get(space.type)
        if kind is None or (kind == "mnt" and space.path):
            what = f"joining a {space.type} namespace" if kind else f"a {space.type} namespace"
            message = f"{what} is not supported"
            raise errors.Error(errors.UNSUPPORTED, message)
        if kind in seen:
            message = f"two {space.type} namespaces"
            raise _invalid(message)
        seen.add(kind)
        if space.path is None:
            new.append(kind)
        else:
            yield f"namespace:{kind}", ops_spaces.JoinNamespace(kind, os.fsencode(space.path))
    if "user" in seen and "user" not in new:
        message = "joining a user namespace is not supported"
        raise errors.Error(errors.UNSUPPORTED, message)
    known = owners.of(spec)
    if known is not None and not (known.knows_uid(0) and known.knows_gid(0)):
        message = "a user namespace has to have a user 0 and a group 0"
        raise _invalid(message)
    if "mnt" not in seen:
        message = "a container needs a mount namespace of its own"
        raise _invalid(message)
    yield "namespaces", ops_spaces.CloneInit(tuple(kind for kind in new if kind != "cgroup"))
    if "user" in new:
        yield "namespace:user", ops_spaces.BecomeRoot()
    if "cgroup" in new:
        yield "namespace:cgroup", ops_spaces.NewCgroupNamespace()
    yield "keyring", ops_process.NewSessionKeyring()
    if "net" in new:
        yield "namespace:net", ops_spaces.LoopbackUp()


def _tree(spec: Spec, options: Options) -> Iterator[tuple[str, ops.Operation]]:
    linux = spec.linux
    yield "propagation", ops_spaces.IsolatePropagation("rslave")
    yield "root", ops_mounts.AttachRoot(options.root)
    yield from plan_mounts.mounts(spec, options.hierarchies, options.extras, options.owners)
    for name, value in linux.sysctl:
        yield f"sysctl:{name}", _sysctl(spec, name, value)
    yield from _names(spec)
    for path in linux.readonly_paths:
        yield "readonly", ops_mounts.ReadonlyPath(os.fsencode(path))
    for path in linux.masked_paths:
        yield "masked", ops_mounts.MaskPath(os.fsencode(path))
    yield "cwd", ops_mounts.MakeDirectory(os.fsencode(spec.process.cwd))
    yield "root", ops_mounts.PivotRoot()
    propagation = linux.rootfs_propagation or ""
    if spec.root.readonly or propagation:
        attrs = ops_mounts.READ_ONLY if spec.root.readonly else 0
        yield "root", ops_mounts.SetRootAttributes(attrs, propagation)


def _private(spec: Spec, kind: str) -> bool:
    return any(_KINDS.get(space.type) == kind for space in spec.linux.namespaces)


def _names(spec: Spec) -> Iterator[tuple[str, ops.Operation]]:
    for key, name in (("hostname", spec.hostname), ("domainname", spec.domainname)):
        if not name:
            continue
        if not _private(spec, "uts"):
            message = f"the {key} of the host cannot be set by a container that shares it"
            raise _invalid(message)
        kind = ops_spaces.SetHostname if key == "hostname" else ops_spaces.SetDomainname
        yield key, kind(os.fsencode(name))


def _sysctl(spec: Spec, name: str, value: str) -> ops.Operation:
    """Allow what belongs to a namespace the container has for itself, and nothing else (CVE-2022-0811, 2022-0532)."""
    if name.startswith("net."):
        kind = "net"
    elif name in _IPC_SYSCTLS or name.startswith("fs.mqueue."):
        kind = "ipc"
    else:
        message = f"sysctl {name} is not separate for a container"
        raise _invalid(message)
    if not _private(spec, kind):
        message = f"sysctl {name} would change the host, whose {kind} namespace the container shares"
        raise _invalid(message)
    parts = name.split(".")
    # Interface names may hold dots, written as slashes: net.ipv4.conf.eth0/1.forwarding (sysctl(8)).
    path = "/".join(part.replace("/", ".") for part in parts)
    if not all(parts) or any(part in {".", ".."} for part in path.split("/")) or "\0" in name + value:
        message = f"malformed sysctl {name!r}"
        raise _invalid(message)
    return ops_mounts.WriteSysctl(name, os.fsencode(path), os.fsencode(value))


def process_operations(process: Process, options: Options) -> Iterator[tuple[str, ops.Operation]]:
    """Give what makes the process what it is to be, and at last executes the program."""
    if options.owners is not None:
        yield from outside_operations(process, options.owners)
    elif process.oom_score_adj is not None:
        yield "oom_score_adj", ops_process.SetOomScoreAdj(process.oom_score_adj)
    for limit in process.rlimits:
        yield f"rlimit:{limit.type}", ops_process.SetRlimit(limit.hard, limit.type, limit.soft)
    yield "terminal", ops_process.ConnectStreams(process.terminal, process.user.uid)
    yield "fds", ops_process.CloseDescriptors()
    # After the descriptors are closed, so that none of them is a way out of the root.
    yield "cwd", ops_process.EnterDirectory(os.fsencode(process.cwd))
    if process.no_new_privileges:
        yield "no_new_privileges", ops_process.SetNoNewPrivileges()
    elif options.seccomp is not None:
        # Without no_new_privs a filter needs CAP_SYS_ADMIN, which the next operations give up.
        yield "seccomp", ops_process.LoadSeccomp(options.seccomp_flags, options.seccomp)
    yield from _credentials(process)
    yield "umask", ops_process.SetUmask(0o022 if process.user.umask is None else process.user.umask)
    yield "cwd", ops_process.ChangeDirectory(os.fsencode(process.cwd))
    if process.no_new_privileges and options.seccomp is not None:
        yield "seccomp", ops_process.LoadSeccomp(options.seccomp_flags, options.seccomp)
    if options.init:
        yield "init", ops_process.RunInit(process.terminal)
    yield "args", _exec(process)


def outside_operations(process: Process, known: Owners) -> Iterator[tuple[str, ops.Operation]]:
    """Give what needs the host's rights of a process in a user namespace: before it is entered."""
    if process.oom_score_adj is not None:
        yield "oom_score_adj", ops_outside.AdjustScore(process.oom_score_adj)
    for limit in process.rlimits:
        yield f"rlimit:{limit.type}", ops_outside.RaiseLimit(limit.hard, limit.type)
    if not process.terminal:
        yield "streams", ops_outside.OwnStreams(known.outer_gid(process.user.gid), known.outer_uid(process.user.uid))


def _credentials(process: Process) -> Iterator[tuple[str, ops.Operation]]:
    sets = process.capabilities
    user = process.user
    yield "capabilities", ops_process.LimitBoundingSet(caps.mask(sets.bounding))
    yield "user", ops_process.SetIds(user.gid, user.additional_gids, user.uid)
    yield (
        "capabilities",
        ops_process.SetCapabilities(
            caps.mask(sets.ambient),
            caps.mask(sets.effective),
            caps.mask(sets.inheritable),
            caps.mask(sets.permitted),
        ),
    )


def _exec(process: Process) -> ops.Operation:
    env = tuple((name, value) for name, _, value in (os.fsencode(text).partition(b"=") for text in process.env))
    args = tuple(os.fsencode(argument) for argument in process.args)
    program = args[0]
    candidates: tuple[bytes, ...] = (program,)
    if b"/" not in program:
        path = dict(env).get(b"PATH", b"")
        # Relative directories in PATH are passed over, as Go's LookPath does for Docker.
        candidates = tuple(
            directory.rstrip(b"/") + b"/" + program for directory in path.split(b":") if directory.startswith(b"/")
        )
    return ops_process.Exec(args, candidates, env)
