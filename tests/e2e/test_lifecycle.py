"""create, start, stop, kill, pause and wait, where docker is no judge: several at once, and what is believed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable

import pytest

from tests.support.harness import Result, wait_until
from tests.support.life import Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")


def at_once(*work: Callable[[], Result]) -> list[Result]:
    """Do several things at the same time."""
    found: list[Result | None] = [None] * len(work)
    barrier = threading.Barrier(len(work))

    def one(number: int) -> None:
        barrier.wait()
        found[number] = work[number]()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in found
    return [result for result in found if result is not None]


def test_a_whole_life(life: Life) -> None:
    life.create("it", "-i", command=("sh", "-c", "read word; echo got $word; exit 3"))
    assert life.state("it") == "created"
    done = life.run("start", "-ai", "it", input="one\n")
    assert (done.code, done.stdout) == (3, "got one\n")
    assert life.look("it", "{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
    done = life.run("start", "-ai", "it", input="two\n")
    assert (done.code, done.stdout) == (3, "got two\n")
    assert life.logs("it").stdout == "got one\ngot two\n"
    assert life.run("wait", "it").stdout == "3\n"


def test_files_outlive_a_restart(life: Life) -> None:
    life.up("it")
    life.run("exec", "it", "sh", "-c", "echo kept >/file", check=True)
    for _ in range(2):
        life.run("restart", "-t", "0", "it", check=True)
        assert life.run("exec", "it", "cat", "/file").stdout == "kept\n"


def test_several_wait_for_the_same_end(life: Life) -> None:
    life.shell("it", "echo ready; while ! test -e /go; do sleep 0.05; done; exit 9")
    waiting = [life.popen("wait", "it") for _ in range(3)]
    life.run("exec", "it", "touch", "/go", check=True)
    assert [process.communicate(timeout=30)[0] for process in waiting] == [b"9\n"] * 3


def test_start_and_removal_at_once(life: Life) -> None:
    for _ in range(3):
        life.create("it", command=("sleep", "1000"))
        started, removed = at_once(lambda: life.run("start", "it"), lambda: life.run("rm", "-f", "it"))
        assert removed.code == 0
        assert started.code == 0 or "No such container" in started.stderr or "gone" in started.stderr, started.stderr
        assert life.run("ps", "-aq").stdout == ""


def test_stop_and_start_at_once(life: Life) -> None:
    life.up("it")
    stopped, started = at_once(lambda: life.run("stop", "-t", "0", "it"), lambda: life.run("start", "it"))
    assert (stopped.code, started.code) == (0, 0), stopped.stderr + started.stderr
    assert life.state("it") in {"running", "exited"}
    assert len(life.processes()) == (life.state("it") == "running")


def test_two_starts_at_once_start_it_once(life: Life) -> None:
    life.create("it", command=("sh", "-c", "echo begun; exec sleep 1000"))
    for result in at_once(*(lambda: life.run("start", "it") for _ in range(3))):
        assert result == (0, "it\n", "")
    life.written("it", "begun")
    assert life.logs("it").stdout == "begun\n"
    assert len(life.processes()) == 1


def test_two_removals_at_once(life: Life) -> None:
    life.up("it")
    for result in at_once(*(lambda: life.run("rm", "-f", "it") for _ in range(3))):
        assert result.code == 0, result.stderr
    assert life.run("ps", "-aq").stdout == ""


def test_exec_and_stop_at_once(life: Life) -> None:
    life.up("it")
    inside, stopped = at_once(
        lambda: life.run("exec", "it", "sleep", "1000"), lambda: life.run("stop", "-t", "0", "it")
    )
    assert stopped.code == 0
    assert inside.code in {1, 126, 137}, inside


def test_pause_and_kill_at_once(life: Life) -> None:
    life.up("it")
    paused, killed = at_once(lambda: life.run("pause", "it"), lambda: life.run("kill", "it"))
    assert killed.code == 0, killed.stderr
    assert paused.code == 0 or "is not running" in paused.stderr, paused
    assert life.look("it", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"


def test_a_killed_monitor_is_told_as_an_unknown_end(life: Life) -> None:
    life.up("it")
    (monitor,) = life.monitors()
    os.kill(monitor, signal.SIGKILL)
    assert wait_until(lambda: life.processes() == [])
    assert life.run("ps", "-a", "--format", "{{.Status}}").stdout.startswith("Exited (unknown)")
    done = life.run("wait", "it")
    assert (done.code, done.stdout) == (1, "")
    assert "nobody knows how container it ended" in done.stderr
    life.run("start", "it", check=True)
    assert life.state("it") == "running"


def test_numbers_of_processes_that_are_somebody_elses_by_now(life: Life) -> None:
    """A row and a state.json whose monitor and program are long gone, and other processes have their numbers."""
    made = life.up("it")
    (monitor,) = life.monitors()
    first = life.said(made)["pid"]
    os.kill(monitor, signal.SIGKILL)
    assert wait_until(lambda: not os.path.exists(f"/proc/{first}") and life.processes() == [])
    other = subprocess.Popen(["sleep", "1000"])
    try:
        with sqlite3.connect(life.root / "hezi.db") as database:
            database.execute("UPDATE containers SET pid=?", (other.pid,))
        database.close()
        file = life.runroot / "containers" / made / "state.json"
        text = file.read_text().replace(f'"pid": {first}', f'"pid": {other.pid}')
        file.write_text(text.replace(f'"monitor_pid": {monitor}', f'"monitor_pid": {other.pid}'))
        assert life.state("it") == "exited"
        assert life.run("kill", "it").code == 1
        assert life.run("exec", "it", "true").code == 1
        assert life.run("stop", "it").code == 0
        assert life.run("rm", "-f", "it").code == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_row_of_an_earlier_boot(life: Life) -> None:
    made = life.up("it")
    for pid in life.monitors():
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: life.processes() == [])
    with sqlite3.connect(life.root / "hezi.db") as database:
        database.execute("UPDATE containers SET boot_id='another'")
    database.close()
    for path in (life.runroot / "containers" / made).iterdir():
        path.unlink()
    assert life.state("it") == "exited"
    assert life.run("ps", "-q").stdout == ""
    life.run("start", "it", check=True)
