"""`make run`: the demonstration works, cleans up, and says so with its exit code when something is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY, wait_until

ARGV = [sys.executable, str(REPOSITORY / "tools" / "demo.py")]
ENVIRONMENT = {**os.environ, "HEZI_DEMO_REGISTRY": "local"}
pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "busybox")


def _traces() -> set[str]:
    return {path.name for path in Path("/var/tmp").glob("hezi-demo-*")}


def test_demonstration_does_the_main_job_and_cleans_up():
    before = _traces()
    done = subprocess.run(ARGV, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hello from a box of its own" in done.stdout
    assert "I am process 1 on box, user 0" in done.stdout
    assert "REPOSITORY" in done.stdout
    assert _traces() == before


def test_ctrl_c_cleans_up():
    before = _traces()
    process = subprocess.Popen(ARGV, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            if "pushed" in line:
                break
        # As a terminal does it: to everybody in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.stdout.close()
    assert wait_until(lambda: _traces() == before)


def test_failure_is_an_exit_code():
    environment = {**ENVIRONMENT, "HEZI_DEMO_REGISTRY": "127.0.0.1:1"}
    done = subprocess.run(ARGV, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "failed: hezi pull ended" in done.stdout
