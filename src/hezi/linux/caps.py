"""Capabilities: the names, the five sets of a thread, and the order in which to change them (capabilities(7)).

Sets are numbers here, bit N being capability N: stage 1 works with what was worked out before. :func:`mask` and
:func:`names` translate.
"""

from __future__ import annotations

import errno

from hezi.linux import abi, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
# name -> number, "CAP_CHOWN" -> 0 to "CAP_CHECKPOINT_RESTORE" -> 40 (Linux 5.9)
CAPABILITIES = {f"CAP_{name}": number for number, name in enumerate(_NAMES.split())}

_VERSION_3 = 0x20080522
_LOW = 0xFFFFFFFF
_HIGHEST = 63


def mask(capabilities: Iterable[str]) -> int:
    """Turn names (CAP_CHOWN) into a set.

    :raises KeyError: for a name that is none.
    """
    result = 0
    for name in capabilities:
        result |= 1 << CAPABILITIES[name]
    return result


def names(capabilities: int) -> tuple[str, ...]:
    """Turn a set into names, in order of number; a capability newer than this table is ``cap_41`` and so on."""
    by_number = {number: name for name, number in CAPABILITIES.items()}
    return tuple(by_number.get(bit, f"cap_{bit}") for bit in range(_HIGHEST + 1) if capabilities >> bit & 1)


def last_cap() -> int:
    """Give the number of the last capability this kernel knows, by asking it (six calls, no /proc)."""
    low, high = 0, _HIGHEST + 1
    while high - low > 1:
        middle = (low + high) // 2
        try:
            prctl.prctl(prctl.PR_CAPBSET_READ, middle)
            low = middle
        except OSError:
            high = middle
    return low


def capget(pid: int = 0) -> tuple[int, int, int]:
    """Read (effective, permitted, inheritable) of a thread, 0 being this one."""
    data = abi.cap_data()
    abi.capget(abi.byref(abi.cap_header(_VERSION_3, pid)), abi.byref(data))
    return (
        data.effective1 << 32 | data.effective0,
        data.permitted1 << 32 | data.permitted0,
        data.inheritable1 << 32 | data.inheritable0,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three sets of this thread.

    :raises OSError: EPERM for adding to permitted, for effective outside permitted, or for inheritable outside the
        bounding set.
    """
    sets = (effective, permitted, inheritable)
    data = abi.cap_data(*(value & _LOW for value in sets), *(value >> 32 for value in sets))
    try:
        abi.capset(abi.byref(abi.cap_header(_VERSION_3, 0)), abi.byref(data))
    except OSError as error:
        raise abi.error(error.errno or 0, "capset", None, _sets_text(effective, permitted, inheritable)) from None


def _sets_text(effective: int, permitted: int, inheritable: int) -> str:
    return f"effective {effective:#x}, permitted {permitted:#x}, inheritable {inheritable:#x}"


def bounding_read() -> int:
    """Read the bounding set."""
    result = 0
    for number in range(last_cap() + 1):
        result |= prctl.prctl(prctl.PR_CAPBSET_READ, number) << number
    return result


def bounding_drop(capability: int) -> None:
    """Take one capability, by number, out of the bounding set, for ever; needs CAP_SETPCAP.

    :raises OSError: EPERM without it, EINVAL for a number the kernel does not know.
    """
    try:
        prctl.prctl(prctl.PR_CAPBSET_DROP, capability)
    except OSError as error:
        raise abi.error(error.errno or 0, "prctl PR_CAPBSET_DROP", (names(1 << capability))[0]) from None


def ambient_clear() -> None:
    """Empty the ambient set."""
    prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_CLEAR_ALL)


def ambient_raise(capability: int) -> None:
    """Add one capability, by number, to the ambient set.

    :raises OSError: EPERM when it is not both permitted and inheritable.
    """
    try:
        prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_RAISE, capability)
    except OSError as error:
        raise abi.error(error.errno or 0, "prctl PR_CAP_AMBIENT_RAISE", (names(1 << capability))[0]) from None


def ambient_read() -> int:
    """Read the ambient set."""
    result = 0
    for number in range(last_cap() + 1):
        result |= prctl.prctl(prctl.PR_CAP_AMBIENT, prctl.PR_CAP_AMBIENT_IS_SET, number) << number
    return result


def set_keepcaps(value: bool) -> None:
    """Keep the permitted set over the next setuid from root; see :func:`hezi.linux.prctl.set_keepcaps`."""
    prctl.set_keepcaps(value)


def apply_bounding(bounding: int) -> None:
    """Reduce the bounding set to ``bounding``; while CAP_SETPCAP is still effective, that is before setuid.

    It is dropped without looking first, which would double the calls on the way of every container's start. What is in
    ``bounding`` and not in the current set stays out: ask :func:`bounding_read` beforehand.
    """
    for number in range(last_cap() + 1):
        if not bounding >> number & 1:
            try:
                bounding_drop(number)
            except PermissionError:
                # Without CAP_SETPCAP; no harm when it was not there anyway.
                if prctl.prctl(prctl.PR_CAPBSET_READ, number):
                    raise


def apply_sets(effective: int, permitted: int, inheritable: int, ambient: int) -> None:
    """Set the other four sets, after setuid (with keepcaps set before it), and check by reading them back.

    The ambient set comes last, since the kernel only lets in what is permitted and inheritable. Capabilities which the
    kernel does not know are left out; ones which this process does not have are EPERM.

    :raises OSError: EPERM as :func:`capset` and :func:`ambient_raise`; EPERM too when the kernel holds other sets than
        asked for afterwards.
    """
    known = (1 << last_cap() + 1) - 1
    ambient &= known
    wanted = (effective & known, permitted & known, inheritable & known)
    capset(*wanted)
    ambient_clear()
    for number in range(_HIGHEST + 1):
        if ambient >> number & 1:
            ambient_raise(number)
    # An ambient set just cleared needs no reading back, which is one call for each capability.
    if capget() != wanted or (ambient and ambient_read() != ambient):
        raise abi.error(errno.EPERM, "capset", None, f"read back {_sets_text(*capget())}, ambient {ambient_read():#x}")


def apply(bounding: int, effective: int, permitted: int, inheritable: int, ambient: int) -> None:
    """Set all five sets, for a process which changes no user id in between."""
    apply_bounding(bounding)
    apply_sets(effective, permitted, inheritable, ambient)
