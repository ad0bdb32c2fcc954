"""Many containers at once, started by shells that are killed: no wrong exit code, no lost byte, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import wait_until
from tests.support.life import NO_NETWORK, PATIENCE, Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")

LINES = 500
SHELLS = 4


def script(number: int) -> str:
    """Write numbered lines, wait for a leave, write as many again, end with a code of its own."""
    lines = f"do echo box {number} line $n; n=$((n+1)); done"
    gate = "while ! test -e /gate/open; do sleep 0.1; done"
    loop = f"n=1; while test $n -le {LINES}; {lines}; {gate}; while test $n -le {2 * LINES}; {lines}"
    return f"{loop}; exit {number % 120}"


@pytest.mark.parametrize("count", [24, pytest.param(200, marks=pytest.mark.slow)])
def test_none_is_lost(life: Life, tmp_path: Path, count: int) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    hezi = " ".join(life.argv())
    shells = []
    for shell in range(SHELLS):
        lines = [
            f"{hezi} run --network none -v {gate}:/gate --name box-{number} {life.image} sh -c "
            f"'{script(number)}' >/dev/null 2>&1 &"
            for number in range(shell, count, SHELLS)
        ]
        text = "\n".join([*lines, "wait"])
        shells.append(subprocess.Popen(["sh", "-c", text], env=life.env, start_new_session=True))
    try:
        half = [f"box {number} line {LINES}\n" for number in range(count)]
        logs = lambda number: life.logs(f"box-{number}").stdout  # noqa: E731
        started = wait_until(
            lambda: life.run("ps", "-q").stdout.count("\n") == count, timeout=PATIENCE * (1 + count / 20), every=0.3
        )
        assert started, life.run("ps", "-a").stdout
        for number in range(count):
            assert wait_until(lambda: logs(number).endswith(half[number]), timeout=PATIENCE)  # noqa: B023 - at once
    finally:
        # The shells, and the commands that they wait for.
        for one in shells:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()
    # Nobody is attached any more, and every container goes on.
    assert life.run("ps", "-q").stdout.count("\n") == count
    (gate / "open").touch()
    names = [f"box-{number}" for number in range(count)]
    codes = life.run("wait", *names, check=True, timeout=300).stdout.split()
    assert codes == [str(number % 120) for number in range(count)]
    for number in range(count):
        wanted = "".join(f"box {number} line {line}\n" for line in range(1, 2 * LINES + 1))
        assert logs(number) == wanted
    assert life.processes() == []
    removed = life.run("rm", *names, check=True).stdout.split()
    assert removed == names
    life.leaves_nothing()


def test_starts_and_ends_at_the_same_time(life: Life) -> None:
    """No barrier and no order: each is started, ends with its own code and is removed by its own shell."""
    hezi = " ".join(life.argv())
    run = f"{hezi} run --rm {' '.join(NO_NETWORK)} {life.image}"
    text = "\n".join(f"({run} sh -c 'echo {n}; exit {n}' >out-{n}; echo $? >code-{n}) &" for n in range(12))
    subprocess.run(["sh", "-c", f"{text}\nwait"], env=life.env, cwd=life.directory, check=True)
    for number in range(12):
        assert (life.directory / f"out-{number}").read_text() == f"{number}\n"
        assert (life.directory / f"code-{number}").read_text() == f"{number}\n"
