"""Restart policies, health checks, --rm and --init of containers in the background: done by their monitors alone."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime
from itertools import pairwise

import pytest

from tests.support.harness import wait_until
from tests.support.life import Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")

ENDED = "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}"


def test_on_failure_is_tried_so_often_with_pauses_that_grow(life: Life) -> None:
    life.up("it", "--restart", "on-failure:3", command=("sh", "-c", "echo try; exit 7"))
    life.becomes("it", ENDED, "exited 7 3")
    lines = life.logs("it", "-t").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["try"] * 4
    times = [datetime.fromisoformat(line.split()[0][:26]).timestamp() for line in lines]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=True):
        assert pause >= least * 0.9
    assert life.run("wait", "it").stdout == "7\n"
    assert life.processes() == []


def test_what_succeeds_is_not_tried_again(life: Life) -> None:
    life.up("it", "--restart", "on-failure:3", command=("true",))
    life.becomes("it", ENDED, "exited 0 0")
    assert wait_until(lambda: life.processes() == [])


def test_always_goes_on_until_it_is_stopped(life: Life) -> None:
    life.up("it", "--restart", "always", command=("sh", "-c", "echo run; exit 0"))
    life.becomes("it", "{{ge .RestartCount 2}}", "true")
    # Whether it runs just now or waits for its next start.
    assert life.run("stop", "-t", "0", "it").stdout == "it\n"
    assert life.state("it") == "exited"
    assert life.processes() == []
    before = life.logs("it").stdout
    life.run("ps", check=True)
    assert life.logs("it").stdout == before


def test_a_stop_between_two_starts_is_its_end(life: Life) -> None:
    life.up("it", "--restart", "on-failure", command=("sh", "-c", "exit 3"))
    # The fourth pause is 0.8 seconds and they double: some look finds it waiting.
    seen = wait_until(lambda: life.run("ps", "--format", "{{.Status}}").stdout.startswith("Restarting (3) "))
    assert seen
    assert life.run("stop", "it").code == 0
    assert life.look("it", "{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
    assert life.processes() == []


def test_a_kill_of_the_container_from_outside_starts_it_again(life: Life) -> None:
    made = life.up("it", "--restart", "always")
    subprocess.run(["kill", "-9", str(life.said(made)["pid"])], check=True)
    life.becomes("it", "{{.State.Status}} {{.RestartCount}}", "running 1")
    life.run("kill", "it", check=True)
    assert life.state("it") == "exited"


def test_removal_while_it_waits_for_its_next_start(life: Life) -> None:
    life.up("it", "--restart", "always", command=("false",))
    life.becomes("it", "{{.State.Status}}", "restarting")
    assert life.run("rm", "it").code == 1
    assert life.run("rm", "-f", "it").stdout == "it\n"


def test_health_is_seen_and_written_down(life: Life) -> None:
    check = ("--health-cmd", "test -e /ok || { echo no; exit 1; }", "--health-interval", "100ms", "--health-retries")
    life.up("it", *check, "2")
    life.becomes("it", "{{.State.Health.Status}}", "unhealthy")
    assert life.run("ps", "--format", "{{.Status}}").stdout.endswith("(unhealthy)\n")
    assert life.look("it", "{{(index .State.Health.Log 0).Output}}") == "no"
    life.run("exec", "it", "touch", "/ok", check=True)
    life.becomes("it", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}", "healthy 0")
    assert life.run("ps", "-q", "-f", "health=healthy").stdout.count("\n") == 1


def test_what_is_removed_at_its_end_goes_without_a_command_of_ours(life: Life) -> None:
    made = life.up("it", "--rm", "-v", "/data", command=("sh", "-c", "echo x >/data/x; exit 3"))
    assert wait_until(lambda: not (life.root / "containers" / made).exists())
    assert wait_until(lambda: life.processes() == [])
    assert life.run("ps", "-aq").stdout == ""
    assert life.remains() == []


def test_init_reaps_what_others_leave(life: Life) -> None:
    script = "for n in $(seq 30); do (sleep 0.01 & exec true); done; echo ready; exec sleep 1000"
    made = life.shell("it", script, "--init")
    first = life.said(made)["pid"]

    def children() -> list[str]:
        done = subprocess.run(["ps", "-o", "stat=,comm=", "--ppid", str(first)], capture_output=True, check=False)
        return done.stdout.decode().split("\n")[:-1]

    assert wait_until(lambda: len(children()) == 1), children()
    assert children()[0].split()[1] == "sleep"
    life.run("stop", "-t", "5", "it", check=True)
    # --init passes SIGTERM on, so that no force was needed.
    assert life.look("it", "{{.State.ExitCode}}") == "143"


def test_nothing_of_ours_runs_but_one_monitor_each(life: Life) -> None:
    for name in ("one", "two", "three"):
        life.up(name, "--restart", "always", "--health-cmd", "true")
    lines = life.processes()
    assert len(lines) == 3
    assert all(re.search(r"hezi-monitor (one|two|three)", line) for line in lines)
