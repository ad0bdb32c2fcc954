"""Resource limits: prlimit(2)."""

from __future__ import annotations

from hezi.linux import abi

# <asm-generic/resource.h>, the same on x86_64 and aarch64
RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
RLIM_INFINITY = -1
_INFINITY = 2**64 - 1


def _name(resource: int) -> str:
    for name, number in RLIMITS.items():
        if number == resource:
            return name
    return f"resource {resource}"


def _from_kernel(value: int) -> int:
    return RLIM_INFINITY if value == _INFINITY else value


def prlimit(pid: int, resource: int, limits: tuple[int, int] | None = None) -> tuple[int, int]:
    """Read, and with ``limits`` set, a limit of a process (0: this one).

    :param resource: a number of :data:`RLIMITS`.
    :param limits: (soft, hard) in the resource's unit, -1 for no limit.
    :return: the limits as they were before.
    :raises OSError: EPERM for raising a hard limit without CAP_SYS_RESOURCE (or RLIMIT_NOFILE over fs.nr_open), EINVAL
        for a soft limit above the hard one; the filename is the limit's name.
    """
    old = abi.rlimit64()
    new = None
    if limits is not None:
        new = abi.byref(abi.rlimit64(limits[0] & _INFINITY, limits[1] & _INFINITY))
    try:
        abi.prlimit64(pid, resource, new, abi.byref(old))
    except OSError as error:
        raise abi.error(error.errno or 0, "prlimit", _name(resource)) from None
    return _from_kernel(old.rlim_cur), _from_kernel(old.rlim_max)


def getrlimit(resource: int, pid: int = 0) -> tuple[int, int]:
    """Read (soft, hard); -1 for no limit."""
    return prlimit(pid, resource)


def setrlimit(resource: int, soft: int, hard: int, pid: int = 0) -> None:
    """Set a limit; see :func:`prlimit`."""
    prlimit(pid, resource, (soft, hard))
