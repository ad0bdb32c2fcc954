"""Namespaces without processes: kept alive by a file that they are bound to, or by a descriptor that somebody has."""

from __future__ import annotations

import errno
import os

from hezi._util.record import NamedTuple
from hezi.linux import abi, fd, mountinfo, nscalls, nsobject, nsscan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hezi.linux.mountinfo import MountEntry


class Holder(NamedTuple):
    """What keeps a namespace.

    :ivar kind: "net", "mnt" ...; ``inode`` is the number in its name.
    :ivar pid: who has the descriptor, or sees the file.
    :ivar number: the descriptor; -1 for a file.
    :ivar path: of the file, below that process's root; "" for a descriptor.
    :ivar here: whether the file is in the mount namespace of this process.
    """

    kind: str
    inode: int
    pid: int
    number: int = -1
    path: str = ""
    here: bool = False

    @property
    def place(self) -> str:
        """A path under which this process finds it."""
        if self.number >= 0:
            return f"/proc/{self.pid}/fd/{self.number}"
        return self.path if self.here else f"/proc/{self.pid}/root{self.path}"


def holders(kinds: Iterable[str] = nsscan.KINDS) -> tuple[Holder, ...]:
    """List the files and descriptors that keep namespaces of these kinds, each namespace's first only; files first.

    Looks into all mount namespaces that have a process, and at the descriptors of all processes but this one, as far as
    it may. A namespace that is listed may have processes as well.
    """
    wanted = frozenset(kinds)
    found: dict[int, Holder] = {}
    for one in (*_files(), *_descriptors()):
        if one.kind in wanted:
            found.setdefault(one.inode, one)
    return tuple(found.values())


def _files() -> Iterator[Holder]:
    here = nscalls.namespace_id("/proc/self/ns/mnt")[1]
    members = {inode: space.members for inode, space in nsscan.spaces(nsscan.processes(("mnt",)), ("mnt",)).items()}
    # This one's first: the paths are then those that people know.
    for inode in sorted(members, key=lambda each: each != here):
        for member in members[inode]:
            try:
                entries = mountinfo.read(member.pid)
            except OSError:
                continue  # ended meanwhile, or another user's: the next one may do
            for entry in entries:
                name = _name(entry.root) if entry.fstype == "nsfs" else None
                if name is not None:
                    yield Holder(*name, member.pid, path=entry.mount_point, here=inode == here)
            break


def _descriptors() -> Iterator[Holder]:
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if pid == os.getpid():
            continue
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue  # ended, or another user's
        for number in numbers:
            try:
                name = _name(os.readlink(f"/proc/{pid}/fd/{number}"))
            except OSError:
                continue
            if name is not None:
                yield Holder(*name, pid, number=int(number))


def _name(text: str) -> tuple[str, int] | None:
    """Read what the kernel calls a namespace, ``net:[4026531840]``; None for something else."""
    kind, mark, number = text.removesuffix("]").partition(":[")
    return (kind, int(number)) if mark and number.isdigit() and kind in nscalls.KINDS else None


def open_held(holder: Holder) -> nsobject.Namespace:
    """Open the namespace that is kept.

    The file may be a container's, which may put anything in its place meanwhile: its path is resolved below the
    container's root, and what is found is looked at before it is opened.

    :raises OSError: it is gone, or may not be reached.
    """
    if holder.number >= 0:
        found = os.open(holder.place, os.O_PATH | os.O_CLOEXEC)
    else:
        root = os.open("/" if holder.here else f"/proc/{holder.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = fd.open_in_root(root, holder.path, os.O_PATH)
        finally:
            os.close(root)
    try:
        if not nsobject.is_namespace(found):
            raise abi.error(errno.ENOENT, "open", holder.place, "the namespace is not kept there any more")
        space = nsobject.Namespace.open(f"/proc/self/fd/{found}")
    finally:
        os.close(found)
    if (space.kind, space.inode) != (holder.kind, holder.inode):
        space.close()
        raise abi.error(errno.ENOENT, "open", holder.place, "another namespace is kept there by now")
    return space


def mounts(holder: Holder) -> tuple[MountEntry, ...]:
    """Read the mounts of a mount namespace that has no process, by a child that joins it for the moment.

    :raises OSError: EPERM without CAP_SYS_ADMIN and CAP_SYS_CHROOT over it, EINVAL when this process has threads.
    """
    with open_held(holder) as space:
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        answer, question = os.pipe()
        try:
            pid = nscalls.clone3(0, want_pidfd=False)[0]
            if pid == 0:
                _tell(space.fd, proc, question)
        except BaseException:
            os.close(answer)
            raise
        finally:
            os.close(proc)
            os.close(question)
    with open(answer, "rb") as file:
        text = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise abi.error(max(code, 1), "setns", holder.place)
    return mountinfo.parse(text)


def _tell(space: int, proc: int, where: int) -> None:
    """In the child: join, write the text of mountinfo, and end; the exit code is an errno."""
    code = 1
    try:
        nscalls.setns(space, nscalls.CLONE_NEWNS)
        raw = memoryview(mountinfo.read_text("self", proc))
        while raw:
            raw = raw[os.write(where, raw) :]
        code = 0
    except OSError as error:
        code = error.errno or 1
    finally:
        os._exit(code)
