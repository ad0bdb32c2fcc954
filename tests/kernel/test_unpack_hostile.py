"""Images that a hostile writer makes: each is refused by name or stored, sound, inside, and removed without a trace.

Beside the classes of :mod:`tests.kernel.test_unpack`, which tries to get out: here it is what layers do to each other,
to overlayfs, to the database and to whoever walks the tree afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hezi import errors
from hezi.image import tarlayer
from hezi.image.build import FileSpec, directory, symlink
from hezi.store import check, gc
from hezi.store.images import ImageStore
from hezi.store.snapshot.base import Rootfs
from tests.support import canary
from tests.support import image_store as make
from tests.support.store import pull

pytestmark = pytest.mark.needs("root", "overlay")

Layers = list[list[FileSpec]]


def hard(name: bytes, target: bytes) -> FileSpec:
    return FileSpec(name, tarlayer.HARDLINK, target=target)


def file(name: bytes, data: bytes = b"1") -> FileSpec:
    return FileSpec(name, data=data)


def with_xattrs(*xattrs: tuple[bytes, bytes]) -> FileSpec:
    return FileSpec(b"f", data=b"1", xattrs=xattrs)


DEVICE = FileSpec(b"n", tarlayer.CHAR, device=(1, 3))
WHITEOUT = FileSpec(b"f", tarlayer.CHAR, device=(0, 0))
# The layers, and what the image's root then has.
STORED: dict[str, tuple[Layers, list[bytes]]] = {
    "a link takes the place of a directory in use": (
        [[directory(b"d"), file(b"d/f"), symlink(b"d", b"/etc"), file(b"d/g")]], [b"d", b"etc"]),
    "names that no terminal should see": (
        [[file(b"a\nb\x1b[31m"), file(b"\xff\xfe\x80"), file(b"..."), file(b" ")]],
        [b" ", b"...", b"a\nb\x1b[31m", b"\xff\xfe\x80"]),
    "seven hundred levels": ([[file(b"d/" * 700 + b"f")]], [b"d"]),
    "a link of five hundred steps": ([[directory(b"a"), symlink(b"a/s", b"../" + b"a/" * 500)]], [b"a"]),
    "whiteouts of whiteouts": ([[file(b".wh..wh.f"), file(b".wh..wh..wh.x"), file(b"d/.wh..wh.foo")]], []),
    "opaque through a link of the layer below": (
        [[directory(b"real"), file(b"real/x")], [symlink(b"s", b"real")], [file(b"s/.wh..wh..opq")]], [b"real", b"s"]),
    "an opaque root": ([[file(b"f"), directory(b"d"), file(b"d/x")], [file(b".wh..wh..opq"), file(b"g")]], [b"g"]),
    "a directory that is a whiteout": ([[file(b"foo")], [directory(b".wh.foo")]], []),
    "a link that is a whiteout": ([[file(b"foo")], [symlink(b".wh.foo", b"/etc/passwd")]], []),
    "a hard link that is a whiteout": ([[file(b"foo")], [file(b"f"), hard(b".wh.foo", b"f")]], [b"f"]),
    "a hard link to what the same layer removes": ([[file(b"f")], [file(b".wh.f"), hard(b"g", b"f")]], [b"g"]),
    "overlayfs's own sign": ([[file(b"f")], [WHITEOUT]], []),
    "a file in overlayfs's own sign": ([[file(b"f")], [WHITEOUT, file(b"f/g")]], [b"f"]),
    "overlayfs's own attributes": (
        [[FileSpec(b"d", tarlayer.DIRECTORY, xattrs=tuple(
            (b"trusted.overlay." + name, b"/etc") for name in (b"redirect", b"opaque", b"metacopy", b"whiteout"))),
          file(b"d/x")]], [b"d"]),
    "attributes of the host": (
        [[with_xattrs((b"trusted.foo", b"1"), (b"security.selinux", b"x"), (b"none", b"1"))]],
        [b"f"]),
    "all bits of a mode": ([[FileSpec(b"f", mode=0o7777), directory(b"d", 0o7777)]], [b"d", b"f"]),
    "the highest owner": ([[FileSpec(b"f", uid=2**32 - 2, gid=2**32 - 2)]], [b"f"]),
    "times far away": ([[FileSpec(b"f", mtime_ns=2**62), FileSpec(b"g", mtime_ns=-(2**62))]], [b"f", b"g"]),
    "a file over a tree": ([[directory(b"d"), file(b"d/a/b/c"), file(b"d")]], [b"d"]),
    "an absolute name that would go up": ([[file(b"/../../../../../../tmp/x")]], [b"tmp"]),
    "the longest link": ([[symlink(b"l", b"x" * 4095)]], [b"l"]),
    "through /proc": ([[symlink(b"l", b"/proc/self/fd/3"), file(b"l/x")]], [b"l", b"proc"]),
    "a link of the layer below that goes up": (
        [[symlink(b"a", b"../../../../../../tmp")], [file(b"a/x")]], [b"a", b"tmp"]),
    "a link of the layer below to a file": ([[file(b"f"), symlink(b"a", b"f")], [file(b"a/g")]], [b"a", b"f"]),
    "a link of the layer below to nothing": ([[symlink(b"a", b"none/deep")], [file(b"a/f")]], [b"a", b"none"]),
    "a link below whose target goes": (
        [[symlink(b"a", b"b"), directory(b"b")], [file(b".wh.b"), file(b"a/f")]], [b"a", b"b"]),
    "names of our own": ([[directory(b"moving"), symlink(b"a", b"moving")],
                          [file(b"a/moving/moving"), file(b"a/f"), file(b"size"), file(b"diff/x")]],
                         [b"a", b"diff", b"moving", b"size"]),
    "hard links to what is no file": (
        [[DEVICE, symlink(b"s", b"/etc/passwd"), FileSpec(b"p", tarlayer.FIFO)],
         [hard(b"hn", b"n"), hard(b"hs", b"s"), hard(b"hp", b"p")]], [b"hn", b"hp", b"hs", b"n", b"p", b"s"]),
    "a hard link through a link below": (
        [[directory(b"real"), file(b"real/f"), symlink(b"s", b"real")], [hard(b"h", b"s/f")]], [b"h", b"real", b"s"]),
    "many opaque directories": ([[file(b"x%d/y" % at) for at in range(100)],
                                 [file(b"x%d/.wh..wh..opq" % at) for at in range(100)] + [file(b"z")]],
                                sorted([*(b"x%d" % at for at in range(100)), b"z"])),
}  # fmt: skip
REFUSED: dict[str, Layers] = {
    "a hard link that goes up": [[file(b"a"), hard(b"b", b"../../../etc/passwd")]],
    "ten thousand levels": [[file(b"d/" * 10_000 + b"f")]],
    "a hard link to a whiteout": [[file(b".wh.f"), hard(b"g", b".wh.f")]],
    "a hard link to an opaque mark": [[file(b"d/.wh..wh..opq"), hard(b"g", b"d/.wh..wh..opq")]],
    "hard links in a circle": [[hard(b"a", b"b"), hard(b"b", b"a")]],
    "a hard link to itself": [[hard(b"a", b"a")]],
    "a hard link to a directory below": [[directory(b"d")], [hard(b"h", b"d")]],
    "an attribute with a name too long": [[with_xattrs((b"user." + b"x" * 300, b"1"))]],
    "capabilities of rubbish": [[with_xattrs((b"security.capability", b"junk"))]],
    "nobody's owner": [[FileSpec(b"f", uid=2**32 - 1)]],
    "the root as a pipe": [[FileSpec(b"./", tarlayer.FIFO)]],
    "links below in a circle": [[symlink(b"a", b"b"), symlink(b"b", b"a")], [file(b"a/f")]],
    "a link below into itself": [[symlink(b"a", b"a/b")], [file(b"a/f")]],
    "a link too long": [[symlink(b"l", b"x" * 4096)]],
    "a whiteout of the root": [[file(b"/.wh.")]],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path):
    (tmp_path / "root").mkdir(mode=0o700)
    with ImageStore(str(tmp_path / "root")) as opened:
        yield opened
        # Whatever it was: it goes, and nothing of it stays.
        for one in opened.list():
            opened.remove(one.id, force=True)
        gc.collect(opened, 0)
        assert (opened.driver.list(), opened.content.list(), os.listdir(f"{opened.root}/ingest")) == ([], [], [])


@pytest.fixture
def outside(tmp_path: Path):
    planted = canary.plant(tmp_path / "canary")
    yield planted
    assert planted.unharmed()


def listed(store: ImageStore, image_id: str) -> list[bytes]:
    mounted = store.driver.mount(Rootfs(store.chain_ids(image_id)))
    try:
        root = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=mounted)
    finally:
        os.close(mounted)
    try:
        return sorted(os.fsencode(name) for name in os.listdir(root))
    finally:
        os.close(root)


@pytest.mark.parametrize("case", STORED)
def test_stored(store: ImageStore, outside: canary.Canary, case: str) -> None:
    layers, names = STORED[case]
    found = pull(store, make.built(*layers), "hostile:1")
    assert listed(store, found.id) == names
    report = check.check(store)
    assert (report.findings, report.skipped) == ((), 0)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(store: ImageStore, outside: canary.Canary, case: str) -> None:
    with pytest.raises(errors.Error) as caught:
        pull(store, make.built(*REFUSED[case]), "hostile:1")
    assert caught.value.kind == errors.CORRUPT, caught.value
    assert store.list() == ()
    assert check.check(store).findings == ()


def test_attributes_for_a_whole_disk(store: ImageStore) -> None:
    """ext4 has one block for them and says that the disk is full, which would send people looking for space."""
    many = with_xattrs(*((b"user.%d" % at, b"x" * 900) for at in range(99)))
    try:
        pull(store, make.built([many]), "hostile:1")
    except errors.Error as error:
        assert error.kind == errors.UNSUPPORTED  # noqa: PT017 - other file systems take them
        assert store.list() == ()
