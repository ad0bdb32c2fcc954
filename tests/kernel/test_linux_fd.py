"""hezi.linux.fd on the real kernel: nothing leaves the root, and acts hit what was resolved."""

from __future__ import annotations

import _socket
import contextlib
import errno
import fcntl
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux import abi, fd, mount
from tests.support.faults import exchanging
from tests.support.in_child import hide, in_child, raises

USERNS = pytest.param("userns", marks=pytest.mark.needs("userns"))


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A tree with a canary beside it that nothing may touch."""
    tree = tmp_path / "tree"
    tree.mkdir()
    canary = tmp_path / "outside"
    canary.mkdir()
    file = os.open(tree, os.O_PATH | os.O_DIRECTORY)
    yield file
    os.close(file)
    assert os.listdir(canary) == []
    assert stat.S_IMODE(canary.stat().st_mode) == 0o755


@pytest.fixture
def tree(tmp_path: Path, root: int) -> Path:
    return tmp_path / "tree"


@contextlib.contextmanager
def opened(file: int) -> Iterator[int]:
    try:
        yield file
    finally:
        os.close(file)


def path_of(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")


# --- openat2 ---------------------------------------------------------------------------------------------------------


def test_openat2_opens_close_on_exec(tree: Path, root: int):
    (tree / "file").write_text("x")
    with opened(fd.openat2(root, "file", os.O_RDONLY)) as file:
        assert os.read(file, 10) == b"x"
        assert not os.get_inheritable(file)


def test_openat2_names_the_path(root: int):
    with raises(errno.ENOENT, "openat2: No such file or directory: 'missing/x'"):
        fd.openat2(root, "missing/x", os.O_RDONLY)


def test_openat2_refuses_unknown_flags(root: int):
    with raises(errno.EINVAL, "openat2", "'file'"):
        fd.openat2(root, "file", 1 << 40)


def test_openat2_beneath_refuses_to_leave(tree: Path, root: int):
    (tree / "out").symlink_to("/etc")
    for path in ("..", "/etc", "out/passwd"):
        with raises(errno.EXDEV, path):
            fd.openat2(root, path, os.O_PATH, 0, fd.RESOLVE_BENEATH)


def test_openat2_without_links_refuses_one(tree: Path, root: int):
    (tree / "link").symlink_to("file")
    (tree / "file").touch()
    with raises(errno.ELOOP, "link"):
        fd.openat2(root, "link", os.O_RDONLY, 0, fd.RESOLVE_NO_SYMLINKS)


def test_openat2_retries_eagain_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def busy(*_args: object) -> int:
        asked.append(1)
        raise abi.error(errno.EAGAIN, "openat2", "x")

    monkeypatch.setattr(abi, "openat2", busy)
    with raises(errno.EAGAIN):
        fd.openat2(-100, "x", os.O_PATH)
    assert len(asked) == 128


def test_openat2_goes_on_after_a_signal(monkeypatch: pytest.MonkeyPatch):
    answers = [abi.error(errno.EINTR, "openat2"), abi.error(errno.EAGAIN, "openat2"), 77]

    def answer(*_args: object) -> int:
        value = answers.pop(0)
        if isinstance(value, OSError):
            raise value
        return value

    monkeypatch.setattr(abi, "openat2", answer)
    assert fd.openat2(-100, "x", os.O_PATH) == 77


# --- in root ---------------------------------------------------------------------------------------------------------


def test_in_root_keeps_absolute_links_and_dots_inside(tree: Path, root: int):
    (tree / "etc").mkdir()
    (tree / "etc" / "passwd").write_text("ours")
    (tree / "absolute").symlink_to("/etc/passwd")
    (tree / "dots").symlink_to("../../../../etc/passwd")
    for path in ("/etc/passwd", "absolute", "dots", "../../etc/passwd"):
        with opened(fd.open_in_root(root, path, os.O_RDONLY)) as file:
            assert os.read(file, 10) == b"ours"


@pytest.mark.needs("root")
def test_in_root_refuses_magic_links():
    def body() -> None:
        os.mkdir("/tmp/in-root-test")
        os.mkdir("/tmp/in-root-test/proc")
        mount.mount("proc", "/tmp/in-root-test/proc", "proc")
        root = os.open("/tmp/in-root-test", os.O_PATH)
        for path in ("/proc/self/exe", "/proc/self/root/etc", "/proc/self/cwd"):
            with raises(errno.ELOOP, path):
                fd.open_in_root(root, path, os.O_RDONLY)
        os.close(fd.open_in_root(root, "/proc/self/status", os.O_RDONLY))

    try:
        in_child(body, where="mounts")
    finally:
        os.rmdir("/tmp/in-root-test/proc")
        os.rmdir("/tmp/in-root-test")


def test_open_parent_gives_directory_and_name(tree: Path, root: int):
    (tree / "a").mkdir()
    (tree / "link").symlink_to("/a")
    parent, name = fd.open_parent_in_root(root, "link/last/")
    with opened(parent):
        assert (path_of(parent), name) == (str(tree / "a"), b"last")


@pytest.mark.parametrize("path", ["/", "", ".", "a/..", "/.."])
def test_open_parent_needs_a_name(root: int, path: str):
    with raises(errno.EINVAL, "no name to act on"):
        fd.open_parent_in_root(root, path)


def test_open_parent_names_the_missing(root: int):
    with raises(errno.ENOENT, "missing"):
        fd.open_parent_in_root(root, "missing/x")


# --- mkdir_in_root ---------------------------------------------------------------------------------------------------


def test_mkdir_makes_parents_with_mode_whatever_the_umask(tree: Path, root: int):
    old = os.umask(0o077)
    try:
        with opened(fd.mkdir_in_root(root, "/a/b/c", 0o1777, os.geteuid(), os.getegid())) as file:
            assert path_of(file) == str(tree / "a/b/c")
    finally:
        os.umask(old)
    for path in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tree / path).stat().st_mode) == 0o1777


def test_mkdir_leaves_what_exists_alone(tree: Path, root: int):
    (tree / "a").mkdir(mode=0o700)
    for path in ("a", "a/", "/", "."):
        with opened(fd.mkdir_in_root(root, path, 0o755, 5, 5)):
            pass
    assert stat.S_IMODE((tree / "a").stat().st_mode) == 0o700
    assert (tree / "a").stat().st_uid == os.geteuid()


@pytest.mark.needs("root")
def test_mkdir_gives_the_owner_to_what_it_made(tree: Path, root: int):
    (tree / "old").mkdir()
    os.close(fd.mkdir_in_root(root, "old/new/er", 0o750, 123, 456))
    assert [(p.stat().st_uid, p.stat().st_gid) for p in (tree / "old", tree / "old/new", tree / "old/new/er")] == [
        (0, 0),
        (123, 456),
        (123, 456),
    ]


@pytest.mark.parametrize(
    ("link", "target", "path", "made"),
    [
        ("run", "/var/run", "run/x", "var/run/x"),
        ("run", "../../outside", "run/x", "outside/x"),
        ("a/up", "../b", "a/up/x/y", "b/x/y"),
        ("a/up", "/b/./c", "/a/up/", "b/c"),
        ("a/one", "two/three", "a/one/x", "a/two/three/x"),
        ("link", "/a/../q", "link/x", "q/x"),
    ],
)
def test_mkdir_makes_the_target_of_a_dangling_link_inside(
    tree: Path, root: int, link: str, target: str, path: str, made: str
):
    (tree / "a").mkdir()
    (tree / link).symlink_to(target)
    with opened(fd.mkdir_in_root(root, path, 0o755, os.geteuid(), os.getegid())) as file:
        assert path_of(file) == str(tree / made)


def test_mkdir_refuses(tree: Path, root: int):
    (tree / "file").touch()
    (tree / "loop").symlink_to("loop")
    (tree / "ping").symlink_to("/pong/x")
    (tree / "pong").symlink_to("/ping/x")
    with raises(errno.ENOTDIR, "file/x"):
        fd.mkdir_in_root(root, "file/x")
    with raises(errno.ENOTDIR, "file"):
        fd.mkdir_in_root(root, "file")
    for path in ("loop", "loop/x", "ping/x"):
        with raises(errno.ELOOP, path):
            fd.mkdir_in_root(root, path)
    with raises(errno.ENOENT, "missing/../x"):
        fd.mkdir_in_root(root, "missing/../x")
    assert not (tree / "missing").exists()


def test_mkdir_leaks_no_descriptor(tree: Path, root: int):
    (tree / "file").touch()
    (tree / "run").symlink_to("/var/run")
    before = os.listdir("/proc/self/fd")
    for path in ("file/x", "a/b/../x", "run/x"):
        with contextlib.suppress(OSError):
            os.close(fd.mkdir_in_root(root, path))
    assert os.listdir("/proc/self/fd") == before


def test_mkdir_stays_inside_while_a_link_is_swapped_in(tmp_path: Path, tree: Path, root: int):
    """A racer turns a directory of the path into a link to the canary, and back, all the while."""
    (tree / "dir").mkdir()
    (tree / "evil").symlink_to(tmp_path / "outside")
    outside = str(tmp_path / "outside")
    with exchanging(tree / "dir", tree / "evil"):
        for number in range(300):
            # Losing a race is an error; only ending up elsewhere is not allowed.
            file = -1
            with contextlib.suppress(NotADirectoryError, BlockingIOError, FileExistsError):
                file = fd.mkdir_in_root(root, f"dir/n{number}/deep", 0o755, os.geteuid(), os.getegid())
            if file < 0:
                continue
            with opened(file):
                assert path_of(file).startswith(f"{tree}/")
                assert not path_of(file).startswith(outside)
    assert os.listdir(outside) == []


@pytest.mark.needs("root")
def test_mkdir_gives_no_owner_to_what_was_moved_in(tree: Path, root: int, monkeypatch: pytest.MonkeyPatch):
    """Between making a directory and opening it, a racer puts another one in its place."""
    (tree / "theirs").mkdir(mode=0o700)
    os.chown(tree / "theirs", 77, 77)
    make = os.mkdir

    def lose_the_race(name: bytes, mode: int, *, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        os.rename(tree / "theirs", name, dst_dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", lose_the_race)
    os.close(fd.mkdir_in_root(root, "new", 0o777, 5, 5))
    status = (tree / "new").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (77, 77, 0o700)


# --- acting on descriptors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_chmod_by_o_path(tree: Path, root: int, kind: str):
    (tree / "file").touch()
    (tree / "directory").mkdir()
    with opened(os.open(kind, os.O_PATH, dir_fd=root)) as file:
        fd.chmod_fd(file, 0o1711)
        assert stat.S_IMODE((tree / kind).stat().st_mode) == 0o1711


def test_chmod_never_follows_a_link(tree: Path, root: int):
    (tree / "file").touch(mode=0o644)
    (tree / "link").symlink_to("file")
    with (
        opened(os.open("link", os.O_PATH | os.O_NOFOLLOW, dir_fd=root)) as file,
        raises(errno.EOPNOTSUPP, f"fd {file}"),
    ):
        fd.chmod_fd(file, 0o777)
    assert stat.S_IMODE((tree / "file").stat().st_mode) == 0o644


def test_chmod_and_xattr_on_an_old_kernel(tmp_path: Path):
    def body(directory: str) -> None:
        hide("fchmodat2", "setxattrat")
        os.mkdir(f"{directory}/d")
        os.symlink("d", f"{directory}/link")
        file = os.open(f"{directory}/d", os.O_PATH)
        link = os.open(f"{directory}/link", os.O_PATH | os.O_NOFOLLOW)
        fd.chmod_fd(file, 0o711)
        fd.setxattr_fd(file, "user.hezi", b"v")
        assert os.stat(file).st_mode & 0o777 == 0o711
        assert os.getxattr(f"{directory}/d", "user.hezi") == b"v"
        with raises(errno.EOPNOTSUPP, f"chmod: Operation not supported: 'fd {link}'"):
            fd.chmod_fd(link, 0o777)
        with raises(errno.EPERM, f"setxattr: Operation not permitted: 'fd {link}'"):
            fd.setxattr_fd(link, "user.hezi", b"v")
        assert os.stat(file).st_mode & 0o777 == 0o711

    in_child(body, str(tmp_path))


@pytest.mark.needs("root")
def test_chown_hits_the_link_itself(tree: Path, root: int):
    (tree / "file").touch()
    (tree / "link").symlink_to("file")
    with opened(os.open("link", os.O_PATH | os.O_NOFOLLOW, dir_fd=root)) as file:
        fd.chown_fd(file, 123, -1)
    assert (tree / "link").lstat().st_uid == 123
    assert (tree / "link").lstat().st_gid == 0
    assert (tree / "file").stat().st_uid == 0


def test_chown_names_the_descriptor():
    with raises(errno.EBADF, "fchownat", "fd 99999"):
        fd.chown_fd(99999, 0, 0)


@pytest.mark.parametrize(("atime", "mtime"), [(1_500_000_000_123_456_789, 5), (-1_500_000_001, -1)])
def test_utimens_sets_nanoseconds_on_the_link_itself(tree: Path, root: int, atime: int, mtime: int):
    (tree / "file").touch()
    (tree / "link").symlink_to("file")
    before = (tree / "file").stat().st_mtime_ns
    with opened(os.open("link", os.O_PATH | os.O_NOFOLLOW, dir_fd=root)) as file:
        fd.utimens_fd(file, atime, mtime)
    status = (tree / "link").lstat()
    assert (status.st_atime_ns, status.st_mtime_ns) == (atime, mtime)
    assert (tree / "file").stat().st_mtime_ns == before


def test_utimens_names_the_descriptor():
    with raises(errno.EBADF, "utimensat", "fd 99999"):
        fd.utimens_fd(99999, 0, 0)


@pytest.mark.needs("root")
def test_xattr_hits_the_link_itself(tree: Path, root: int):
    (tree / "file").touch()
    (tree / "link").symlink_to("file")
    with opened(os.open("link", os.O_PATH | os.O_NOFOLLOW, dir_fd=root)) as file:
        fd.setxattr_fd(file, "trusted.hezi", b"a\0b")
    assert os.getxattr(tree / "link", "trusted.hezi", follow_symlinks=False) == b"a\0b"
    assert os.listxattr(tree / "file") == []


def test_xattr_on_files_and_what_is_refused(tree: Path, root: int):
    (tree / "file").touch()
    with opened(os.open("file", os.O_RDWR, dir_fd=root)) as file:
        fd.setxattr_fd(file, "user.open", b"1")
    with opened(os.open("file", os.O_PATH, dir_fd=root)) as file:
        fd.setxattr_fd(file, "user.path", b"2")
        with raises(errno.EOPNOTSUPP, "setxattr", f"fd {file}"):
            fd.setxattr_fd(file, "nonsense.name", b"")
    assert sorted(os.listxattr(tree / "file")) == ["user.open", "user.path"]


def test_reopen_reads_what_o_path_found(tree: Path, root: int):
    (tree / "file").write_text("x")
    (tree / "link").symlink_to("file")
    with opened(os.open("file", os.O_PATH, dir_fd=root)) as file, opened(fd.reopen(file, os.O_RDONLY)) as again:
        assert os.read(again, 5) == b"x"
        assert not os.get_inheritable(again)
    with opened(os.open("link", os.O_PATH | os.O_NOFOLLOW, dir_fd=root)) as link, raises(errno.ELOOP, f"fd {link}"):
        fd.reopen(link, os.O_RDONLY)


@pytest.mark.parametrize("where", [pytest.param("mounts", marks=pytest.mark.needs("root")), USERNS])
def test_a_false_proc_is_noticed(tmp_path: Path, where: str):
    def body(directory: str) -> None:
        file = os.open(directory, os.O_PATH)
        fd.check_self_fd()
        # over a part of it: the fd directory of this very process
        os.mkdir(f"{directory}/fake")
        mount.mount(f"{directory}/fake", f"/proc/{os.getpid()}/fd", None, mount.MS_BIND)
        with raises(errno.EXDEV, "self/fd"):
            fd.reopen(file, os.O_RDONLY)
        mount.umount2(f"/proc/{os.getpid()}/fd", mount.MNT_DETACH)
        # a part of a procfs where the whole should be
        mount.mount("/proc/sys", "/proc", None, mount.MS_BIND)
        with raises(errno.EXDEV, "no procfs"):
            fd.reopen(file, os.O_RDONLY)
        # something else altogether
        mount.mount("tmpfs", "/proc", "tmpfs")
        with raises(errno.EXDEV, "no procfs"):
            fd.reopen(file, os.O_RDONLY)

    in_child(body, str(tmp_path), where=where)


def test_renameat2_exchange_and_noreplace(tree: Path, root: int):
    (tree / "a").write_text("a")
    (tree / "b").write_text("b")
    fd.renameat2(root, "a", root, "b", fd.RENAME_EXCHANGE)
    assert (tree / "a").read_text() == "b"
    with raises(errno.EEXIST, "renameat2", "'a'"):
        fd.renameat2(root, "a", root, b"b", fd.RENAME_NOREPLACE)


def test_syncfs(tree: Path):
    with opened(os.open(tree, os.O_RDONLY)) as file:
        fd.syncfs(file)
    with raises(errno.EBADF, "syncfs", "fd 99999"):
        fd.syncfs(99999)


def test_mount_id_is_mountinfos(tree: Path, root: int):
    ids = [line.split()[0] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert str(fd.mount_id(root)) in ids
    with raises(errno.EBADF, "statx", "fd 99999"):
        fd.mount_id(99999)


def test_fs_magic():
    with opened(os.open("/proc", os.O_PATH)) as file:
        assert fd.fs_magic(file) == abi.PROC_SUPER_MAGIC
    with raises(errno.EBADF, "fstatfs"):
        fd.fs_magic(99999)


# --- sets of descriptors ---------------------------------------------------------------------------------------------


def test_close_range():
    def body() -> None:
        os.dup2(0, 500)
        os.dup2(0, 501)
        fd.close_range(500, fd.LAST_FD, fd.CLOSE_RANGE_CLOEXEC)
        assert not os.get_inheritable(500)
        fd.close_range(501)
        with raises(errno.EBADF):
            os.fstat(501)
        os.fstat(500)
        with raises(errno.EINVAL, "close_range"):
            fd.close_range(10, 5)

    in_child(body)


def test_memfd_and_seals():
    with opened(fd.memfd_create("hezi-test")) as file:
        os.write(file, b"code")
        fd.add_seals(file, fd.F_SEAL_WRITE | fd.F_SEAL_SHRINK | fd.F_SEAL_GROW | fd.F_SEAL_SEAL)
        assert fd.get_seals(file) & fd.F_SEAL_WRITE
        assert not os.get_inheritable(file)
        with raises(errno.EPERM):
            os.write(file, b"x")
        with raises(errno.EPERM, "F_ADD_SEALS", f"fd {file}"):
            fd.add_seals(file, fd.F_SEAL_WRITE)
    with raises(errno.EINVAL, "memfd_create", "'x'"):
        fd.memfd_create("x", 1 << 30)


def test_descriptors_travel_close_on_exec():
    ours, theirs = socket.socketpair()
    with ours, theirs, opened(os.open("/", os.O_PATH)) as file:
        fd.send_fds(ours, b"take", [file, 0])
        data, fds = fd.recv_fds(theirs, 100, 2)
        assert data == b"take"
        assert [os.get_inheritable(each) for each in fds] == [False, False]
        assert os.path.samestat(os.fstat(fds[0]), os.fstat(file))
        for each in fds:
            os.close(each)
        fd.send_fds(ours, b"no descriptors")
        assert fd.recv_fds(theirs, 100, 0) == (b"no descriptors", [])
        ours.close()
        assert fd.recv_fds(theirs, 100, 1) == (b"", [])


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_more_descriptors_than_allowed_are_closed(allowed: int):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        before = os.listdir("/proc/self/fd")
        fd.send_fds(ours, b"x", [0] * (allowed + 1))
        with raises(errno.EMSGSIZE, f"more than {allowed} descriptors"):
            fd.recv_fds(theirs, 100, allowed)
        assert os.listdir("/proc/self/fd") == before


def test_send_refuses_what_would_be_lost():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with raises(errno.EINVAL, "sendmsg"):
            fd.send_fds(ours, b"", [0])
        with raises(errno.EINVAL, "254 descriptors"):
            fd.send_fds(ours, b"x", [0] * 254)


def test_a_closed_peer_is_an_error_and_no_signal():
    def body() -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        ours, theirs = _socket.socketpair()
        theirs.close()
        with raises(errno.EPIPE):
            fd.send_fds(ours, b"x", [0])

    in_child(body)


def test_a_message_longer_than_the_buffers_arrives_whole():
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    message = os.urandom(300_000)
    reader = threading.Thread(target=fd.send_fds, args=(ours, message, [0]))
    with ours, theirs:
        reader.start()
        data, fds = fd.recv_fds(theirs, 1 << 20, 1)
        while len(data) < len(message):
            more, none = fd.recv_fds(theirs, 1 << 20, 1)
            assert none == []
            data += more
        reader.join()
        assert data == message
        os.close(fds[0])


def test_a_datagram_cut_short_is_an_error():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        fd.send_fds(ours, b"0123456789")
        with raises(errno.EMSGSIZE, "5 bytes"):
            fd.recv_fds(theirs, 5, 0)


def test_constants_are_the_librarys():
    assert fcntl.F_ADD_SEALS == abi.F_ADD_SEALS
    assert os.O_PATH == abi.O_PATH
