"""What this kernel can do, asked of the kernel.

Never of ``uname``: distributions bring features back to old kernels, leave them out of new ones, and seccomp filters
hide them. A system call is there when it answers anything but ENOSYS to arguments that it must refuse.
"""

from __future__ import annotations

import errno
import os
import sys

from hezi._util.record import NamedTuple
from hezi.linux import abi, mount, mountinfo, nscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECCOMP_RET_KILL_PROCESS = 0x80000000
_SECCOMP_RET_USER_NOTIF = 0x7FC00000
_LANDLOCK_CREATE_RULESET_VERSION = 1
_NO_FLAG = 0xFFFFFFFF
# A descriptor number that nobody has
_NO_FD = 0x7FFFFFFF


class Feature(NamedTuple):
    """One thing a kernel may be able to do.

    :ivar since: the Linux release that brought it; for people, nothing is decided by it.
    :ivar why: what was asked and what the answer was.
    """

    name: str
    present: bool
    since: str
    why: str


def _answer(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def _call(ask: Callable[[], object]) -> tuple[bool, str]:
    """Find out whether a system call exists by calling it wrongly."""
    try:
        ask()
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return False, "ENOSYS: not in this kernel, or hidden by a seccomp filter"
        return True, f"the call answers ({_answer(error)} to nonsense)"
    return True, "the call answers"


def _fstype(name: str) -> tuple[bool, str]:
    try:
        os.close(mount.fsopen(name))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return False, f"fsopen says ENODEV: this kernel has no {name}"
        with open("/proc/filesystems", encoding="utf-8") as file:
            listed = any(line.split()[-1] == name for line in file)
        return listed, f"fsopen says {_answer(error)}; {'listed' if listed else 'not listed'} in /proc/filesystems"
    return True, "fsopen accepts it"


def _overlay_parameter(set_it: Callable[[int], None]) -> tuple[bool, str]:
    try:
        context = mount.fsopen("overlay")
    except OSError as error:
        return False, f"cannot be asked: fsopen says {_answer(error)}"
    try:
        set_it(context)
    except OSError as error:
        # A parameter that is known has its value looked at
        return error.errno == errno.ENOENT, f"overlay answers {_answer(error)}"
    finally:
        os.close(context)
    return True, "overlay accepts it"


def _lowerdir_plus() -> tuple[bool, str]:
    return _overlay_parameter(lambda context: mount.fsconfig_set_string(context, "lowerdir+", "/nonexistent/layer"))


def _overlay_fds() -> tuple[bool, str]:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _overlay_parameter(lambda context: mount.fsconfig_set_fd(context, "lowerdir+", root))
    finally:
        os.close(root)


def _erofs_file() -> tuple[bool, str]:
    """Give erofs a regular file that is none: the old answer is "no block device", the new one "no erofs"."""
    options = [("source", os.path.realpath(sys.executable)), ("ro", None), ("silent", None)]
    try:
        os.close(mount.new_mount("erofs", options))
    except OSError as error:
        if error.errno in {errno.ENOTBLK, errno.ENODEV, errno.EPERM, errno.ENOSYS}:
            return False, f"erofs answers {_answer(error)} to a regular file"
        return True, f"erofs looks into a regular file ({_answer(error)} to one without a superblock)"
    return True, "erofs mounts a regular file"


def _idmap() -> tuple[bool, str]:
    try:
        mount.mount_setattr(abi.AT_FDCWD, "/", userns_fd=_NO_FD)
    except OSError as error:
        return error.errno == errno.EBADF, f"mount_setattr answers {_answer(error)} to a bad user namespace"
    return False, "mount_setattr ignores the user namespace"


def _into_cgroup() -> tuple[bool, str]:
    args = abi.clone_args(flags=abi.CLONE_INTO_CGROUP, exit_signal=nscalls.SIGCHLD, cgroup=_NO_FD)
    try:
        abi.clone3_raw(abi.byref(args), abi.sizeof(args))
    except OSError as error:
        if error.errno != errno.EBADF:
            return False, f"clone3 answers {_answer(error)} to a bad cgroup"
    points = [entry.mount_point for entry in mountinfo.list_mounts() if entry.fstype == "cgroup2"]
    if not points:
        return False, "clone3 can, and no cgroup2 is mounted"
    return True, f"clone3 can, and cgroup2 is mounted on {points[0]}"


def _user_namespaces() -> tuple[bool, str]:
    if nscalls.thread_count() > 1:
        return _user_namespaces_by_sysctl()
    try:
        pid, _ = nscalls.clone3(nscalls.CLONE_NEWUSER, want_pidfd=False)
    except OSError as error:
        return False, f"clone3 answers {_answer(error)} to CLONE_NEWUSER"
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True, "one could be made"


def _user_namespaces_by_sysctl() -> tuple[bool, str]:
    """Read what forbids them, for a process with threads, which does not fork."""
    for name, forbids in (("user/max_user_namespaces", "0"), ("kernel/unprivileged_userns_clone", "0")):
        try:
            with open(f"/proc/sys/{name}", encoding="utf-8") as file:
                value = file.read().strip()
        except OSError:
            continue
        if value == forbids and (name.startswith("user/") or os.geteuid() != 0):
            return False, f"/proc/sys/{name} is {value}"
    present = os.path.exists("/proc/self/ns/user")
    return present, "/proc/self/ns/user is " + ("there" if present else "missing")


def _seccomp_action(action: int) -> tuple[bool, str]:
    try:
        abi.seccomp(abi.SECCOMP_GET_ACTION_AVAIL, 0, abi.byref(abi.int_cell(action)))
    except OSError as error:
        return False, f"seccomp answers {_answer(error)}"
    return True, "the kernel says the action is available"


def _landlock() -> tuple[bool, str]:
    try:
        version = abi.landlock_create_ruleset(None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    except OSError as error:
        return False, f"landlock_create_ruleset answers {_answer(error)}"
    return True, f"ABI {version}"


def _time() -> tuple[bool, str]:
    present = os.path.exists("/proc/self/ns/time")
    return present, "/proc/self/ns/time is " + ("there" if present else "missing")


# name, since, how to find out
_PROBES: tuple[tuple[str, str, Callable[[], tuple[bool, str]]], ...] = (
    ("openat2", "5.6", lambda: _call(lambda: abi.openat2(-1, None, None, 0))),
    ("clone3", "5.3", lambda: _call(lambda: abi.clone3_raw(None, 0))),
    ("clone-into-cgroup", "5.7", _into_cgroup),
    ("pidfd_open", "5.3", lambda: _call(lambda: abi.pidfd_open(-1, 0))),
    ("mount_setattr", "5.12", lambda: _call(lambda: abi.mount_setattr(-1, None, _NO_FLAG, None, 0))),
    ("statmount", "6.8", lambda: _call(lambda: abi.statmount(None, None, 0, _NO_FLAG))),
    ("listmount", "6.8", lambda: _call(lambda: abi.listmount(None, None, 0, _NO_FLAG))),
    ("fsopen", "5.2", lambda: _call(lambda: abi.fsopen(None, _NO_FLAG))),
    ("fchmodat2", "6.6", lambda: _call(lambda: abi.fchmodat2(-1, None, 0, _NO_FLAG))),
    ("setxattrat", "6.13", lambda: _call(lambda: abi.setxattrat(-1, None, _NO_FLAG, None, None, 0))),
    ("idmapped-mounts", "5.12", _idmap),
    ("overlay", "3.18", lambda: _fstype("overlay")),
    ("overlay-lowerdir+", "6.5", _lowerdir_plus),
    ("overlay-fd-layers", "6.13", _overlay_fds),
    ("erofs", "5.4", lambda: _fstype("erofs")),
    ("erofs-file-backed", "6.12", _erofs_file),
    ("user-namespaces", "3.8", _user_namespaces),
    ("time-namespaces", "5.6", _time),
    ("seccomp-filter", "4.14", lambda: _seccomp_action(_SECCOMP_RET_KILL_PROCESS)),
    ("seccomp-notify", "5.0", lambda: _seccomp_action(_SECCOMP_RET_USER_NOTIF)),
    ("landlock", "5.13", _landlock),
)
NAMES = tuple(name for name, _since, _ask in _PROBES)


def probe(name: str) -> Feature:
    """Ask the kernel about one of :data:`NAMES`.

    :raises KeyError: for a name that is none.
    """
    for known, since, ask in _PROBES:
        if known == name:
            present, why = ask()
            return Feature(name, present, since, why)
    raise KeyError(name)


def probe_all() -> tuple[Feature, ...]:
    """Ask the kernel about all of :data:`NAMES`; 5 ms. What cannot be found out without privileges says so."""
    return tuple(probe(name) for name in NAMES)
