"""What every snapshot driver must do: a test class to inherit, with the driver as its fixture.

class TestOverlay(SnapshotSuite):
    @pytest.fixture
    def driver(self, tmp_path): ...
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import pytest

from hezi import errors
from hezi.image import build, tarlayer
from hezi.image.build import FileSpec, directory, symlink
from hezi.image.tarlayer import TarReader
from hezi.spec.digest import Digest
from hezi.spec.image import chain_ids
from hezi.store.snapshot.base import Rootfs, SnapshotDriver
from tests.support import trees


def add(driver: SnapshotDriver, *layers: Sequence[FileSpec]) -> tuple[Digest, ...]:
    """Put layers into a driver: unpacked at once in reverse order, settled and committed from the lowest up."""
    tars = [build.layer(files) for files in layers]
    ids = chain_ids(tuple(Digest.of(tar) for tar in tars))
    writers = {}
    for position in reversed(range(len(tars))):
        if not driver.has(ids[position]):
            writers[position] = driver.prepare()
            writers[position].unpack(TarReader([tars[position]]))
    try:
        for position, writer in sorted(writers.items()):
            writer.settle(ids[:position])
            writer.sync()
            writer.commit(ids[position])
    finally:
        for writer in writers.values():
            writer.discard()
    return ids


def view(driver: SnapshotDriver, ids: tuple[Digest, ...]) -> dict[str, trees.File]:
    mounted = driver.mount(Rootfs(ids))
    try:
        root = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=mounted)
        try:
            return trees.snapshot(root)
        finally:
            os.close(root)
    finally:
        os.close(mounted)


def hardlink(name: bytes, target: bytes) -> FileSpec:
    return FileSpec(name, tarlayer.HARDLINK, target=target)


class SnapshotSuite:
    def test_probe(self, driver: SnapshotDriver) -> None:
        assert driver.probe() == ""

    def test_life_of_a_layer(self, driver: SnapshotDriver) -> None:
        assert driver.list() == []
        writer = driver.prepare()
        tar = build.layer([FileSpec(b"f", data=b"12345"), FileSpec(b"g", data=b"678")])
        chain_id = Digest.of(tar)
        writer.unpack(TarReader([tar]))
        assert writer.size == 8
        assert not driver.has(chain_id)
        writer.settle(())
        writer.sync()
        writer.commit(chain_id)
        writer.discard()
        assert driver.has(chain_id)
        assert driver.list() == [chain_id]
        assert driver.usage(chain_id) == 8
        assert driver.made_at(chain_id) > 0
        name = driver.detach(chain_id)
        assert not driver.has(chain_id)
        assert driver.detach(chain_id) == ""
        driver.purge(name)
        driver.purge(name)
        assert driver.usage(chain_id) == 0
        assert driver.sweep() == 0

    def test_discarded(self, driver: SnapshotDriver) -> None:
        writer = driver.prepare()
        writer.unpack(TarReader([build.layer([FileSpec(b"f")])]))
        writer.discard()
        writer.discard()
        assert driver.list() == []
        assert driver.sweep() == 0

    def test_a_living_writer_is_not_swept(self, driver: SnapshotDriver) -> None:
        writer = driver.prepare()
        assert driver.sweep() == 0
        writer.unpack(TarReader([build.layer([FileSpec(b"f")])]))
        writer.discard()

    def test_the_faster_of_two_wins(self, driver: SnapshotDriver) -> None:
        tar = build.layer([FileSpec(b"f", data=b"x")])
        writers = [driver.prepare(), driver.prepare()]
        for writer in writers:
            writer.unpack(TarReader([tar]))
            writer.settle(())
        for writer in writers:
            writer.commit(Digest.of(tar))
            writer.discard()
        assert driver.list() == [Digest.of(tar)]
        assert driver.sweep() == 0

    def test_stacking(self, driver: SnapshotDriver) -> None:
        ids = add(
            driver,
            [directory(b"d"), FileSpec(b"d/a", data=b"1"), FileSpec(b"d/b", data=b"2"), FileSpec(b"e", data=b"3")],
            [directory(b"d", 0o700), FileSpec(b"d/a", data=b"new"), FileSpec(b"d/.wh.b"), FileSpec(b".wh.e")],
            [FileSpec(b"d/b", data=b"back")],
        )
        seen = view(driver, ids)
        assert set(seen) == {".", "d", "d/a", "d/b"}
        assert (seen["d"].mode, seen["d/a"].content[:2], seen["d/b"].content[:2]) == (0o700, "3 ", "4 ")
        assert set(view(driver, ids[:1])) == {".", "d", "d/a", "d/b", "e"}

    def test_opaque_and_changed_types(self, driver: SnapshotDriver) -> None:
        ids = add(
            driver,
            [directory(b"o"), FileSpec(b"o/old"), directory(b"d"), FileSpec(b"d/old"), FileSpec(b"f"), directory(b"w"),
             FileSpec(b"w/old")],
            [directory(b"o"), FileSpec(b"o/new"), FileSpec(b"o/.wh..wh..opq"), FileSpec(b"d"), directory(b"f"),
             FileSpec(b"f/in"), FileSpec(b".wh.w"), directory(b"w"), FileSpec(b"w/new")],
        )  # fmt: skip
        assert set(view(driver, ids)) == {".", "o", "o/new", "d", "f", "f/in", "w", "w/new"}

    def test_a_file_and_then_a_directory_in_one_layer_hides_what_is_below(self, driver: SnapshotDriver) -> None:
        ids = add(driver, [directory(b"d"), FileSpec(b"d/old")], [FileSpec(b"d"), directory(b"d"), FileSpec(b"d/new")])
        assert set(view(driver, ids)) == {".", "d", "d/new"}

    def test_directories_that_a_layer_does_not_mention(self, driver: SnapshotDriver) -> None:
        spec = FileSpec(b"d", tarlayer.DIRECTORY, mode=0o2711, uid=5, gid=6, mtime_ns=7, xattrs=((b"user.a", b"b"),))
        root = FileSpec(b"./", tarlayer.DIRECTORY, mode=0o711, uid=3, mtime_ns=9)
        ids = add(driver, [root, spec, FileSpec(b"d/a")], [FileSpec(b"d/b")], [FileSpec(b"d/.wh.a")])
        seen = view(driver, ids)
        assert set(seen) == {".", "d", "d/b"}
        assert seen["d"][:5] == ("d", 0o2711, 5, 6, 7)
        assert seen["d"].xattrs == (("user.a", b"b"),)
        assert seen["."][:5] == ("d", 0o711, 3, 0, 9)

    def test_through_a_link_of_a_layer_below(self, driver: SnapshotDriver) -> None:
        ids = add(
            driver,
            [directory(b"usr"), directory(b"usr/lib", 0o711)._replace(mtime_ns=5), symlink(b"lib", b"usr/lib"),
             FileSpec(b"usr/lib/old"), FileSpec(b"usr/lib/both", data=b"1")],
            [FileSpec(b"lib/new"), FileSpec(b"lib/sub/deep"), FileSpec(b"lib/.wh.old"), FileSpec(b"usr/lib/other"),
             FileSpec(b"lib/both", data=b"22")],
        )  # fmt: skip
        seen = view(driver, ids)
        names = {"usr/lib/new", "usr/lib/sub", "usr/lib/sub/deep", "usr/lib/both", "usr/lib/other"}
        assert set(seen) == {".", "usr", "usr/lib", "lib", *names}
        assert seen["lib"].kind == "l"
        assert (seen["usr/lib"].mode, seen["usr/lib"].mtime_ns) == (0o711, 5)
        assert seen["usr/lib/both"].content.startswith("2 ")

    def test_a_link_that_leads_out_of_the_image(self, driver: SnapshotDriver) -> None:
        ids = add(driver, [symlink(b"l", b"../../../../etc")], [FileSpec(b"l/inside")])
        assert set(view(driver, ids)) == {".", "l", "etc", "etc/inside"}

    def test_hard_links_to_files_below(self, driver: SnapshotDriver) -> None:
        file = FileSpec(b"d/f", data=b"x", mode=0o4755, uid=4, mtime_ns=5, xattrs=((b"user.a", b"b"),))
        ids = add(
            driver,
            [directory(b"d"), file, symlink(b"s", b"d/f")],
            [hardlink(b"h", b"/d/f"), hardlink(b"i", b"h"), hardlink(b"t", b"s")],
        )
        seen = view(driver, ids)
        assert seen["h"][1:8] == seen["d/f"][1:8] == (0o4755, 4, 0, 5, seen["h"].content, 0, (("user.a", b"b"),))
        assert {seen[name].links for name in ("h", "i", "d/f")} == {"d/f"}
        assert (seen["t"].kind, seen["t"].content) == ("l", "d/f")

    def test_a_hard_link_to_nothing(self, driver: SnapshotDriver) -> None:
        with pytest.raises(errors.Error, match="hard link") as caught:
            add(driver, [FileSpec(b"f")], [hardlink(b"h", b"nowhere")])
        assert caught.value.kind == errors.CORRUPT
        assert len(driver.list()) == 1
        assert driver.sweep() == 0

    def test_needless_whiteouts_do_not_show(self, driver: SnapshotDriver) -> None:
        ids = add(driver, [directory(b"d"), FileSpec(b"d/.wh.a")], [FileSpec(b"d/.wh.b"), FileSpec(b"n/.wh.c")])
        assert set(view(driver, ids)) == {".", "d"}
        assert set(view(driver, ids[:1])) == {".", "d"}

    def test_writing(self, driver: SnapshotDriver, tmp_path_factory: pytest.TempPathFactory) -> None:
        ids = add(driver, [directory(b"d"), FileSpec(b"d/f", data=b"x")])
        before = view(driver, ids)
        place = tmp_path_factory.mktemp("rw")
        for name in ("upper", "work"):
            (place / name).mkdir()
        for volatile in (False, True):
            mounted = driver.mount(Rootfs(ids, str(place / "upper"), str(place / "work"), volatile=volatile))
            try:
                fd = os.open("d/new", os.O_WRONLY | os.O_CREAT, dir_fd=mounted)
                os.close(fd)
                os.close(os.open("d/f", os.O_RDONLY, dir_fd=mounted))
            finally:
                os.close(mounted)
            assert (place / "upper/d/new").exists()
        assert view(driver, ids) == before

    def test_read_only(self, driver: SnapshotDriver, tmp_path_factory: pytest.TempPathFactory) -> None:
        place = tmp_path_factory.mktemp("ro")
        ids = add(driver, [FileSpec(b"f")])
        for name in ("upper", "work"):
            (place / name).mkdir()
        mounted = driver.mount(Rootfs(ids, str(place / "upper"), str(place / "work"), readonly=True))
        try:
            with pytest.raises(OSError, match="Read-only"):
                os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=mounted)
        finally:
            os.close(mounted)

    def test_no_layer_at_all(self, driver: SnapshotDriver, tmp_path_factory: pytest.TempPathFactory) -> None:
        assert set(view(driver, ())) == {"."}
        place = tmp_path_factory.mktemp("none")
        for name in ("upper", "work"):
            (place / name).mkdir()
        os.close(driver.mount(Rootfs((), str(place / "upper"), str(place / "work"))))

    def test_many_layers(self, driver: SnapshotDriver) -> None:
        ids = add(driver, *([FileSpec(b"f%d" % number)] for number in range(120)))
        assert len(view(driver, ids)) == 121

    def test_a_missing_layer(self, driver: SnapshotDriver) -> None:
        ids = add(driver, [FileSpec(b"f")], [FileSpec(b"g")])
        driver.purge(driver.detach(ids[0]))
        with pytest.raises(errors.Error) as caught:
            driver.mount(Rootfs(ids))
        assert caught.value.kind == errors.NOT_FOUND

    def test_nobody_else_can_look(self, driver: SnapshotDriver, store_path: str) -> None:
        add(driver, [directory(b"d", 0o777), FileSpec(b"d/s", mode=0o4755)])
        assert stat.S_IMODE(os.stat(f"{store_path}/layers").st_mode) == 0o700
