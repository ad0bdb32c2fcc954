"""The guard sees what it is there to see, and is quiet about the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import leftovers
from tests.support.harness import Hezi, wait_until


def _found(before: leftovers.Traces, hezi: Hezi) -> list[str]:
    return leftovers.left_behind(before, hezi, timeout=0.2)


def test_nothing_is_nothing(hezi_env: Hezi):
    assert _found(leftovers.look(), hezi_env) == []


@pytest.mark.needs("root")
def test_mount(hezi_env: Hezi):
    before = leftovers.look()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(hezi_env.home)], check=True)
    try:
        assert any(str(hezi_env.home) in line for line in _found(before, hezi_env))
    finally:
        hezi_env.clean_up()
    assert _found(before, hezi_env) == []


@pytest.mark.needs("root", "cgroup-v1")
def test_cgroup(hezi_env: Hezi):
    before = leftovers.look()
    cgroup = Path(f"/sys/fs/cgroup/pids/hezi-guard-{os.getpid()}")
    cgroup.mkdir()
    try:
        assert _found(before, hezi_env) == [f"cgroup {cgroup}"]
    finally:
        cgroup.rmdir()


def test_process(hezi_env: Hezi):
    before = leftovers.look()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=hezi_env.env)
    try:
        assert wait_until(lambda: any(line.startswith(f"process {process.pid} ") for line in _found(before, hezi_env)))
        hezi_env.clean_up()
        assert process.wait() < 0
    finally:
        process.kill()
        process.communicate()


def test_temporary_file(hezi_env: Hezi):
    before = leftovers.look()
    with tempfile.NamedTemporaryFile(prefix="hezi-") as file:
        assert _found(before, hezi_env) == [f"temporary file {Path(file.name).name}"]


def test_half_done_download_and_container(hezi_env: Hezi):
    before = leftovers.look()
    (hezi_env.root / "ingest" / "sha256").mkdir(parents=True)
    (hezi_env.root / "containers" / "abc").mkdir(parents=True)
    assert _found(before, hezi_env) == ["state ingest/sha256", "state containers/abc"]
