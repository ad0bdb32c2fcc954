"""hezi.linux.namespaces as a library: clone with a function, setns by name, Namespace objects, id maps."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from hezi.linux import idmap, mount, mountinfo, namespaces, nsobject, pidfd
from hezi.linux.idmap import Range
from tests.support.in_child import in_child, raises

ALL = sorted(namespaces.KINDS)


def test_the_table_of_kinds_is_the_kernels():
    assert {kind.name: kind.flag for kind in namespaces.TABLE} == namespaces.KINDS


# --- clone, fork -----------------------------------------------------------------------------------------------------


def test_clone_runs_a_function_and_gives_its_result_as_exit_code():
    def body() -> None:
        for result, code in ((None, 0), (7, 7), (True, 1), ("text", 0)):
            process = namespaces.clone(lambda value: value, args=(result,))
            assert process.code is None
            assert (process.wait(), process.code, process.wait()) == (code, code, code)
            process.close()
            assert process.pidfd == -1

    in_child(body)


def test_an_exception_in_the_child_is_told_and_is_1_and_exit_is_heard():
    def body() -> None:
        os.dup2(1, 2)

        def fails() -> None:
            message = "out of luck"
            raise RuntimeError(message)

        def leaves() -> None:
            raise SystemExit(5)

        for child, code in ((fails, 1), (leaves, 5)):
            with namespaces.clone(child) as process:
                assert process.wait() == code

    printed = in_child(body)
    assert printed.count("RuntimeError: out of luck") == 1
    assert "SystemExit" not in printed


def test_what_was_printed_before_is_printed_once():
    def body() -> None:
        print("before")
        with namespaces.clone(lambda: print("inside")) as process:
            process.wait()
        print("after")

    assert in_child(body) == "before\ninside\nafter\n"


def test_leaving_the_with_block_kills_the_child():
    def body() -> None:
        with namespaces.clone(signal.pause) as process:
            with_timeout = False
            try:
                process.wait(timeout=0.01)
            except TimeoutError:
                with_timeout = True
            assert with_timeout
        assert process.code == -signal.SIGKILL
        with raises(errno.ECHILD):
            os.waitpid(process.pid, 0)

    in_child(body)


def test_fork_returns_twice():
    def body() -> None:
        process = namespaces.fork()
        if process is None:
            os._exit(9)
        assert process.wait() == 9

    in_child(body)


@pytest.mark.needs("userns")
@pytest.mark.parametrize("kind", ALL)
def test_clone_into_each_kind(kind: str):
    def body(kind: str) -> None:
        mine = namespaces.Namespace.of("self", kind)

        def look() -> int:
            # A time namespace too: whoever is cloned into one is in it.
            return int(namespaces.Namespace.of("self", kind) == mine) if kind != "pid" else os.getpid() - 1

        with namespaces.clone(look, namespaces.KINDS[kind]) as process:
            assert process.wait() == 0

    in_child(body, kind, where="userns")


@pytest.mark.needs("userns")
def test_clone_writes_the_maps_before_the_function_is_called():
    def body() -> None:
        from hezi.linux import idmap

        uid, gid = os.getuid(), os.getgid()

        def look() -> int:
            assert (os.getuid(), os.getgid()) == (5, 6)
            assert idmap.read("self", "uid") == (idmap.Range(5, uid),)
            assert idmap.read("self", "gid") == (idmap.Range(6, gid),)
            return 0

        maps = {"uid_map": (idmap.Range(5, uid),), "gid_map": (idmap.Range(6, gid),)}
        with namespaces.clone(look, namespaces.CLONE_NEWUSER, **maps) as process:
            assert process.wait() == 0

    in_child(body)


@pytest.mark.needs("root")
def test_a_map_that_is_refused_leaves_no_child():
    def body() -> None:
        from hezi.linux import idmap

        overlapping = (idmap.Range(0, 100, 10), idmap.Range(5, 200, 10))
        told = ""
        try:
            namespaces.clone(signal.pause, namespaces.CLONE_NEWUSER, uid_map=overlapping)
        except ValueError as error:
            told = str(error)
        assert "inside the ranges '0 100 10' and '5 200 10' overlap" in told
        with raises(errno.ECHILD):
            os.waitpid(-1, 0)

    in_child(body)


@pytest.mark.needs("root", "cgroup2-tree")
def test_clone_into_a_cgroup_by_its_path():
    def body() -> None:
        point = next(each.mount_point for each in mountinfo.list_mounts() if each.fstype == "cgroup2")
        path = f"{point}/hezi-test-clone-{os.getpid()}"
        os.mkdir(path)

        def look() -> int:
            with open("/proc/self/cgroup") as text:
                return 0 if f"0::/hezi-test-clone-{os.getppid()}\n" in text.read() else 1

        try:
            with namespaces.clone(look, cgroup=path) as process:
                assert process.wait() == 0
        finally:
            os.rmdir(path)

    in_child(body)


# --- setns -----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("userns")
def test_setns_takes_a_path_a_descriptor_an_object_a_process_and_a_pid():
    def body() -> None:
        flags = namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC
        namespaces.unshare(flags)  # so that the ones to come back to are ours
        first = {kind: namespaces.Namespace.of("self", kind) for kind in ("uts", "ipc")}
        with namespaces.clone(signal.pause, flags) as process:
            theirs = {kind: namespaces.Namespace.of(process.pid, kind) for kind in ("uts", "ipc")}

            def here(kind: str) -> object:
                return namespaces.Namespace.of("self", kind)

            namespaces.setns(f"/proc/{process.pid}/ns/uts")
            assert (here("uts"), here("ipc")) == (theirs["uts"], first["ipc"])
            namespaces.setns(first["uts"].fd, namespaces.CLONE_NEWUTS)
            namespaces.setns(theirs["ipc"])
            assert (here("uts"), here("ipc")) == (first["uts"], theirs["ipc"])
            namespaces.setns(first["ipc"])
            namespaces.setns(process, namespaces.CLONE_NEWUTS)
            assert (here("uts"), here("ipc")) == (theirs["uts"], first["ipc"])
            namespaces.setns(pid=process.pid)
            assert (here("uts"), here("ipc")) == (theirs["uts"], theirs["ipc"])
            namespaces.setns(pid=process.pid)  # nothing is left to join

    in_child(body, where="userns")


@pytest.mark.needs("userns")
def test_a_wrong_kind_is_named_with_the_one_that_was_wanted():
    def body() -> None:
        for target in ("/proc/self/ns/uts", os.open("/proc/self/ns/uts", os.O_RDONLY)):
            with raises(errno.EINVAL, "is a uts namespace, and a net namespace was asked for"):
                namespaces.setns(target, namespaces.CLONE_NEWNET)

    in_child(body, where="userns")


def test_setns_says_who_has_ended_and_what_needs_what():
    def body() -> None:
        with raises(errno.ESRCH, "pid 4194304"):
            namespaces.setns(pid=4194304)
        process = namespaces.clone(lambda: None)
        process.wait()
        with raises(errno.ESRCH, f"process {process.pid} has ended"):
            namespaces.setns(process, namespaces.CLONE_NEWUTS)
        with raises(errno.EINVAL, "/proc/self/ns/user is in the user namespace this process is in"):
            namespaces.setns("/proc/self/ns/user")

    in_child(body)
    with pytest.raises(TypeError):
        namespaces.setns()
    with pytest.raises(TypeError):
        namespaces.setns("/proc/self/ns/uts", pid=1)


@pytest.mark.needs("root")
def test_what_a_process_with_threads_may_not_is_refused_before_anything_is_done():
    def body() -> None:
        import threading

        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            before = {kind: namespaces.namespace_id(f"/proc/self/ns/{kind}") for kind in namespaces.KINDS}
            with raises(errno.EINVAL, "a user namespace can be made by a process of one thread, this one has 2"):
                namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWUTS)
            with raises(errno.EINVAL, "a mnt namespace can be joined by a process of one thread, this one has 2"):
                namespaces.setns("/proc/self/ns/mnt")
            with raises(errno.EINVAL, "2 threads"):
                namespaces.clone(lambda: None)
            assert before == {kind: namespaces.namespace_id(f"/proc/self/ns/{kind}") for kind in namespaces.KINDS}
            namespaces.unshare(namespaces.CLONE_NEWUTS)  # of this thread alone, and allowed
            assert before["uts"] != namespaces.namespace_id("/proc/thread-self/ns/uts")
        finally:
            done.set()
            thread.join()

    in_child(body)


@pytest.mark.needs("userns")
def test_a_limit_that_is_reached_is_named():
    def body() -> None:
        with open("/proc/sys/user/max_uts_namespaces", "w") as file:
            file.write("0")
        for make in (namespaces.unshare, lambda flags: namespaces.clone(lambda: None, flags)):
            with raises(errno.ENOSPC, "a limit is reached", "user.max_uts_namespaces=0"):
                make(namespaces.CLONE_NEWUTS)

    # The limit is the user namespace's own: nobody else sees it.
    in_child(body, where="userns")


@pytest.mark.needs("root")
def test_without_rights_the_way_out_is_named():
    def body() -> None:
        os.setuid(65534)
        with raises(errno.EPERM, "a new net namespace needs CAP_SYS_ADMIN; an ordinary user makes a user namespace"):
            namespaces.unshare(namespaces.CLONE_NEWNET)
        with raises(errno.EPERM, "joining uts of /proc/self/ns/uts needs CAP_SYS_ADMIN"):
            namespaces.setns("/proc/self/ns/uts")

    in_child(body)


# --- Namespace -------------------------------------------------------------------------------------------------------


@pytest.mark.needs("userns")
@pytest.mark.parametrize("kind", ALL)
def test_a_namespace_knows_what_it_is(kind: str):
    def body(kind: str) -> None:
        with namespaces.Namespace.of("self", kind) as mine, namespaces.Namespace.open(f"/proc/self/ns/{kind}") as again:
            assert mine.kind == kind == namespaces.kind_of(mine.fd)
            assert mine == again
            assert len({mine, again}) == 1
            assert mine.name == os.readlink(f"/proc/self/ns/{kind}")
            assert mine.inode == os.stat(f"/proc/self/ns/{kind}").st_ino
            assert os.getpid() in mine.members()
            assert not os.get_inheritable(mine.fd)
            owner = mine.owner()
            # Those made with this user namespace are its own; it itself, and those from before, are owned above.
            assert (owner == namespaces.Namespace.of("self", "user")) == (kind == "mnt")
        assert mine.fd == -1

    in_child(body, kind, where="userns")


@pytest.mark.needs("userns")
def test_parents_and_owners():
    def body() -> None:
        here = namespaces.Namespace.of("self", "user")
        flags = namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWPID | namespaces.CLONE_NEWUTS
        with namespaces.clone(signal.pause, flags) as process:
            user, pid, uts = (namespaces.Namespace.of(process.pid, kind) for kind in ("user", "pid", "uts"))
            assert user.parent() == here == user.owner()
            assert pid.owner() == user == uts.owner()
            assert pid.parent() == namespaces.Namespace.of("self", "pid")
            assert user.owner_uid() == os.getuid() == 0
            assert pid.members() == (process.pid,)
            with raises(errno.EINVAL, "a uts namespace has no parent"):
                uts.parent()
            with raises(errno.EINVAL, "only a user namespace has an owner"):
                uts.owner_uid()
        assert here.parent() is None  # beyond sight from inside

    in_child(body, where="userns")


@pytest.mark.needs("userns")
def test_entered_and_back_again():
    def body() -> None:
        name = os.uname().nodename
        with raises(errno.EPERM, "needs CAP_SYS_ADMIN"), namespaces.Namespace.of("self", "uts").entered():
            pass  # the host's: there would be no way back
        namespaces.unshare(namespaces.CLONE_NEWUTS)

        def rename() -> None:
            namespaces.sethostname("there")
            signal.pause()

        with namespaces.clone(rename, namespaces.CLONE_NEWUTS) as process:
            space = namespaces.Namespace.of(process.pid, "uts")
            while True:
                with space.entered():
                    if os.uname().nodename == "there":
                        break
            assert os.uname().nodename == name
        with space.entered():  # held by its descriptor, although nobody is in it any more
            assert os.uname().nodename == "there"
        assert space.members() == ()
        assert os.uname().nodename == name

    in_child(body, where="userns")


@pytest.mark.needs("userns")
def test_entering_a_mount_namespace_keeps_the_working_directory_at_home():
    def body() -> None:
        os.chdir("/usr")

        def cover() -> None:
            mount.mount("t", "/mnt", "tmpfs")
            open("/mnt/inside", "w").close()
            signal.pause()

        with (
            namespaces.clone(cover, namespaces.CLONE_NEWNS) as process,
            namespaces.Namespace.of(process.pid, "mnt") as space,
        ):
            while True:
                with space.entered():
                    if os.path.exists("/mnt/inside"):
                        break
            assert not os.path.exists("/mnt/inside")
            assert os.getcwd() == "/usr"

    in_child(body, where="userns")


@pytest.mark.needs("userns")
def test_a_user_namespace_is_not_entered_for_a_while():
    def body() -> None:
        with namespaces.clone(signal.pause, namespaces.CLONE_NEWUSER) as process:
            space = namespaces.Namespace.of(process.pid, "user")
            with raises(errno.EINVAL, "no way back out of a user namespace"), space.entered():
                pass

    in_child(body, where="userns")


@pytest.mark.needs("root")
def test_entering_a_pid_namespace_is_for_children():
    def body() -> None:
        with namespaces.clone(signal.pause, namespaces.CLONE_NEWPID) as process:
            space = namespaces.Namespace.of(process.pid, "pid")
            with space.entered(), namespaces.clone(lambda: 0 if os.getppid() == 0 else 1) as inside:
                assert inside.wait() == 0
            with namespaces.clone(lambda: 0 if os.getppid() > 0 else 1) as outside:
                assert outside.wait() == 0

    in_child(body)


@pytest.mark.needs("userns")
@pytest.mark.parametrize("kind", ["uts", "net", "ipc", "user"])
def test_kept_by_a_file_and_released(kind: str):
    def body(kind: str) -> None:
        mount.mount("t", "/mnt", "tmpfs")
        process = namespaces.clone(signal.pause, namespaces.KINDS[kind])
        with process, namespaces.Namespace.of(process.pid, kind) as space:
            space.keep("/mnt/it")
            name = space.name
        assert namespaces.Namespace.open("/mnt/it").name == name
        assert (name, "/mnt/it") in nsobject.kept()
        nsobject.release("/mnt/it")
        assert os.listdir("/mnt") == []
        assert (name, "/mnt/it") not in nsobject.kept()
        with raises(errno.EINVAL, "no namespace is kept there"):
            nsobject.release("/mnt")

    in_child(body, kind, where="userns")


def test_what_is_no_namespace():
    def body() -> None:
        for path in ("/", "/dev/null", "/proc/self/status"):
            with raises(errno.EINVAL, "this is no namespace"):
                namespaces.Namespace.open(path)
            fd = os.open(path, os.O_RDONLY)
            assert namespaces.kind_of(fd) is None
        with raises(errno.EBADF):
            namespaces.kind_of(99999)
        with raises(errno.ESRCH, "process 4194304 has ended"):
            namespaces.Namespace.of(4194304, "uts")

    in_child(body)
    with pytest.raises(ValueError, match="no kind of namespace: 'utc'"):
        namespaces.Namespace.of("self", "utc")


# --- maps ------------------------------------------------------------------------------------------------------------


def test_ranges_translate_both_ways():
    ranges = idmap.parse("         0       1000          1\n         1     100000      65536\n")
    assert ranges == (Range(0, 1000), Range(1, 100000, 65536))
    assert [idmap.to_outer(ranges, each) for each in (0, 1, 65536, 65537)] == [1000, 100000, 165535, None]
    assert [idmap.to_inner(ranges, each) for each in (1000, 100000, 165535, 0)] == [0, 1, 65536, None]


@pytest.mark.parametrize(
    ("ranges", "single", "expected"),
    [
        ([Range(0, 100000, 10)], Range(0, 1000), [Range(0, 1000), Range(1, 100000, 9)]),
        ([Range(0, 100000, 10)], Range(5, 1000), [Range(5, 1000), Range(0, 100000, 5), Range(6, 100005, 4)]),
        ([Range(0, 100000, 10)], Range(50, 1000), [Range(50, 1000), Range(0, 100000, 10)]),
        ([Range(0, 1000, 10)], Range(50, 1003), [Range(50, 1003), Range(0, 1000, 3), Range(3, 1004, 6)]),
        ([Range(0, 7, 1)], Range(0, 7), [Range(0, 7)]),
    ],
)
def test_one_id_among_ranges(ranges: list[Range], single: Range, expected: list[Range]):
    made = idmap.with_hole(ranges, single)
    assert list(made) == expected
    idmap.check(made)


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ([], "between 1 and 340"),
        ([Range(n * 2, n * 2) for n in range(341)], "between 1 and 340"),
        ([Range(0, 0, 0)], "no range"),
        ([Range(-1, 0)], "no range"),
        ([Range(0, 2**32 - 1, 2)], "no range"),
        ([Range(0, 10, 5), Range(5, 12, 5)], "outside the ranges '0 10 5' and '5 12 5' overlap"),
    ],
)
def test_maps_that_no_kernel_takes(ranges: list[Range], words: str):
    with pytest.raises(ValueError, match=words):
        idmap.check(ranges)


def test_ids_granted(tmp_path, monkeypatch):
    table = tmp_path / "subuid"
    table.write_text("ann:100000:65536\nroot:1:2\n0:5:6\nbad:x:1\nann:300000:10\n")
    monkeypatch.setitem(idmap._GRANTED, "uid", str(table))
    assert idmap.granted("uid", "ann") == ((100000, 65536), (300000, 10))
    assert idmap.granted("uid", "root") == ((1, 2), (5, 6))
    assert idmap.granted("uid", "bad") == ()


@pytest.mark.needs("userns")
def test_a_map_is_written_once():
    def body() -> None:
        from hezi.linux import idmap

        with namespaces.clone(signal.pause, namespaces.CLONE_NEWUSER) as process:
            assert idmap.read(process.pid) == ()
            idmap.write(process.pid, "uid", idmap.own_map(3))
            assert idmap.read(process.pid) == (idmap.Range(3, os.geteuid()),)
            with raises(errno.EPERM, "written already"):
                idmap.write(process.pid, "uid", idmap.own_map(3))

    in_child(body)


def test_a_pidfd_is_no_namespace():
    fd = pidfd.pidfd_open(os.getpid())
    try:
        assert namespaces.kind_of(fd) is None
    finally:
        os.close(fd)
