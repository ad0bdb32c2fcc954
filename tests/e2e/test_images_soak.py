"""Many processes pull, run, remove and prune a dozen images of the same layers: no wrong error, and nothing left over.

``HEZI_SOAK_SECONDS`` and ``HEZI_SOAK_PROCESSES`` change how long the slow one works, and with how many.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine.engine import Engine
from hezi.image.build import BuiltImage, FileSpec, directory
from hezi.store import check, gc
from hezi.store.images import ImageStore
from tests.support import image_store as make
from tests.support.harness import REPOSITORY, Hezi
from tests.support.needs import find_tool
from tests.support.registry import Registry
from tests.support.store import pull as store_pull

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "busybox", "docker-registry"),
    pytest.mark.usefixtures("leftovers_guard"),
    pytest.mark.slow,
]

_WORKER = "import sys; from tests.e2e.test_images_soak import work; work(*sys.argv[1:])"
_IMAGES = 12
# What another process may have done to ours at any moment, in the words that a user gets; all else is wrong.
_GONE = ("No such image: ", "image 127.0.0.1:")
_LEGAL = {
    "run": _GONE,
    "keep": _GONE,
    "remove": ("No such image: ", "conflict: unable to "),
    "inspect": ("No such image: ",),
    "tag": ("No such image: ",),
    "save": ("No such image: ",),
}


def images() -> list[BuiltImage]:
    """Each has busybox, two to four of six shared layers, and for two of three a layer of its own."""
    program = FileSpec(b"busybox", data=Path(str(find_tool("busybox"))).read_bytes(), mode=0o755)
    source = random.Random(1)
    shared = [[directory(b"d%d" % number)] for number in range(6)]
    for number, files in enumerate(shared):
        files += [FileSpec(b"d%d/%d" % (number, at), data=source.randbytes(3000)) for at in range(60)]
    found = []
    for number in range(_IMAGES):
        chosen = sorted(random.Random(number).sample(range(6), 2 + number % 3))
        own = [[FileSpec(b"own", data=b"%d" % number)]] if number % 3 else []
        found.append(make.built([program], *(shared[at] for at in chosen), *own, labels={"number": str(number)}))
    return found


@pytest.fixture(scope="module")
def names(registry_server: Registry, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The images in the registry."""
    hezi = Hezi(tmp_path_factory.mktemp("source") / "hezi")
    engine = hezi.engine()
    engine.paths.make()
    found = [f"{registry_server.host}/soak/app:{number}" for number in range(_IMAGES)]
    with ImageStore(str(hezi.root)) as store:
        for name, built in zip(found, images(), strict=True):
            store_pull(store, built, name)
    for name in found:
        engine.images.push(name)
    return found


def work(root: str, runroot: str, seed: str, seconds: str, *names: str) -> None:
    """One process: things that users do, until its time is over; prints how many of each there were."""
    source = random.Random(int(seed))
    engine = Engine(root, runroot)
    done: Counter[str] = Counter()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        what = source.choices(list(_STEPS), [weight for weight, _ in _STEPS.values()])[0]
        name = source.choice(names)
        try:
            _STEPS[what][1](engine, name, source)
        except errors.Error as error:
            if not error.message.startswith(_LEGAL.get(what, ("\0",))):
                raise RuntimeError(f"{what} {name}: {error.kind}: {error.message}") from error
            done[f"{what} refused"] += 1
        done[what] += 1
    print(json.dumps(done))


def _run(engine: Engine, name: str, _: random.Random) -> None:
    done = engine.run(name, ["/busybox", "cat", "/d0/0", "/busybox"], network="none", volume=["/data"])
    # Every image has the program; what else it has depends on which.
    assert done.exit_code in {0, 1}, done
    assert len(done.stdout) > 100_000, done.error_text


def _keep(engine: Engine, name: str, _: random.Random) -> None:
    """A container that is made, looked at, and removed: its image must stay usable meanwhile."""
    with engine.containers.create(name, ["/busybox", "true"], network="none") as box:
        engine.images.list()
        box.start()
        assert box.wait(timeout=60) == 0


def _remove(engine: Engine, name: str, source: random.Random) -> None:
    engine.images.remove(name, force=source.random() < 0.5)


def _tag(engine: Engine, name: str, source: random.Random) -> None:
    other = f"other:{source.randrange(4)}"
    engine.images.tag(name, other)


def _untag(engine: Engine, _: str, source: random.Random) -> None:
    engine.images.remove(f"other:{source.randrange(4)}")


def _collect(engine: Engine, _: str, source: random.Random) -> None:
    """What a day later the next prune takes: everything that nobody counts on, down to the last moment."""
    with ImageStore(engine.paths.root) as store:
        gc.collect(store, 0)


_STEPS = {
    "pull": (30, lambda engine, name, _: engine.images.pull(name)),
    "run": (20, _run),
    "keep": (8, _keep),
    "remove": (20, _remove),
    "prune": (4, lambda engine, _, __: engine.images.prune()),
    "prune all": (2, lambda engine, _, __: engine.images.prune(all=True)),
    "system prune": (2, lambda engine, _, __: engine.system.prune(filters=["until=1h"])),
    "collect": (3, _collect),
    "list": (4, lambda engine, _, __: engine.images.list()),
    "inspect": (3, lambda engine, name, _: engine.images.inspect(name)),
    "tag": (4, _tag),
    "untag": (3, _untag),
    "df": (1, lambda engine, _, __: engine.system.df()),
    "check": (1, lambda engine, _, __: _must_be_sound(engine)),
}
_LEGAL["untag"] = _LEGAL["remove"]


def _must_be_sound(engine: Engine) -> None:
    findings = engine.system.check().findings
    if findings:
        raise RuntimeError(f"check: {findings}")


def files(root: Path) -> dict[str, int]:
    """Everything below the root with its size in bytes, but the database's own files: they grow and are used again."""
    found = {}
    for place, directories, entries in os.walk(root):
        for entry in (*directories, *entries):
            path = os.path.join(place, entry)
            found[os.path.relpath(path, root)] = 0 if entry in directories else os.lstat(path).st_size
    return {path: size for path, size in found.items() if not path.startswith("hezi.db")}


def emptied(engine: Engine) -> None:
    engine.system.prune(all_images=True, volumes=True)
    with ImageStore(engine.paths.root) as store:
        gc.collect(store, 0)


def exact(engine: Engine) -> None:
    """Each layer and blob is there because an image needs it, and each one that is needed is there."""
    _must_be_sound(engine)
    with ImageStore(engine.paths.root) as store:
        gc.collect(store, 0)
        left = store.list()
        layers = {chain_id for image in left for chain_id in store.chain_ids(image.id)}
        assert set(store.driver.list()) == layers
        blobs = {digest for image in left for digest in parts(Path(store.root), image.manifest_digest)}
        assert set(store.content.list()) == blobs
        report = check.check(store)
        assert (report.findings, report.skipped, report.leftovers) == ((), 0, 0)


def parts(root: Path, manifest: str) -> list[str]:
    """The digests of what a manifest names, and its own, read from the blob itself."""
    document = json.loads((root / "content/blobs" / manifest.replace(":", "/")).read_bytes())
    return [manifest, *(part["digest"] for part in (document["config"], *document["layers"]))]


def soak(hezi: Hezi, names: list[str], processes: int, seconds: float) -> Counter[str]:
    engine = hezi.engine()
    # What the first of everything makes for good, such as lock files.
    for step in ("pull", "run", "keep"):
        _STEPS[step][1](engine, names[0], random.Random(0))
    emptied(engine)
    before, rows_before = files(hezi.root), rows(hezi.root)
    environment = {**hezi.env, "PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(hezi.root), str(hezi.runroot), str(seed), str(seconds), *names],
            env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for seed in range(processes)
    ]  # fmt: skip
    ends = [process.communicate() for process in running]
    wrong = "\n".join(text for _, text in ends if text)
    assert not wrong, wrong
    done: Counter[str] = Counter()
    for text, _ in ends:
        done.update(json.loads(text))
    assert engine.containers.list(all=True) == ()
    exact(engine)
    emptied(engine)
    assert files(hezi.root) == before
    assert rows(hezi.root) == rows_before
    return done


def rows(root: Path) -> dict[str, int]:
    """How many rows each table of the database has."""
    with contextlib.closing(sqlite3.connect(f"file:{root}/hezi.db?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_soak(hezi_env: Hezi, names: list[str]) -> None:
    done = soak(hezi_env, names, 4, 6)
    assert done["run"] >= 4
    assert done["remove"] > done["remove refused"]


@pytest.mark.slow
def test_five_minutes_of_sixteen(hezi_env: Hezi, names: list[str]) -> None:
    processes = int(os.environ.get("HEZI_SOAK_PROCESSES", "16"))
    done = soak(hezi_env, names, processes, float(os.environ.get("HEZI_SOAK_SECONDS", "300")))
    print(f"\n{processes} processes: {dict(sorted(done.items()))}")
    assert set(_STEPS) <= set(done)
