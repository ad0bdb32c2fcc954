"""Programs that join a container: what they see, what they leave, and what a hostile container cannot do to them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from hezi import errors
from hezi.runtime import exec as joining
from hezi.spec import runtime as rt
from tests.kernel import boxes, monitored
from tests.kernel.monitored import alive, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "busybox")


@pytest.fixture
def held(tmp_path):
    one = monitored.Held(tmp_path)
    yield one
    one.close()


def start(held, *args, process=None, **how):
    plan = joining.plan(boxes.spec(*args, process=process).process)
    return joining.start(held.runtime, plan, **how)


def run(held, *args, process=None, input=None):
    with start(held, *args, process=process, stdin=input is not None) as running:
        if input is not None:
            os.write(running.stdin, input)
            os.close(running.stdin)
            running.stdin = -1
        out = _read(running.stdout)
        err = _read(running.stderr)
        status = running.wait(10)
        assert status is not None
        return status, out, err


def shell(held, script, **how):
    return run(held, "sh", "-c", script, **how)


def _read(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    return b"".join(parts)


def test_exit_codes_and_streams(held):
    held.start("sleep", "60")
    status, out, err = shell(held, "cat; echo err >&2; exit 7", input=b"in\n")
    assert (status.code, out, err) == (7, b"in\n", b"err\n")
    status, _, _ = shell(held, "kill -9 $$")
    assert (status.code, status.signal) == (137, 9)


def test_it_is_in_the_containers_namespaces_and_groups(held):
    one = held.shell("ls -l /proc/self/ns | sed 's/.*-> //' > /ns; cat /proc/self/cgroup > /groups; exec sleep 60")
    wait_until((held.room.upper / "groups").exists)
    status, out, _ = shell(held, "ls -l /proc/self/ns | sed 's/.*-> //' | diff - /ns; cat /proc/self/cgroup; hostname")
    assert status.code == 0
    assert b"box" in out
    assert (held.room.upper / "groups").read_bytes() in out
    with open(f"/proc/{one.pid}/cgroup") as file:
        groups = file.read()
    running = start(held, "sleep", "60")
    with running, open(f"/proc/{running.pid}/cgroup") as file:
        assert file.read() == groups


def test_user_directory_environment_and_rights(held):
    held.shell("mkdir -p /job; exec sleep 60")
    time.sleep(0.2)
    process = {
        **boxes.user(2, 2, 7),
        "cwd": "/job",
        "env": ("PATH=/bin", "A=b c"),
        "no_new_privileges": True,
        "rlimits": (rt.Rlimit("RLIMIT_NOFILE", 77, 77),),
    }
    script = "id -u; id -G; pwd; env; ulimit -n; grep -E 'NoNewPrivs|CapEff' /proc/self/status"
    status, out, err = shell(held, script, process=process)
    assert status.code == 0, err
    assert out.split(b"\n")[:3] == [b"2", b"2 7", b"/job"]
    assert b"A=b c\n" in out
    assert b"\n77\n" in out
    assert b"NoNewPrivs:\t1" in out
    assert b"CapEff:\t0000000000000000" in out


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("nothing-here",), errors.COMMAND_NOT_FOUND),
        (("/nothing/here",), errors.COMMAND_NOT_FOUND),
        (("/etc",), errors.NOT_EXECUTABLE),
        (("/etc/passwd",), errors.NOT_EXECUTABLE),
    ],
)
def test_a_program_that_cannot_be_executed(held, args, kind):
    one = held.start("sleep", "60")
    with pytest.raises(errors.Error) as caught:
        start(held, *args)
    assert caught.value.kind == kind
    assert one.client.state()["status"] == "running"


def test_a_directory_that_is_not_there(held):
    held.start("sleep", "60")
    with pytest.raises(errors.Error, match="EnterDirectory"):
        start(held, "true", process={"cwd": "/not/there"})


def test_a_container_that_does_not_run(held):
    with pytest.raises(errors.Error) as caught:
        start(held, "true")
    assert caught.value.kind == errors.NOT_FOUND


def test_a_paused_container(held):
    one = held.start("sleep", "60")
    one.client.pause()
    with pytest.raises(errors.Error, match="paused"):
        start(held, "true")
    one.client.unpause()


def test_a_terminal(held):
    held.start("sleep", "60")
    process = {"terminal": True, "console_size": rt.ConsoleSize(31, 101)}
    with start(held, "sh", "-c", "stty size; tty; read line; echo $line; stty size", process=process) as running:
        running.resize(41, 121)
        os.write(running.master, b"typed\n")
        status = running.wait(10)
        out = os.read(running.master, 4096)
    assert status is not None
    assert status.code == 0
    assert b"/dev/pts/0" in out
    assert b"41 121" in out


def test_it_has_no_descriptors_but_its_streams(held):
    held.start("sleep", "60")
    for process in ({}, {"terminal": True}):
        with start(held, "sh", "-c", "ls -l /proc/$$/fd; exec sleep 0.2", process=process) as running:
            own = os.listdir(f"/proc/{running.pid}/fd")
            assert len(own) <= 4
            running.wait(5)


@pytest.mark.parametrize("number", range(3, 25))
def test_a_working_directory_by_descriptor_is_refused(held, number):
    held.start("sleep", "60")
    with pytest.raises(errors.Error):
        start(held, "pwd", process={"cwd": f"/proc/self/fd/{number}"})


def test_detached_ones_are_waited_for_by_the_monitor(held):
    one = held.start("sleep", "60")
    for _ in range(5):
        start(held, "true", detached=True).close()
    time.sleep(0.5)
    with open(f"/proc/{one.monitor_pid}/task/{one.monitor_pid}/children") as file:
        assert file.read().split() == [str(one.pid)]


def test_a_child_that_keeps_the_pipes_does_not_keep_us(held):
    held.start("sleep", "60")
    for _ in range(20):
        with start(held, "sh", "-c", "sleep 1000 & exit 4") as running:
            assert running.wait(5).code == 4


def test_many_in_a_row_leave_nothing_in_the_monitor(held):
    one = held.start("sleep", "60")
    # With the first one it has all open that it will have.
    with start(held, "true") as running:
        running.wait(5)
    before = _size(one.monitor_pid)
    for _ in range(100):
        with start(held, "true") as running:
            running.wait(5)
    # The last ones' lines are closed in its own time.
    wait_until(lambda: _size(one.monitor_pid)[0] <= before[0] + 1)
    assert _size(one.monitor_pid)[1] < before[1] + 1024


def _size(pid: int) -> tuple[int, int]:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = {line.split()[0]: int(line.split()[1]) for line in file if " kB" in line}
    return len(os.listdir(f"/proc/{pid}/fd")), sizes["Pss:"]


def test_a_caller_that_vanishes_leaves_it_running(held):
    held.start("sleep", "60")
    running = start(held, "sh", "-c", "sleep 0.5; echo done > /done; sleep 0.5")
    running.close()
    wait_until((held.room.upper / "done").exists)


def test_the_end_of_the_container_is_its_end(held):
    one = held.start("sleep", "60")
    with start(held, "sleep", "60") as running:
        one.client.signal(9)
        assert running.wait(10).signal == 9
    with pytest.raises(errors.Error):
        start(held, "true")


def test_the_death_of_the_monitor_is_its_end(held):
    one = held.start("sleep", "60")
    with start(held, "sleep", "61") as running:
        with open(f"/proc/{running.pid}/stat", "rb") as file:
            started = int(file.read().rsplit(b")", 1)[1].split()[19])
        os.kill(one.monitor_pid, signal.SIGKILL)
        with pytest.raises(errors.Error) as caught:
            running.wait(5)
        assert caught.value.kind == errors.UNAVAILABLE
        wait_until(lambda: not alive(running.pid, started))


def test_a_signal(held):
    held.start("sleep", "60")
    with start(held, "sleep", "60") as running:
        assert running.signal(signal.SIGTERM)
        assert running.wait(5).signal == signal.SIGTERM


def test_a_container_that_replaces_its_devpts_gets_no_terminal(held):
    mounts = tuple(one for one in boxes.MOUNTS if one.destination != "/dev/pts")
    with pytest.raises(errors.Error, match="OpenTerminalInside"):
        _terminal_without_devpts(held, mounts)


def _terminal_without_devpts(held, mounts):
    held.spec_members = {"mounts": mounts}
    held.shell("mkdir -p /dev/pts; touch /dev/pts/ptmx; exec sleep 60")
    time.sleep(0.3)
    start(held, "true", process={"terminal": True})
