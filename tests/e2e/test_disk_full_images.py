"""A store without a byte free, or without an inode: what brings images in fails in words, and removing always works."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import archives
from tests.support.harness import Hezi, Result
from tests.support.registry import Registry

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
    pytest.mark.slow,
]
FULL = ("the disk is full", "No space left on device")
NO_NETWORK = ("--network", "none")
# So many files that inodes end long before bytes do, and the other way round.
_LAYER = archives.pack([(f"d/{number}", b"x") for number in range(3000)])
_LARGE = archives.layer("large", random.Random(1).randbytes(12_000_000))


class Room(NamedTuple):
    """A small file system for the store, and what of it is used up."""

    name: str
    kind: str
    options: str
    inodes: str = ""


ROOMS = [
    Room("bytes of a tmpfs", "tmpfs", "size=16m"),
    Room("inodes of a tmpfs", "tmpfs", "size=64m,nr_inodes=1200"),
    Room("bytes of an ext4", "ext4", "24m"),
    Room("inodes of an ext4", "ext4", "64m", "1200"),
]


class Small:
    """hezi with its store on a small file system.

    :ivar image: one that is in the store.
    :ivar other: one in the registry that does not fit.
    """

    def __init__(self, hezi: Hezi, image: str, other: str, archive: Path) -> None:
        self.hezi, self.image, self.other, self.archive = hezi, image, other, archive

    def fill(self) -> None:
        """Take every byte and every inode that is left."""
        place = self.hezi.root / "filler"
        place.mkdir(exist_ok=True)
        for number in range(100_000):
            try:
                (place / str(number)).touch()
            except OSError:
                break
            if number > 5000:
                break
        with open(place / "0", "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        for path in (self.hezi.root / "filler").glob("*"):
            path.unlink()

    def sound(self) -> None:
        checked = self.hezi.run("system", "check")
        assert checked.code == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def big(registry_server: Registry, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An image that fits nowhere here: in the registry, and as an archive."""
    directory = tmp_path_factory.mktemp("big")
    hezi = Hezi(directory / "hezi")
    archive = directory / "big.tar"
    name = f"{registry_server.host}/full/big:1"
    archive.write_bytes(archives.pack(archives.docker([name], [_LAYER, _LARGE, archives.layer("more", _LARGE)])))
    hezi.run("load", "-qi", str(archive), check=True)
    hezi.run("push", "-q", name, check=True)
    return name, archive


@pytest.fixture(
    params=[
        pytest.param(room, id=room.name, marks=[pytest.mark.slow] if number == 0 else [])
        for number, room in enumerate(ROOMS)
    ]
)
def small(
    request: pytest.FixtureRequest, hezi_env: Hezi, busybox_image: str, big: tuple[str, Path], tmp_path: Path
) -> Iterator[Small]:
    room: Room = request.param
    hezi_env.root.mkdir(mode=0o700)
    if room.kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{room.options},mode=700", "tmpfs", hezi_env.root], check=True)
    else:
        image = tmp_path / "disk"
        subprocess.run(["truncate", "-s", room.options, image], check=True)
        inodes = ["-N", room.inodes] if room.inodes else []
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", *inodes, image], check=True)
        subprocess.run(["mount", "-o", "loop", image, hezi_env.root], check=True)
    try:
        hezi_env.run("pull", "-q", busybox_image, check=True)
        yield Small(hezi_env, busybox_image, *big)
    finally:
        subprocess.run(["umount", hezi_env.root], check=True)


def refused(done: Result) -> None:
    """One line says that the disk is full; whoever reads it can do something about it."""
    assert done.code in {1, 125}, done
    lines = [line for line in done.stderr.splitlines() if line.startswith("hezi: ")]
    assert len(lines) == 1, done.stderr
    assert any(text in lines[0] for text in FULL), lines[0]
    assert "Traceback" not in done.stderr


def test_without_room(small: Small, tmp_path: Path) -> None:
    hezi = small.hezi
    hezi.run("run", *NO_NETWORK, "--name", "it", small.image, "sh", "-c", "echo kept > /file", check=True)
    before = hezi.run("images", "--no-trunc", check=True).stdout
    root = tmp_path / "root.tar"
    root.write_bytes(_LARGE)
    # There is room, but not enough: it ends in the middle.
    refused(hezi.run("pull", "-q", small.other))
    refused(hezi.run("load", "-qi", str(small.archive)))
    assert hezi.run("images", "--no-trunc", check=True).stdout == before
    small.sound()
    # There is none at all. What fits into the little that is kept for removals may be done all the same.
    tried = (
        ("pull", "-q", small.other),
        ("load", "-qi", str(small.archive)),
        ("import", str(root), "imported:1"),
        ("commit", "it", "made:1"),
        ("run", "--rm", *NO_NETWORK, small.image, "true"),
        ("save", "-o", str(tmp_path / "out.tar"), small.image),
    )
    for words in tried:
        small.fill()
        done = hezi.run(*words)
        if done.code:
            refused(done)
            assert words[0] != "save"  # it is read out through the caller's file: a way to make room
        assert before in hezi.run("images", "--no-trunc", check=True).stdout or words[0] == "commit"
    # What only reads works.
    for words in (("image", "inspect", small.image), ("history", small.image), ("system", "df"), ("images", "--tree")):
        small.fill()
        hezi.run(*words, check=True)
    # So does whatever makes room.
    small.fill()
    pruned = hezi.run("container", "prune", "-f", check=True)
    assert "Deleted Containers:" in pruned.stdout, pruned.stderr
    small.fill()
    assert "Deleted: " in hezi.run("rmi", small.image, check=True).stdout
    hezi.run("image", "prune", "-af", check=True)
    hezi.run("system", "prune", "-af", check=True)
    small.empty()
    small.sound()
    assert hezi.run("run", "--rm", *NO_NETWORK, small.image, "echo", "works", check=True).stdout == "works\n"
    hezi.run("image", "prune", "-af", check=True)
    assert not list((hezi.root / "ingest").glob("*"))


def test_a_push_needs_no_room(small: Small, registry_server: Registry) -> None:
    """What is left behind it, the digest it is known by, can wait."""
    hezi = small.hezi
    name = f"{registry_server.host}/full/{os.urandom(4).hex()}:1"
    hezi.run("tag", small.image, name, check=True)
    small.fill()
    done = hezi.run("push", "-q", name)
    assert done.code == 0 or any(text in done.stderr for text in FULL), done.stderr
    assert "Traceback" not in done.stderr
    small.empty()
    small.sound()
    hezi.run("push", "-q", name, check=True)
