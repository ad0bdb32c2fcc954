"""With no byte free, neither for what is kept nor for what is in memory: looking, stopping and removing still work."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import Result, wait_until
from tests.support.life import NO_NETWORK, Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")


@pytest.fixture
def small(tmp_path: Path, busybox_image: str) -> Iterator[Life]:
    """Two small file systems below the root and the run root."""
    directory = tmp_path / "hezi"
    for name, size in (("root", "24m"), ("run", "1m")):
        (directory / name).mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory / name], check=True)
    try:
        one = Life(directory, busybox_image)
        yield one
        empty(one)
        ids = one.run("ps", "-aq").stdout.split()
        if ids:
            one.run("rm", "-f", *ids)
    finally:
        for name in ("root", "run"):
            subprocess.run(["umount", "--lazy", directory / name], check=True)
        one.clean_up()


def fill(life: Life) -> None:
    """Leave no byte free, and no block: what is there of files is written to the end."""
    for place in (life.root, life.runroot):
        with open(place / "filler", "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                while True:
                    try:
                        file.write(b"x" * size)
                    except OSError:
                        break


def empty(life: Life) -> None:
    for place in (life.root, life.runroot):
        (place / "filler").unlink(missing_ok=True)


def free(life: Life) -> tuple[int, int]:
    kept, memory = (os.statvfs(place).f_bavail for place in (life.root, life.runroot))
    return kept, memory


class Full:
    """Commands that each find not a single byte: what the one before has left is taken as well."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __call__(self, *words: str) -> Result:
        fill(self._life)
        assert free(self._life) == (0, 0)
        return self._life.run(*words)

    def out(self, *words: str) -> str:
        done = self(*words)
        assert done.code == 0, done.stderr
        return done.stdout.strip()


def test_everything_but_beginning_something_works(small: Life) -> None:
    life = small
    life.shell("runs", "trap 'echo end; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    life.shell("killed", "echo ready; exec sleep 1000")
    life.shell("asked", "echo ready; while ! test -e /dev/shm/go; do sleep 0.05; done; exit 9")
    life.run("run", *NO_NETWORK, "--name", "ended", life.image, "sh", "-c", "echo said; exit 3")
    life.create("made")
    full = Full(life)
    states = full.out("ps", "-a", "--format", "{{.Names}} {{.State}}").split("\n")
    assert sorted(states) == ["asked running", "ended exited", "killed running", "made created", "runs running"]
    assert full.out("inspect", "-f", "{{.State.ExitCode}}", "ended") == "3"
    assert full.out("logs", "ended") == "said"
    assert full.out("logs", "runs") == "ready"
    assert full("exec", "asked", "touch", "/dev/shm/go").code == 0
    assert full.out("wait", "asked") == "9"
    assert full.out("stop", "runs") == "runs"
    assert full.out("kill", "killed") == "killed"
    codes = "{{.State.Status}} {{.State.ExitCode}}"
    ends = {"runs": "exited 7", "killed": "exited 137", "asked": "exited 9", "ended": "exited 3"}
    assert {name: full.out("inspect", "-f", codes, name) for name in ends} == ends
    assert full.out("wait", "runs") == "7"
    assert full.out("rm", "runs") == "runs"
    assert full.out("rm", "-f", "killed") == "killed"
    assert full("container", "prune", "-f").code == 0
    assert full.out("ps", "-aq") == ""
    assert [line for line in life.remains() if " tmpfs " not in line] == []


def test_without_the_reserve_all_can_still_be_looked_at(small: Life) -> None:
    life = small
    life.shell("it", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    (life.root / "reserve").unlink()
    full = Full(life)
    assert full.out("ps", "--format", "{{.Names}} {{.State}}") == "it running"
    assert full.out("logs", "it") == "ready"
    assert full.out("stop", "it") == "it"
    assert full.out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "it") == "exited 7"


def test_the_end_is_still_known_when_there_is_room_again(small: Life) -> None:
    life = small
    life.shell("it", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    fill(life)
    life.run("stop", "it", check=True)
    empty(life)
    assert life.look("it", "{{.State.Status}} {{.State.ExitCode}}") == "exited 7"
    life.run("start", "it", check=True)
    assert life.state("it") == "running"
    life.run("rm", "-f", "it", check=True)


@pytest.mark.parametrize("verb", ["run", "create"])
def test_what_begins_something_says_why_not_and_leaves_nothing(small: Life, verb: str) -> None:
    life = small
    done = Full(life)(verb, *NO_NETWORK, "--name", "it", life.image, "true")
    assert done.code in {1, 125}
    assert "the disk is full" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert life.run("ps", "-aq").stdout == ""
    assert not list((life.root / "containers").glob("*"))
    empty(life)
    assert life.run("run", "--rm", *NO_NETWORK, "--name", "it", life.image, "echo", "works").stdout == "works\n"


def test_a_program_that_fills_the_disk_itself(small: Life) -> None:
    life = small
    life.up("it", command=("sh", "-c", "dd if=/dev/zero of=/big bs=65536; exec sleep 1000"))
    assert wait_until(lambda: free(life)[0] == 0)
    assert life.run("stop", "-t", "0", "it").stdout == "it\n"
    assert life.look("it", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    assert life.run("rm", "it").stdout == "it\n"
    assert life.run("run", "--rm", *NO_NETWORK, life.image, "echo", "works").stdout == "works\n"
