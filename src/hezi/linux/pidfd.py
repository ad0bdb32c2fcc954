"""Processes by descriptor, so that a number used again never hits a stranger.

For a name that outlives descriptors, a process is (pid, start time, boot id): :func:`start_time`, :func:`boot_id`.
"""

from __future__ import annotations

import os

from hezi.linux import abi

# <linux/wait.h>; an interpreter built against an old libc lacks it in os
P_PIDFD = 3
PIDFD_NONBLOCK = os.O_NONBLOCK

_CLD_EXITED, _CLD_KILLED, _CLD_DUMPED, _CLD_STOPPED, _CLD_CONTINUED = 1, 2, 3, 5, 6
_STAT_BYTES = 4096


def pidfd_open(pid: int, flags: int = 0) -> int:
    """Open a process (Linux 5.3); the descriptor is close-on-exec and readable (poll) once the process has ended.

    :raises OSError: ESRCH when there is no such process, EINVAL for a number that is no thread group leader.
    """
    try:
        return abi.pidfd_open(pid, flags)
    except OSError as error:
        raise abi.error(error.errno or 0, "pidfd_open", f"pid {pid}") from None


def pidfd_send_signal(fd: int, sig: int) -> None:
    """Send a signal to the process; 0 only checks.

    :raises OSError: ESRCH when it has ended and been waited for, EPERM for another user's.
    """
    abi.pidfd_send_signal(fd, sig, None, 0)


def pidfd_getfd(fd: int, target_fd: int) -> int:
    """Duplicate a descriptor of another process, as ptrace access allows (Linux 5.6); close-on-exec."""
    return abi.pidfd_getfd(fd, target_fd, 0)


def _status(code: int, status: int) -> int:
    """Put waitid's answer into the form of waitpid's, which os.WIFEXITED and its kin read."""
    if code == _CLD_EXITED:
        return (status & 0xFF) << 8
    if code == _CLD_KILLED:
        return status
    if code == _CLD_DUMPED:
        return status | 0x80
    if code == _CLD_CONTINUED:
        return 0xFFFF
    return status << 8 | 0x7F  # stopped or trapped


def wait(fd: int, options: int = 0) -> tuple[int, int]:
    """Wait for a child by its pidfd and reap it.

    :param options: as for waitid(2): os.WNOHANG, os.WSTOPPED, os.WCONTINUED, os.WNOWAIT; os.WEXITED is added.
    :return: (pid, wait status), for os.waitstatus_to_exitcode and its kin; (0, 0) when os.WNOHANG was given and nothing
        has happened.
    :raises OSError: ECHILD when the process is not a child of this one, or has been waited for.
    """
    try:
        result = os.waitid(P_PIDFD, fd, options | os.WEXITED)
    except OSError as error:
        raise abi.error(error.errno or 0, "waitid", f"pidfd {fd}") from None
    if result is None or result.si_pid == 0:
        return 0, 0
    return result.si_pid, _status(result.si_code, result.si_status)


def start_time(pid: int | str, proc_fd: int | None = None) -> int:
    """Read when a process started, in clock ticks since boot: field 22 of /proc/PID/stat.

    :param proc_fd: a verified procfs to read in; /proc when not given.
    :raises OSError: ENOENT or ESRCH when there is no such process.
    """
    name = f"/proc/{pid}/stat" if proc_fd is None else f"{pid}/stat"
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc_fd)
    try:
        raw = os.read(fd, _STAT_BYTES)
    finally:
        os.close(fd)
    # The second field is the command in parentheses, and may hold spaces and parentheses: count from the last one.
    after = raw[raw.rindex(b")") + 2 :].split()
    return int(after[22 - 3])


def runs(pid: int, started: int) -> bool:
    """Whether a process known by its number and start time still runs; one that only waits to be reaped does not."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            raw = os.read(fd, _STAT_BYTES)
        finally:
            os.close(fd)
    except OSError:
        return False
    fields = raw[raw.rindex(b")") + 2 :].split()
    return int(fields[22 - 3]) == started and fields[0] not in {b"Z", b"X"}


def boot_id() -> str:
    """Give the kernel's random name of this boot; not namespaced."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return file.read().strip()


def send_signal_to(pid: int, sig: int, *, started: int) -> bool:
    """Signal a process known by pid and start time; False when it is gone or another has the number now."""
    try:
        fd = pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # Read after the descriptor is held: from here on the number cannot pass to another process unseen.
        if start_time(pid) != started:
            return False
        pidfd_send_signal(fd, sig)
    except (ProcessLookupError, FileNotFoundError):
        return False
    finally:
        os.close(fd)
    return True
