"""A program in the namespaces of other processes, as nsenter(1) starts it."""

from __future__ import annotations

import os

from hezi.errors import NOT_FOUND, UNSUPPORTED, Error
from hezi.front.tools import faces, launch, nsrun, words
from hezi.linux import nscalls, nsfaults, nsobject, pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAMES = {kind: f"ns/{kind}" for kind in faces.JOINED}


class Request:
    """What is to be joined; fields as nsenter's options. A value of None beside a name means the target's."""

    __slots__ = (
        "all", "context", "env", "fork", "gid", "groups", "keep_caps", "preserve", "root", "socket", "spaces", "target",
        "uid", "user_parent", "wd", "wdns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.target: int | None = None
        self.all = False
        self.spaces: dict[str, str | None] = {}
        self.root: tuple[str | None] | None = None
        self.wd: tuple[str | None] | None = None
        self.wdns: str | None = None
        self.uid: int | None = None
        self.gid: int | None = None
        self.preserve = False
        self.fork: bool | None = None
        self.env = False
        self.keep_caps = False
        self.user_parent = False
        self.socket: int | None = None
        self.groups = False
        self.context = False


def request(given: Sequence[tuple[str, str | None]], find: Callable[[str], int] | None = None) -> Request:
    """Make a request from nsenter's options, in their order.

    :param find: gives the process of what is not a number: a container.
    :raises Error: INVALID with nsenter's words, NOT_FOUND for PID:INODE of a process that is gone.
    """
    made = Request()
    for name, value in given:
        text = value or ""
        if name in faces.KIND_OF:
            made.spaces[faces.KIND_OF[name]] = _place_of(name, value)
        elif name == "target":
            made.target = target(text, find)
        elif name == "setuid":
            made.uid = words.number_or_id(text, "failed to parse uid")
        elif name == "setgid":
            made.gid = words.number_or_id(text, "failed to parse gid")
        elif name == "root":
            made.root = (value,)
        elif name == "wd":
            made.wd = (value,)
        elif name == "wdns":
            made.wdns = value
        elif name == "net-socket":
            made.socket = words.number(text, "failed to parse file descriptor", words.MOST_PID)
        else:
            _take_flag(made, name)
    _check(made)
    return made


def _place_of(name: str, value: str | None) -> str | None:
    if value is not None and value.startswith(":"):
        message = f"--{name}={value}: namespaces by number need Linux 6.19; give a process by --target, or a file"
        raise Error(UNSUPPORTED, message, hint="`hezi ns ls -o NS,PATH` has a file for each")
    return value


def _check(made: Request) -> None:
    if made.wd is not None and made.wdns is not None:
        words.wrong("mutually exclusive arguments: --wdns --wd")
    needing = {"all": made.all, "join-cgroup": made.groups, "net-socket": made.socket is not None}
    for name, given in needing.items():
        if given and made.target is None:
            words.wrong(f"no target PID specified for --{name}")


def _take_flag(made: Request, name: str) -> None:
    if name == "all":
        made.all = True
    elif name == "preserve-credentials":
        made.preserve = True
    elif name == "no-fork":
        made.fork = False
    elif name == "env":
        made.env = True
    elif name == "keep-caps":
        made.keep_caps = True
    elif name == "user-parent":
        made.user_parent = True
    elif name == "join-cgroup":
        made.groups = True
    elif name == "follow-context":
        made.context = True


def target(text: str, find: Callable[[str], int] | None) -> int:
    """Read a process: a number, ``PID:INODE`` of its pidfd, or what ``find`` knows.

    :raises Error: INVALID; NOT_FOUND when the number is another process's by now.
    """
    number, colon, inode = text.partition(":")
    if colon and number.isdigit() and inode.isdigit():
        return _same(int(number), int(inode))
    if find is not None and not text.isdigit():
        return find(text)
    return words.number(text, "failed to parse pid")


def _same(pid: int, inode: int) -> int:
    """Check a process by the inode of its pidfd, which is never used again within a boot (Linux 6.9)."""
    try:
        fd = pidfd.pidfd_open(pid)
    except OSError as error:
        doing = f"cannot open process {pid}"
        raise nsrun.from_os_error_of(doing, error) from error
    try:
        if os.fstat(fd).st_ino != inode:
            message = f"process {pid} is not the one with inode {inode}"
            raise Error(NOT_FOUND, message)
    finally:
        os.close(fd)
    return pid


class _Opened:
    """All descriptors, opened before anything is joined, because afterwards the names mean something else."""

    __slots__ = ("env", "root", "spaces", "wd")

    def __init__(self, made: Request) -> None:
        self.spaces: dict[str, int] = {}
        for kind in faces.JOINED:
            if kind in made.spaces:
                named = made.spaces[kind]
                self.spaces[kind] = _open(_of_target(made, f"ns/{kind}", f"ns/{kind}") if named is None else named)
        if made.socket is not None:
            self.spaces["net"] = _of_socket(made.target or 0, made.socket)
        if made.all:
            self._open_all(made)
        if made.user_parent:
            self._open_user_parent()
        self.root = _open_place(made, made.root, "root")
        self.wd = _open_place(made, made.wd, "cwd")
        self.env = _environment(made) if made.env else None

    def _open_all(self, made: Request) -> None:
        """Open those that differ from ours; our own user namespace cannot be joined again."""
        for kind in faces.JOINED:
            if kind in self.spaces:
                continue
            path = f"/proc/{made.target}/ns/{kind}"
            ours = f"/proc/self/ns/{kind}"
            if not os.path.exists(ours):
                continue
            fd = _open(path, f"stat of {path} failed")
            if kind == "user" and nscalls.namespace_id(fd) == nscalls.namespace_id(ours):
                os.close(fd)
            else:
                self.spaces[kind] = fd

    def _open_user_parent(self) -> None:
        """Open the user namespace that owns the others; of a user namespace that was named, its parent instead."""
        named = self.spaces.pop("user", None)
        for fd in self.spaces.values() if named is None else (named,):
            with nsobject.Namespace(os.dup(fd)) as space:
                owner = space.owner()
            if owner is not None:
                self.spaces = {"user": owner.fd, **self.spaces}
                if named is not None:
                    os.close(named)
                return
        words.wrong("no namespace to get its owner from was given for --user-parent")


def _of_target(made: Request, name: str, title: str) -> str:
    if not made.target:
        words.wrong(f"neither filename nor target pid supplied for {title}")
    return f"/proc/{made.target}/{name}"


def _open(path: str, doing: str = "") -> int:
    with nsrun.step(doing or f"cannot open {path}"):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _of_socket(pid: int, number: int) -> int:
    """Open the network namespace of a socket that another process has (Linux 5.6)."""
    with nsrun.step(f"cannot take descriptor {number} of process {pid}"):
        holder = pidfd.pidfd_open(pid)
        try:
            socket = pidfd.pidfd_getfd(holder, number)
        finally:
            os.close(holder)
    try:
        with nsrun.step(f"descriptor {number} of process {pid} has no network namespace"):
            return nsobject.of_socket(socket).fd
    finally:
        os.close(socket)


def _open_place(made: Request, place: tuple[str | None] | None, name: str) -> int | None:
    if place is None:
        return None
    return _open(_of_target(made, name, name) if place[0] is None else place[0])


def _environment(made: Request) -> dict[str, str]:
    with (
        nsrun.step(f"cannot read the environment of {made.target}"),
        open(_of_target(made, "environ", "environ"), "rb") as file,
    ):
        pairs = [line.partition(b"=") for line in file.read().split(b"\0") if b"=" in line]
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def run(program: str, made: Request, argv: Sequence[str]) -> int:
    """Join and start the program; returns only when it is a child that has ended, or could not be started.

    :raises Error: a step failed; its text says which and why.
    """
    launch.forget_coercion()
    opened = _Opened(made)
    if made.context:
        _follow_context(made)
    if made.groups:
        _join_groups(made.target or 0)
    fork = made.fork if made.fork is not None else "pid" in opened.spaces
    uid, gid = _ids(made, "user" in opened.spaces)
    # In a user namespace dropping the groups may be forbidden; then it must be done before.
    dropped = gid is not None and "user" in opened.spaces and _drop_groups()
    _join(opened.spaces)
    _stand(made, opened)
    if opened.env is not None:
        os.environ.clear()
        os.environ.update(opened.env)
    if fork:
        with nsrun.step("fork failed"):
            child = launch.Child()
        if child.pid:
            return child.wait(stops=True)
    nsrun.become(uid, gid, groups_dropped=dropped)
    if made.keep_caps:
        nsrun.keep_capabilities()
    return launch.execute(program, argv)


def _follow_context(made: Request) -> None:
    """Have the program executed with the target's SELinux context; where there is no SELinux, nothing is to be done."""
    if not os.path.exists("/sys/fs/selinux/enforce"):
        return
    if made.target is None:
        words.wrong("no target PID specified for --follow-context")
    with (
        nsrun.step(f"failed to get {made.target} SELinux context"),
        open(f"/proc/{made.target}/attr/current", "rb") as file,
    ):
        context = file.read().rstrip(b"\0\n")
    with nsrun.step("failed to set exec context"), open("/proc/self/attr/exec", "wb", buffering=0) as file:
        file.write(context)


def _join_groups(pid: int) -> None:
    """Move into the target's control group, in each hierarchy that is mounted."""
    from hezi.linux.cgroup import layout, tree

    with nsrun.step(f"cannot join the control groups of process {pid}"):
        for hierarchy in layout.detect().hierarchies:
            path = tree.path_in(hierarchy, pid)
            if path is not None:
                with tree.open_node(hierarchy, path) as node:
                    node.add(0)


def _ids(made: Request, user: bool) -> tuple[int | None, int | None]:
    """Give the ids to take on: whoever enters a user namespace becomes its root unless told otherwise."""
    if user and not made.preserve:
        return made.uid or 0, made.gid or 0
    return made.uid, made.gid


def _drop_groups() -> bool:
    try:
        os.setgroups([])
    except PermissionError:
        return False
    return True


def _join(spaces: dict[str, int]) -> None:
    """Join all, the user namespace last if that works, else first.

    With rights outside, the others are joined by those; without, the rights that the user namespace gives are needed.
    """
    left = dict(spaces)
    for kind in [*(kind for kind in spaces if kind != "user"), *(("user",) if "user" in spaces else ())]:
        try:
            nscalls.setns(left[kind], nscalls.KINDS[kind])
        except OSError:
            continue
        os.close(left.pop(kind))
    for kind, fd in left.items():
        try:
            nscalls.setns(fd, nscalls.KINDS[kind])
        except OSError as error:
            hint = _why(kind, fd, error.errno or 0)
            doing = f"reassociate to namespace '{_NAMES[kind]}' failed"
            raise nsrun.from_os_error_of(doing, error, hint) from error
        os.close(fd)


def _why(kind: str, fd: int, number: int) -> str | None:
    found = nsobject.kind_of(fd)
    if found is None:
        return "the file is no namespace"
    if found != kind:
        return f"it is a {found} namespace, and a {kind} namespace was asked for"
    return nsfaults.why_not_joined(number, "the target", (kind,)) or None


def _stand(made: Request, opened: _Opened) -> None:
    """Take the root and working directory asked for."""
    here = opened.wd
    if opened.root is not None:
        if here is None and made.wdns is None:
            here = _open(".")
        with nsrun.step("change directory by root file descriptor failed"):
            os.fchdir(opened.root)
        with nsrun.step("chroot failed"):
            os.chroot(".")
    if made.wdns is not None:
        with nsrun.step("cannot open current working directory"):
            here = os.open(made.wdns, os.O_RDONLY | os.O_CLOEXEC)
    if here is not None:
        with nsrun.step("change directory by working directory file descriptor failed"):
            os.fchdir(here)
