"""Containers that live: what has happened (events), why they ended, what they use, what is changed, what comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

import hezi as library
from hezi.engine.containers import api, stats
from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "skopeo", "busybox")


@pytest.fixture(autouse=True)
def nothing_stays(hezi: Hezi) -> Iterator[None]:
    yield
    names = hezi.run("ps", "-aq", check=True).stdout.split()
    if names:
        hezi.run("rm", "-f", "-v", *names, check=True)


@pytest.fixture
def run(hezi: Hezi, busybox_image: str):
    def start(name: str, *command: str, flags: tuple[str, ...] = (), wait: bool = False) -> str:
        argv = ("run", "-d", "--network", "none", "--name", name, *flags, busybox_image, *command)
        identity = hezi.run(*argv, check=True).stdout.strip()
        if wait:
            hezi.run("wait", name, check=True)
        return identity

    return start


def state(hezi: Hezi, identity: str) -> dict:
    return json.loads((hezi.runroot / "containers" / identity / "state.json").read_text())


def why(hezi: Hezi, name: str) -> dict:
    return json.loads(hezi.run("why", "--format", "json", name, check=True).stdout)


# --- why ------------------------------------------------------------------------------------------------------------


def test_why_a_plain_exit_with_the_last_lines(hezi: Hezi, run) -> None:
    run("plain", "sh", "-c", "echo first; printf 'a\\033[2Jb\\n'; exit 3", wait=True)
    found = why(hezi, "plain")
    assert (found["Kind"], found["Evidence"]["exit code"]) == ("exited", "3")
    assert "ended by itself with exit code 3" in found["Why"]
    assert found["Log"] == ["first", "a\x1b[2Jb"]
    text = hezi.run("why", "plain", check=True).stdout
    assert text.startswith("Container plain ended by itself with exit code 3.\n")
    assert "\x1b" not in text


def test_why_memory_ran_out_in_the_main_process_or_in_a_child_only(hezi: Hezi, run) -> None:
    run("main", "tail", "/dev/zero", flags=("-m", "16m", "--memory-swap", "16m"), wait=True)
    found = why(hezi, "main")
    assert found["Kind"] == "oom"
    assert "the kernel killed its main process (its limit is 16 MiB)" in found["Why"]
    run("child", "sh", "-c", "tail /dev/zero; exit 7", flags=("-m", "16m", "--memory-swap", "16m"), wait=True)
    found = why(hezi, "child")
    assert (found["Kind"], found["Evidence"]["exit code"]) == ("oom-child", "7")
    assert "killed a child of it for want of memory" in found["Why"]


def test_why_a_kill_from_the_host_is_not_one_of_ours(hezi: Hezi, run) -> None:
    os.kill(state(hezi, run("host", "sleep", "1000"))["pid"], signal.SIGKILL)
    hezi.run("wait", "host", check=True)
    assert why(hezi, "host")["Kind"] == "killed-from-outside"
    run("ours", "sleep", "1000")
    hezi.run("kill", "ours", check=True)
    found = why(hezi, "ours")
    assert (found["Kind"], found["Evidence"]["signal"]) == ("killed", "SIGKILL")


def test_why_stop_was_enough_or_its_time_was_up(hezi: Hezi, run) -> None:
    run("deaf", "sleep", "1000")  # process 1 has no handler, and is not ended by SIGTERM
    hezi.run("stop", "-t", "0", "deaf", check=True)
    assert why(hezi, "deaf")["Kind"] == "stop-timeout"
    run("good", "sleep", "1000", flags=("--init",))
    hezi.run("stop", "-t", "60", "good", check=True)
    found = why(hezi, "good")
    assert (found["Kind"], found["Evidence"]["stopped by"]) == ("stopped", "stop")


def test_why_the_monitor_was_killed_the_program_was_missing_or_nothing_happened(
    hezi: Hezi, run, busybox_image: str
) -> None:
    identity = run("lost", "sleep", "1000")
    os.kill(state(hezi, identity)["monitor_pid"], signal.SIGKILL)
    assert wait_until(lambda: why(hezi, "lost")["Kind"] == "unknown", timeout=30)
    assert why(hezi, "lost")["Evidence"]["exit code"] == "unknown"
    assert hezi.run("run", "--network", "none", "--name", "missing", busybox_image, "/nosuch").code == 127
    found = why(hezi, "missing")
    assert found["Kind"] == "not-started"
    assert "/nosuch" in found["Why"]
    hezi.run("create", "--network", "none", "--name", "new", busybox_image, check=True)
    assert why(hezi, "new")["Kind"] == "created"
    run("lives", "sleep", "1000")
    assert why(hezi, "lives")["Kind"] == "running"
    hezi.run("pause", "lives", check=True)
    assert why(hezi, "lives")["Kind"] == "paused"
    run("again", "false", flags=("--restart", "always"))
    assert wait_until(lambda: why(hezi, "again")["Kind"] == "restarting", timeout=30)
    assert hezi.run("why", "nosuch") == (1, "", "hezi: No such container: nosuch\n")


# --- events ---------------------------------------------------------------------------------------------------------


def test_events_of_a_life_in_dockers_order(hezi: Hezi, run, busybox_image: str) -> None:
    identity = run("life", "sleep", "1000", flags=("--label", "a=b", "-v", "data:/data"))
    hezi.run("exec", "life", "sh", "-c", "exit 3")
    hezi.run("rename", "life", "other", check=True)
    hezi.run("restart", "-t", "0", "other", check=True)
    hezi.run("kill", "other", check=True)
    hezi.run("rm", "other", check=True)
    hezi.run("volume", "rm", "data", check=True)
    template = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"
    done = hezi.run("events", "--since", "1", "--until", "0s", "-f", f"container={identity}", "--format", template)
    nothing = "<no value>"
    assert done.stdout.replace(nothing, "-").splitlines() == [
        "container create life -",
        "container start life -",
        "container exec_create: sh -c exit 3 life -",
        "container exec_start: sh -c exit 3 life -",
        "container exec_die life 3",
        "container rename other -",
        "container kill other -",
        "container kill other -",
        "container die other 137",
        "container stop other -",
        "container start other -",
        "container restart other -",
        "container kill other -",
        "container die other 137",
        "container destroy other -",
    ]
    done = hezi.run("events", "--since", "1", "--until", "0s", "-f", "volume=data", "--format", "{{.Action}}")
    assert done.stdout.split() == ["create", "mount", "unmount", "mount", "unmount", "destroy"]
    done = hezi.run("events", "--since", "1", "--until", "0s", "-f", "label=a=b", "-f", "event=create")
    assert done.stdout.endswith(f"Z container create {identity} (a=b, image={busybox_image}, name=life)\n")
    document = json.loads(
        hezi.run("events", "--since", "1", "--until", "0s", "-f", "event=die", "--format", "json").stdout.splitlines()[
            -1
        ]
    )
    assert list(document) == ["status", "id", "from", "Type", "Action", "Actor", "scope", "time", "timeNano"]
    assert document["Actor"]["Attributes"] == {"a": "b", "exitCode": "137", "image": busybox_image, "name": "other"}


def test_events_are_followed(hezi: Hezi, run) -> None:
    follower = hezi.popen("events", "-f", "container=followed", "--format", "{{.Action}}", "--since", "0s")
    try:
        run("followed", "true", wait=True)
        assert follower.stdout is not None
        assert [follower.stdout.readline() for _ in range(3)] == [b"create\n", b"start\n", b"die\n"]
    finally:
        follower.terminate()
        follower.communicate()


# --- top, stats, update, system start -------------------------------------------------------------------------------


def test_top_shows_the_processes_of_the_container_alone(hezi: Hezi, run) -> None:
    identity = run("procs", "sh", "-c", "sleep 1001 & exec sleep 1002")
    box = library.Engine(str(hezi.root), str(hezi.runroot)).containers.get("procs")
    assert wait_until(lambda: len(box.top(["-eo", "pid,args"]).rows) == 2, timeout=30)
    table = box.top(["-eo", "pid,args"])
    assert table.titles == ("PID", "COMMAND")
    assert sorted(row[1] for row in table.rows) == ["sleep 1001", "sleep 1002"]
    assert str(state(hezi, identity)["pid"]) in {row[0] for row in table.rows}
    assert hezi.run("top", "procs", "-o", "comm").stderr == "hezi: Couldn't find PID field in ps output\n"


def test_stats_counts_memory_processes_and_processor_time(hezi: Hezi, run) -> None:
    run("busy", "sh", "-c", "while :; do :; done", flags=("-m", "32m"))
    run("idle", "sleep", "1000", wait=False)
    engine = library.Engine(str(hezi.root), str(hezi.runroot))
    busy = engine.containers.get("busy").stats()
    assert busy.cpu_percent > 0
    assert 0 < busy.memory < busy.memory_limit == 32 << 20
    assert busy.pids == 1
    assert [one.name for one in engine.containers.stats(interval=0.01)] == ["idle", "busy"]
    hezi.run("stop", "-t", "0", "idle", check=True)
    stopped = engine.containers.get("idle").stats()
    assert (stopped.memory, stopped.memory_limit, stopped.pids, stopped.cpu_percent) == (0, 0, 0, 0.0)


def test_looking_again_and_again_at_what_does_not_run_waits_in_between(
    hezi: Hezi, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ended", "true", wait=True)
    waited: list[float] = []
    monkeypatch.setattr(stats.time, "sleep", waited.append)
    paths = library.Engine(str(hezi.root), str(hezi.runroot)).paths
    with api.opened(paths) as database:
        looks = stats.stream(paths, database, ["ended"], interval=9.0)
        assert [one.name for _ in range(3) for one in next(looks)] == ["ended"] * 3
        looks.close()
    assert len(waited) == 2
    assert min(waited) > 1


def test_update_reaches_the_running_container_and_its_next_start(hezi: Hezi, run) -> None:
    run("change", "cat", "/sys/fs/cgroup/pids/pids.max", flags=("--pids-limit", "50"), wait=True)
    assert hezi.run("logs", "change").stdout == "50\n"
    hezi.run("update", "--pids-limit", "60", "--restart", "on-failure:2", "change", check=True)
    hezi.run("start", "-a", "change", check=True)
    assert hezi.run("logs", "--tail", "1", "change").stdout == "60\n"
    template = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
    assert hezi.run("inspect", "-f", template, "change").stdout == "on-failure 2\n"
    run("alive", "sh", "-c", "sleep 1000")
    hezi.run("update", "-m", "24m", "--memory-swap", "48m", "--restart", "always", "alive", check=True)
    engine = library.Engine(str(hezi.root), str(hezi.runroot))
    assert engine.containers.get("alive").stats(interval=0.01).memory_limit == 24 << 20
    os.kill(state(hezi, engine.containers.get("alive").id)["pid"], signal.SIGKILL)
    # It had no policy when it was started.
    assert wait_until(lambda: engine.containers.get("alive").inspect()["RestartCount"] == 1, timeout=30)


def test_system_start_brings_back_what_the_policies_want_and_nothing_else(hezi: Hezi, run, busybox_image: str) -> None:
    policies = {"always": "always", "unless": "unless-stopped", "failure": "on-failure", "none": "no"}
    for name, policy in policies.items():
        os.kill(state(hezi, run(name, "sleep", "1000", flags=("--restart", policy)))["monitor_pid"], signal.SIGKILL)
    for name, policy in (("always-stopped", "always"), ("unless-stopped", "unless-stopped")):
        run(name, "sleep", "1000", flags=("--restart", policy))
        hezi.run("stop", "-t", "0", name, check=True)
    hezi.run("create", "--network", "none", "--restart", "always", "--name", "new", busybox_image, check=True)
    gone = lambda: not hezi.run("ps", "-q", check=True).stdout  # noqa: E731
    assert wait_until(gone, timeout=30)
    assert sorted(hezi.run("system", "start", check=True).stdout.split()) == [
        "always", "always-stopped", "failure", "unless",
    ]  # fmt: skip
    assert hezi.run("system", "start") == (0, "", "")
    running = hezi.run("ps", "--format", "{{.Names}}", check=True).stdout.split()
    assert sorted(running) == ["always", "always-stopped", "failure", "unless"]


def test_the_unit_file_is_one_that_systemd_takes(tmp_path) -> None:
    from tests.support.harness import REPOSITORY

    text = (REPOSITORY / "systemd" / "hezi.service").read_text()
    assert "ExecStart=/usr/bin/env hezi system start" in text
    sections = [line for line in text.splitlines() if line.startswith("[")]
    assert sections == ["[Unit]", "[Service]", "[Install]"]
    assert subprocess.run(["grep", "-c", "^Type=oneshot$"], input=text.encode(), check=False).returncode == 0
