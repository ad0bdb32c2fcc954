"""Why the kernel refuses a namespace, in words: it has one number for many reasons, and says none of them."""

from __future__ import annotations

import errno
import os

from hezi.linux import abi, nscalls

# Switches by which distributions forbid user namespaces to ordinary users, and the value that forbids.
_APPARMOR = ("kernel/apparmor_restrict_unprivileged_userns", "1")
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0"),
    _APPARMOR,
    ("user/max_user_namespaces", "0"),
)


def names(flags: int) -> tuple[str, ...]:
    """Give the kinds that are in ``flags``."""
    return tuple(kind for kind, flag in nscalls.KINDS.items() if flags & flag)


def _sysctl(name: str) -> str | None:
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def why_not_made(number: int, flags: int) -> str:
    """Say why new namespaces of these kinds were refused, and the way out; "" when nothing is known."""
    kinds = names(flags)
    if number == errno.ENOSPC:
        limits = [f"user.max_{kind}_namespaces={_sysctl(f'user/max_{kind}_namespaces')}" for kind in kinds]
        return (
            f"a limit is reached, here or in a user namespace above: {', '.join(limits)}; "
            "user and pid namespaces nest 32 deep at most"
        )
    if number == errno.EPERM:
        return _why_forbidden(kinds)
    if number == errno.EUSERS:
        return "more than 32 user namespaces inside each other"
    if number == errno.EINVAL and "user" in kinds and nscalls.thread_count() > 1:
        return f"a user namespace needs a process of one thread, this one has {nscalls.thread_count()}"
    if number == errno.EINVAL:
        lacking = [kind for kind in kinds if not os.path.exists(f"/proc/self/ns/{kind}")]
        return f"this kernel has no {' '.join(lacking)} namespaces" if lacking else ""
    return ""


def _why_forbidden(kinds: tuple[str, ...]) -> str:
    if "user" not in kinds:
        return f"a new {' '.join(kinds)} namespace needs CAP_SYS_ADMIN; an ordinary user makes a user namespace with it"
    for name, forbids in _SWITCHES:
        if _sysctl(name) == forbids:
            return f"this machine forbids user namespaces: sysctl {name.replace('/', '.')}={forbids}"
    return "user namespaces are forbidden here: by a chroot, a seccomp filter or a security module"


def rights_taken() -> str:
    """Say what takes an ordinary user's rights in a user namespace that was made all the same; "" for nothing."""
    name, forbids = _APPARMOR
    if _sysctl(name) != forbids:
        return ""
    return f"AppArmor takes the rights in user namespaces: sysctl {name.replace('/', '.')}={forbids}"


def why_not_joined(number: int, target: str, kinds: tuple[str, ...]) -> str:
    """Say why joining was refused; ``kinds`` are those that were to be joined."""
    if number == errno.ESRCH:
        return f"{target} has ended"
    if number == errno.EPERM:
        return f"joining {' '.join(kinds)} of {target} needs CAP_SYS_ADMIN in the user namespace that owns it"
    if number == errno.EINVAL and "user" in kinds:
        return f"{target} is in the user namespace this process is in, or in one that is not below it"
    if number == errno.EUSERS:
        return "a time namespace can be joined by a process of one thread only"
    return ""


def check_threads(flags: int, call: str, *, joining: bool) -> None:
    """Refuse what the kernel refuses to a process with threads, before anything is changed.

    One thread may leave most namespaces alone. A user namespace is of the whole process; a mount or time namespace may
    be left by one thread (its root directory is split off), but not joined.

    :raises OSError: EINVAL.
    """
    whole = nscalls.CLONE_NEWUSER | (nscalls.CLONE_NEWNS | nscalls.CLONE_NEWTIME if joining else 0)
    wanted = flags & whole
    if wanted and (threads := nscalls.settled_thread_count()) > 1:
        kinds = " ".join(names(wanted))
        what = "joined" if joining else "made"
        detail = f"a {kinds} namespace can be {what} by a process of one thread, this one has {threads}"
        raise abi.error(errno.EINVAL, call, detail=detail)
