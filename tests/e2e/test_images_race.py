"""Pulls, commits and runs in several processes while others prune images of the same layers: nobody loses anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine.engine import Engine
from hezi.image.build import FileSpec
from hezi.store import check, gc
from hezi.store.images import ImageStore
from tests.support import image_store as make
from tests.support.harness import REPOSITORY, Hezi
from tests.support.needs import find_tool
from tests.support.store import pull as store_pull

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "busybox")

_WORKER = "import sys; from tests.e2e.test_images_race import work; work(*sys.argv[1:])"
_ROUNDS = 6


def work(what: str, root: str, runroot: str) -> None:
    """One process: some rounds of one kind of work, each with images of its own name."""
    engine = Engine(root, runroot)
    for number in range(_ROUNDS):
        {"run": run, "commit": commit, "prune": prune}[what](engine, f"{what}-{os.getpid()}:{number}")


def pull(engine: Engine, name: str, **labels: str) -> None:
    """Pull an image; all of them have the same layers."""
    engine.paths.make()
    program = Path(str(find_tool("busybox"))).read_bytes()
    layers = ([FileSpec(b"base", data=b"base" * 1000)], [FileSpec(b"busybox", data=program, mode=0o755)])
    with ImageStore(engine.paths.root) as store:
        store_pull(store, make.built(*layers, labels={"name": name, **labels}), name)


def run(engine: Engine, name: str) -> None:
    pull(engine, name)
    done = engine.run(name, ["/busybox", "echo", "alive"], pull="never", network="none")
    assert (done.exit_code, done.text) == (0, "alive\n"), done.error_text
    engine.images.remove(name)


def commit(engine: Engine, name: str) -> None:
    pull(engine, name)
    with engine.containers.create(name, ["/none"], pull="never") as box:
        made = box.commit(f"made-{name}")
    engine.images.inspect(made)
    assert {change.kind for change in engine.images.diff(name, made)} <= {"A", "C"}
    engine.images.remove(made)
    engine.images.remove(name)


def prune(engine: Engine, name: str) -> None:
    try:
        pull(engine, name, doomed="yes")
    except errors.Error as error:
        if "was removed while it was stored" not in error.message:  # by the other one that prunes
            raise
    engine.images.prune(all=True, filters=["label=doomed"])
    with ImageStore(engine.paths.root) as store:
        gc.collect(store, 0)


def test_nobody_loses_what_he_counts_on(hezi_env: Hezi) -> None:
    environment = {**hezi_env.env, "PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"}
    words = (str(hezi_env.root), str(hezi_env.runroot))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, what, *words], env=environment, cwd=REPOSITORY,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for what in ("run", "commit", "prune", "prune")
    ]  # fmt: skip
    assert [process.communicate()[0].decode() for process in running] == [""] * 4
    engine = hezi_env.engine()
    with ImageStore(str(hezi_env.root)) as store:
        report = check.check(store)
        assert (report.findings, report.skipped) == ((), 0)
        gc.collect(store, 0)
        assert (store.list(), store.driver.list(), store.content.list()) == ((), [], [])
    assert engine.containers.list(all=True) == ()
    assert os.listdir(hezi_env.root / "ingest") == []
