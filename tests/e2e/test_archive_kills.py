"""load, import, save and push killed anywhere: the store is sound, the next command works, and nothing is left over."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import archives, registry
from tests.support.harness import Hezi

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox"),
]
KILLS = 50
LAYERS = [archives.layer(f"noise-{number}", random.Random(number).randbytes(3_000_000)) for number in range(4)]


def interrupted(hezi: Hezi, *words: str, after: float) -> None:
    """Start a command and kill it after some milliseconds, or let it end."""
    process = hezi.popen(*words)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def archive(tmp_path: Path) -> str:
    path = tmp_path / "app.tar"
    path.write_bytes(archives.pack(archives.docker(["app:1"], LAYERS)))
    return str(path)


def sound(hezi: Hezi) -> None:
    checked = hezi.run("system", "check")
    assert checked.code == 0, checked.stdout + checked.stderr


def test_load(hezi_env, archive, leftovers_guard):
    source = random.Random(1)
    for _ in range(KILLS):
        interrupted(hezi_env, "load", "-i", archive, after=source.uniform(0.05, 0.6))
        sound(hezi_env)
        if source.random() < 0.3:
            hezi_env.run("load", "-i", archive, check=True)
            hezi_env.run("rmi", "app:1", check=True)
    hezi_env.run("load", "-i", archive, check=True)
    assert hezi_env.engine().images.get("app:1").image_id


def test_import(hezi_env, tmp_path):
    # Its config has the time in it: what a killed one has begun to write is never gone on with, and goes at once.
    source = random.Random(2)
    path = tmp_path / "root.tar"
    path.write_bytes(archives.layer("root", source.randbytes(8_000_000)))
    for _ in range(KILLS):
        interrupted(hezi_env, "import", str(path), "imported:1", after=source.uniform(0.05, 0.5))
        sound(hezi_env)
    hezi_env.run("import", str(path), "imported:1", check=True)
    hezi_env.run("rmi", "-f", *set(hezi_env.run("images", "-q", check=True).stdout.split()), check=True)
    left = [file for place in ("ingest", "content/blobs/sha256") for file in (hezi_env.root / place).glob("*")]
    assert not left
    assert not [file for file in (hezi_env.root / "layers").glob("*") if file.name != ".empty"]


def test_save(hezi_env, archive, tmp_path, leftovers_guard):
    source = random.Random(3)
    hezi_env.run("load", "-i", archive, check=True)
    out = tmp_path / "out.tar"
    for _ in range(KILLS):
        interrupted(hezi_env, "save", "-o", str(out), "app:1", after=source.uniform(0.05, 0.4))
        if out.exists():  # whole, or not there
            hezi_env.run("load", "-qi", str(out), check=True)
            out.unlink()
        sound(hezi_env)


def test_push(hezi_env, archive, tmp_path, leftovers_guard):
    source = random.Random(4)
    hezi_env.run("load", "-i", archive, check=True)
    with registry.running(tmp_path / "registry") as server:
        for number in range(KILLS):
            name = f"{server.host}/killed/{number // 5}:1"
            hezi_env.run("tag", "app:1", name, check=True)
            interrupted(hezi_env, "push", name, after=source.uniform(0.05, 0.7))
            sound(hezi_env)
            if number % 5 == 4:
                hezi_env.run("push", name, check=True)
                hezi_env.run("pull", "-q", name, check=True)
