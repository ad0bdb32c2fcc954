"""``diff``, ``export`` and ``commit`` of a container's root file system."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine.engine import Engine
from hezi.engine.rootfs import commit, diff, export, target
from hezi.engine.rootfs.commit import CommitOptions
from hezi.spec.digest import Digest
from hezi.store.images import ImageStore
from hezi.store.snapshot.base import Rootfs
from tests.support import canary
from tests.support.containers import Box

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "box")
    made.create("c1")
    yield made
    made.close()


@contextmanager
def root_of(box: Box, name: str = "c1") -> Iterator[Path]:
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(box.paths.root))
        root = target.container_root(box.paths, store, target.find(store, name), stack)
        yield Path(f"/proc/self/fd/{root.fd}")


def lines(box: Box, name: str = "c1") -> list[str]:
    return [f"{change.kind} /{change.path.decode()}" for change in diff.diff(box.paths, name)]


def test_nothing_changed(box: Box) -> None:
    with root_of(box) as root:
        (root / "data/a").read_bytes()
        os.utime(root / "data")  # a directory's time alone is no change
    assert lines(box) == []


def test_all_kinds_of_changes(box: Box) -> None:
    with root_of(box) as root:
        (root / "new/deep").mkdir(parents=True)
        (root / "new/deep/file").write_bytes(b"x")
        (root / "data/a").unlink()
        os.chmod(root / "data/b", 0o600)
        shutil.rmtree(root / "data/sub")
        (root / "data/sub").mkdir()
        (root / "data/sub/other").write_bytes(b"y")
        (root / "etc/alias").unlink()
        (root / "etc/alias").mkdir()
        os.chown(root / "run", 7, 7)
    assert lines(box) == [
        "C /data", "D /data/a", "C /data/b", "C /data/sub", "D /data/sub/c", "A /data/sub/other", "C /etc",
        "C /etc/alias", "A /new", "A /new/deep", "A /new/deep/file", "C /run",
    ]  # fmt: skip


def test_mount_points_of_ours_are_no_changes(box: Box) -> None:
    with root_of(box) as root:
        for name in ("dev", "proc", "sys"):
            (root / name).mkdir()
        (root / "dev/shm").mkdir()
        for name in ("hosts", "hostname", "resolv.conf"):
            (root / "etc" / name).touch()
        (root / "volume").mkdir()
    assert lines(box) == ["A /volume"]
    with root_of(box) as root:
        (root / "etc/hosts").write_bytes(b"of the container itself")
        (root / "dev/file").write_bytes(b"before anything was mounted")
    assert lines(box) == ["A /dev", "A /dev/file", "C /etc", "A /etc/hosts", "A /volume"]


def test_links_in_the_upper_directory_lead_nowhere(box: Box, tmp_path: Path) -> None:
    """E4: the upper directory holds links as the container made them; from outside they would lead out."""
    guard = canary.plant(tmp_path / "canary")
    with root_of(box) as root:
        shutil.rmtree(root / "data")
        os.symlink(guard.path, root / "data")
        os.symlink(f"{guard.path}/dir", root / "tmp/x")
    assert lines(box) == ["C /data", "C /tmp", "A /tmp/x"]
    image = commit.commit(box.paths, "c1", CommitOptions())
    with ImageStore(box.paths.root) as store:
        fd = store.driver.mount(Rootfs(store.chain_ids(Digest(image)), readonly=True))
        assert os.readlink("data", dir_fd=fd) == str(guard.path)
        os.close(fd)
    assert guard.unharmed()


def exported(box: Box, name: str = "c1") -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(bytes(part) for part in export.export(box.paths, name)))) as tar:
        return {member.name: member for member in tar}


def test_export(box: Box) -> None:
    with root_of(box) as root:
        (root / "data/a").unlink()
        (root / "data/new").write_bytes(b"x" * 700)
        os.link(root / "data/new", root / "data/zz")
    found = exported(box)
    assert "data/a" not in found
    assert (found["data/new"].size, found["data/zz"].linkname) == (700, "data/new")
    assert found["var/run"].linkname == "/run"
    assert list(found) == sorted(found, key=lambda name: name.split("/"))


def test_exporting_a_container_twice_gives_the_same_bytes(box: Box) -> None:
    once, again = (b"".join(bytes(part) for part in export.export(box.paths, "c1")) for _ in range(2))
    assert once == again


def test_export_of_what_runs_leaves_its_mounts_out(box: Box) -> None:
    with root_of(box) as root:  # mounted for writing, as in a running container
        (root / "data/live").write_bytes(b"now")
        assert exported(box)["data/live"].size == 3


def test_commit(box: Box) -> None:
    with root_of(box) as root:
        (root / "data/a").unlink()
        shutil.rmtree(root / "data/sub")
        (root / "data/sub").mkdir()
        (root / "data/one").write_bytes(b"linked")
        os.link(root / "data/one", root / "data/two")
        os.setxattr(root / "data/one", "user.note", b"kept")
        os.mkfifo(root / "tmp/fifo")
        (root / "dev").mkdir()
    options = CommitOptions("team/new:v1", "Ann", "why", ('CMD ["x"]', "ENV A=b", "LABEL l=1"))
    image = commit.commit(box.paths, "c1", options)
    with ImageStore(box.paths.root) as store:
        found = store.resolve("team/new:v1")
        config = store.config(found.id)
        assert found.id == image
        assert (config.author, config.history[-1].comment, config.history[-1].created_by) == ("Ann", "why", "sh")
        assert (config.config.cmd, config.config.env[-1]) == (("x",), "A=b")
        assert len(config.diff_ids) == len(store.config(box.image.id).diff_ids) + 1
        fd = store.driver.mount(Rootfs(store.chain_ids(found.id), readonly=True))
        try:
            merged = Path(f"/proc/self/fd/{fd}")
            assert sorted(os.listdir(merged / "data")) == ["b", "link", "one", "sub", "two"]
            assert os.listdir(merged / "data/sub") == []
            assert (merged / "data/one").stat().st_ino == (merged / "data/two").stat().st_ino
            assert os.getxattr(merged / "data/one", "user.note") == b"kept"
            assert not (merged / "dev").exists()
        finally:
            os.close(fd)
        raw = json.loads(store.content.read(found.manifest_digest, 1 << 20))
        # What the store has as the layer is the layer: a puller would compute the same digests.
        import gzip
        import hashlib

        blob = b"".join(store.content.chunks(Digest(raw["layers"][-1]["digest"])))
        assert f"sha256:{hashlib.sha256(gzip.decompress(blob)).hexdigest()}" == config.diff_ids[-1]


def test_commit_without_changes_adds_no_layer(box: Box) -> None:
    image = commit.commit(box.paths, "c1", CommitOptions(message="as it was"))
    with ImageStore(box.paths.root) as store:
        config = store.config(Digest(image))
        assert config.diff_ids == store.config(box.image.id).diff_ids
        assert config.history[-1].empty_layer
        store.remove(image)


def test_commit_that_is_refused_leaves_nothing(box: Box) -> None:
    for options in (CommitOptions(changes=("RUN x",)), CommitOptions("name@sha256:" + "0" * 64), CommitOptions("B AD")):
        with pytest.raises(errors.Error):
            commit.commit(box.paths, "c1", options)
    with ImageStore(box.paths.root) as store:
        assert len(store.list()) == 1
        assert not [name for name in os.listdir(f"{box.paths.root}/layers") if name.startswith(".tmp")]


def test_the_same_from_python(box: Box, tmp_path: Path) -> None:
    with Engine(box.paths.root, box.paths.runroot) as engine:
        container = engine.containers.get("c1")
        (tmp_path / "f").write_bytes(b"x")
        assert container.put(str(tmp_path / "f"), "/data") == 2048
        assert container.get("/data/f", str(tmp_path / "g")) == 2048
        assert container.diff() == (("C", "/data"), ("A", "/data/f"))
        assert sum(len(part) for part in container.archive("/data/f")) == 2048
        assert sum(len(part) for part in container.export()) > 2048
        assert engine.images.get(container.commit("from:python", changes=["CMD x"])).repository == "from"
        assert engine.images.get("from:python").tag == "python"
        log = Path(box.paths.containers) / container.id / f"{container.id}-json.log"
        log.write_text('{"log":"a\\n","stream":"stderr","time":"2026-01-02T03:04:05Z"}\n')
        assert [(line.stream, line.data) for line in container.logs(tail=1)] == [(2, b"a\n")]


def test_names_of_containers(box: Box) -> None:
    other = box.create("abc")
    with ImageStore(box.paths.root) as store:
        assert (
            target.find(store, "/abc").id == target.find(store, other[:12]).id == target.find(store, other).id == other
        )
        for wrong in ("", "zz", "ABC", "../x", "0" * 65):
            with pytest.raises(errors.Error, match="No such container"):
                target.find(store, wrong)


def test_a_stranger_with_the_number_of_a_dead_container_is_not_it(box: Box, tmp_path: Path) -> None:
    shutil.copy("/bin/busybox", tmp_path / "busybox")
    container = box.create("live")
    box.pretend(container, tmp_path)
    state = Path(box.paths.runroot) / "containers" / container / "state.json"
    process = json.loads(state.read_text())
    with ImageStore(box.paths.root) as store:
        row = target.find(store, "live")
        fd = target.running_root(box.paths, row)
        assert fd >= 0
        os.close(fd)
        for change in ({"start_time": process["start_time"] + 1}, {"boot_id": "another"}, {"pid": 0}):
            state.write_text(json.dumps({**process, **change}))
            assert target.running_root(box.paths, row) == -1


def test_killed_anywhere_a_commit_leaves_nothing_half(box: Box) -> None:
    with root_of(box) as root:
        for number in range(300):
            (root / f"tmp/{number}").write_bytes(os.urandom(4096))
    script = (
        "from hezi.engine.paths import Paths; from hezi.engine.rootfs import commit\n"
        f"print(commit.commit(Paths({box.paths.root!r}, {box.paths.runroot!r}), 'c1', commit.CommitOptions('k:1')))"
    )
    environment = {**os.environ, "PYTHONPATH": "src"}
    for number in range(12):
        with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL) as child:
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.08 + number * 0.03)
            child.kill()
        with ImageStore(box.paths.root) as store:
            for image in store.list():
                assert all(store.driver.has(chain_id) for chain_id in store.chain_ids(image.id))
    image = commit.commit(box.paths, "c1", CommitOptions("k:1"))
    with ImageStore(box.paths.root) as store:
        assert store.resolve("k:1").id == image
        for name in ("layers", f"containers/{target.find(store, 'c1').id}"):
            assert not [one for one in os.listdir(f"{box.paths.root}/{name}") if one.startswith((".tmp", ".commit"))]
