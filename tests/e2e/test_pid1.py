"""Process 1 of a PID namespace: what signals do to it, what it owes to orphans, and what its end ends."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from hezi.linux import namespaces, pidfd
from tests.support.harness import Hezi
from tests.support.in_child import in_child, raises

BOX = ("root", "overlay", "docker-registry", "skopeo", "busybox")


@pytest.mark.needs("root")
def test_from_inside_sigkill_and_sigstop_do_nothing_to_it_and_from_the_parent_they_work():
    def body() -> None:
        inside, outside = os.pipe(), os.pipe()

        def first() -> None:
            def attack() -> None:
                for number in (signal.SIGKILL, signal.SIGSTOP):
                    os.kill(1, number)

            with namespaces.clone(attack) as child:
                assert child.wait() == 0
            os.write(inside[1], b"alive")
            os.read(outside[0], 1)

        with namespaces.clone(first, namespaces.CLONE_NEWPID) as process:
            assert os.read(inside[0], 5) == b"alive"
            process.signal(signal.SIGSTOP)
            assert os.WIFSTOPPED(pidfd.wait(process.pidfd, os.WSTOPPED)[1])
            process.signal(signal.SIGCONT)
            assert os.WIFCONTINUED(pidfd.wait(process.pidfd, os.WCONTINUED)[1])
            process.signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL

    in_child(body)


@pytest.mark.needs("root")
def test_a_signal_without_a_handler_does_nothing_to_it_and_with_one_is_taken():
    def body() -> None:
        report = os.pipe()

        def first() -> int:
            taken: list[int] = []
            with namespaces.clone(lambda: os.kill(1, signal.SIGTERM)) as child:
                assert child.wait() == 0
            signal.signal(signal.SIGTERM, lambda number, _frame: taken.append(number))
            with namespaces.clone(lambda: os.kill(1, signal.SIGTERM)) as child:
                assert child.wait() == 0
            os.write(report[1], b"taken" if taken == [signal.SIGTERM] else b"not")
            return 3

        with namespaces.clone(first, namespaces.CLONE_NEWPID) as process:
            assert process.wait() == 3
        assert os.read(report[0], 5) == b"taken"

    in_child(body)


@pytest.mark.needs("root")
def test_its_end_ends_all_processes_of_the_namespace():
    def body() -> None:
        alive = os.pipe()

        def first() -> int:
            for _ in range(20):
                if namespaces.fork() is None:
                    namespaces.fork()  # and grandchildren
                    os.write(alive[1], b".")
                    signal.pause()
            left = 40
            while left:
                left -= len(os.read(alive[0], left))
            return 5

        with namespaces.clone(first, namespaces.CLONE_NEWPID) as process:
            os.close(alive[1])
            assert process.wait() == 5
            # Whoever was left would still hold the other end.
            assert os.read(alive[0], 1) == b""
            try:
                namespaces.setns(process, namespaces.CLONE_NEWPID)
            except ProcessLookupError:
                return
            raise AssertionError

    in_child(body)


@pytest.mark.needs("root")
def test_nobody_enters_a_pid_namespace_whose_first_process_has_ended():
    def body() -> None:
        with namespaces.clone(signal.pause, namespaces.CLONE_NEWPID) as process:
            space = namespaces.Namespace.of(process.pid, "pid")
        namespaces.setns(space)
        with raises(errno.ENOMEM, "clone3"):
            namespaces.clone(lambda: None)

    in_child(body)


@pytest.mark.needs("root")
def test_orphans_come_to_it_and_their_number_is_its_to_reap():
    def body() -> None:
        def first() -> int:
            def middle() -> None:
                # Its child becomes an orphan, which process 1 inherits.
                if namespaces.fork() is None:
                    os._exit(9)

            with namespaces.clone(middle) as child:
                assert child.wait() == 0
            _, status = os.waitpid(-1, 0)
            return os.waitstatus_to_exitcode(status)

        with namespaces.clone(first, namespaces.CLONE_NEWPID) as process:
            assert process.wait() == 9

    in_child(body)


# --- the one of --init -----------------------------------------------------------------------------------------------

# 1,000 children whose parent ends at once; then wait until none of them is left, as a zombie or otherwise.
_ORPHANS = """
i=0; while [ $i -lt 1000 ]; do (: & ) ; i=$((i+1)); done
tries=0
while [ "$(cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z')" != 0 ]; do
    tries=$((tries+1)); [ $tries -lt 300 ] || exit 1; sleep 0.1
done
cat /proc/1/comm >/dev/null && echo none left
"""


@pytest.mark.needs(*BOX)
def test_init_reaps_a_thousand_orphans(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    done = hezi_env.run("run", "--rm", "--network", "none", "--init", busybox_image, "sh", "-c", _ORPHANS)
    assert (done.code, done.stdout) == (0, "none left\n"), done.stderr


@pytest.mark.needs(*BOX)
def test_init_is_not_hurt_from_inside(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    script = "kill -KILL 1; kill -STOP 1; echo alive; exit 4"
    done = hezi_env.run("run", "--rm", "--network", "none", "--init", busybox_image, "sh", "-c", script)
    assert (done.code, done.stdout) == (4, "alive\n"), done.stderr


@pytest.mark.needs(*BOX)
@pytest.mark.parametrize("name", ["TERM", "USR1"])
def test_init_forwards_signals(hezi_env: Hezi, busybox_image: str, leftovers_guard: None, name: str):
    script = f"trap 'echo got it; exit 7' {name}; kill -{name} 1; while :; do sleep 0.05; done"
    done = hezi_env.run("run", "--rm", "--network", "none", "--init", busybox_image, "sh", "-c", script)
    assert (done.code, done.stdout) == (7, "got it\n"), done.stderr


@pytest.mark.needs(*BOX)
def test_the_end_of_the_program_behind_init_ends_the_box(hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    script = "sleep 1000 & exit 6"
    done = hezi_env.run("run", "--rm", "--network", "none", "--init", busybox_image, "sh", "-c", script)
    assert done.code == 6, done.stderr
