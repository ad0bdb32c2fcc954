"""Which images go and which stay: rmi and prune, with parents, containers, ages and sizes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import containers
from hezi.db import images as tables
from hezi.engine.engine import Engine
from hezi.spec.digest import Digest
from hezi.store import removal
from hezi.store.images import ImageStore
from tests.support import image_store as make
from tests.support.harness import COMMAND, REPOSITORY
from tests.support.networks import own_network

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "root"), str(tmp_path / "run"))


@pytest.fixture
def store(engine: Engine) -> Iterator[ImageStore]:
    engine.paths.make()
    with ImageStore(engine.paths.root) as store:
        yield store


def names(store: ImageStore) -> list[str]:
    return sorted(name.removeprefix("docker.io/library/") for found in store.list() for name in found.names)


def test_nameless_parents_go_with_the_last_image_made_from_them(store: ImageStore) -> None:
    base = make.add(store, "base", b"base")
    middle = make.add(store, "middle", b"base", b"middle")
    top = make.add(store, "top", b"base", b"middle", b"top")
    make.make_parent(store, middle, base)
    make.make_parent(store, top, middle)
    with pytest.raises(errors.Error, match=r"\(cannot be forced\) - image has dependent child images"):
        store.remove(middle.id.short, force=True)
    assert store.remove("middle").deleted == ()  # untagged, and kept for the image above
    assert store.remove("base").deleted == ()
    chain = store.chain_ids(top.id)
    removed = store.remove("top")
    assert removed.deleted == (top.id, chain[2], middle.id, chain[1], base.id, chain[0])
    assert store.list() == ()


def test_parents_stay_when_asked_for_or_needed(store: ImageStore) -> None:
    base = make.add(store, "base", b"base")
    one = make.add(store, "one", b"base", b"one")
    two = make.add(store, "two", b"base", b"two")
    for child in (one, two):
        make.make_parent(store, child, base)
    store.remove("base")
    assert base.id not in store.remove("one").deleted  # two is made from it
    make.add_container(store, base)
    assert store.remove("two").deleted[0] == two.id
    assert store.by_id(base.id) is not None  # a container has it
    again = make.add(store, "again", b"base", b"again")
    make.make_parent(store, again, base)
    with store.database.write() as connection:
        containers.delete(connection, "c" * 64)
    store.remove("again", parents=False)
    assert store.by_id(base.id) is not None


def test_a_child_without_its_parent(store: ImageStore) -> None:
    base = make.add(store, "base", b"base")
    child = make.add(store, "child", b"base", b"child")
    make.make_parent(store, child, base)
    with store.database.write() as connection:
        for row in (*tables.names(connection, base.id), *tables.digests(connection, base.id)):
            connection.execute("DELETE FROM names WHERE image_id=?", (row.image_id,))
        tables.delete(connection, base.id)
    found = store.by_id(child.id)
    assert found is not None
    assert found.parent == ""


def test_dangling_images_only(engine: Engine, store: ImageStore) -> None:
    old = make.add(store, "app:1", b"old")
    make.add(store, "app:1", b"new")
    kept = make.add(store, "kept", b"kept")
    done = engine.images.prune()
    assert [one.deleted[0] for one in done.images] == [str(old.id)]
    assert done.images[0].untagged == (f"app@{old.digests[0][1]}",)
    assert names(store) == ["app:1", "kept:latest"]
    assert store.by_id(kept.id) is not None


def test_space_reported_is_space_freed(engine: Engine, store: ImageStore) -> None:
    make.add(store, "a", b"shared" * 5000, b"a" * 3000)
    make.add(store, "b", b"shared" * 5000, b"b" * 70_000)
    stays = make.add(store, "c", b"shared" * 5000, b"c" * 10_000)
    make.add_container(store, stays)
    root = Path(store.root)
    foreseen = engine.images.prune(all=True, dry_run=True)
    reclaimable = engine.system.df().images.reclaimable
    before = make.bytes_in_files(root)
    done = engine.images.prune(all=True)
    assert before - make.bytes_in_files(root) == done.freed == foreseen.freed == reclaimable > 73_000
    assert names(store) == ["c:latest"]
    engine.containers.get("box-c").remove()
    before = make.bytes_in_files(root)
    assert before - make.bytes_in_files(root) == 0
    removed = engine.images.remove("c")
    assert before - make.bytes_in_files(root) == removed.freed == before


def test_a_dry_run_changes_nothing(engine: Engine, store: ImageStore) -> None:
    make.add(store, "a", b"a")
    make.tag(store, "a", "b")
    before = (store.list(), store.content.list(), store.driver.list())
    foreseen = engine.images.prune(all=True, dry_run=True)
    assert (store.list(), store.content.list(), store.driver.list()) == before
    assert engine.images.prune(all=True) == foreseen


def test_images_of_containers_keep_all_their_names(engine: Engine, store: ImageStore) -> None:
    found = make.add(store, "a", b"a")
    make.tag(store, "a", "b")
    make.add_container(store, found)
    assert engine.images.prune(all=True).images == ()
    assert names(store) == ["a:latest", "b:latest"]


def test_only_what_was_not_used_for_long(engine: Engine, store: ImageStore) -> None:
    old, new = make.add(store, "old", b"old"), make.add(store, "new", b"new")
    make.used(store, old, 15)
    make.used(store, new, 13)
    assert [one.deleted[0] for one in engine.images.prune(unused_for_s=14 * 86400).images] == [str(old.id)]
    assert names(store) == ["new:latest"]


def test_the_newest_of_each_repository_are_kept(engine: Engine, store: ImageStore) -> None:
    for number in range(1, 6):
        make.add(store, f"app:{number}", b"app%d" % number, created=f"2024-01-0{number}T00:00:00Z")
    make.tag(store, "app:5", "app:latest")
    make.add(store, "other:1", b"other", created="2020-01-01T00:00:00Z")
    make.add(store, "gone:1", b"gone")
    moved = make.add(store, "gone:1", b"moved", created="2025-01-01T00:00:00Z")
    done = engine.images.prune(keep_last=2)
    # Two tags of one image are one; what has no tag is of no repository.
    assert names(store) == ["app:4", "app:5", "app:latest", "gone:1", "other:1"]
    assert len(done.images) == 4
    assert store.by_id(moved.id) is not None


def test_the_least_recently_used_go_until_all_fits(engine: Engine, store: ImageStore) -> None:
    sizes = {name: make.add(store, name, b"%d" % number * 50_000) for number, name in enumerate("abcd")}
    for days, name in enumerate("bdac"):
        make.used(store, sizes[name], 10 - days)
    assert engine.images.prune(max_size=10**9).images == ()
    with store.database.read() as connection:
        space = tables.space(connection)
    done = engine.images.prune(max_size=space - 60_000)
    assert [one.deleted[0] for one in done.images] == [str(sizes["b"].id), str(sizes["d"].id)]
    with store.database.read() as connection:
        assert tables.space(connection) <= space - 60_000
    make.add_container(store, sizes["a"])
    assert len(engine.images.prune(max_size=0).images) == 1
    assert names(store) == ["a:latest"]  # in use, whatever the size


def test_rules_together(engine: Engine, store: ImageStore) -> None:
    for number in range(1, 5):
        made = make.add(store, f"app:{number}", b"app%d" % number, created=f"2024-01-0{number}T00:00:00Z", kind="app")
        make.used(store, made, 10 - number)
    make.add(store, "tool:1", b"tool", kind="tool")
    engine.images.prune(keep_last=1, unused_for_s=7.5 * 86400, filters=["label=kind=app"])
    assert names(store) == ["app:3", "app:4", "tool:1"]
    with pytest.raises(errors.Error, match="negative"):
        engine.images.prune(keep_last=-1)
    with pytest.raises(errors.Error, match="invalid filter"):
        engine.images.prune(filters=["reference=app"])


def test_hundreds_in_one_transaction(engine: Engine, store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        make.add(store, f"app:{number}", b"shared", b"%d" % number)
    made: list[int] = []
    real = removal.transact

    def counted(*words: object, **more: object) -> None:
        made.append(1)
        real(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(removal, "transact", counted)
    assert len(engine.images.prune(all=True).images) == 30
    assert made == [1]
    assert (store.list(), store.driver.list(), store.content.list()) == ((), [], [])


def test_a_container_made_of_an_image_is_a_use_of_it(engine: Engine, store: ImageStore) -> None:
    found = make.add(store, "a", b"a")
    make.used(store, found, 30)
    before = engine.images.get("a").last_used
    box = engine.containers.create("a", ["/none"])
    assert engine.images.get("a").last_used > before + 29 * 86400 * 10**9
    make.used(store, found, 30)
    box.remove()  # until now it was in use
    assert engine.images.prune(unused_for_s=86400).images == ()


@pytest.mark.needs("root", "ip", "nft")
def test_system_prune(engine: Engine, store: ImageStore) -> None:
    with own_network():
        _system_prune(engine, store)


def _system_prune(engine: Engine, store: ImageStore) -> None:
    make.add(store, "app:1", b"old")
    found = make.add(store, "app:1", b"new")
    make.add_container(store, found)
    partial = Path(store.root, "ingest", "sha256-" + "a" * 64)
    partial.write_bytes(b"p" * 1000)
    engine.networks.create("lonely")
    done = engine.system.prune()
    assert (done.containers, done.networks, len(done.images)) == (("c" * 64,), ("lonely",), 1)
    assert "lonely" not in [one.name for one in engine.networks.list()]
    assert not partial.exists()
    assert done.space >= 1000
    assert names(store) == ["app:1"]
    assert len(engine.system.prune(all_images=True).images) == 1
    assert store.content.list() == []
    with pytest.raises(errors.Error, match='the "until" filter is not supported with "--volumes"'):
        engine.system.prune(volumes=True, filters=["until=1h"])


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Engine]:
    """A store with some images on a disk that has not a byte left."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs", place], check=True)
    engine = Engine(str(place / "root"), str(place / "run"))
    engine.paths.make()
    with ImageStore(engine.paths.root) as store:
        for number in range(5):
            make.add(store, "app:1", b"%d" % number * 1000)
        make.tag(store, "app:1", "app:2")
    with open(place / "fill", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    yield engine
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("words", [["image", "prune", "-f"], ["image", "prune", "-af"], ["system", "prune", "-af"]])
def test_a_full_disk_is_cleared(full_disk: Engine, words: list[str]) -> None:
    where = ["--root", full_disk.paths.root, "--runroot", full_disk.paths.runroot]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run([*COMMAND, *where, *words], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(full_disk.images.list()) == (2 if words[-1] == "-f" else 0)
    assert full_disk.system.check().ok


@pytest.mark.parametrize("who", ["the next command", "rmi", "prune"])
def test_what_a_killed_import_made_goes_at_once(engine: Engine, store: ImageStore, who: str) -> None:
    shared = make.add(store, "shared:1", b"shared")
    layer = store.chain_ids(shared.id)[0]
    data = b"a document that nobody will write again"
    orphan, kept = Digest.of(data), Digest.of(b"what a pull has left")
    with store.lease("import imported:1") as held, store.lease("pull pulled:1") as pull:
        held.protect([orphan, shared.manifest_digest], [layer])
        pull.protect([kept], [])
        store.content.write(orphan, data)
        store.content.write(kept, b"what a pull has left")
        assert not list((Path(store.root) / "ingest").glob("*"))
        # As if this process had died: another started at that time.
        with store.database.write() as connection:
            connection.execute("UPDATE leases SET start_time=1")
        if who == "rmi":
            store.remove(make.add(store, "other:1", b"other").id.short)
        elif who == "prune":
            engine.images.prune()
        else:
            store.lease("pull something").close()
        assert not store.content.has(orphan)
        assert store.content.has(kept)  # the next pull goes on with it
        assert store.content.has(shared.manifest_digest)
        assert store.driver.has(layer)
