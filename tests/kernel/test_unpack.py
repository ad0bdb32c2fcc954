"""Unpacking layers that want out (classes A1, A6, A8, A9, A10 of known engine faults), with their legal twins."""

from __future__ import annotations

import itertools
import os
import random
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from hezi import errors
from hezi._util import atomic
from hezi.image import build, tarlayer, tarwrite
from hezi.image.build import FileSpec, directory, symlink
from hezi.image.tarlayer import TarReader
from hezi.store.tree import Tree
from hezi.store.unpack import clean, unpack
from tests.support import canary, trees

pytestmark = pytest.mark.needs("root")


def hardlink(name: bytes, target: bytes) -> FileSpec:
    return FileSpec(name, tarlayer.HARDLINK, target=target)


class Place:
    """A private directory with a root to unpack into, and a canary beside and above it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.canary = canary.plant(base / "canary")
        self.count = 0
        root = os.open(base / "canary", os.O_RDONLY)
        self.secrets = {file.content for file in trees.snapshot(root).values() if file.kind == "-"}
        os.close(root)

    def unpack(self, files: Sequence[FileSpec] | bytes) -> Path:
        self.count += 1
        private = self.base / f"p{self.count}"
        root = private / "diff"
        root.mkdir(parents=True)
        aside = os.open(private, os.O_RDONLY)
        tree = Tree(os.open(root, os.O_RDONLY | os.O_DIRECTORY), aside)
        try:
            unpack(TarReader([files if isinstance(files, bytes) else build.layer(files)]), tree)
        finally:
            tree.close()
            os.close(aside)
        return root

    def attack(self, files: Sequence[FileSpec]) -> bool:
        """Unpack; True when it was refused. Nothing of the canary may change or get in."""
        kind = ""
        try:
            self.unpack(files)
        except errors.Error as error:
            kind = error.kind
        assert kind in {"", errors.CORRUPT}, files
        assert self.canary.unharmed(), files
        root = os.open(self.base / f"p{self.count}" / "diff", os.O_RDONLY)
        try:
            contents = {file.content for file in trees.snapshot(root).values()}
        finally:
            os.close(root)
        assert not contents & self.secrets, files
        return bool(kind)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    base = os.open(tmp_path, os.O_RDONLY)
    for name in os.listdir(base):
        atomic.remove_tree(base, name)  # pytest's own cannot do trees this deep
    os.close(base)


def targets(place: Place) -> list[bytes]:
    """The ways to name the canary from inside."""
    absolute = os.fsencode(place.canary.path)
    return [absolute, b"../../canary", b"../" * 30 + absolute[1:], b"/proc/self/root" + absolute, b"/proc/self/cwd"]


def test_escapes_through_links(place: Place) -> None:
    for target in targets(place):
        evil = FileSpec(b"", data=b"evil", mode=0o4777, mtime_ns=5, xattrs=((b"user.x", b"1"),))
        place.attack([symlink(b"l", target), evil._replace(name=b"l/file")])
        place.attack([symlink(b"l", target), evil._replace(name=b"l/dir/new")])
        place.attack([symlink(b"l", target + b"/file"), evil._replace(name=b"l")])
        place.attack([symlink(b"l", target + b"/file"), hardlink(b"h", b"l"), evil._replace(name=b"h")])
        place.attack([symlink(b"l", target), hardlink(b"h", b"l/file")])
        place.attack([symlink(b"l", target), directory(b"l", 0o777)])
        place.attack([symlink(b"l", target), directory(b"l/dir", 0o777)])
        place.attack([symlink(b"l", target), FileSpec(b"l/.wh.file")])
        place.attack([symlink(b"l", target), FileSpec(b"l/.wh..wh..opq")])
        place.attack([symlink(b"l", target), FileSpec(b"l/dev", tarlayer.CHAR, device=(1, 3))])
        place.attack([symlink(b"a", b"b"), symlink(b"b", target), evil._replace(name=b"a/file")])
        place.attack(
            [directory(b"d"), symlink(b"d/l", b".."), symlink(b"d/m", target), evil._replace(name=b"d/l/d/m/x")]
        )
        place.attack([directory(b"d"), FileSpec(b"d/f"), symlink(b"d", target), evil._replace(name=b"d/file")])
        place.attack([hardlink(b"h", target + b"/file"), evil._replace(name=b"h")])
        place.attack([evil._replace(name=target + b"/file")])


def test_hard_links_to_symbolic_links_do_not_follow(place: Place) -> None:
    # CVE-2025-4330, gh-157190: chmod of what the link points to
    root = place.unpack([symlink(b"l", os.fsencode(place.canary.path / "file")), hardlink(b"h", b"l")])
    assert (root / "h").is_symlink()
    assert place.canary.unharmed()


@pytest.mark.parametrize(
    "files",
    [
        [FileSpec(b"../f")],
        [FileSpec(b"a/../../f")],
        [directory(b"..")],
        [symlink(b".", b"/")],  # CVE-2021-29136: the root becomes a link
        [symlink(b"/", b"/etc")],
        [FileSpec(b"./")],
        [FileSpec(b"")],
        [FileSpec(b".wh...")],
        [FileSpec(b".wh..")],
        [FileSpec(b".wh.")],
        [FileSpec(b"a/.wh...")],
        [hardlink(b"h", b"../f")],
        [hardlink(b"h", b"/")],
        [hardlink(b"h", b"")],
        [directory(b"d"), hardlink(b"h", b"d")],
        [symlink(b"l", b"")],  # gh-149486
        [symlink(b"l", b"l"), FileSpec(b"l/f")],
        [symlink(b"a", b"b"), symlink(b"b", b"a"), FileSpec(b"a/f")],
        [FileSpec(b"f"), FileSpec(b"f/g")],
        [FileSpec(b"n" * 256)],
    ],
)
def test_refused(place: Place, files: list[FileSpec]) -> None:
    assert place.attack(files)


def test_many_links_end(place: Place) -> None:
    links = [symlink(b"s%d" % n, b"s%d/s%d" % (n + 1, n + 1)) for n in range(60)]
    assert place.attack([*links, directory(b"s60"), FileSpec(b"s0/f")])
    deep = [symlink(b"s", b"/".join([b"d"] * 1000))]
    assert place.attack([*deep, FileSpec(b"s/" * 3 + b"f"), FileSpec(b"s/s/" + b"x/" * 1500 + b"f")]) in {True, False}


NAMES = [
    b"a",
    b"b",
    b"a/x",
    b"b/x",
    b"a/x/y",
    b"./a",
    b"/a",
    b"a/../b",
    b"a/./x",
    b"a//x",
    b".",
    b"..",
    b"../a",
    b"/../a",
]


def random_archive(rng: random.Random, outside: list[bytes]) -> list[FileSpec]:
    files = []
    links = [b"a", b"b", b"a/x", b"/", b"..", b"../..", b".", b"/a", b"x", *outside]
    for _ in range(rng.randint(2, 6)):
        name = rng.choice(NAMES)
        common = {
            "mode": rng.choice([0, 0o777, 0o4777]),
            "uid": rng.choice([0, 12]),
            "mtime_ns": rng.randint(0, 10**18),
        }
        kind = rng.randrange(9)
        if kind < 2:
            files.append(FileSpec(name, data=b"evil", xattrs=((b"user.e", b"1"),), **common))  # type: ignore[arg-type]
        elif kind == 2:
            files.append(FileSpec(name, tarlayer.DIRECTORY, **common))  # type: ignore[arg-type]
        elif kind < 6:
            files.append(symlink(name, rng.choice(links)))
        elif kind == 6:
            files.append(hardlink(name, rng.choice(links)))
        elif kind == 7:
            files.append(FileSpec(name, rng.choice([tarlayer.CHAR, tarlayer.FIFO]), device=(1, 3), **common))  # type: ignore[arg-type]
        else:
            parent, _, last = name.rpartition(b"/")
            files.append(FileSpec(parent + b"/.wh." + last if parent else b".wh." + last))
    return files


def attack_many(place: Place, seed: int, count: int) -> None:
    rng = random.Random(seed)
    outside = targets(place)
    refused = sum(place.attack(random_archive(rng, outside)) for _ in range(count))
    assert count // 20 < refused < count - count // 20  # both ways are really taken


def test_random_archives(place: Place) -> None:
    attack_many(place, 1, 2000)


@pytest.mark.slow
def test_ten_thousand_random_archives(place: Place) -> None:
    attack_many(place, 2, 10_000)


def test_duplicates_are_checked_each_time(place: Place) -> None:
    # A valid member first, then the same name as something else (A10).
    outside = os.fsencode(place.canary.path)
    kinds = [directory(b"x"), FileSpec(b"x", data=b"1"), symlink(b"x", outside), FileSpec(b"x", tarlayer.FIFO)]
    for first, second, third in itertools.product(kinds, repeat=3):
        place.attack([first, second, third, FileSpec(b"x/file", data=b"evil")])
        place.attack([first, second, third, hardlink(b"h", b"x/file")])


def test_later_entries_win(place: Place) -> None:
    root = place.unpack([
        directory(b"d"), FileSpec(b"d/f"), FileSpec(b"d", data=b"file now"),
        FileSpec(b"f", data=b"old"), directory(b"f"), FileSpec(b"f/g"),
        symlink(b"l", b"f"), FileSpec(b"l", data=b"file"),
        FileSpec(b"h1", data=b"one"), hardlink(b"h2", b"h1"), FileSpec(b"h1", data=b"two"),
        directory(b"m", 0o700), directory(b"m", 0o751),
    ])  # fmt: skip
    assert (root / "d").read_bytes() == b"file now"
    assert (root / "f" / "g").exists()
    assert os.getxattr(root / "f", "trusted.overlay.opaque") == b"y"
    assert (root / "l").read_bytes() == b"file"
    assert ((root / "h1").read_bytes(), (root / "h2").read_bytes()) == (b"two", b"one")
    assert stat.S_IMODE((root / "m").stat().st_mode) == 0o751


def test_what_legal_images_do(place: Place) -> None:
    """The twins: strictness that breaks these has broken engines (A9)."""
    root = place.unpack([
        FileSpec(b"./", tarlayer.DIRECTORY, mode=0o711, uid=3, mtime_ns=7 * 10**9),
        directory(b"usr"), directory(b"usr/lib"), symlink(b"lib", b"usr/lib"), symlink(b"lib64", b"/usr/lib"),
        FileSpec(b"lib/a", data=b"a"), FileSpec(b"lib64/b", data=b"b"), FileSpec(b"/abs", data=b"c"),
        hardlink(b"hard-abs", b"/usr/lib/a"), hardlink(b"hard-through", b"lib/a"),
        symlink(b"up", b"../../../usr"), FileSpec(b"up/c", data=b"stays inside"),
        FileSpec(b"setuid", mode=0o6755, uid=1000, gid=1000),
        FileSpec(b"caps", mode=0o755, uid=5, xattrs=((b"security.capability", b"\1\0\0\2\0\x20" + bytes(14)),)),
        FileSpec(b"null", tarlayer.CHAR, device=(1, 3), mode=0o666), FileSpec(b"pipe", tarlayer.FIFO, mode=0o622),
        FileSpec(b"disk", tarlayer.BLOCK, device=(8, 1), mode=0o660, gid=6),
        FileSpec(b"bytes-\xff\n\x01"), FileSpec(b"l" * 255), FileSpec(b"/".join([b"deep"] * 700)),
        FileSpec(b"implicit/parent/f"), FileSpec(b"...", data=b"a name"), FileSpec(b"..a"), directory(b"a/../b"),
        symlink(b"time", b"nowhere")._replace(mtime_ns=1_234_567_890_123_456_789, uid=9),
        directory(b"locked", 0), FileSpec(b"locked/in", mode=0), directory(b"sgid", 0o2755)._replace(gid=50),
        FileSpec(b"sgid/own", gid=0, mtime_ns=1_234_567_890_123_456_789),
    ])  # fmt: skip
    info = root.stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_mtime_ns) == (0o711, 3, 7 * 10**9)
    assert sorted(os.listdir(root / "usr" / "lib")) == ["a", "b"]
    assert (root / "hard-abs").samefile(root / "usr/lib/a")
    assert (root / "hard-through").samefile(root / "usr/lib/a")
    assert (root / "usr" / "c").read_bytes() == b"stays inside"
    assert stat.S_IMODE((root / "setuid").stat().st_mode) == 0o6755
    assert "security.capability" in os.listxattr(root / "caps")
    assert (root / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE((root / "pipe").stat().st_mode) == 0o622
    assert os.path.exists(os.fsencode(root) + b"/bytes-\xff\n\x01")
    assert os.lstat(root / "time").st_mtime_ns == 1_234_567_890_123_456_789
    assert os.lstat(root / "time").st_uid == 9
    assert stat.S_IMODE((root / "locked").stat().st_mode) == 0
    assert (root / "sgid/own").stat().st_gid == 0
    assert (root / "sgid/own").stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert place.canary.unharmed()


def test_sparse_files_keep_their_holes(place: Place) -> None:
    records = b"".join(
        tarwrite.record(key, value)
        for key, value in ((b"GNU.sparse.size", b"104857600"), (b"GNU.sparse.map", b"0,3,52428800,2"))
    )
    root = place.unpack(build.layer([FileSpec(b"x", 0x78, records), FileSpec(b"f", data=b"abcde")]))
    info = (root / "f").stat()
    assert info.st_size == 104857600
    assert info.st_blocks * 512 < 1 << 20
    with open(root / "f", "rb") as file:
        assert file.read(5) == b"abc\0\0"
        file.seek(52428800)
        assert file.read(3) == b"de\0"


def test_overlays_own_attributes_never_come_from_an_image(place: Place) -> None:
    xattrs = tuple(
        (name, b"y") for name in (b"trusted.overlay.opaque", b"trusted.overlay.redirect", b"user.overlay.opaque")
    )
    root = place.unpack(
        [FileSpec(b"d", tarlayer.DIRECTORY, xattrs=(*xattrs, (b"user.ok", b"1"))), FileSpec(b"f", xattrs=xattrs)]
    )
    assert os.listxattr(root / "d") == ["user.ok"]
    assert os.listxattr(root / "f") == []


def test_a_large_attribute_is_kept_or_refused_by_name(place: Place) -> None:
    files = [FileSpec(b"f", xattrs=((b"user.large", b"x" * 60_000),))]
    try:
        root = place.unpack(files)
    except errors.Error as error:
        # ext4 has one block for attributes
        kind = error.kind
    else:
        kind = errors.UNSUPPORTED if os.getxattr(root / "f", "user.large") == b"x" * 60_000 else ""
    assert kind == errors.UNSUPPORTED


def test_whiteouts(place: Place) -> None:
    root = place.unpack([
        FileSpec(b"a/.wh.gone"), FileSpec(b".wh..wh.plnk/x"), FileSpec(b".wh..wh.aufs"),
        directory(b"o"), FileSpec(b"o/.wh..wh..opq"), FileSpec(b"o/kept"),
        FileSpec(b"mine"), FileSpec(b".wh.mine"), FileSpec(b".wh.again"), FileSpec(b"again", data=b"new"),
        FileSpec(b".wh.dir"), directory(b"dir"), FileSpec(b"zero", tarlayer.CHAR),
    ])  # fmt: skip
    assert sorted(os.listdir(root)) == ["a", "again", "dir", "mine", "o", "zero"]
    for name in ("a/gone", "zero"):
        info = os.lstat(root / name)
        assert stat.S_ISCHR(info.st_mode)
        assert info.st_rdev == 0
    assert (root / "again").read_bytes() == b"new"
    assert os.getxattr(root / "o", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(root / "dir", "trusted.overlay.opaque") == b"y"


def test_racing_with_the_unpacker(place: Place) -> None:
    """Somebody swaps a directory for a link while we work in it (A7): the descriptors do not care."""
    private = place.base / "race"
    root = private / "diff"
    root.mkdir(parents=True)
    (root / "d").mkdir()
    os.symlink(place.canary.path / "dir", private / "evil")
    done = threading.Event()

    def race() -> None:
        from hezi.linux import fd as linux_fd

        here = os.open(private, os.O_RDONLY)
        inside = os.open(root, os.O_RDONLY)
        while not done.is_set():
            with suppress(OSError):
                linux_fd.renameat2(here, "evil", inside, "d", linux_fd.RENAME_EXCHANGE)

    thread = threading.Thread(target=race)
    thread.start()
    try:
        for round_ in range(150):
            files = [
                directory(b"d"),
                *(FileSpec(b"d/n%d-%d" % (round_, n), data=b"evil", mode=0o777) for n in range(20)),
            ]
            tree = Tree(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
            try:
                unpack(TarReader([build.layer(files)]), tree)
            except errors.Error:
                pass
            finally:
                tree.close()
    finally:
        done.set()
        thread.join()
    assert os.listdir(place.canary.path / "dir") == ["inner"]
    assert place.canary.unharmed()


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"a", b"a"), (b"./a/", b"a"), (b"/a//b/./c", b"a/b/c"), (b"a/../b", b"b"), (b"/../a", b"a"), (b".", b""),
     (b"/", b""), (b".a", b".a"), (b"a/.b", b"a/.b"), (b"...", b"...")],
)  # fmt: skip
def test_clean(name: bytes, expected: bytes) -> None:
    assert clean(name) == expected


def test_the_same_archive_gives_the_same_tree(place: Place) -> None:
    files = [
        directory(b"./"),
        directory(b"d")._replace(mtime_ns=5),
        FileSpec(b"d/f", data=b"x", mtime_ns=6),
        symlink(b"l", b"d"),
    ]
    snapshots = []
    for _ in range(2):
        fd = os.open(place.unpack(files), os.O_RDONLY)
        snapshots.append(trees.snapshot(fd))
        os.close(fd)
    assert trees.differences(*snapshots) == []
