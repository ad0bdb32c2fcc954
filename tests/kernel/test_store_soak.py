"""Processes that pull, remove, collect and mount images with shared layers, all at once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hezi import errors
from hezi.image.build import BuiltImage, FileSpec, directory
from hezi.store import gc
from hezi.store.images import ImageStore
from hezi.store.snapshot.base import Rootfs
from tests.support.store import build, pull

pytestmark = pytest.mark.needs("root", "overlay")

WORKER = (
    "import sys; from tests.kernel.test_store_soak import work; work(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))"
)


def images() -> list[BuiltImage]:
    """Six images of two to four of the same layers, and one of their own."""
    rng = random.Random(1)
    shared = [
        [directory(b"d%d" % n), *(FileSpec(b"d%d/%d" % (n, m), data=rng.randbytes(2000)) for m in range(40))]
        for n in range(4)
    ]
    chosen = [sorted(random.Random(n).sample(range(4), 2 + n % 3)) for n in range(6)]
    return [build(*(shared[at] for at in layers), [FileSpec(b"own%d" % n)]) for n, layers in enumerate(chosen)]


def work(root: str, seed: int, end: float) -> None:
    """One process: random operations until ``end``; any error that is not somebody else's doing ends it."""
    rng = random.Random(seed)
    built = images()
    while time.time() < end:
        number = rng.randrange(len(built))
        with ImageStore(root) as store:
            try:
                step(store, rng.random(), f"app:{number}", built[number])
            except errors.Error as error:
                if "No such image" not in error.message and "was removed while" not in error.message:
                    raise


def step(store: ImageStore, choice: float, name: str, built: BuiltImage) -> None:
    if choice < 0.5:
        pull(store, built, name)
    elif choice < 0.85:
        store.remove(name)
    elif choice < 0.92:
        gc.collect(store, 0)
    else:
        for image in store.list():
            try:
                os.close(store.driver.mount(Rootfs(store.chain_ids(image.id))))
            except errors.Error:
                if store.by_id(image.id) is not None:
                    raise


def soak(root: Path, processes: int, seconds: float) -> None:
    environment = {**os.environ, "PYTHONPATH": "src:."}
    end = str(time.time() + seconds)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), str(seed), end], env=environment, stderr=subprocess.PIPE
        )
        for seed in range(processes)
    ]
    assert [process.communicate()[1].decode() for process in running] == [""] * processes
    with ImageStore(str(root)) as store:
        left = store.list()
        names = sorted(name for image in left for name in image.names)
        index = json.loads((root / "content/index.json").read_bytes())["manifests"]
        assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index] == names
        layers = {chain_id for image in left for chain_id in store.chain_ids(image.id)}
        gc.collect(store, 0)
        assert set(store.driver.list()) == layers
        for image in left:
            store.remove(image.id, force=True)
        assert gc.collect(store, 0)[:4] == (0, 0, 0, 0)
        assert (store.driver.list(), store.content.list(), os.listdir(root / "ingest")) == ([], [], [])


def test_soak(tmp_path: Path) -> None:
    soak(tmp_path, 4, 4)


@pytest.mark.slow
def test_long_soak(tmp_path: Path) -> None:
    soak(tmp_path, 16, 120)
