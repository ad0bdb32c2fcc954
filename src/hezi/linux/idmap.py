"""Which ids a user namespace has, and whose they are outside: /proc/PID/uid_map, gid_map and setgroups.

user_namespaces(7) has the rules. A process may map its own id alone; a range needs CAP_SETUID (CAP_SETGID) outside, or
the helpers newuidmap(1) and newgidmap(1), which allow what /etc/subuid and /etc/subgid grant.
"""

from __future__ import annotations

import errno
import itertools
import os

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    Which = Literal["uid", "gid"]

# Linux 4.15; older ones take 5.
MAX_RANGES = 340
_MAX_ID = 2**32 - 1
_READ_BYTES = 1 << 16
_GRANTED = {"uid": "/etc/subuid", "gid": "/etc/subgid"}


class Range(NamedTuple):
    """``length`` ids: ``inner`` and those behind it in the namespace are ``outer`` and those behind it outside."""

    inner: int
    outer: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.inner} {self.outer} {self.length}"


class SubRange(NamedTuple):
    """Ids that /etc/subuid or /etc/subgid grants to a user."""

    first: int
    length: int


def parse(text: str) -> tuple[Range, ...]:
    """Read the text of a map file.

    :raises ValueError: for a line of another form.
    """
    return tuple(Range(*map(int, line.split())) for line in text.splitlines() if line.strip())


def read(pid: int | str = "self", which: Which = "uid") -> tuple[Range, ...]:
    """Read a process's map; empty when none was written. ``outer`` ids are as the reader's own namespace has them.

    :raises OSError: ENOENT, ESRCH for a process that is gone.
    """
    with open(f"/proc/{pid}/{which}_map", encoding="ascii") as file:
        return parse(file.read())


def to_outer(ranges: Iterable[Range], inner: int) -> int | None:
    """Give whose id ``inner`` is outside; None for one without a mapping."""
    for each in ranges:
        if each.inner <= inner < each.inner + each.length:
            return each.outer + inner - each.inner
    return None


def to_inner(ranges: Iterable[Range], outer: int) -> int | None:
    """Give what the id ``outer`` is inside; None for one without a mapping (which shows as 65534 there)."""
    for each in ranges:
        if each.outer <= outer < each.outer + each.length:
            return each.inner + outer - each.outer
    return None


def check(ranges: Iterable[Range]) -> None:
    """Check what the kernel answers with a bare EINVAL.

    :raises ValueError: there are none or too many, a range is empty or beyond 32 bits, or two overlap on either side.
    """
    listed = tuple(ranges)
    if not 0 < len(listed) <= MAX_RANGES:
        message = f"a map has between 1 and {MAX_RANGES} ranges, not {len(listed)}"
        raise ValueError(message)
    for one in listed:
        if one.length < 1 or min(one.inner, one.outer) < 0 or max(one.inner, one.outer) + one.length > _MAX_ID:
            message = f"no range of ids: {one}"
            raise ValueError(message)
    for side in (0, 1):
        ordered = sorted(listed, key=lambda one: one[side])
        for low, high in itertools.pairwise(ordered):
            if low[side] + low.length > high[side]:
                message = f"{('inside', 'outside')[side]} the ranges '{low}' and '{high}' overlap"
                raise ValueError(message)


def with_hole(ranges: Iterable[Range], single: Range) -> tuple[Range, ...]:
    """Put a mapping of one id before others, which make room for it on either side.

    The others keep the order of their ids and lose the topmost ones when they are pushed up, as unshare(1) does with
    ``--map-user`` beside ``--map-users``.
    """
    made: list[Range] = [single]
    for each in ranges:
        inner, outer, end_inner, end_outer = each.inner, each.outer, each.inner + each.length, each.outer + each.length
        while inner < end_inner and outer < end_outer:
            inner += inner == single.inner
            outer += outer == single.outer
            stops = [end_inner - inner, end_outer - outer]
            stops += [single.inner - inner] if single.inner > inner else []
            stops += [single.outer - outer] if single.outer > outer else []
            count = min(stops)
            if count > 0:
                made.append(Range(inner, outer, count))
            inner, outer = inner + max(count, 0), outer + max(count, 0)
    return tuple(made)


def granted(which: Which, user: str | None = None) -> tuple[SubRange, ...]:
    """Read which ids a user was granted in /etc/subuid (``uid``) or /etc/subgid (``gid``).

    :param user: a name or a number; the user this process runs as when not given.
    :raises OSError: ENOENT when there is no such file.
    """
    names = _names(user)
    found = []
    with open(_GRANTED[which], encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.strip().split(":")
            if len(fields) == 3 and fields[0] in names and fields[1].isdigit() and fields[2].isdigit():
                found.append(SubRange(int(fields[1]), int(fields[2])))
    return tuple(found)


def _names(user: str | None) -> set[str]:
    import pwd

    try:
        entry = pwd.getpwuid(os.geteuid()) if user is None else pwd.getpwnam(user)
    except KeyError:
        return {str(os.geteuid())} if user is None else {user}
    return {entry.pw_name, str(entry.pw_uid)}


def set_setgroups(pid: int | str, *, allow: bool) -> None:
    """Allow or forbid setgroups(2) in a process's user namespace (Linux 3.19), before its gid map is written.

    Forbidding it cannot be undone, and is what an ordinary user must do to map a group.

    :raises OSError: EPERM when it is too late, or was forbidden.
    """
    _write(f"/proc/{pid}/setgroups", b"allow" if allow else b"deny")


def write(pid: int | str, which: Which, ranges: Iterable[Range]) -> None:
    """Write a process's map, once and for all, by this process's own rights.

    :raises ValueError: see :func:`check`.
    :raises OSError: EPERM without CAP_SETUID (CAP_SETGID) for more than the own id, when setgroups is still allowed, or
        for a second time.
    """
    listed = tuple(ranges)
    check(listed)
    _write(f"/proc/{pid}/{which}_map", "".join(f"{one}\n" for one in listed).encode())


def _write(name: str, data: bytes) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, data)
    except OSError as error:
        raise abi.error(error.errno or 0, "write", name, why_not_written(name, error.errno)) from None
    finally:
        os.close(file)


def why_not_written(name: str, number: int | None) -> str:
    """Say why a file of /proc/PID with ids was not written; "" when nothing is known."""
    if number != errno.EPERM:
        return ""
    from hezi.linux import nsfaults

    taken = nsfaults.rights_taken()
    also = f"; or {taken}" if taken else ""
    if name.endswith("gid_map"):
        return f"written already, or more than the own group is mapped, or setgroups is still allowed{also}"
    if name.endswith("uid_map"):
        known = "written already, or more than the own user is mapped: newuidmap and a line in /etc/subuid allow more"
        return known + also
    return "the group map is written already, or setgroups was denied before"


def write_by_helper(pid: int, which: Which, ranges: Iterable[Range]) -> None:
    """Write a map with newuidmap(1) or newgidmap(1), which are setuid root and follow /etc/subuid and /etc/subgid.

    :raises ValueError: see :func:`check`.
    :raises OSError: ENOENT without the helper (Debian package uidmap), EPERM with its words when it refuses.
    """
    from hezi._util import proc
    from hezi.errors import Error

    listed = tuple(ranges)
    check(listed)
    helper = f"new{which}map"
    argv = [helper, str(pid)]
    for one in listed:
        argv += [str(one.inner), str(one.outer), str(one.length)]
    try:
        done = proc.run(argv)
    except Error as error:
        raise abi.error(errno.ENOENT, helper, detail=f"{error}; Debian package uidmap") from None
    if done.code:
        words = done.stderr.decode(errors="replace").strip()
        raise abi.error(errno.EPERM, helper, detail=words or f"exit code {done.code}")


def own_map(inner: int, which: Which = "uid") -> tuple[Range, ...]:
    """Give the one map that needs no rights: this process's own effective id as ``inner``."""
    return (Range(inner, os.geteuid() if which == "uid" else os.getegid()),)


def may_write(which: Which, ranges: Iterable[Range]) -> bool:
    """Whether this process may write such a map itself: it has the capability, or maps nothing but its own id."""
    listed = tuple(ranges)
    own = os.geteuid() if which == "uid" else os.getegid()
    if len(listed) == 1 and listed[0].length == 1 and listed[0].outer == own:
        return True
    from hezi.linux import caps

    wanted = "CAP_SETUID" if which == "uid" else "CAP_SETGID"
    return wanted in caps.names(caps.capget()[0])


def needs_denial(gid_map: Iterable[Range]) -> bool:
    """Whether the kernel wants setgroups denied first: without CAP_SETGID, for the own group alone."""
    from hezi.linux import caps

    return may_write("gid", gid_map) and "CAP_SETGID" not in caps.names(caps.capget()[0])


def write_somehow(pid: int, which: Which, ranges: Iterable[Range]) -> None:
    """Write a map by own right where that is enough, else by the helper."""
    listed = tuple(ranges)
    (write if may_write(which, listed) else write_by_helper)(pid, which, listed)
