"""hezi.linux.namespaces on the real kernel: forking into namespaces, leaving and joining them."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from hezi.linux import caps, fd, mount, mountinfo, namespaces, pidfd, prctl, rlimits
from tests.support.in_child import hide, in_child, only_child, raises

ALL = sorted(namespaces.KINDS)


# --- clone3 ----------------------------------------------------------------------------------------------------------


def test_clone3_returns_twice():
    def body() -> None:
        pid, file = namespaces.clone3()
        only_child(lambda: os._exit(7), pid)
        assert not os.get_inheritable(file)
        assert pidfd.wait(file) == (pid, 7 << 8)

    in_child(body)


@pytest.mark.needs("userns")
@pytest.mark.parametrize("kind", ALL)
def test_clone3_into_a_namespace_of_each_kind(kind: str):
    def body(kind: str) -> None:
        before = {name: namespaces.namespace_id(f"/proc/self/ns/{name}") for name in namespaces.KINDS}
        pid, file = namespaces.clone3(namespaces.KINDS[kind])

        def check() -> None:
            # The time namespace is entered by the children of whoever asked; clone3 itself enters it.
            after = {name: namespaces.namespace_id(f"/proc/self/ns/{name}") for name in namespaces.KINDS}
            assert {name for name in before if before[name] != after[name]} == {kind}

        def check_pid() -> None:
            assert os.getpid() == 1  # /proc is still that of the parent

        only_child(check_pid if kind == "pid" else check, pid)
        assert pidfd.wait(file) == (pid, 0)

    in_child(body, kind, where="userns")


@pytest.mark.needs("userns")
def test_clone3_into_all_at_once_without_a_pidfd():
    def body() -> None:
        flags = 0
        for flag in namespaces.KINDS.values():
            flags |= flag
        pid, file = namespaces.clone3(flags, want_pidfd=False)
        only_child(lambda: None, pid)
        assert file == -1
        assert os.waitpid(pid, 0) == (pid, 0)

    in_child(body)


def test_the_child_is_a_whole_python():
    """At-fork handlers have run, the import lock is free, threads can be started."""

    def body() -> None:
        seen: list[str] = []
        os.register_at_fork(
            before=lambda: seen.append("before"),
            after_in_parent=lambda: seen.append("parent"),
            after_in_child=lambda: seen.append("child"),
        )
        pid, file = namespaces.clone3()

        def check() -> None:
            import threading
            import uuid

            thread = threading.Thread(target=lambda: seen.append(uuid.uuid4().hex))
            thread.start()
            thread.join()
            assert seen[:2] == ["before", "child"]
            assert len(seen) == 3

        only_child(check, pid)
        assert pidfd.wait(file) == (pid, 0)
        assert seen == ["before", "parent"]

    in_child(body)


def test_clone3_with_parent_makes_a_sibling():
    def body() -> None:
        reader, writer = os.pipe()
        pid, file = namespaces.clone3()

        def middle() -> None:
            child, _ = namespaces.clone3(namespaces.CLONE_PARENT)
            only_child(lambda: os._exit(9), child)
            os.write(writer, b"%d" % child)

        only_child(middle, pid)
        assert pidfd.wait(file) == (pid, 0)
        sibling = int(os.read(reader, 20))
        assert os.waitpid(sibling, 0) == (sibling, 9 << 8)

    in_child(body)


def test_clone3_refuses_a_process_with_threads():
    def body() -> None:
        import threading

        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            with raises(errno.EINVAL, "clone3: Invalid argument", "2 threads"):
                namespaces.clone3()
        finally:
            done.set()
            thread.join()
        pid, file = namespaces.clone3()
        only_child(lambda: None, pid)
        assert pidfd.wait(file) == (pid, 0)

    in_child(body)


@pytest.mark.needs("root")
def test_threads_are_counted_without_proc():
    def body() -> None:
        import threading

        mount.mount("tmpfs", "/proc", "tmpfs")
        assert namespaces.thread_count() == 1
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        assert namespaces.thread_count() == 2
        done.set()
        thread.join()

    in_child(body, where="mounts")


@pytest.mark.needs("root")
def test_clone3_errors_leave_python_usable():
    def body() -> None:
        with raises(errno.EBADF, "clone3: Bad file descriptor"):
            namespaces.clone3(cgroup_fd=99999)
        with raises(errno.EINVAL, "clone3", "flags 0x100 are not for a Python process"):
            namespaces.clone3(0x100)  # CLONE_VM: two interpreters in one memory
        os.setuid(65534)
        with raises(errno.EPERM, "clone3: Operation not permitted"):
            namespaces.clone3(namespaces.CLONE_NEWNET)
        pid, file = namespaces.clone3()
        only_child(lambda: None, pid)
        assert pidfd.wait(file) == (pid, 0)

    in_child(body)


@pytest.mark.needs("userns")
def test_clone2_does_it_where_clone3_is_hidden():
    def body() -> None:
        hide("clone3")
        pid, file = namespaces.clone3(namespaces.CLONE_NEWPID | namespaces.CLONE_NEWUTS)
        only_child(lambda: os._exit(os.getpid()), pid)
        assert not os.get_inheritable(file)
        assert pidfd.wait(file) == (pid, 1 << 8)
        with raises(errno.ENOSYS, "clone(2) cannot do CLONE_INTO_CGROUP or CLONE_NEWTIME"):
            namespaces.clone3(namespaces.CLONE_NEWTIME)
        with raises(errno.ENOSYS, "clone(2) cannot"):
            namespaces.clone3(cgroup_fd=0)

    in_child(body, where="userns")


@pytest.mark.needs("root", "cgroup2-tree")
def test_clone3_into_a_cgroup():
    def body() -> None:
        point = next(each.mount_point for each in mountinfo.list_mounts() if each.fstype == "cgroup2")
        path = f"{point}/hezi-test-{os.getpid()}"
        os.mkdir(path)
        try:
            group = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            pid, file = namespaces.clone3(cgroup_fd=group)

            def check() -> None:
                with open("/proc/self/cgroup") as text:
                    assert f"0::/hezi-test-{os.getppid()}" in text.read()

            only_child(check, pid)
            assert pidfd.wait(file) == (pid, 0)
        finally:
            os.rmdir(path)

    in_child(body)


# --- unshare, setns --------------------------------------------------------------------------------------------------


@pytest.mark.needs("userns")
def test_unshare_and_setns_back():
    def body() -> None:
        old = os.open("/proc/self/ns/uts", os.O_RDONLY)
        assert namespaces.namespace_id(old) == namespaces.namespace_id("/proc/self/ns/uts")
        namespaces.unshare(namespaces.CLONE_NEWUTS)
        assert namespaces.namespace_id(old) != namespaces.namespace_id("/proc/self/ns/uts")
        name = os.uname().nodename
        namespaces.sethostname("box")
        namespaces.setdomainname(b"domain")
        with open("/proc/sys/kernel/domainname") as domain:
            assert (os.uname().nodename, domain.read()) == ("box", "domain\n")
        namespaces.unshare(namespaces.CLONE_NEWUTS)
        newer = os.open("/proc/self/ns/uts", os.O_RDONLY)
        with raises(errno.EINVAL, "setns: Invalid argument", f"fd {newer}"):
            namespaces.setns(newer, namespaces.CLONE_NEWIPC)
        namespaces.setns(newer, namespaces.CLONE_NEWUTS)
        namespaces.setns(newer)
        assert os.uname().nodename == "box" != name

    in_child(body, where="userns")


@pytest.mark.needs("root")
def test_setns_by_pidfd_joins_several():
    def body() -> None:
        reader, writer = os.pipe()
        flags = namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC
        pid, file = namespaces.clone3(flags)
        only_child(lambda: os.read(reader, 1), pid)
        namespaces.setns(file, flags)
        for kind in ("uts", "ipc"):
            assert namespaces.namespace_id(f"/proc/self/ns/{kind}") == namespaces.namespace_id(f"/proc/{pid}/ns/{kind}")
        os.write(writer, b"x")
        pidfd.wait(file)
        with raises(errno.ESRCH, "setns", f"fd {file}"):
            namespaces.setns(file, flags)

    in_child(body)


def test_setns_of_what_is_no_namespace():
    def body() -> None:
        file = os.open("/", os.O_RDONLY)
        with raises(errno.EINVAL, "setns", f"fd {file}"):
            namespaces.setns(file)
        with raises(errno.EBADF, "setns", "fd 99999"):
            namespaces.setns(99999)

    in_child(body)


@pytest.mark.needs("root")
def test_unshare_errors():
    def body() -> None:
        with raises(errno.EINVAL, "unshare: Invalid argument"):
            namespaces.unshare(1)
        os.setuid(65534)
        with raises(errno.EPERM, "unshare: Operation not permitted"):
            namespaces.unshare(namespaces.CLONE_NEWNS)
        with raises(errno.EPERM, "sethostname", "'box'"):
            namespaces.sethostname("box")
        with raises(errno.EPERM, "setdomainname", "'box'"):
            namespaces.setdomainname("box")

    in_child(body)


@pytest.mark.needs("userns")
def test_a_host_name_that_is_too_long():
    def body() -> None:
        namespaces.unshare(namespaces.CLONE_NEWUTS)
        namespaces.sethostname("x" * 64)
        with raises(errno.EINVAL, "sethostname"):
            namespaces.sethostname("x" * 65)

    in_child(body, where="userns")


# --- pidfd -----------------------------------------------------------------------------------------------------------


def test_wait_tells_how_it_ended():
    def body() -> None:
        pid, file = namespaces.clone3()
        only_child(signal.pause, pid)
        assert pidfd.wait(file, os.WNOHANG) == (0, 0)
        pidfd.pidfd_send_signal(file, signal.SIGSTOP)
        _, status = pidfd.wait(file, os.WSTOPPED)
        assert os.WIFSTOPPED(status)
        assert os.WSTOPSIG(status) == signal.SIGSTOP
        pidfd.pidfd_send_signal(file, signal.SIGCONT)
        assert os.WIFCONTINUED(pidfd.wait(file, os.WCONTINUED)[1])
        pidfd.pidfd_send_signal(file, signal.SIGKILL)
        again, status = pidfd.wait(file)
        assert again == pid
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        with raises(errno.ECHILD, "waitid", f"pidfd {file}"):
            pidfd.wait(file)
        with raises(errno.ESRCH, "pidfd_send_signal", f"fd {file}"):
            pidfd.pidfd_send_signal(file, 0)

    in_child(body)


def test_wait_knows_a_core_dump():
    def body() -> None:
        rlimits.setrlimit(rlimits.RLIMITS["RLIMIT_CORE"], 0, 0)
        pid, file = namespaces.clone3()
        only_child(lambda: os.kill(os.getpid(), signal.SIGSEGV), pid)
        _, status = pidfd.wait(file)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGSEGV

    in_child(body)


def test_pidfd_open():
    file = pidfd.pidfd_open(os.getpid())
    assert not os.get_inheritable(file)
    pidfd.pidfd_send_signal(file, 0)
    os.close(file)
    with raises(errno.ESRCH, "pidfd_open: No such process: 'pid 4194304'"):
        pidfd.pidfd_open(4194304)
    with raises(errno.EINVAL, "pidfd_open", "pid -1"):
        pidfd.pidfd_open(-1)


@pytest.mark.needs("root")
def test_pidfd_getfd():
    def body() -> None:
        reader, writer = os.pipe()
        pid, file = namespaces.clone3()

        def child() -> None:
            os.dup2(os.open("/etc", os.O_PATH), 400)
            os.write(writer, b"x")
            signal.pause()

        only_child(child, pid)
        os.read(reader, 1)
        got = pidfd.pidfd_getfd(file, 400)
        assert os.readlink(f"/proc/self/fd/{got}") == "/etc"
        assert not os.get_inheritable(got)
        with raises(errno.EBADF, "pidfd_getfd", f"fd {file}"):
            pidfd.pidfd_getfd(file, 401)
        pidfd.pidfd_send_signal(file, signal.SIGKILL)
        pidfd.wait(file)

    in_child(body)


@pytest.mark.parametrize("name", ["plain", "two words", "a) R 1 (b", ")", "((("])
def test_start_time_whatever_the_name(name: str):
    def body(name: str) -> None:
        before = pidfd.start_time(os.getpid())
        prctl.set_name(name)
        assert pidfd.start_time(os.getpid()) == before
        with open("/proc/self/comm") as comm:
            assert comm.read() == f"{name}\n"
        assert pidfd.start_time("self", fd.open_procfs()) == before

    in_child(body, name)


def test_start_time_of_nobody():
    with raises(errno.ENOENT, "/proc/4194304/stat"):
        pidfd.start_time(4194304)


def test_a_signal_never_hits_another_process():
    def body() -> None:
        pid, file = namespaces.clone3()
        only_child(signal.pause, pid)
        started = pidfd.start_time(pid)
        assert not pidfd.send_signal_to(pid, signal.SIGKILL, started=started + 1)
        assert pidfd.wait(file, os.WNOHANG) == (0, 0)
        assert pidfd.send_signal_to(pid, signal.SIGKILL, started=started)
        assert pidfd.wait(file) == (pid, signal.SIGKILL)
        assert not pidfd.send_signal_to(pid, signal.SIGKILL, started=started)

    in_child(body)


def test_boot_id_is_a_uuid():
    assert len(pidfd.boot_id()) == 36
    assert pidfd.boot_id() == pidfd.boot_id()


# --- prctl -----------------------------------------------------------------------------------------------------------


def test_attributes_are_set_and_read():
    def body() -> None:
        prctl.set_pdeathsig(signal.SIGUSR1)
        assert prctl.get_pdeathsig() == signal.SIGUSR1
        prctl.set_dumpable(False)
        assert prctl.get_dumpable() == 0
        assert not prctl.get_no_new_privs()
        prctl.set_no_new_privs()
        assert prctl.get_no_new_privs()
        prctl.set_child_subreaper(True)
        prctl.set_keepcaps(True)
        assert prctl.prctl(prctl.PR_GET_KEEPCAPS) == 1
        caps.set_keepcaps(False)
        assert prctl.prctl(prctl.PR_GET_KEEPCAPS) == 0
        prctl.set_name("a-name-longer-than-the-kernel-keeps")
        with open("/proc/self/comm") as comm:
            assert comm.read() == "a-name-longer-t\n"

    in_child(body)


def test_prctl_errors():
    def body() -> None:
        with raises(errno.EINVAL, "prctl: Invalid argument"):
            prctl.prctl(99999)
        with raises(errno.EINVAL, "prctl"):
            prctl.set_pdeathsig(500)

    in_child(body)


def test_the_parent_death_signal_comes():
    def body() -> None:
        reader, writer = os.pipe()
        middle, file = namespaces.clone3()

        def parent() -> None:
            pid, _ = namespaces.clone3()

            def child() -> None:
                prctl.set_pdeathsig(signal.SIGKILL)
                os.write(writer, b"x")
                signal.pause()

            only_child(child, pid)
            os.read(reader, 1)

        only_child(parent, middle)
        os.close(writer)
        assert pidfd.wait(file) == (middle, 0)
        # The end of the pipe: nobody has the writing end any more.
        assert os.read(reader, 1) == b""

    in_child(body)


def test_a_session_keyring_of_its_own():
    def body() -> None:
        first = prctl.join_session_keyring()
        assert first > 0
        assert prctl.join_session_keyring() != first

    in_child(body)
