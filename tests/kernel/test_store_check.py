"""``system check``: each kind of damage is found, and mended where it can be; killed processes leave none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.db import containers
from hezi.db import images as tables
from hezi.image import tarlayer
from hezi.image.build import FileSpec, directory
from hezi.spec.digest import Digest
from hezi.store import check, gc, paths
from hezi.store.images import ImageStore
from tests.support import image_store as make
from tests.support.harness import REPOSITORY
from tests.support.store import build, pull

pytestmark = pytest.mark.needs("root", "overlay")
LAYERS = (
    [directory(b"etc"), FileSpec(b"etc/a", data=b"a" * 5000), FileSpec(b"gone"), directory(b"hidden"),
     FileSpec(b"hidden/below"), FileSpec(b"link", tarlayer.SYMLINK, target=b"etc/a")],
    [FileSpec(b".wh.gone"), directory(b"hidden"), FileSpec(b"hidden/.wh..wh..opq"), FileSpec(b"hidden/above"),
     FileSpec(b"hard", tarlayer.HARDLINK, target=b"etc/a"), FileSpec(b"etc/b", data=b"b", mode=0o4755, uid=7)],
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    with ImageStore(str(tmp_path)) as store:
        pull(store, build(*LAYERS), "app:1")
        yield store


def layer(store: ImageStore, position: int) -> Path:
    return Path(store.root, "layers", store.chain_ids(store.resolve("app:1").id)[position].hex)


def blob(store: ImageStore, digest: str) -> Path:
    return Path(store.root, "content/blobs/sha256", Digest(digest).hex)


def faults(store: ImageStore, *, repair: bool = False) -> list[tuple[str, bool]]:
    return [(finding.subject.split()[0], finding.repaired) for finding in check.check(store, repair=repair).findings]


def test_a_good_store(store: ImageStore) -> None:
    told: list[str] = []
    report = check.check(store, tell=told.append)
    assert report == check.Report((), 1, 4, 2, 0, 0, 0)
    assert report.ok
    assert len(told) == 1 + 4 + 2 + 1 + 1


def change(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


DAMAGE = {
    "content of the same length and time": lambda top: (
        times := (top / "diff/etc/b").stat(),
        change(top / "diff/etc/b"),
        os.utime(top / "diff/etc/b", ns=(times.st_atime_ns, times.st_mtime_ns)),
    ),
    "a lost setuid bit": lambda top: (top / "diff/etc/b").chmod(0o755),
    "another owner": lambda top: os.chown(top / "diff/etc/b", 0, 0),
    "a lost file": lambda top: (top / "diff/etc/b").unlink(),
    "one file more": lambda top: (top / "diff/etc/more").touch(),
    "a lost whiteout": lambda top: (top / "diff/gone").unlink(),
    "a lost opaque mark": lambda top: os.removexattr(top / "diff/hidden", "trusted.overlay.opaque"),
    "a lost size": lambda top: (top / "size").unlink(),
    "a lost layer": lambda top: subprocess.run(["rm", "-r", str(top)], check=True),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_layer_is_unpacked_again(store: ImageStore, name: str) -> None:
    DAMAGE[name](layer(store, 1))
    assert faults(store) == [("layer", False)]
    assert faults(store, repair=True) == [("layer", True)]
    assert faults(store) == []
    assert (layer(store, 1) / "diff/etc/b").stat().st_mode & 0o7777 == 0o4755


def test_a_lower_layer_is_mended_before_what_stands_on_it(store: ImageStore) -> None:
    (layer(store, 0) / "diff/etc/a").write_bytes(b"damaged")
    assert ("layer", False) in faults(store)
    assert all(repaired for _, repaired in faults(store, repair=True))
    assert faults(store) == []
    assert (layer(store, 1) / "diff/hard").read_bytes() == b"a" * 5000


def test_a_layer_under_a_running_container_is_left_alone(store: ImageStore) -> None:
    box = make.add_container(store, store.resolve("app:1"), containers.RUNNING)
    damaged = layer(store, 1) / "diff/etc/b"
    damaged.write_bytes(b"damaged")
    report = check.check(store, repair=True)
    assert (report.ok, [finding.hint for finding in report.findings]) == (
        False,
        [f"stop container {box[:12]}, which runs on it, and repair again"],
    )
    assert damaged.read_bytes() == b"damaged"


def test_a_config_is_written_again_from_the_database(store: ImageStore) -> None:
    path = blob(store, store.resolve("app:1").id)
    change(path)
    assert faults(store) == [("blob", False)]
    assert faults(store, repair=True) == [("blob", True)]
    assert faults(store) == []


@pytest.mark.parametrize("lost", [True, False])
def test_a_damaged_blob_needs_the_registry(store: ImageStore, lost: bool) -> None:
    packed = store.manifest(store.resolve("app:1")).layers[0].digest
    path = blob(store, packed)
    path.unlink() if lost else change(path)
    report = check.check(store, repair=True)
    assert [finding.subject for finding in report.findings] == [f"blob {packed}"]
    assert "pull docker.io/library/app:1 again" in report.findings[0].hint
    assert not report.ok
    pull(store, build(*LAYERS), "app:1")
    assert check.check(store).ok


def test_a_layer_is_mended_from_another_manifest_of_the_image(store: ImageStore) -> None:
    zstd = build(*LAYERS, compression="zstd")
    pull(store, zstd, "app:zstd")
    first = store.manifest(store.resolve("app:1")).layers[1].digest
    blob(store, first).unlink()
    (layer(store, 1) / "diff/etc/b").unlink()
    found = check.check(store, repair=True).findings
    assert [(finding.subject.split()[0], finding.repaired) for finding in found] == [("blob", False), ("layer", True)]
    assert (layer(store, 1) / "diff/etc/b").read_bytes() == b"b"


def test_a_blob_is_not_taken_for_a_layer_that_it_is_not(store: ImageStore) -> None:
    """A11: what a row or a manifest claims is believed only when the DiffID says the same."""
    other = make.add(store, "other", b"other")
    wrong = store.manifest(other).layers[0].digest
    with store.database.write() as connection:
        top = f"sha256:{layer(store, 1).name}"
        connection.execute("UPDATE layers SET blob_digest=? WHERE chain_id=?", (wrong, top))
    good = (layer(store, 1) / "diff/etc/b").stat().st_ino
    report = check.check(store, repair=True)
    assert [finding.subject.split()[0] for finding in report.findings] == ["layer"]
    assert not report.ok
    assert (layer(store, 1) / "diff/etc/b").stat().st_ino == good  # not replaced by what the blob has


def test_rows_that_do_not_fit(store: ImageStore) -> None:
    found = store.resolve("app:1")
    other = make.add(store, "other", b"other")
    with store.database.write() as connection:
        connection.execute("UPDATE names SET manifest_digest=? WHERE name LIKE '%app'", (other.manifest_digest,))
        connection.execute("DELETE FROM image_layers WHERE image_id=? AND position=1", (found.id,))
    assert sorted(faults(store)) == [("image", False), ("name", False)]
    assert sorted(faults(store, repair=True)) == [("image", False), ("name", True)]
    assert store.resolve("app:1").manifest_digest == found.manifest_digest


def test_an_index_that_fell_behind(store: ImageStore) -> None:
    index = Path(store.root, "content/index.json")
    good = index.read_bytes()
    index.write_bytes(b"rubbish")
    assert faults(store) == [("index.json", True)]
    assert index.read_bytes() == good
    index.write_bytes(b'{"schemaVersion":2,"manifests":[]}')
    assert faults(store) == []  # a killed process leaves it so
    assert index.read_bytes() == good


def test_what_nothing_needs_is_no_fault(store: ImageStore) -> None:
    data = b"left behind"
    store.content.write(Digest.of(data), data)
    report = check.check(store)
    assert (report.ok, report.leftovers, report.leftover_bytes) == (True, 1, len(data))
    assert check.check(store, repair=True).leftovers == 0
    assert not store.content.has(Digest.of(data))


def test_what_others_are_about_to_use_is_left_to_them(store: ImageStore) -> None:
    data = b"under way"
    with store.lease("pull other") as lease:
        lease.protect([Digest.of(data)], [])
        store.content.write(Digest.of(data), data)
        assert check.check(store, repair=True).leftovers == 0
        assert store.content.has(Digest.of(data))


def test_a_removal_meanwhile_is_no_fault(store: ImageStore) -> None:
    make.add(store, "other", b"other")
    removed: list[str] = []

    def tell(_text: str) -> None:
        if not removed:
            with ImageStore(store.root) as another:
                removed.append(str(another.remove("app:1").deleted[0]))

    assert check.check(store, tell=tell).findings == ()
    gc.collect(store, 0)
    assert len(store.driver.list()) == 1


_REMOVER = """
import sys
from hezi.store.images import ImageStore
from hezi.store import removal
with ImageStore(sys.argv[1]) as store:
    print("ready", flush=True)
    if sys.argv[2] == "prune":
        images = store.list()
        removal.transact(store, lambda plan: [plan.remove_unused(image) for image in images])
    else:
        store.remove("app:1", force=True)
"""


@pytest.mark.needs("strace")
@pytest.mark.parametrize("what", ["remove", pytest.param("prune", marks=pytest.mark.slow)])
def test_killed_anywhere_in_a_removal(tmp_path: Path, what: str) -> None:
    """At each system call that changes something in turn, until the removal gets through."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    rounds = 0
    for call in ("unlink,unlinkat", "rename,renameat,renameat2", "fsync,fdatasync", "pwrite64"):
        for number in random.Random(call).sample(range(1, 12), 3):
            root = tmp_path / f"{call[:4]}-{number}"
            root.mkdir()
            with ImageStore(str(root)) as store:
                pull(store, build(*LAYERS), "app:1")
                kept = make.add(store, "kept", b"kept")
                make.add_container(store, kept)
            strace = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}",
                      "-e", f"inject={call}:signal=SIGKILL:when={number}"]  # fmt: skip
            argv = [*strace, sys.executable, "-c", _REMOVER, str(root), what]
            done = subprocess.run(argv, env=environment, capture_output=True, check=False)
            assert done.returncode in {0, -signal.SIGKILL, 128 + signal.SIGKILL}, done.stderr
            rounds += done.returncode != 0
            with ImageStore(str(root)) as store:
                assert check.check(store).findings == ()
                pull(store, build(*LAYERS), "app:1")
                assert check.check(store).findings == ()
                assert {name for found in store.list() for name in found.names} == {
                    "docker.io/library/app:1",
                    "docker.io/library/kept:latest",
                }
                store.remove("app:1")
                gc.collect(store, 0)
                assert len(store.driver.list()) == 1
    assert rounds


def test_the_lock_is_not_held_while_blobs_are_read(store: ImageStore) -> None:
    free: list[bool] = []

    def tell(_text: str) -> None:
        lock = paths.store_lock(store.root, shared=False)
        lock.acquire()
        free.append(True)
        lock.release()

    check.check(store, tell=tell)
    assert len(free) == 9


def test_all_tables_are_looked_at(store: ImageStore) -> None:
    with store.database.write() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
    connection = store.database.connection()
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("DELETE FROM images")
    connection.execute("PRAGMA foreign_keys=ON")
    assert {finding.subject for finding in check.check(store).findings} == {"database", "name docker.io/library/app:1"}
    assert tables.list_all(connection) == []
