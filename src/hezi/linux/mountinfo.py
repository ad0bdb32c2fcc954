"""The mounts of a namespace: by statmount(2) and listmount(2) where Linux has them (6.13), else from mountinfo.

Both ways give equal :class:`MountEntry` values. Asking mount by mount costs one system call each, but a mount that
changes meanwhile spoils only its own entry, whereas /proc/PID/mountinfo read in pieces may skip or repeat lines.

The fields of a mountinfo line (proc_pid_mountinfo(5))::

    36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    id parent dev root mount_point options optional... - fstype source super_options
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.linux import abi, fd, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_EOVERFLOW = 75
_EOPNOTSUPP = 95
_READ_BYTES = 1 << 16
# A mount namespace holds at most fs.mount-max (100,000) mounts by default.
_BATCH = 512
_STATMOUNT_BYTES = 16384
_STATMOUNT_LIMIT = 1 << 20
_WANTED = (
    abi.STATMOUNT_SB_BASIC
    | abi.STATMOUNT_MNT_BASIC
    | abi.STATMOUNT_PROPAGATE_FROM
    | abi.STATMOUNT_MNT_ROOT
    | abi.STATMOUNT_MNT_POINT
    | abi.STATMOUNT_FS_TYPE
    | abi.STATMOUNT_MNT_OPTS
    | abi.STATMOUNT_FS_SUBTYPE
    | abi.STATMOUNT_SB_SOURCE
)
# The kernel leaves these out of an answer when they are empty, so that one answer says nothing about the kernel.
_OPTIONAL = abi.STATMOUNT_MNT_OPTS | abi.STATMOUNT_FS_SUBTYPE | abi.STATMOUNT_SB_SOURCE

# In the order the kernel writes them (fs/proc_namespace.c); access time is apart.
_ATTRIBUTES = (
    (mount.MOUNT_ATTR_NOSUID, "nosuid"),
    (mount.MOUNT_ATTR_NODEV, "nodev"),
    (mount.MOUNT_ATTR_NOEXEC, "noexec"),
)
_SB_FLAGS = (
    (mount.MS_SYNCHRONOUS, "sync"),
    (mount.MS_DIRSYNC, "dirsync"),
    (mount.MS_MANDLOCK, "mand"),
    (mount.MS_LAZYTIME, "lazytime"),
)


class MountEntry(NamedTuple):
    """One mount.

    :ivar id: reused after an unmount; unique among the present ones.
    :ivar parent: the id of the mount it is on; the root's may be one that cannot be seen.
    :ivar root: the directory of the file system which is the root of this mount.
    :ivar mount_point: relative to the reader's root directory.
    :ivar options: of this mount, as the kernel writes them: "rw,nosuid,relatime".
    :ivar peer_group: the group it shares events with, 0 for none.
    :ivar master: the group it receives events from, 0 for none.
    :ivar propagate_from: the nearest group under the reader's root which they come from, 0 when that is ``master``.
    :ivar fstype: with its subtype, as "fuse.sshfs".
    :ivar super_options: of the file system.
    """

    id: int
    parent: int
    major: int
    minor: int
    root: str
    mount_point: str
    options: str
    peer_group: int
    master: int
    propagate_from: int
    unbindable: bool
    fstype: str
    source: str
    super_options: str

    @property
    def propagation(self) -> str:
        """The state's name, as :mod:`hezi.linux.propagation` has them."""
        if self.peer_group:
            return "shared-and-slave" if self.master else "shared"
        if self.master:
            return "slave"
        return "unbindable" if self.unbindable else "private"


def unescape(field: bytes) -> str:
    r"""Undo the kernel's octal escapes of space, tab, newline, backslash and others: ``\040`` and its kin."""
    if b"\\" not in field:
        return os.fsdecode(field)
    pieces = field.split(b"\\")
    decoded = [pieces[0]]
    for piece in pieces[1:]:
        if len(piece) >= 3 and piece[0] in b"0123" and piece[1] in b"01234567" and piece[2] in b"01234567":
            decoded.append(bytes((int(piece[:3], 8),)) + piece[3:])
        else:
            decoded.append(b"\\" + piece)
    return os.fsdecode(b"".join(decoded))


def parse_line(line: bytes) -> MountEntry:
    """Read one line of mountinfo.

    :raises ValueError: for a line of another form.
    """
    fields = line.split(b" ")
    separator = fields.index(b"-", 6)
    tags = dict.fromkeys((b"shared", b"master", b"propagate_from"), 0)
    for tag in fields[6:separator]:
        name, _, value = tag.partition(b":")
        if name in tags:  # others are to be ignored, says the man page
            tags[name] = int(value)
    major, _, minor = fields[2].partition(b":")
    return MountEntry(
        id=int(fields[0]),
        parent=int(fields[1]),
        major=int(major),
        minor=int(minor),
        root=unescape(fields[3]),
        mount_point=unescape(fields[4]),
        options=fields[5].decode(),
        peer_group=tags[b"shared"],
        master=tags[b"master"],
        propagate_from=tags[b"propagate_from"],
        unbindable=b"unbindable" in fields[6:separator],
        fstype=unescape(fields[separator + 1]),
        source=unescape(fields[separator + 2]),
        super_options=unescape(b" ".join(fields[separator + 3 :])),
    )


def parse(text: bytes) -> tuple[MountEntry, ...]:
    """Read the text of a mountinfo file."""
    return tuple(parse_line(line) for line in text.split(b"\n") if line)


def read(pid: int | str = "self", proc_fd: int | None = None) -> tuple[MountEntry, ...]:
    """Read the mounts that a process sees from its /proc/PID/mountinfo.

    :param proc_fd: a verified procfs to read in; /proc when not given.
    :raises OSError: ENOENT, ESRCH or EINVAL for a process that is gone, EACCES for one that may not be looked into.
    """
    return parse(read_text(pid, proc_fd))


def read_text(pid: int | str = "self", proc_fd: int | None = None) -> bytes:
    """Read that file as it is; parameters and errors as for :func:`read`."""
    name = f"/proc/{pid}/mountinfo" if proc_fd is None else f"{pid}/mountinfo"
    file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc_fd)
    chunks: list[bytes] = []
    try:
        while chunk := os.read(file, _READ_BYTES):
            chunks.append(chunk)
    finally:
        os.close(file)
    return b"".join(chunks)


def list_mounts() -> tuple[MountEntry, ...]:
    """List the mounts this process sees, oldest first."""
    try:
        return list_by_statmount()
    except OSError:
        return read()


# --- statmount(2) -----------------------------------------------------------------------------------------------------


def list_by_statmount() -> tuple[MountEntry, ...]:
    """List the mounts this process sees with listmount(2) and statmount(2) only.

    :raises OSError: ENOSYS where the kernel (or a seccomp filter) has none of it, EOPNOTSUPP where it cannot tell all
        that :class:`MountEntry` holds.
    """
    buffer = abi.buffer(_STATMOUNT_BYTES)
    entries: list[MountEntry] = []
    for unique_id in _unique_ids():
        try:
            buffer = _statmount(unique_id, buffer)
        except FileNotFoundError:
            continue  # unmounted meanwhile
        entries.append(_entry(buffer))
    if not any(entry.source for entry in entries):
        # Linux 6.8 to 6.12: none of these kernels tells the source, or the subtype.
        raise abi.error(_EOPNOTSUPP, "statmount", None, "the kernel tells no source")
    return tuple(entries)


def _unique_ids() -> list[int]:
    """List the 64-bit ids, which unlike :attr:`MountEntry.id` are never used again."""
    batch = abi.u64_array(_BATCH)
    request = abi.mnt_id_req(size=abi.sizeof(abi.mnt_id_req), mnt_id=abi.LSMT_ROOT)
    ids: list[int] = []
    while True:
        count = abi.listmount(abi.byref(request), abi.byref(batch), _BATCH, 0)
        ids += batch[:count]
        if count < _BATCH:
            return ids
        request.param = ids[-1]


def _statmount(unique_id: int, buffer: abi.Buffer) -> abi.Buffer:
    """Ask about one mount; gives the buffer, or a larger one when the strings did not fit."""
    request = abi.mnt_id_req(size=abi.sizeof(abi.mnt_id_req), mnt_id=unique_id, param=_WANTED)
    while True:
        try:
            abi.statmount(abi.byref(request), abi.addressof(buffer), abi.sizeof(buffer), 0)
        except OSError as error:
            size = abi.sizeof(buffer) * 2
            if error.errno != _EOVERFLOW or size > _STATMOUNT_LIMIT:
                raise
            buffer = abi.buffer(size)
        else:
            return buffer


def _entry(buffer: abi.Buffer) -> MountEntry:
    head = abi.statmount_buf.from_buffer(buffer)
    if head.mask & _WANTED & ~_OPTIONAL != _WANTED & ~_OPTIONAL:
        raise abi.error(_EOPNOTSUPP, "statmount", None, f"the kernel answered only {head.mask:#x}")
    raw = memoryview(buffer)[abi.sizeof(abi.statmount_buf) : head.size]

    def text(bit: int, offset: int) -> bytes:
        return bytes(raw[offset:]).partition(b"\0")[0] if head.mask & bit else b""

    fstype = text(abi.STATMOUNT_FS_TYPE, head.fs_type)
    subtype = text(abi.STATMOUNT_FS_SUBTYPE, head.fs_subtype)
    return MountEntry(
        id=head.mnt_id_old,
        parent=head.mnt_parent_id_old,
        major=head.sb_dev_major,
        minor=head.sb_dev_minor,
        root=os.fsdecode(text(abi.STATMOUNT_MNT_ROOT, head.mnt_root)),
        mount_point=os.fsdecode(text(abi.STATMOUNT_MNT_POINT, head.mnt_point)),
        options=_options(head.mnt_attr),
        peer_group=head.mnt_peer_group,
        master=head.mnt_master,
        propagate_from=head.propagate_from if head.propagate_from != head.mnt_master else 0,
        unbindable=bool(head.mnt_propagation & mount.MS_UNBINDABLE),
        fstype=os.fsdecode(fstype + b"." + subtype if subtype else fstype),
        source=os.fsdecode(text(abi.STATMOUNT_SB_SOURCE, head.sb_source)),
        super_options=_super_options(head.sb_flags, unescape(text(abi.STATMOUNT_MNT_OPTS, head.mnt_opts))),
    )


def _options(attr: int) -> str:
    words = ["ro" if attr & mount.MOUNT_ATTR_RDONLY else "rw"]
    words += [word for flag, word in _ATTRIBUTES if attr & flag]
    atime = attr & mount.MOUNT_ATTR__ATIME
    if atime == mount.MOUNT_ATTR_NOATIME:
        words.append("noatime")
    if attr & mount.MOUNT_ATTR_NODIRATIME:
        words.append("nodiratime")
    if atime == mount.MOUNT_ATTR_RELATIME:
        words.append("relatime")
    if attr & mount.MOUNT_ATTR_NOSYMFOLLOW:
        words.append("nosymfollow")
    if attr & mount.MOUNT_ATTR_IDMAP:
        words.append("idmapped")
    return ",".join(words)


def _super_options(flags: int, rest: str) -> str:
    words = ["ro" if flags & mount.MS_RDONLY else "rw"]
    words += [word for flag, word in _SB_FLAGS if flags & flag]
    if rest:
        words.append(rest)
    return ",".join(words)


def entry_of(file: int, entries: Sequence[MountEntry] | None = None) -> MountEntry:
    """Give the mount which a descriptor is on.

    :param entries: what to look in; read when not given.
    :raises OSError: ENOENT for one that is not attached in this namespace, or not below this root.
    """
    wanted = fd.mount_id(file)
    for entry in list_mounts() if entries is None else entries:
        if entry.id == wanted:
            return entry
    raise abi.error(2, "listmount", f"mount {wanted}", "not attached below the root of this process")
