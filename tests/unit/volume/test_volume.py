"""Volumes: made once, whole or not at all; filled from images without ever leaving either tree."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path

import pytest

from hezi import errors
from hezi._util.lock import FileLock
from hezi.volume import copyup, local


def test_made_once(tmp_path: Path) -> None:
    volumes = str(tmp_path / "volumes")
    first = local.ensure(volumes, "data", anonymous=False, labels=[("a", "b")])
    assert first.created
    assert stat.S_IMODE(os.stat(volumes).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(first.path).st_mode) == 0o755
    Path(first.path, "file").write_text("kept")
    again = local.ensure(volumes, "data", anonymous=False)
    assert (again.path, again.created) == (first.path, False)
    assert '"Labels": {"a": "b"}' in Path(volumes, "data/meta.json").read_text()
    local.remove(volumes, "data")
    local.remove(volumes, "data")
    assert os.listdir(volumes) == []


def test_made_by_many_at_once(tmp_path: Path) -> None:
    volumes = str(tmp_path / "volumes")
    made: list[local.Volume] = []
    threads = [
        threading.Thread(target=lambda: made.append(local.ensure(volumes, "data", anonymous=False))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert sum(one.created for one in made) >= 1
    assert os.listdir(volumes) == ["data"]


@pytest.mark.parametrize("name", ["../x", "..", ".", "", "a/b", "-x", "x\0", "x\n"])
def test_names_never_become_paths(tmp_path: Path, name: str) -> None:
    for call in (lambda: local.ensure(str(tmp_path), name, anonymous=False), lambda: local.remove(str(tmp_path), name)):
        with pytest.raises(errors.Error):
            call()
    assert os.listdir(tmp_path) == []


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    image, volume = tmp_path / "image", tmp_path / "volume"
    (image / "data").mkdir(parents=True)
    volume.mkdir()
    return image, volume


def copy(image: Path, volume: Path, path: str = "/data") -> bool:
    root = os.open(image, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return copyup.copy_up(root, path, str(volume))
    finally:
        os.close(root)


def test_copy_keeps_everything(trees: tuple[Path, Path]) -> None:
    image, volume = trees
    data = image / "data"
    data.chmod(0o1751)
    (data / "sub").mkdir(mode=0o750)
    (data / "sub/file").write_bytes(b"x" * 3_000_000)
    (data / "sub/file").chmod(0o640)
    os.utime(data / "sub/file", ns=(10**18, 10**18 + 5))
    os.link(data / "sub/file", data / "linked")
    (data / "dangling").symlink_to("/no/such")
    os.mkfifo(data / "fifo", 0o606)
    os.utime(data / "sub", ns=(10**18, 10**18 + 7))
    assert copy(image, volume)
    assert stat.S_IMODE(volume.stat().st_mode) == 0o1751
    assert (volume / "sub/file").read_bytes() == b"x" * 3_000_000
    assert (volume / "sub/file").stat().st_mtime_ns == 10**18 + 5
    assert (volume / "sub").stat().st_mtime_ns == 10**18 + 7
    assert stat.S_IMODE((volume / "sub/file").stat().st_mode) == 0o640
    assert (volume / "linked").stat().st_ino == (volume / "sub/file").stat().st_ino
    assert os.readlink(volume / "dangling") == "/no/such"
    assert stat.S_ISFIFO((volume / "fifo").stat().st_mode)


@pytest.mark.needs("root")
def test_copy_keeps_owners_setuid_devices_and_attributes(trees: tuple[Path, Path]) -> None:
    image, volume = trees
    file = image / "data/tool"
    file.write_text("#!")
    os.chown(file, 1000, 29)
    file.chmod(0o4755)
    os.setxattr(file, "user.colour", b"red")
    os.mknod(image / "data/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.symlink("tool", image / "data/link")
    os.chown(image / "data/link", 5, 6, follow_symlinks=False)
    assert copy(image, volume)
    info = (volume / "tool").stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (1000, 29, 0o4755)
    assert os.getxattr(volume / "tool", "user.colour") == b"red"
    assert (volume / "null").stat().st_rdev == os.makedev(1, 3)
    assert (volume / "link").lstat().st_uid == 5


def test_a_volume_with_something_in_it_is_left_alone(trees: tuple[Path, Path]) -> None:
    image, volume = trees
    (image / "data/new").write_text("image")
    (volume / "mine").write_text("mine")
    assert not copy(image, volume)
    assert os.listdir(volume) == ["mine"]


@pytest.mark.parametrize("path", ["/no/such", "/data/file", "/data/file/x"])
def test_nothing_to_copy(trees: tuple[Path, Path], path: str) -> None:
    image, volume = trees
    (image / "data/file").write_text("x")
    assert not copy(image, volume, path)
    assert os.listdir(volume) == []


@pytest.mark.parametrize(
    "target", ["{canary}", "../canary", "../../../../../../../../../../{canary}", "/proc/self/cwd"]
)
def test_a_link_in_the_image_does_not_lead_to_the_host(trees: tuple[Path, Path], tmp_path: Path, target: str) -> None:
    """Classes C1 and E4: the image's directory is looked up in the image."""
    image, volume = trees
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "secret").write_text("host")
    (image / "out").symlink_to(target.format(canary=canary))
    with contextlib.suppress(errors.Error):
        copy(image, volume, "/out")
    assert not (volume / "secret").exists()
    assert os.listdir(volume) == []


def test_a_link_inside_the_image_is_followed_inside(trees: tuple[Path, Path]) -> None:
    image, volume = trees
    (image / "data/file").write_text("image")
    (image / "alias").symlink_to("/data")
    assert copy(image, volume, "/alias")
    assert (volume / "file").read_text() == "image"


def test_too_deep_a_tree_is_refused(trees: tuple[Path, Path]) -> None:
    image, volume = trees
    deep = image / "data"
    for _ in range(250):
        deep /= "d"
    deep.mkdir(parents=True)
    with pytest.raises(errors.Error, match="directories deep"):
        copy(image, volume)


def test_what_a_killed_process_left_half_made_is_swept(tmp_path: Path) -> None:
    volumes = str(tmp_path / "volumes")
    local.sweep(volumes)  # no volume was ever made
    local.ensure(volumes, "data", anonymous=False)
    os.makedirs(f"{volumes}/.other.0123abcd/_data")
    with FileLock(None, f"{volumes}.lock", shared=True):
        local.sweep(volumes)
        assert sorted(os.listdir(volumes)) == [".other.0123abcd", "data"], "somebody may be making it"
    local.sweep(volumes)
    assert os.listdir(volumes) == ["data"]
