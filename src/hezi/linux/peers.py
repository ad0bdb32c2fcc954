"""Peer groups across mount namespaces: where a mount or unmount will be seen besides where it is made.

mount_namespaces(7): an event below a mount of a peer group happens below all mounts of that group, in whatever
namespace, and below all slaves of the group, and so on from the groups of those slaves that are shared themselves.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.linux import mount, mountinfo, nsheld, nsscan, propagation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hezi.linux.mountinfo import MountEntry


class Placed(NamedTuple):
    """A mount in its namespace.

    :ivar space: the inode of the mount namespace.
    :ivar pid: the process that it was read of; mount points are below that one's root. 0 for a namespace without any.
    :ivar kept: the file or descriptor that keeps a namespace without processes; "" for the others.
    """

    space: int
    pid: int
    entry: MountEntry
    kept: str = ""


def survey(pids: Iterable[int] | None = None) -> tuple[Placed, ...]:
    """Read the mounts of all mount namespaces, as far as they may be read.

    Also of those without processes, which a file or a descriptor keeps: their mounts take part in propagation.

    :param pids: one process for each namespace that is wanted; the lowest of each, and all that are kept, when not
        given.
    """
    if pids is None:
        found = nsscan.spaces(nsscan.processes(("mnt",)), ("mnt",))
        firsts = [(inode, space.members) for inode, space in found.items()]
    else:
        members = {os.stat(f"/proc/{pid}/ns/mnt").st_ino: (nsscan.Member(pid, 0, 0, {}),) for pid in pids}
        firsts = list(members.items())
    placed: list[Placed] = []
    for inode, candidates in firsts:
        for member in candidates:
            try:
                entries = mountinfo.read(member.pid)
            except OSError:
                continue  # ended meanwhile, or another user's: the next one may do
            placed += [Placed(inode, member.pid, entry) for entry in entries]
            break
    if pids is None:
        placed += _of_kept({inode for inode, _ in firsts})
    return tuple(placed)


def _of_kept(seen: set[int]) -> list[Placed]:
    found: list[Placed] = []
    for holder in nsheld.holders(("mnt",)):
        if holder.inode in seen:
            continue
        try:
            entries = nsheld.mounts(holder)
        except OSError:
            continue  # let go meanwhile, or without the rights to join it
        found += [Placed(holder.inode, 0, entry, holder.place) for entry in entries]
    return found


def receivers(source: MountEntry, placed: Iterable[Placed]) -> tuple[Placed, ...]:
    """List the other mounts below which a mount made below ``source`` will appear: its peers, slaves, and theirs.

    They are mounts of the same file system. One that is rooted in another directory of it gets only what is made in
    there.
    """
    mounts = tuple(placed)
    groups, rest = set(), [source.peer_group] if source.peer_group else []
    while rest:
        group = rest.pop()
        if group in groups:
            continue
        groups.add(group)
        rest += [one.entry.peer_group for one in mounts if one.entry.master == group and one.entry.peer_group]
    return tuple(
        one
        for one in mounts
        if one.entry.id != source.id and (one.entry.peer_group in groups or one.entry.master in groups)
    )


def givers(target: MountEntry, placed: Iterable[Placed]) -> tuple[Placed, ...]:
    """List the other mounts from below which mounts will appear below ``target``."""
    mounts = tuple(placed)
    return tuple(
        one
        for one in mounts
        if one.entry.id != target.id and any(each.entry.id == target.id for each in receivers(one.entry, mounts))
    )


class Group(NamedTuple):
    """A peer group.

    :ivar master: the group it is a slave of, 0 for none.
    :ivar members: the mounts that are in it.
    :ivar slaves: those that receive from it and are in no group themselves.
    """

    number: int
    master: int
    members: tuple[Placed, ...]
    slaves: tuple[Placed, ...]


def groups(placed: Sequence[Placed]) -> dict[int, Group]:
    """Sort mounts by group: number -> group; a group whose mounts are all out of sight has no members."""
    numbers = {one.entry.peer_group for one in placed} | {one.entry.master for one in placed}
    made = {}
    for number in sorted(numbers - {0}):
        members = tuple(one for one in placed if one.entry.peer_group == number)
        slaves = tuple(one for one in placed if one.entry.master == number and not one.entry.peer_group)
        made[number] = Group(number, members[0].entry.master if members else 0, members, slaves)
    return made


# --- attaching -------------------------------------------------------------------------------------------------------


def bind(
    source: str | bytes,
    target: str | bytes,
    *,
    recursive: bool = False,
    beneath: bool = False,
    userns_fd: int | None = None,
    state: str | None = None,
) -> None:
    """Show a file or directory at another place too.

    :param recursive: with the mounts below it, except unbindable ones.
    :param beneath: put it under the topmost mount of the target, to be seen when that is unmounted (Linux 6.5).
    :param userns_fd: owners are seen through the map of this user namespace (idmapped, Linux 5.12).
    :param state: give the copy this propagation before anybody sees it, one of :data:`propagation.STATES`.
    :raises OSError: EINVAL for an unbindable source, or beneath the root of a namespace or on a place without a mount.
    """
    flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if recursive else 0)
    _attach(lambda: mount.open_tree(mount.AT_FDCWD, source, flags), target, beneath, userns_fd, state, recursive)


def move(source: str | bytes, target: str | bytes, *, beneath: bool = False) -> None:
    """Move a mount with all that is below it.

    :raises OSError: EINVAL for what is no mount, or one below a shared mount.
    """
    _attach(lambda: mount.open_tree(mount.AT_FDCWD, source), target, beneath, None, None, recursive=False)


def _attach(
    take: Callable[[], int],
    target: str | bytes,
    beneath: bool,
    userns_fd: int | None,
    state: str | None,
    recursive: bool,
) -> None:
    tree = take()
    try:
        if userns_fd is not None:
            below = mount.AT_EMPTY_PATH | (mount.AT_RECURSIVE if recursive else 0)
            mount.mount_setattr(tree, b"", below, userns_fd=userns_fd)
        if state is not None:
            propagation.make(tree, state, recursive)
        flags = mount.MOVE_MOUNT_F_EMPTY_PATH | mount.MOVE_MOUNT_T_SYMLINKS
        flags |= mount.MOVE_MOUNT_BENEATH if beneath else 0
        mount.move_mount(tree, b"", mount.AT_FDCWD, target, flags)
    finally:
        os.close(tree)
