"""The store as a pull uses it: verified, resumable, and nothing half-done visible, whatever goes wrong."""

from __future__ import annotations

import gzip
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hezi import errors
from hezi.db import containers
from hezi.image import build as image_build
from hezi.image.build import FileSpec, directory
from hezi.image.compress import Bounds
from hezi.image.tarlayer import Limits
from hezi.spec.digest import Digest
from hezi.spec.image import OCI_LAYER_GZIP, Descriptor
from hezi.store import gc
from hezi.store.images import ImageStore
from hezi.store.layers import LayerIngest, LayerSpec
from tests.support import faults
from tests.support.store import Blob, build, layer_specs, pull

pytestmark = pytest.mark.needs("root", "overlay")

BASE = [directory(b"etc"), FileSpec(b"etc/a", data=os.urandom(200_000))]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    with ImageStore(str(tmp_path)) as store:
        yield store


def visible(store: ImageStore) -> list[str]:
    """Everything of an image that anybody could see or that takes space."""
    root = Path(store.root)
    found = [path for place in ("layers", "ingest", "content/blobs") for path in (root / place).rglob("*")]
    return [str(path) for path in found if path.name not in {"sha256", ".empty", "a", "b"}]


def fetch(store: ImageStore, blob: bytes, diff_id: Digest | None = None, **keywords: object) -> LayerSpec:
    """Fetch and commit one lowest layer."""
    if diff_id is None:
        diff_id = Digest.of(gzip.decompress(blob))
    spec = LayerSpec(Descriptor(OCI_LAYER_GZIP, Digest.of(blob), len(blob)), diff_id, diff_id, ())
    with LayerIngest(store.content, store.driver, spec, **keywords) as ingest:  # type: ignore[arg-type]
        ingest.fetch(lambda offset: Blob(blob, offset))
        ingest.commit()
    return spec


def refused(store: ImageStore, blob: bytes, kind: str, diff_id: Digest | None = None, **keywords: object) -> str:
    with pytest.raises(errors.Error) as caught:
        fetch(store, blob, diff_id or Digest.of(b"?"), **keywords)
    assert caught.value.kind == kind, caught.value
    assert visible(store) == []
    return caught.value.message


def test_pull_twice_and_share(store: ImageStore) -> None:
    progress: list[tuple[str, int]] = []
    first = pull(store, build(BASE, [FileSpec(b"one")]), "example.org/app:1")
    second = pull(store, build(BASE, [FileSpec(b"two")], compression="zstd"), "example.org/app:2")
    assert len(store.driver.list()) == 3  # the lowest layer is one, though its blobs differ
    assert pull(store, build(BASE, [FileSpec(b"one")]), "example.org/app:1").id == first.id
    assert {image.id for image in store.list()} == {first.id, second.id}
    assert store.resolve("example.org/app:2").id == second.id
    assert store.resolve(first.id.short).names == ("example.org/app:1",)
    assert store.resolve(f"example.org/app@{first.digests[0][1]}").id == first.id
    assert (first.size, store.config(first.id).config.cmd) == (200_000, ("sh",))
    blob = build(BASE).blobs[0][1]
    fetch(store, blob, progress=lambda phase, done: progress.append((phase, done)))
    assert progress == []  # all of it was there


def test_progress(store: ImageStore) -> None:
    progress: list[tuple[str, int]] = []
    blob = build(BASE).blobs[0][1]
    fetch(store, blob, progress=lambda phase, done: progress.append((phase, done)))
    for phase in ("downloading", "extracting"):
        done = [value for name, value in progress if name == phase]
        assert done == sorted(done)
        assert done[-1] == len(blob)


def test_a_moved_name_leaves_a_dangling_image(store: ImageStore) -> None:
    old = pull(store, build([FileSpec(b"old")]))
    new = pull(store, build([FileSpec(b"new")]))
    assert store.resolve("example.org/app:1").id == new.id
    found = store.by_id(old.id)
    assert found is not None
    assert (found.names, len(found.digests)) == ((), 1)


@pytest.mark.parametrize("text", ["nothing", "nothing:1", "sha256:abcd", "abcdef", "x@sha256:" + "0" * 64])
def test_no_such_image(store: ImageStore, text: str) -> None:
    with pytest.raises(errors.Error, match="No such image") as caught:
        store.resolve(text)
    assert caught.value.kind == errors.NOT_FOUND


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "sha256:../../x", "../x", "a\0b", "x" * 300, "@", "sha256:"])
def test_malformed_names_touch_nothing(store: ImageStore, text: str) -> None:
    with pytest.raises(errors.Error) as caught:
        store.resolve(text)
    assert caught.value.kind in {errors.INVALID, errors.NOT_FOUND}


def test_a_false_diff_id(store: ImageStore) -> None:
    blob = build(BASE).blobs[0][1]
    assert "DiffID" in refused(store, blob, errors.CORRUPT, Digest.of(b"other"))
    fetch(store, blob)


def test_a_blob_that_is_not_its_digest(store: ImageStore) -> None:
    blob = build(BASE).blobs[0][1]
    other = build([FileSpec(b"evil", data=os.urandom(200_000))]).blobs[0][1]
    spec = LayerSpec(Descriptor(OCI_LAYER_GZIP, Digest.of(blob), len(other)), Digest.of(b""), Digest.of(b""), ())
    with LayerIngest(store.content, store.driver, spec) as ingest, pytest.raises(errors.Error) as caught:
        ingest.fetch(lambda offset: Blob(other, offset))
    assert caught.value.kind == errors.CORRUPT
    assert visible(store) == []


def test_truncated_layers(store: ImageStore) -> None:
    """Every 512 bytes: an error, at once, and nothing left (A5)."""
    tar = image_build.layer(
        [directory(b"d"), FileSpec(b"d/f", data=os.urandom(9_000)), FileSpec(b"g" * 150, data=b"x")]
    )
    blob = gzip.compress(tar, mtime=0)
    began = time.monotonic()
    for cut in range(512, len(blob), 512):
        refused(store, blob[:cut], errors.CORRUPT)
    for cut in range(512, len(tar) - 1024, 512):
        refused(store, gzip.compress(tar[:cut], 1), errors.CORRUPT, Digest.of(tar))
    assert time.monotonic() - began < 30


def test_random_damage(store: ImageStore) -> None:
    rng = random.Random(3)
    tar = image_build.layer([directory(b"d"), *(FileSpec(b"d/%d" % n, data=b"x" * 700) for n in range(8))])
    for _ in range(60):
        damaged = bytearray(tar)
        for _ in range(3):
            damaged[rng.randrange(len(tar) - 1024)] ^= 1 << rng.randrange(8)
        refused(store, gzip.compress(bytes(damaged), 1), errors.CORRUPT, Digest.of(tar))
        broken = bytearray(gzip.compress(tar, 1, mtime=0))
        broken[rng.randrange(12, len(broken))] ^= 0x55
        refused(store, bytes(broken), errors.CORRUPT, Digest.of(b"?"))


def test_bombs(store: ImageStore) -> None:
    zeros = gzip.compress(image_build.layer([FileSpec(b"zeros", data=bytes(64 << 20))]), 9)
    refused(store, zeros, errors.CORRUPT, bounds=Bounds(free=4 << 20))
    refused(store, zeros, errors.CORRUPT, bounds=Bounds(total=4 << 20))
    entries = gzip.compress(image_build.layer(FileSpec(b"%d" % number) for number in range(3000)), 9)
    refused(store, entries, errors.CORRUPT, limits=Limits(entries=2999))
    nested = gzip.compress(gzip.compress(image_build.layer([FileSpec(b"f")])))
    refused(store, nested, errors.CORRUPT, Digest.of(gzip.decompress(nested)))
    fetch(store, entries)  # the legal twin


@pytest.mark.slow
def test_ten_gigabytes_of_zeros(store: ImageStore) -> None:
    def packed() -> bytes:
        import zlib

        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        header = image_build.layer([FileSpec(b"zeros")])[:512]
        head = bytearray(header)
        head[124:136] = b"%011o\0" % (8 << 30)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        chunk = bytes(1 << 20)
        return packer.compress(bytes(head)) + b"".join(packer.compress(chunk) for _ in range(8 << 10)) + packer.flush()

    blob = packed()
    began = time.monotonic()
    refused(store, blob, errors.CORRUPT)
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 512 << 10


class Broken(Blob):
    """A connection that is cut after some bytes."""

    def __iter__(self) -> Iterator[bytes]:
        for number, chunk in enumerate(super().__iter__()):
            if number == 2:
                raise errors.Error(errors.UNAVAILABLE, "cut")
            yield chunk


def test_a_cut_download_goes_on(store: ImageStore) -> None:
    built = build(BASE)
    (spec,) = layer_specs(built)
    blob = built.blobs[0][1]
    opened: list[int] = []

    def open_blob(offset: int) -> Blob:
        opened.append(offset)
        return (Broken if len(opened) == 1 else Blob)(blob, offset, 50_000)

    with LayerIngest(store.content, store.driver, spec) as ingest:
        with pytest.raises(errors.Error) as caught:
            ingest.fetch(open_blob)
        assert caught.value.kind == errors.UNAVAILABLE
        assert store.driver.list() == []
        ingest.fetch(open_blob)
        ingest.commit()
    assert opened == [0, 100_000]
    assert store.driver.has(spec.chain_id)


def test_a_server_that_ignores_range(store: ImageStore) -> None:
    built = build(BASE)
    (spec,) = layer_specs(built)
    blob = built.blobs[0][1]
    with LayerIngest(store.content, store.driver, spec) as ingest:
        with pytest.raises(errors.Error):
            ingest.fetch(lambda offset: Broken(blob, offset, 50_000))
        ingest.fetch(lambda _offset: Blob(blob, 0, 33_333))
        ingest.commit()
    assert store.driver.has(spec.chain_id)


def test_poisoned_partial_download_heals(store: ImageStore) -> None:
    built = build(BASE)
    (spec,) = layer_specs(built)
    blob = built.blobs[0][1]
    place = Path(store.root) / "ingest"
    assert store.content is not None
    place.mkdir(mode=0o700, exist_ok=True)
    (place / f"sha256-{spec.descriptor.digest.hex}").write_bytes(os.urandom(70_000))
    asked: list[int] = []

    def opened(offset: int) -> Blob:
        asked.append(offset)
        return Blob(blob, offset)

    with LayerIngest(store.content, store.driver, spec) as ingest:
        ingest.fetch(opened)
        ingest.commit()
    assert store.driver.has(spec.chain_id)
    # It went on where the other had stopped; all of it came anew when that turned out to be wrong.
    assert asked == [min(70_000, len(blob)), 0][-len(asked) :]


def test_cancel(store: ImageStore) -> None:
    built = build(BASE)
    (spec,) = layer_specs(built)
    with LayerIngest(store.content, store.driver, spec) as ingest:

        class Cancelling(Blob):
            def __iter__(self) -> Iterator[bytes]:
                yield self._data[:1000]
                ingest.cancel()
                yield self._data[1000:2000]

        with pytest.raises(errors.Error) as caught:
            ingest.fetch(lambda offset: Cancelling(built.blobs[0][1], offset))
    assert caught.value.kind == errors.CANCELLED
    assert store.driver.list() == []
    assert store.driver.sweep() == 0


def test_a_lost_layer_is_made_from_the_blob(store: ImageStore) -> None:
    built = build(BASE)
    image = pull(store, built)
    (chain_id,) = store.chain_ids(image.id)
    store.driver.purge(store.driver.detach(chain_id))

    def never(_offset: int) -> Blob:
        raise AssertionError

    with LayerIngest(store.content, store.driver, layer_specs(built)[0]) as ingest:
        ingest.fetch(never)
        ingest.commit()
    assert store.driver.has(chain_id)


REMOVE = """
import sys
from hezi.store.images import ImageStore
print(ImageStore(sys.argv[1]).remove(sys.argv[2]).deleted[0])
"""


def test_a_blob_that_rotted_comes_again(store: ImageStore) -> None:
    built = build(BASE)
    image = pull(store, built)
    (chain_id,) = store.chain_ids(image.id)
    store.driver.purge(store.driver.detach(chain_id))
    path = Path(store.root) / "content/blobs/sha256" / built.blobs[0][0].digest.hex
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-5000])
    pull(store, built)
    assert store.driver.has(chain_id)
    assert path.read_bytes() == built.blobs[0][1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=400,mode=0700", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk(small_disk: Path) -> None:
    with ImageStore(str(small_disk)) as store:
        kept = pull(store, build([FileSpec(b"small", data=os.urandom(1000))]), "kept:1")
        too_big = build([FileSpec(b"big", data=os.urandom(16 << 20))])
        too_many = build([FileSpec(b"%d" % number) for number in range(1000)])
        for built in (too_big, too_many):
            before = os.statvfs(small_disk)
            with pytest.raises(errors.Error) as caught:
                pull(store, built, "new:1")
            assert caught.value.kind == errors.NO_SPACE
            after = os.statvfs(small_disk)
            assert before.f_bfree - after.f_bfree < 64
            assert before.f_ffree - after.f_ffree < 8
        assert [image.id for image in store.list()] == [kept.id]
        fill = small_disk / "fill"
        with open(fill, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        assert os.statvfs(small_disk).f_bfree == 0
        # A new process, as `hezi rmi` is: it has to open the database first.
        store.close()
        command = [sys.executable, "-c", REMOVE, str(small_disk), "kept:1"]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": "src"}, capture_output=True, text=True, check=False
        )
        assert (done.stdout.strip(), done.stderr) == (kept.id, "")
        fill.unlink()
    with ImageStore(str(small_disk)) as store:
        assert store.list() == ()
        pull(store, build([FileSpec(b"small", data=b"x")]), "kept:1")


CHILD = """
import sys, time
from hezi.store.images import ImageStore
from tests.support import faults
from tests.support.store import Blob, build, pull
from tests.kernel.test_store import killable
pull(ImageStore(sys.argv[1]), killable(), "killed:1")
print("done", flush=True)
"""


def killable() -> image_build.BuiltImage:
    rng = random.Random(5)
    layers = [[directory(b"d%d" % n), *(FileSpec(b"d%d/%d" % (n, m), data=rng.randbytes(3000)) for m in range(150))]
              for n in range(3)]  # fmt: skip
    return build(*layers)


def child(root: Path, *before: str, errors_to: int | None = None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": "src:."}
    command = [*before, sys.executable, "-c", CHILD, str(root)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors_to)


def test_killed_anywhere_the_next_pull_works(tmp_path: Path) -> None:
    rng = random.Random(11)
    built = killable()
    for round_ in range(12):
        root = tmp_path / str(round_)
        root.mkdir()
        process = child(root)
        time.sleep(0.15 + rng.random() * 0.45)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with ImageStore(str(root)) as store:
            image = pull(store, built, "killed:1")
            gc.collect(store, 0)
            assert len(store.driver.list()) == 3
            assert len(store.content.list()) == 5
            assert store.remove("killed:1").deleted[0] == image.id
            assert gc.collect(store, 0)[:4] == (0, 0, 0, 0)
            assert visible(store) == []


def test_processes_pull_the_same_image_at_once(tmp_path: Path) -> None:
    running = [child(tmp_path) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == [b"done\n"] * 4
    with ImageStore(str(tmp_path)) as store:
        assert len(store.list()) == 1
        assert gc.collect(store, 0)[:4] == (0, 0, 0, 0)
        store.remove("killed:1")
        assert visible(store) == []


def test_remove_prints_what_docker_prints(store: ImageStore) -> None:
    image = pull(store, build(BASE, [FileSpec(b"top")]), "app:1")
    other = pull(store, build(BASE), "base")
    store.tag(image, store_reference("app:2"))
    chain = store.chain_ids(image.id)
    digest = image.digests[0][1]
    removed = store.remove("app:1")
    assert (removed.untagged, removed.deleted) == (("app:1",), ())
    removed = store.remove("app:2")
    assert removed.untagged == ("app:2", f"app@{digest}")
    assert removed.deleted == (image.id, chain[1])  # the lower layer is the other image's too
    removed = store.remove(other.id.short)
    assert removed.untagged == ("base:latest", f"base@{other.digests[0][1]}")
    assert removed.deleted == (other.id, chain[0])
    assert removed.freed > 200_000
    assert visible(store) == []


def store_reference(text: str) -> object:
    from hezi.spec.reference import Reference

    return Reference.parse(text)


def container(store: ImageStore, image_id: Digest, state: str) -> None:
    row = containers.ContainerRow("c" * 64, "box", image_id, "app:1", state, 1, 1, "", 1, 1, 0, None, "{}")
    with store.database.write() as connection:
        containers.insert(connection, row, store.chain_ids(image_id))


def test_images_of_containers(store: ImageStore) -> None:
    image = pull(store, build(BASE), "app:1")
    container(store, image.id, containers.EXITED)
    with pytest.raises(errors.Error, match=r'unable to remove repository reference "app:1" \(must force\)') as caught:
        store.remove("app:1")
    assert caught.value.kind == errors.CONFLICT
    with pytest.raises(
        errors.Error, match=r"\(must be forced\) - image is being used by stopped container cccccccccccc"
    ):
        store.remove(image.id.short)
    removed = store.remove("app:1", force=True)
    assert removed.deleted == (image.id,)  # the layer is the container's
    assert store.list() == ()
    assert len(store.driver.list()) == 1
    with store.database.write() as connection:
        containers.delete(connection, "c" * 64)
    assert gc.collect(store, 0).layers == 1


def test_the_image_of_a_running_container(store: ImageStore) -> None:
    image = pull(store, build(BASE), "app:1")
    container(store, image.id, containers.RUNNING)
    with pytest.raises(errors.Error, match="cannot be forced"):
        store.remove(image.id.short, force=True)
    assert store.remove("app:1", force=True).deleted == ()
    assert store.by_id(image.id) is not None


def test_several_repositories_need_force(store: ImageStore) -> None:
    image = pull(store, build(BASE), "app:1")
    pull(store, build(BASE), "other/app:1")
    with pytest.raises(errors.Error, match="referenced in multiple repositories"):
        store.remove(image.id.short)
    assert len(store.remove(image.id.short, force=True).untagged) == 4
    assert visible(store) == []


def test_a_lease_keeps_what_a_pull_counts_on(store: ImageStore) -> None:
    built = build(BASE)
    pull(store, built, "app:1")
    (spec,) = layer_specs(built)
    with store.lease("pull") as lease:
        lease.protect([blob.digest for blob, _ in built.blobs], [spec.chain_id])
        assert store.remove("app:1").deleted == (store_id(built),)
        assert store.driver.has(spec.chain_id)
        assert gc.collect(store, 0).layers == 0
    assert gc.collect(store, 0)[1:3] == (1, 2)
    assert visible(store) == []


def store_id(built: image_build.BuiltImage) -> Digest:
    return Digest.of(built.config_raw)


def test_the_lease_of_a_dead_process_counts_for_nothing(store: ImageStore) -> None:
    built = build(BASE)
    pull(store, built, "app:1")
    lease = store.lease("pull")
    lease.protect([], [layer_specs(built)[0].chain_id])
    with store.database.write() as connection:
        connection.execute("UPDATE leases SET start_time = start_time + 1")
    assert len(store.remove("app:1").deleted) == 2


def test_nothing_old_is_collected_too_early(store: ImageStore) -> None:
    blob = build(BASE).blobs[0][1]
    fetch(store, blob)
    assert gc.collect(store)[:4] == (0, 0, 0, 0)
    assert gc.collect(store, 0)[1:3] == (1, 1)


def test_other_users_see_nothing(store: ImageStore) -> None:
    pull(store, build([directory(b"d", 0o777), FileSpec(b"d/su", mode=0o4755)]))
    os.chmod(Path(store.root).parent, 0o755)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "find", store.root, "-readable"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    assert [path for path in found if path != store.root and "lock" not in path] == []


POINTS = [
    *(("rename,renameat,renameat2", number) for number in range(1, 12)),
    *(("fsync,fdatasync,syncfs", number) for number in range(1, 16, 2)),
    *(("unlink,unlinkat", number) for number in range(1, 4)),
    *(("utimensat", number) for number in (1, 200, 451)),
]


def every_third(points: Sequence[tuple[object, ...]]) -> list[object]:
    """One in three of the points is in the fast suite."""
    return [pytest.param(*point, marks=pytest.mark.slow if at % 3 else ()) for at, point in enumerate(points)]


def pull_again(root: Path) -> None:
    with ImageStore(str(root)) as store:
        image = pull(store, killable(), "killed:1")
        gc.collect(store, 0)
        assert (len(store.driver.list()), len(store.content.list())) == (3, 5)
        assert store.remove("killed:1").deleted[0] == image.id
        assert visible(store) == []


@pytest.mark.needs("strace")
@pytest.mark.parametrize(("syscalls", "number"), every_third(POINTS))
def test_killed_at_a_system_call(tmp_path: Path, syscalls: str, number: int) -> None:
    process = child(tmp_path, *faults.killed_at(syscalls, when=str(number)))
    process.communicate()
    pull_again(tmp_path)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("syscalls", "error", "number"),
    every_third(
        [
            *(("fsync,fdatasync,syncfs", "EIO", number) for number in (1, 4, 5, 6, 8, 10, 12)),
            *(("rename,renameat,renameat2", "ENOSPC", number) for number in range(1, 9)),
            *(("mkdirat", "ENOSPC", number) for number in (1, 2, 4)),
            *(("pwrite64", "ENOSPC", number) for number in (1, 5, 20, 40)),
            *(("utimensat", "EIO", number) for number in (1, 100)),
            ("mount,fsmount,fsopen", "EPERM", 1),
        ]
    ),
)
def test_a_system_call_fails(tmp_path: Path, syscalls: str, error: str, number: int) -> None:
    process = child(tmp_path, *faults.failing(syscalls, error, when=str(number)), errors_to=subprocess.PIPE)
    out, text = process.communicate()
    # Either the call was not one that matters, or the error has a type and says what failed.
    assert out == b"done\n" or b"hezi.errors.Error: " in text, text
    with ImageStore(str(tmp_path)) as store:
        assert len(store.list()) == (1 if out else 0)
    pull_again(tmp_path)
