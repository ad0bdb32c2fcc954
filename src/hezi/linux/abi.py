"""The one file that speaks C: constants, structures and system call prototypes, each built once.

Every call goes through libc's ``syscall(2)``, so the same file serves glibc and musl and no wrapper in between has an
opinion. Each prototype is a function object of its own (``CDLL[name]`` makes a new one at every lookup), typed here
and never touched again: ``argtypes`` of a shared object, changed at call time, would be a race between threads.

A failing call raises ``OSError(errno, "<call>: <text>", path)``. Paths may be ``str``, ``bytes`` or ``None`` (NULL); a
NUL byte inside one is EINVAL, since C would silently act on the part before it. System calls are not restarted after
EINTR here: callers which may block say what they do.

Names are the kernel's. Numbers are for x86_64 and aarch64; on another machine importing works and calling says why not.
"""

from __future__ import annotations

import ctypes
import errno as _errno
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Buffer = ctypes.Array[ctypes.c_char]

# --- open flags and *at flags -------------------------------------------------------------------------------------
# O_PATH and others exist in os, but with an interpreter built against an old libc they may be missing.
O_PATH = 0o10000000
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_RECURSIVE = 0x8000
AT_EMPTY_PATH = 0x1000
AT_NO_AUTOMOUNT = 0x800

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
RESOLVE_CACHED = 0x20

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4

CLOSE_RANGE_UNSHARE = 2
CLOSE_RANGE_CLOEXEC = 4

MFD_CLOEXEC = 0x01
MFD_ALLOW_SEALING = 0x02
MFD_HUGETLB = 0x04
MFD_NOEXEC_SEAL = 0x08
MFD_EXEC = 0x10

F_ADD_SEALS = 1033
F_GET_SEALS = 1034
F_SEAL_SEAL = 0x01
F_SEAL_SHRINK = 0x02
F_SEAL_GROW = 0x04
F_SEAL_WRITE = 0x08
F_SEAL_FUTURE_WRITE = 0x10
F_SEAL_EXEC = 0x20

PROC_SUPER_MAGIC = 0x9FA0
PROC_ROOT_INO = 1
OVERLAYFS_SUPER_MAGIC = 0x794C7630
CGROUP2_SUPER_MAGIC = 0x63677270
TMPFS_MAGIC = 0x01021994

STATX_MNT_ID = 0x1000
STATX_MNT_ID_UNIQUE = 0x4000
STATX_ATTR_MOUNT_ROOT = 0x2000

# --- clone, unshare, setns ----------------------------------------------------------------------------------------
CLONE_PIDFD = 0x1000
CLONE_PARENT = 0x8000
CLONE_CLEAR_SIGHAND = 0x100000000
CLONE_INTO_CGROUP = 0x200000000
CLONE_NEWTIME = 0x80
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# --- seccomp, bpf -------------------------------------------------------------------------------------------------
SECCOMP_SET_MODE_STRICT = 0
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_GET_NOTIF_SIZES = 3
SECCOMP_FILTER_FLAG_TSYNC = 1
SECCOMP_FILTER_FLAG_LOG = 2
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 16
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 32

# --- statmount, listmount -----------------------------------------------------------------------------------------
STATMOUNT_SB_BASIC = 0x1
STATMOUNT_MNT_BASIC = 0x2
STATMOUNT_PROPAGATE_FROM = 0x4
STATMOUNT_MNT_ROOT = 0x8
STATMOUNT_MNT_POINT = 0x10
STATMOUNT_FS_TYPE = 0x20
STATMOUNT_MNT_NS_ID = 0x40
STATMOUNT_MNT_OPTS = 0x80
STATMOUNT_FS_SUBTYPE = 0x100
STATMOUNT_SB_SOURCE = 0x200
LSMT_ROOT = 0xFFFFFFFFFFFFFFFF

_u16, _u32, _u64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


def _struct(name: str, **fields: Any) -> type[ctypes.Structure]:
    return type(name, (ctypes.Structure,), {"_fields_": tuple(fields.items())})


# Argument of clone3(2), as of CLONE_ARGS_SIZE_VER2 (Linux 5.7).
clone_args = _struct(
    "clone_args",
    flags=_u64,
    pidfd=_u64,
    child_tid=_u64,
    parent_tid=_u64,
    exit_signal=_u64,
    stack=_u64,
    stack_size=_u64,
    tls=_u64,
    set_tid=_u64,
    set_tid_size=_u64,
    cgroup=_u64,
)

# Argument of mount_setattr(2).
mount_attr = _struct(
    "mount_attr",
    attr_set=_u64,
    attr_clr=_u64,
    propagation=_u64,
    userns_fd=_u64,
)

# Argument of statmount(2) and listmount(2), MNT_ID_REQ_SIZE_VER0: 24 bytes, understood since Linux 6.8.
mnt_id_req = _struct(
    "mnt_id_req",
    size=_u32,
    spare=_u32,
    mnt_id=_u64,
    param=_u64,
)

# Result of statmount(2): 512 bytes, then the strings, which the u32 fields marked (s) are offsets into.
statmount_buf = _struct(
    "statmount_buf",
    size=_u32,
    mnt_opts=_u32,  # (s)
    mask=_u64,
    sb_dev_major=_u32,
    sb_dev_minor=_u32,
    sb_magic=_u64,
    sb_flags=_u32,
    fs_type=_u32,  # (s)
    mnt_id=_u64,
    mnt_parent_id=_u64,
    mnt_id_old=_u32,
    mnt_parent_id_old=_u32,
    mnt_attr=_u64,
    mnt_propagation=_u64,
    mnt_peer_group=_u64,
    mnt_master=_u64,
    propagate_from=_u64,
    mnt_root=_u32,  # (s)
    mnt_point=_u32,  # (s)
    mnt_ns_id=_u64,
    fs_subtype=_u32,  # (s)
    sb_source=_u32,  # (s)
    spare2=_u64 * 48,
)

# Who capget(2) and capset(2) are about.
cap_header = _struct(
    "cap_header",
    version=_u32,
    pid=ctypes.c_int,
)

# The three sets as version 3 has them: low words first, then high words.
cap_data = _struct(
    "cap_data",
    effective0=_u32,
    permitted0=_u32,
    inheritable0=_u32,
    effective1=_u32,
    permitted1=_u32,
    inheritable1=_u32,
)

# Argument of prlimit64(2).
rlimit64 = _struct(
    "rlimit64",
    rlim_cur=_u64,
    rlim_max=_u64,
)

# Argument of setxattrat(2), Linux 6.13.
xattr_args = _struct(
    "xattr_args",
    value=_u64,
    size=_u32,
    flags=_u32,
)

# One classic BPF instruction.
sock_filter = _struct(
    "sock_filter",
    code=_u16,
    jt=ctypes.c_uint8,
    jf=ctypes.c_uint8,
    k=_u32,
)

# A classic BPF program: ``len`` instructions of 8 bytes at address ``filter``.
sock_fprog = _struct(
    "sock_fprog",
    len=_u16,
    filter=ctypes.c_void_p,
)


# --- calling ------------------------------------------------------------------------------------------------------


def encode_path(path: str | bytes) -> bytes:
    """Give the bytes of a path as the kernel wants them.

    :raises OSError: EINVAL for a NUL byte inside, which C would take for the end.
    """
    raw = path if isinstance(path, bytes) else os.fsencode(path)
    if b"\0" in raw:
        raise error(_errno.EINVAL, "path", path, "embedded null byte")
    return raw


class _Path(ctypes.c_char_p):
    """Argument type of paths and other C strings."""

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return ctypes.c_char_p.from_param(None if value is None else encode_path(value))


def error(number: int, call: str, path: object = None, detail: str = "") -> OSError:
    """Make the OSError of a failed call: errno, "call: text", path.

    :param detail: what else is known, put behind the text.
    """
    text = f"{call}: {os.strerror(number)}"
    if detail:
        text = f"{text} ({detail})"
    return OSError(number, text, path) if path is not None else OSError(number, text)


def _named(args: tuple[Any, ...], at: tuple[int, ...]) -> object:
    """Pick what to call the object of a failed call: the first path given, else the number of the descriptor."""
    for index in at:
        value = args[index]
        if isinstance(value, int):
            return f"fd {value}" if value >= 0 else None
        if value:
            return value
    return None


_libc = ctypes.CDLL(None, use_errno=True)
# The same functions called with the GIL held, for the calls which return twice.
_libc_gil = ctypes.PyDLL(None, use_errno=True)

_MACHINE = os.uname().machine
# A 32-bit interpreter on a 64-bit kernel has other numbers and other structures.
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(_MACHINE) if sys.maxsize > 2**32 else None


def _unsupported(name: str) -> Callable[..., int]:
    def call(*args: object) -> int:
        raise error(_errno.ENOSYS, name, detail=f"hezi has no system call numbers for {_MACHINE} in {sys.maxsize=:#x}")

    return call


def _syscall(
    name: str, numbers: tuple[int, int] | int, *argtypes: Any, names: tuple[int, ...] = (), gil: bool = False
) -> Callable[..., int]:
    """Build the prototype of one system call.

    :param numbers: for x86_64 and aarch64; one number where they are the same (all calls since Linux 5.1).
    :param names: indexes of the arguments an error is named after, best first.
    """
    if _COLUMN is None:
        return _unsupported(name)
    number = numbers if isinstance(numbers, int) else numbers[_COLUMN]
    function = (_libc_gil if gil else _libc)["syscall"]
    function.restype = ctypes.c_long
    function.argtypes = [ctypes.c_long, *argtypes]

    def check(result: Any, _function: object, args: tuple[Any, ...]) -> Any:
        if result == -1:
            raise error(ctypes.get_errno(), name, _named(args[1:], names))
        return result

    function.errcheck = check

    def call(*args: Any) -> int:
        try:
            result: int = function(number, *args)
        except ctypes.ArgumentError as mistake:
            raise error(_errno.EINVAL, name, _named(args, names), str(mistake)) from None
        return result

    return call


_int, _uint, _long, _ulong, _ptr = ctypes.c_int, ctypes.c_uint, ctypes.c_long, ctypes.c_ulong, ctypes.c_void_p
_size = ctypes.c_size_t

# descriptors and paths
openat2 = _syscall("openat2", 437, _int, _Path, _ptr, _size, names=(1, 0))
close_range = _syscall("close_range", 436, _uint, _uint, _uint)
memfd_create = _syscall("memfd_create", (319, 279), _Path, _uint, names=(0,))
renameat2 = _syscall("renameat2", (316, 276), _int, _Path, _int, _Path, _uint, names=(1,))
fchmodat2 = _syscall("fchmodat2", 452, _int, _Path, _uint, _uint, names=(1, 0))
fchownat = _syscall("fchownat", (260, 54), _int, _Path, _uint, _uint, _int, names=(1, 0))
utimensat = _syscall("utimensat", (280, 88), _int, _Path, _ptr, _int, names=(1, 0))
setxattrat = _syscall("setxattrat", 463, _int, _Path, _uint, _Path, _ptr, _size, names=(1, 0))
syncfs = _syscall("syncfs", (306, 267), _int, names=(0,))
fstatfs = _syscall("fstatfs", (138, 44), _int, _ptr, names=(0,))
statx = _syscall("statx", (332, 291), _int, _Path, _int, _uint, _ptr, names=(1, 0))
# mounts
mount = _syscall("mount", (165, 40), _Path, _Path, _Path, _ulong, _Path, names=(1, 0))
umount2 = _syscall("umount2", (166, 39), _Path, _int, names=(0,))
pivot_root = _syscall("pivot_root", (155, 41), _Path, _Path, names=(0,))
open_tree = _syscall("open_tree", 428, _int, _Path, _uint, names=(1, 0))
move_mount = _syscall("move_mount", 429, _int, _Path, _int, _Path, _uint, names=(3, 1, 2))
fsopen = _syscall("fsopen", 430, _Path, _uint, names=(0,))
fsconfig = _syscall("fsconfig", 431, _int, _uint, _Path, _ptr, _int, names=(2, 0))
fsmount = _syscall("fsmount", 432, _int, _uint, _uint, names=(0,))
mount_setattr = _syscall("mount_setattr", 442, _int, _Path, _uint, _ptr, _size, names=(1, 0))
statmount = _syscall("statmount", 457, _ptr, _ptr, _size, _uint)
listmount = _syscall("listmount", 458, _ptr, _ptr, _size, _uint)
# processes and namespaces
unshare = _syscall("unshare", (272, 97), _ulong)
setns = _syscall("setns", (308, 268), _int, _int, names=(0,))
setfsuid = _syscall("setfsuid", (122, 151), _uint)
setfsgid = _syscall("setfsgid", (123, 152), _uint)
sethostname = _syscall("sethostname", (170, 161), _Path, _size, names=(0,))
setdomainname = _syscall("setdomainname", (171, 162), _Path, _size, names=(0,))
pidfd_open = _syscall("pidfd_open", 434, _int, _uint)
pidfd_send_signal = _syscall("pidfd_send_signal", 424, _int, _int, _ptr, _uint, names=(0,))
pidfd_getfd = _syscall("pidfd_getfd", 438, _int, _int, _uint, names=(0,))
clone3_raw = _syscall("clone3", 435, _ptr, _size, gil=True)
# The last two arguments are swapped between the two machines; hezi only ever passes zeros there.
clone_raw = _syscall("clone", (56, 220), _ulong, _ptr, _ptr, _ptr, _ptr, gil=True)
prctl = _syscall("prctl", (157, 167), _int, _ulong, _ulong, _ulong, _ulong)
capget = _syscall("capget", (125, 90), _ptr, _ptr)
capset = _syscall("capset", (126, 91), _ptr, _ptr)
prlimit64 = _syscall("prlimit64", (302, 261), _int, _uint, _ptr, _ptr)
rt_sigaction = _syscall("rt_sigaction", (13, 134), _int, _ptr, _ptr, _size)
keyctl = _syscall("keyctl", (250, 219), _int, _ptr, _ulong, _ulong, _ulong)
# policy
seccomp = _syscall("seccomp", (317, 277), _uint, _uint, _ptr)
bpf = _syscall("bpf", (321, 280), _int, _ptr, _uint)
landlock_create_ruleset = _syscall("landlock_create_ruleset", 444, _ptr, _size, _uint)

# --- for callers, none of which may import ctypes -------------------------------------------------------------------
byref = ctypes.byref
sizeof = ctypes.sizeof
addressof = ctypes.addressof


def write_memory(address: int, data: bytes) -> None:
    """Overwrite memory of this process; the caller knows that it is there and what it is for."""
    ctypes.memmove(address, data, len(data))


def buffer(data: bytes | int) -> Buffer:
    """Give memory the kernel may read and write: a copy of ``data``, or that many zero bytes.

    Its address is ``addressof(buffer)``; it lives as long as the object returned. ``bytes(buffer)`` reads it.
    """
    if isinstance(data, int):
        return (ctypes.c_char * data)()
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


# Two arguments that the extraction of an image passes a hundred thousand times, as bytes, which are made in a third of
# the time of a ctypes structure. A pointer argument takes bytes as it is.
# struct open_how: flags, mode, resolve
pack_open_how = struct.Struct("=QQQ").pack
OPEN_HOW_SIZE = 24
# struct timespec[2]: seconds and nanoseconds of access, of modification
pack_timespecs = struct.Struct("=qqqq").pack


def u64_array(length: int) -> Any:
    """Give an array of ``length`` unsigned 64-bit numbers, all zero."""
    return (_u64 * length)()


def int_cell(value: int = 0) -> Any:
    """Give one C int with an address; read it as ``.value``."""
    return ctypes.c_int(value)


def seccomp_filter(program: bytes, flags: int = 0) -> int:
    """Install a classic BPF program (8 bytes per instruction, native order) with seccomp(2).

    The caller has no_new_privs set or CAP_SYS_ADMIN. Returns 0, or the listener's descriptor with
    SECCOMP_FILTER_FLAG_NEW_LISTENER.

    :raises OSError: EINVAL for a program the kernel does not accept, EACCES without the privilege.
    """
    memory = buffer(program)
    fprog = sock_fprog(len(program) // 8, addressof(memory))
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, byref(fprog))


def _python_function(name: str) -> Callable[[], None]:
    function = _libc_gil[name]
    function.restype = None
    function.argtypes = []

    def call() -> None:
        function()

    return call


# What os.fork() calls around fork(2): import lock, at-fork handlers, thread state of the child.
PyOS_BeforeFork = _python_function("PyOS_BeforeFork")
PyOS_AfterFork_Parent = _python_function("PyOS_AfterFork_Parent")
PyOS_AfterFork_Child = _python_function("PyOS_AfterFork_Child")
