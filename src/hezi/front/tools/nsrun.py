"""A program in new namespaces, as unshare(1) starts it."""

from __future__ import annotations

import contextlib
import os

from hezi.errors import INTERNAL, INVALID, NOT_FOUND, Error, from_os_error
from hezi.front.tools import faces, launch, words
from hezi.linux import caps, idmap, mount, namespaces, nscalls, nsfaults, prctl
from hezi.linux.idmap import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

PROPAGATIONS = {
    "slave": mount.MS_SLAVE | mount.MS_REC,
    "shared": mount.MS_SHARED | mount.MS_REC,
    "private": mount.MS_PRIVATE | mount.MS_REC,
    "unchanged": 0,
}
_AUTO = "auto"
_FOR_CHILDREN = {"pid", "time"}
_BIND_TRIES = 16


class Request:
    """What is to be done; fields as unshare's options."""

    __slots__ = (
        "boottime", "fork", "forward", "gid", "gid_ranges", "keep", "keep_caps", "kill_child", "kinds", "map_gid",
        "map_uid", "monotonic", "mount_proc", "outer", "propagation", "root", "setgroups", "uid", "uid_ranges", "wd",
    )  # fmt: skip

    def __init__(self) -> None:
        self.outer = (os.geteuid(), os.getegid())  # in the new user namespace they read as 65534
        self.kinds: dict[str, int] = {}
        self.keep: dict[str, str] = {}
        self.fork = False
        self.forward = False
        self.kill_child: int | None = None
        self.map_uid: int | None = None
        self.map_gid: int | None = None
        self.uid_ranges: list[Range] = []
        self.gid_ranges: list[Range] = []
        self.setgroups: bool | None = None
        self.keep_caps = False
        self.propagation = PROPAGATIONS["private"]
        self.mount_proc: str | None = None
        self.root: str | None = None
        self.wd: str | None = None
        self.uid: int | None = None
        self.gid: int | None = None
        self.monotonic: int | None = None
        self.boottime: int | None = None

    @property
    def flags(self) -> int:
        """CLONE_NEW* of all kinds."""
        flags = 0
        for flag in self.kinds.values():
            flags |= flag
        return flags

    def want(self, kind: str, keep: str | None = None) -> None:
        """Add a kind, to be kept at a path when one is given."""
        self.kinds[kind] = nscalls.KINDS[kind]
        if keep:
            self.keep[kind] = keep


def request(given: Sequence[tuple[str, str | None]]) -> Request:
    """Make a request from unshare's options, in their order.

    :raises Error: INVALID with unshare's words.
    """
    made = Request()
    for name, value in given:
        text = value or ""
        if name in faces.KIND_OF:
            made.want(faces.KIND_OF[name], value)
        elif name.startswith("map-"):
            _take_map(made, name, text)
        elif name in {"fork", "forward-signals", "kill-child"}:
            made.fork = True
            made.forward |= name == "forward-signals"
            if name == "kill-child":
                made.kill_child = words.signal_number("KILL" if value is None else value)
        elif name == "mount-proc":
            made.want("mnt")
            made.mount_proc = "/proc" if value is None else value
        elif name == "propagation":
            if text not in PROPAGATIONS:
                words.wrong(f"unsupported propagation mode: {text}")
            made.propagation = PROPAGATIONS[text]
        elif name == "setgroups":
            if text not in {"allow", "deny"}:
                words.wrong(f"unsupported --setgroups argument '{text}'")
            made.setgroups = text == "allow"
        elif name == "keep-caps":
            made.keep_caps = True
        else:
            _take_other(made, name, text)
    _check(made)
    return made


def _take_other(made: Request, name: str, text: str) -> None:
    if name == "root":
        made.root = text
    elif name == "wd":
        made.wd = text
    elif name == "setuid":
        made.uid = words.number_or_id(text, "failed to parse uid")
    elif name == "setgid":
        made.gid = words.number_or_id(text, "failed to parse gid")
    elif name == "monotonic":
        made.monotonic = words.number(text, "failed to parse monotonic offset")
    elif name == "boottime":
        made.boottime = words.number(text, "failed to parse boottime offset")


def _take_map(made: Request, name: str, text: str) -> None:
    made.want("user")
    if name == "map-user":
        made.map_uid = words.user(text)
    elif name == "map-group":
        made.map_gid = words.group(text)
    elif name == "map-root-user":
        made.map_uid = made.map_gid = 0
    elif name == "map-current-user":
        made.map_uid, made.map_gid = os.geteuid(), os.getegid()
    elif name in {"map-auto", "map-subids"}:
        made.uid_ranges = _granted("uid", same=name == "map-subids")
        made.gid_ranges = _granted("gid", same=name == "map-subids")
    elif name == "map-users":
        made.uid_ranges += _ranges("uid", text)
    elif name == "map-groups":
        made.gid_ranges += _ranges("gid", text)


def _ranges(which: idmap.Which, text: str) -> list[Range]:
    """Read ``outer,inner,count`` (util-linux up to 2.38), ``inner:outer:count`` (since 2.39), ``auto``, ``subids``."""
    if text in {_AUTO, "subids"}:
        return _granted(which, same=text == "subids")
    mark = ":" if ":" in text else ","
    parts = text.split(mark)
    for part in parts:
        if not part.isdigit():
            words.wrong(f"could not parse ID: '{part}'")
    if len(parts) > 3:
        words.wrong(f"too many elements for mapping '{text}'")
    if len(parts) != 3:
        words.wrong(f"mapping '{text}' contains only {len(parts)} elements")
    first, second, count = map(int, parts)
    return [Range(first, second, count) if mark == ":" else Range(second, first, count)]


def _granted(which: idmap.Which, *, same: bool) -> list[Range]:
    """Give the ids granted to this user: from 0 on inside, or with the same numbers as outside."""
    import pwd

    table = "/etc/subuid" if which == "uid" else "/etc/subgid"
    try:
        found = idmap.granted(which)
    except FileNotFoundError:
        found = ()
    if not found:
        try:
            name = pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            name = str(os.geteuid())
        hint = f"add a line like {name}:100000:65536 to {table}"
        raise Error(NOT_FOUND, f'no line matching user "{name}" in {table}', hint=hint)
    if same:
        return [Range(one.first, one.first, one.length) for one in found]
    return [Range(0, found[0].first, found[0].length)]


def _check(made: Request) -> None:
    if (made.monotonic is not None or made.boottime is not None) and "time" not in made.kinds:
        words.wrong("options --monotonic and --boottime require unsharing of a time namespace (-T)")
    if made.setgroups and made.map_gid is not None and not made.gid_ranges:
        words.wrong("options --setgroups=allow and --map-group are mutually exclusive")


def run(program: str, made: Request, argv: Sequence[str]) -> int:
    """Do it; returns only when the program is a child that has ended, or could not be started.

    :raises Error: a step failed; its text says which and why.
    """
    launch.forget_coercion()
    helper = _Helper(made) if made.uid_ranges or made.gid_ranges or made.keep else None
    try:
        _unshare(made, helper)
        if helper is not None and (made.uid_ranges or made.gid_ranges):
            helper.ask(b"m")
        _map_alone(made)
        _set_clocks(made)
        if helper is not None and made.keep:
            _keep(made, helper)
        if made.fork:
            child = _forked()
            if child.pid:
                return _wait(made, child, helper)
            if helper is not None:
                helper.hold()
        elif helper is not None and "pid" in made.keep:
            helper.ask(b"p")
    finally:
        if helper is not None:
            helper.close()
    if made.fork and made.kill_child is not None:
        prctl.set_pdeathsig(made.kill_child)
    _settle(made)
    return launch.execute(program, argv)


def _forked() -> launch.Child:
    with step("fork failed"):
        return launch.Child()


def _wait(made: Request, child: launch.Child, helper: _Helper | None) -> int:
    if helper is not None:
        if "pid" in made.keep:
            try:
                helper.ask(b"p")
            except Error:
                os.kill(child.pid, 9)
                os.waitpid(child.pid, 0)
                raise
        helper.go()
    if made.forward:
        child.forward()
    return child.wait()


def _unshare(made: Request, helper: _Helper | None) -> None:
    try:
        nscalls.unshare(made.flags)
    except OSError as error:
        if helper is not None:
            helper.close()
        hint = nsfaults.why_not_made(error.errno or 0, made.flags) or None
        doing = "unshare failed"
        raise from_os_error_of(doing, error, hint) from error


def from_os_error_of(doing: str, error: OSError, hint: str | None = None) -> Error:
    """Say what failed with errno's words only, as util-linux does; what the library knows beyond goes into the hint."""
    plain = OSError(error.errno, os.strerror(error.errno or 0))
    words_of = str(error.strerror or "")
    known = words_of.partition(" (")[2].rstrip(")")
    made = from_os_error(doing, plain, hint=hint or known or None)
    return Error(INVALID, made.message, hint=made.hint) if made.kind == INTERNAL else made


@contextlib.contextmanager
def step(doing: str, forbidden: str | None = None) -> Iterator[None]:
    """Have a system call that fails be an Error that says what was being done.

    :param forbidden: the hint when it was for lack of rights.
    :raises Error: see :func:`from_os_error_of`.
    """
    try:
        yield
    except OSError as error:
        hint = forbidden if isinstance(error, PermissionError) else None
        raise from_os_error_of(doing, error, hint) from error


def _map_alone(made: Request) -> None:
    """Write what this process may write by itself: its own id, and whether groups may be set."""
    if made.map_uid is not None and not made.uid_ranges:
        with step("write failed /proc/self/uid_map"):
            idmap.write("self", "uid", [Range(made.map_uid, made.outer[0])])
    alone = made.map_gid is not None and not made.gid_ranges
    if alone:
        with step("write failed /proc/self/setgroups"):
            idmap.set_setgroups("self", allow=False)
        with step("write failed /proc/self/gid_map"):
            idmap.write("self", "gid", [Range(made.map_gid or 0, made.outer[1])])
    if made.setgroups is not None and not (alone and not made.setgroups):
        with step("write failed /proc/self/setgroups"):
            idmap.set_setgroups("self", allow=made.setgroups)


def _set_clocks(made: Request) -> None:
    for name, offset in (("monotonic", made.monotonic), ("boottime", made.boottime)):
        if offset is not None:
            with (
                step("failed to write to /proc/self/timens_offsets"),
                open("/proc/self/timens_offsets", "w", encoding="ascii") as file,
            ):
                file.write(f"{name} {offset} 0\n")


def _settle(made: Request) -> None:
    """Arrange mounts, directories and ids, in the namespaces and right before the program."""
    if "mnt" in made.kinds and made.propagation:
        with step("cannot change root filesystem propagation"):
            mount.mount("none", "/", None, made.propagation)
    if made.root is not None:
        with step(
            f"cannot change root directory to '{made.root}'", "it needs CAP_SYS_CHROOT, which --map-root-user gives"
        ):
            os.chroot(made.root)
    if made.wd is not None:
        with step(f"cannot chdir to '{made.wd}'"):
            _chdir(made.wd)
    if made.mount_proc is not None:
        if made.root is None and made.propagation != PROPAGATIONS["private"]:
            with step(f"cannot change {made.mount_proc} filesystem propagation"):
                mount.mount("none", made.mount_proc, None, mount.MS_PRIVATE | mount.MS_REC)
        with step(f"mount {made.mount_proc} failed"):
            mount.mount("proc", made.mount_proc, "proc", mount.MS_NOSUID | mount.MS_NOEXEC | mount.MS_NODEV)
    become(made.uid, made.gid)
    if made.keep_caps and "user" in made.kinds:
        keep_capabilities()


def _chdir(path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(fd)
    finally:
        os.close(fd)


def become(uid: int | None, gid: int | None, *, groups_dropped: bool = False) -> None:
    """Take another group and user, without supplementary groups.

    :param groups_dropped: they are gone already, so that it does no harm when the namespace forbids dropping them.
    """
    if gid is not None:
        try:
            os.setgroups([])
        except PermissionError as error:
            if not groups_dropped:
                doing = "setgroups failed"
                raise from_os_error_of(doing, error, _why_no_groups()) from error
        with step("setgid failed"):
            os.setresgid(gid, gid, gid)
    if uid is not None:
        with step("setuid failed"):
            os.setresuid(uid, uid, uid)


def _why_no_groups() -> str:
    try:
        with open("/proc/self/setgroups", encoding="ascii") as file:
            if file.read().strip() == "deny":
                return "the user namespace forbids it: whoever maps nothing but the own group gives up setgroups(2)"
    except OSError:
        pass
    return "another group needs CAP_SETGID in this user namespace"


def keep_capabilities() -> None:
    """Have a program that is executed keep all capabilities of now, root or not (ambient, capabilities(7))."""
    with step("cannot keep capabilities"):
        effective, permitted, _ = caps.capget()
        caps.capset(effective, permitted, permitted)
        for bit in range(caps.last_cap() + 1):
            if permitted >> bit & 1:
                caps.ambient_raise(bit)


class _Helper:
    """A copy of this process that stays outside: it has the rights and the mounts which those inside have left.

    A byte asks it to do something, its answer is "" or what went wrong. The second pipe holds the child of ``--fork``
    until all is done.
    """

    __slots__ = ("_answer", "_gate", "_open", "_pid", "_request")

    def __init__(self, made: Request) -> None:
        asked, self._request = os.pipe()
        self._answer, answer = os.pipe()
        self._gate = os.pipe()
        owner = os.getpid()
        self._pid = nscalls.clone3(0, want_pidfd=False)[0]
        if self._pid == 0:
            for fd in (self._request, self._answer, *self._gate):
                os.close(fd)
            _serve(made, owner, asked, answer)
        os.close(asked)
        os.close(answer)
        self._open = True

    def ask(self, what: bytes) -> None:
        """Have one thing done.

        :raises Error: it failed.
        """
        os.write(self._request, what)
        answer = os.read(self._answer, 4096)
        if answer != b"0":
            raise Error(INVALID, answer.decode(errors="replace") or "the helper outside has ended")

    def go(self) -> None:
        """Let the child of ``--fork`` go on."""
        os.write(self._gate[1], b"x")

    def hold(self) -> None:
        """In that child: wait for :meth:`go`, or end when the parent gave up."""
        os.close(self._gate[1])
        if not os.read(self._gate[0], 1):
            os._exit(1)

    def close(self) -> None:
        """End it."""
        if not self._open:
            return
        self._open = False
        for fd in (self._request, self._answer):
            os.close(fd)
        with contextlib.suppress(ChildProcessError):  # in the child it is not ours
            os.waitpid(self._pid, 0)


def _serve(made: Request, owner: int, asked: int, answer: int) -> NoReturn:
    code = 0
    try:
        while what := os.read(asked, 1):
            try:
                if what == b"m":
                    _write_maps(made, owner)
                else:
                    _bind(made, owner, [kind for kind in made.keep if (kind == "pid") == (what == b"p")])
            except (OSError, ValueError, Error) as error:
                text = error.strerror if isinstance(error, OSError) else str(error)
                os.write(answer, (text or "failed").encode("utf-8", "surrogateescape"))
            else:
                os.write(answer, b"0")
    except BaseException:  # nothing may run on in this copy
        code = 1
    finally:
        os._exit(code)


def _write_maps(made: Request, owner: int) -> None:
    if made.uid_ranges:
        ranges: Sequence[Range] = made.uid_ranges
        if made.map_uid is not None:
            ranges = idmap.with_hole(ranges, Range(made.map_uid, os.geteuid()))
        idmap.write_somehow(owner, "uid", ranges)
    if made.gid_ranges:
        ranges = made.gid_ranges
        if made.map_gid is not None:
            ranges = idmap.with_hole(ranges, Range(made.map_gid, os.getegid()))
        idmap.write_somehow(owner, "gid", ranges)


def _bind(made: Request, owner: int, kinds: Sequence[str]) -> None:
    for kind in kinds:
        path = made.keep[kind]
        suffix = "_for_children" if kind in _FOR_CHILDREN else ""
        source = f"/proc/{owner}/ns/{kind}{suffix}"
        try:
            mount.mount(source, path, None, mount.MS_BIND)
        except OSError as error:
            for bound in kinds[: kinds.index(kind)]:
                with contextlib.suppress(OSError):
                    mount.umount2(made.keep[bound], mount.MNT_DETACH)
            message = f"mount {source} on {path} failed: {os.strerror(error.errno or 0)}"
            raise OSError(error.errno, message) from None


def _keep(made: Request, helper: _Helper) -> None:
    """Have the namespaces bound to their files.

    The PID namespace comes later: it is there once it has a first process. A mount namespace must be newer than the one
    it is kept in, by numbers which Linux 6.18 hands out per CPU: one made on a CPU that was idle for long counts as
    old. Then another one is made, on another CPU.
    """
    for attempt in range(_BIND_TRIES):
        try:
            helper.ask(b"b")
        except Error as error:
            retry = "mnt" in made.keep and "Invalid argument" in str(error)
            if not retry or attempt == _BIND_TRIES - 1:
                raise
            _another_cpu(attempt)
            nscalls.unshare(namespaces.CLONE_NEWNS)
        else:
            return


def _another_cpu(attempt: int) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[attempt % len(allowed)]})
    os.sched_yield()
    os.sched_setaffinity(0, allowed)
