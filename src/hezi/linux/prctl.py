"""prctl(2): attributes of the calling process or thread, under their kernel names."""

from __future__ import annotations

from hezi.linux import abi

PR_SET_PDEATHSIG = 1
PR_GET_PDEATHSIG = 2
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_GET_KEEPCAPS = 7
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_GET_NAME = 16
PR_GET_SECCOMP = 21
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_GET_SECUREBITS = 27
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_IS_SET = 1
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_LOWER = 3
PR_CAP_AMBIENT_CLEAR_ALL = 4

_KEYCTL_JOIN_SESSION_KEYRING = 1


def prctl(option: int, arg2: int = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
    """Call prctl(2) with an option that takes numbers.

    :raises OSError: as prctl(2) says; EINVAL for an option the kernel does not know.
    """
    return abi.prctl(option, arg2, arg3, arg4, arg5)


def set_pdeathsig(signal: int) -> None:
    """Have ``signal`` sent to this process when the thread that made it ends; 0 takes it back.

    The kernel clears it when the credentials change and when a set-user-id or file-capability program is executed
    (PR_SET_PDEATHSIG(2const)), so set it after setuid and then check with getppid() that the parent still lives.
    """
    abi.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)


def get_pdeathsig() -> int:
    """Read the parent death signal, 0 when there is none."""
    cell = abi.int_cell()
    abi.prctl(PR_GET_PDEATHSIG, abi.addressof(cell), 0, 0, 0)
    value: int = cell.value
    return value


def set_dumpable(value: bool) -> None:
    """Allow or forbid core dumps, ptrace by the same user, and by that access to ``/proc/self`` of this process."""
    abi.prctl(PR_SET_DUMPABLE, int(value), 0, 0, 0)


def get_dumpable() -> int:
    """Read the dumpable attribute: 0, 1, or 2 (suid_dumpable; only the kernel sets that)."""
    return abi.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)


def set_no_new_privs() -> None:
    """Make execve(2) grant no privileges any more, for ever, here and in all descendants."""
    abi.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def get_no_new_privs() -> bool:
    """Tell whether no_new_privs is set."""
    return bool(abi.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))


def set_child_subreaper(value: bool) -> None:
    """Have orphaned descendants given to this process rather than to init."""
    abi.prctl(PR_SET_CHILD_SUBREAPER, int(value), 0, 0, 0)


def set_keepcaps(value: bool) -> None:
    """Keep the permitted set over the next change of user ids from 0 to others; execve(2) clears it."""
    abi.prctl(PR_SET_KEEPCAPS, int(value), 0, 0, 0)


def set_name(name: str) -> None:
    """Name this thread (``comm``); the kernel keeps the first 15 bytes."""
    memory = abi.buffer(abi.encode_path(name)[:15] + b"\0")
    abi.prctl(PR_SET_NAME, abi.addressof(memory), 0, 0, 0)


def join_session_keyring() -> int:
    """Give this process a new, anonymous session keyring and return its serial number.

    Keyrings are no namespace: without this a container can read what its starter's session holds (keyctl(2)).

    :raises OSError: ENOSYS where keys are not built in or filtered, EDQUOT when the user has too many.
    """
    return abi.keyctl(_KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0)
