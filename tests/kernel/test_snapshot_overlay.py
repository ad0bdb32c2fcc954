"""The overlay driver passes the suite; and the three ways to mount."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi import errors
from hezi.image.build import FileSpec
from hezi.store.snapshot import drivers, overlay_mount
from hezi.store.snapshot.overlay import OverlayDriver
from tests.support.snapshot_suite import SnapshotSuite, add

pytestmark = pytest.mark.needs("root", "overlay")


@pytest.fixture
def store_path(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def driver(store_path: str) -> Iterator[OverlayDriver]:
    driver = OverlayDriver(store_path)
    yield driver
    driver.close()


class TestOverlay(SnapshotSuite):
    pass


@pytest.mark.parametrize("way", [overlay_mount.FD, overlay_mount.PATH, overlay_mount.MOUNT2])
def test_ways_to_mount(driver: OverlayDriver, store_path: str, way: str, tmp_path: Path) -> None:
    if way == overlay_mount.FD and not _kernel_at_least(6, 13):
        pytest.skip("needs: kernel 6.13 takes descriptors as layers")
    ids = add(driver, [FileSpec(b"a")], [FileSpec(b"b")])
    upper, work = tmp_path / "u", tmp_path / "w"
    for path in (upper, work):
        path.mkdir()
    lower = [os.open(driver.diff_path(chain_id), os.O_RDONLY) for chain_id in reversed(ids)]
    before = Path("/proc/self/mountinfo").read_text()
    try:
        mounted = overlay_mount.mount(
            lower, str(upper), str(work), volatile=True, scratch=f"{store_path}/layers", ways=(way,)
        )
    finally:
        for fd in lower:
            os.close(fd)
    root = os.open(".", os.O_RDONLY, dir_fd=mounted)
    assert sorted(os.listdir(root)) == ["a", "b"]
    os.close(root)
    os.close(mounted)
    assert Path("/proc/self/mountinfo").read_text() == before
    assert [name for name in os.listdir(f"{store_path}/layers") if name.startswith(".tmp")] == []


def _kernel_at_least(*version: int) -> bool:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) >= version


CHILD = """
import sys
from hezi.image import build
from hezi.image.tarlayer import TarReader
from hezi.store.snapshot.overlay import OverlayDriver
writer = OverlayDriver(sys.argv[1]).prepare()
writer.unpack(TarReader([build.layer([build.FileSpec(b"d/f", data=b"x")])]))
print("unpacked", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_leaves_is_swept(driver: OverlayDriver, store_path: str) -> None:
    environment = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-c", CHILD, store_path]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"unpacked\n"
    assert driver.sweep() == 0
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert driver.sweep() == 1
    assert os.listdir(f"{store_path}/layers") == []


def test_the_table_of_drivers(store_path: str) -> None:
    driver = drivers.open_driver("overlay", store_path)
    assert driver.name == "overlay"
    driver.close()
    for name, kind in (("erofs", errors.UNSUPPORTED), ("zfs", errors.INVALID)):
        with pytest.raises(errors.Error) as caught:
            drivers.open_driver(name, store_path)
        assert caught.value.kind == kind
