"""The unpacked tree equals umoci's: bytes, modes, owners, attributes, times, links.

Left out where umoci leaves the moment of unpacking in a time: directories whose content a later entry changed.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor
from hezi.store.images import ImageStore
from hezi.store.layers import LayerIngest, LayerSpec
from hezi.store.snapshot.base import Rootfs
from tests.support import images, layout, trees
from tests.support.layout import Entry
from tests.support.store import Blob

pytestmark = pytest.mark.needs("root", "overlay", "umoci")


def read_layout(directory: Path) -> tuple[list[LayerSpec], list[bytes]]:
    def blob(digest: str) -> bytes:
        return (directory / "blobs/sha256" / Digest(digest).hex).read_bytes()

    import json

    entry = json.loads((directory / "index.json").read_bytes())["manifests"][0]
    manifest = image.parse_manifest(blob(entry["digest"]), entry["mediaType"])
    assert isinstance(manifest, image.Manifest)
    config = image.parse_config(blob(manifest.config.digest))
    chain = image.chain_ids(config.diff_ids)
    specs = [
        LayerSpec(Descriptor(layer.media_type, layer.digest, layer.size), config.diff_ids[n], chain[n], chain[:n])
        for n, layer in enumerate(manifest.layers)
    ]
    return specs, [blob(layer.digest) for layer in manifest.layers]


def ours(directory: Path, root: Path) -> dict[str, trees.File]:
    """Unpack a layout with hezi: all layers fetched first, committed from the lowest up; mounted and looked at."""
    specs, blobs = read_layout(directory)
    root.mkdir(mode=0o700)
    with ImageStore(str(root)) as store:
        ingests = [LayerIngest(store.content, store.driver, spec) for spec in specs]
        try:
            for ingest, blob in zip(reversed(ingests), reversed(blobs), strict=True):
                ingest.fetch(lambda offset, blob=blob: Blob(blob, offset))
            for ingest in ingests:
                ingest.commit()
        finally:
            for ingest in ingests:
                ingest.close()
        mounted = store.driver.mount(Rootfs(tuple(spec.chain_id for spec in specs)))
        try:
            return looked_at(".", mounted)
        finally:
            os.close(mounted)


def looked_at(path: str | Path, dir_fd: int | None = None) -> dict[str, trees.File]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=dir_fd)
    try:
        return trees.snapshot(fd)
    finally:
        os.close(fd)


def umocis(directory: Path, bundle: Path, name: str = "latest") -> dict[str, trees.File] | None:
    command = ["umoci", "unpack", "--image", f"{directory}:{name}", str(bundle)]
    done = subprocess.run(command, capture_output=True, check=False)
    return looked_at(bundle / "rootfs") if done.returncode == 0 else None


def compared(directory: Path, base: Path, name: str = "latest", umoci_directory: Path | None = None) -> list[str]:
    start = time.time_ns()
    mine = ours(directory, base / "hezi")
    theirs = umocis(umoci_directory or directory, base / "umoci", name)
    assert theirs is not None
    return trees.differences(mine, moment_of_unpacking_left_out(mine, theirs, start))


def moment_of_unpacking_left_out(
    mine: dict[str, trees.File], theirs: dict[str, trees.File], start: int
) -> dict[str, trees.File]:
    return {
        path: file._replace(mtime_ns=mine[path].mtime_ns)
        if file.kind == "d" and file.mtime_ns >= start and path in mine
        else file
        for path, file in theirs.items()
    }


def test_whiteouts_and_hard_links(tmp_path: Path) -> None:
    images.write_hard(tmp_path / "layout")
    assert compared(tmp_path / "layout", tmp_path) == []


def test_an_opaque_root(tmp_path: Path) -> None:
    """What overlayfs knows no mark for: nothing below shows, and directories that are on both sides begin anew."""
    first = [
        Entry("f", data=b"f"),
        Entry("d/", "dir", mode=0o700),
        Entry("d/x", data=b"x"),
        Entry("l", "symlink", target="d"),
    ]
    second = [Entry(".wh..wh..opq"), Entry("d/", "dir", mode=0o755), Entry("d/y", data=b"y"), Entry("l", data=b"file")]
    third = [Entry("d/z", data=b"z"), Entry("f", data=b"again")]
    layout.write(tmp_path / "layout", "latest", [first, second, third])
    assert compared(tmp_path / "layout", tmp_path) == []


def test_zstd(tmp_path: Path) -> None:
    # umoci 0.4 cannot read zstd: it gets the same layers in gzip
    images.write_hard(tmp_path / "zstd", compression="zstd")
    images.write_hard(tmp_path / "gzip")
    assert compared(tmp_path / "zstd", tmp_path, umoci_directory=tmp_path / "gzip") == []


@pytest.mark.needs("skopeo")
def test_zstd_by_skopeo(tmp_path: Path) -> None:
    images.write_busybox(tmp_path / "gzip")
    subprocess.run(
        [
            "skopeo",
            "copy",
            "-q",
            "--dest-compress-format",
            "zstd",
            f"oci:{tmp_path}/gzip:latest",
            f"oci:{tmp_path}/z:latest",
        ],
        check=True,
    )
    assert compared(tmp_path / "z", tmp_path, umoci_directory=tmp_path / "gzip") == []


@pytest.mark.needs("mmdebstrap")
def test_debian(tmp_path: Path) -> None:
    images.write_debian(tmp_path / "layout", "bookworm")
    assert compared(tmp_path / "layout", tmp_path, "bookworm") == []


@pytest.mark.needs("skopeo")
def test_peers_read_our_content_store(tmp_path: Path) -> None:
    from tests.support.store import build, pull

    built = build([*_busybox_like()])
    with ImageStore(str(tmp_path)) as store:
        pull(store, built, "busybox:1.36")
        name = f"{tmp_path}/content:docker.io/library/busybox:1.36"
        shown = subprocess.run(["skopeo", "inspect", f"oci:{name}"], capture_output=True, text=True, check=True)
        assert str(built.manifest.digest) in shown.stdout
        assert umocis(tmp_path / "content", tmp_path / "bundle", "docker.io/library/busybox:1.36") is not None
        store.remove("busybox:1.36")
        listed = subprocess.run(["umoci", "ls", "--layout", tmp_path / "content"], capture_output=True, check=True)
        assert listed.stdout == b""


def _busybox_like() -> Iterator[object]:
    from hezi.image.build import FileSpec, directory, symlink

    yield from (directory(b"bin"), FileSpec(b"bin/busybox", data=b"#!", mode=0o755), symlink(b"bin/sh", b"busybox"))


DIRECTORIES = ["a", "b", "a/c", "a/c/d", "b/e", "usr", "usr/lib"]
FILES = ["f", "g", "h"]


class Stack:
    """Random layers as tools write them: parents before children, whiteouts first, links to what exists."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.linked: set[str] = set()
        self.below: set[str] = set()

    def layers(self) -> list[list[Entry]]:
        return [self.layer() for _ in range(self.rng.randint(1, 4))]

    def layer(self) -> list[Entry]:
        rng = self.rng
        entries: dict[str, Entry] = {}
        hidden: list[Entry] = []
        for _ in range(rng.randint(1, 9)):
            directory = rng.choice(["", *DIRECTORIES])
            name = f"{directory}/{rng.choice(FILES)}" if directory else rng.choice(FILES)
            if name in entries:
                continue
            common = {"mtime": 1_600_000_000 + rng.randint(0, 10**6) / 2, "uid": rng.choice([0, 7])}
            kind = rng.random()
            if kind < 0.45:
                xattrs = rng.choice([{}, {"user.x": "1"}])
                mode = rng.choice([0o644, 0o4755, 0o600])
                self.add(entries, Entry(name, data=rng.randbytes(3), mode=mode, xattrs=xattrs, **common))
            elif kind < 0.6:
                target = rng.choice(["usr/lib", "/usr", "../b", "f", "nowhere"])
                self.add(entries, Entry(name, "symlink", target=target, mode=0o777, **common))
            elif kind < 0.7:
                self.add(entries, Entry(name, "char", device=(1, 3), mode=0o666, **common))
            elif kind < 0.85:
                here = [key for key, entry in entries.items() if entry.kind == "file"]
                if here:
                    self.add(entries, Entry(name, "hardlink", target=rng.choice(here)))
            elif self.below:
                hidden.append(self.whiteout(rng.choice(sorted(self.below))))
        whiteouts = {entry.name: entry for entry in hidden if entry.name.replace(".wh.", "") not in entries}
        self.below |= {name for name, entry in entries.items() if entry.kind != "dir"}
        return self.with_parents([*whiteouts.values(), *entries.values()])

    def whiteout(self, name: str) -> Entry:
        parent, _, last = name.rpartition("/")
        if parent and self.rng.random() < 0.3:
            return Entry(f"{parent}/.wh..wh..opq")
        return Entry(f"{parent}/.wh.{last}" if parent else f".wh.{last}")

    def add(self, entries: dict[str, Entry], entry: Entry) -> None:
        entries[entry.name] = entry

    def with_parents(self, entries: list[Entry]) -> list[Entry]:
        found: dict[str, Entry] = {}
        result: list[Entry] = []
        for entry in entries:
            parts = entry.name.split("/")[:-1]
            for count in range(1, len(parts) + 1):
                name = "/".join(parts[:count]) + "/"
                if name not in found:
                    mode = self.rng.choice([0o755, 0o700, 0o1777])
                    found[name] = Entry(name, "dir", mode=mode, mtime=1_500_000_000, uid=self.rng.choice([0, 9]))
                    result.append(found[name])
            result.append(entry)
        return result


def compare_stacks(base: Path, seeds: range) -> None:
    compared_ones = 0
    for seed in seeds:
        place = base / str(seed)
        place.mkdir()
        layers = Stack(seed).layers()
        layout.write(place / "layout", "latest", layers)
        start = time.time_ns()
        theirs = umocis(place / "layout", place / "umoci")
        if theirs is None:
            continue
        mine = ours(place / "layout", place / "hezi")
        assert trees.differences(mine, moment_of_unpacking_left_out(mine, theirs, start)) == [], (seed, layers)
        compared_ones += 1
    assert compared_ones > len(seeds) * 0.8


def test_random_stacks(tmp_path: Path) -> None:
    compare_stacks(tmp_path, range(60))


@pytest.mark.slow
def test_many_random_stacks(tmp_path: Path) -> None:
    compare_stacks(tmp_path, range(1000, 2000))
