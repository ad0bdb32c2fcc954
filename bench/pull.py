"""The pull of a 1 GB image with 39,000 files from a registry on loopback, by hezi, podman and docker.

The image is synthetic and the same every time: most files small, half compressible, as in a distribution; two layers.
It is made once and kept in the tests' cache. Each pull goes to a new, empty store, and nothing is deleted before all of
them are measured: ext4 makes files up to ten times slower for minutes after a mass deletion, which would punish whoever
comes next.

usage: python bench/pull.py [ROUNDS]    (root; needs about 3 GB of disk for each engine and round)
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import statistics
import sys
import tarfile
from pathlib import Path

import _harness as harness
import _peers as peers

from tests.support import images, layout, registry

FILES = 39_000
SIZE = 1_050_000_000
LAYERS = 2


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=2)
    with peers.scratch_directory() as scratch, registry.running(scratch / "registry") as server:
        directory = cached_image()
        compressed = sum(file.stat().st_size for file in (directory / "blobs" / "sha256").iterdir())
        reference = registry.push(directory, "latest", server, "big:latest")
        print(f"image: {FILES} files, {SIZE / 1e6:.0f} MB in {LAYERS} layers, {compressed / 1e6:.0f} MB compressed")
        found: dict[str, list[float]] = {kind.name: [] for kind in (peers.Hezi, peers.Podman, peers.Docker)}
        for number in range(rounds):
            _round(scratch / f"round-{number}", reference, found)
    harness.report("pull into an empty store", found, unit="s")
    for name, seconds in found.items():
        if seconds:
            print(f"  {name}: {SIZE / 1e6 / statistics.median(seconds):.0f} MB/s of unpacked files")
    return _judge(found)


def _round(directory: Path, reference: str, found: dict[str, list[float]]) -> None:
    """One pull by each engine, each with a store made for it."""
    kinds = [peers.Hezi, peers.Podman, peers.Docker]
    directory.mkdir()
    with peers.started(directory, *kinds) as engines:
        for engine in engines:
            os.sync()
            try:
                found[engine.name].append(harness.timed(lambda engine=engine: engine.pull(reference))())
            except peers.PeerError as error:
                print(f"{engine.name}: {error}")


def cached_image() -> Path:
    """Return the OCI layout of the image; making it takes a minute, most of it compressing."""
    directory = images.cache_dir() / f"bench-pull-{FILES}-{SIZE}-{LAYERS}"
    if not directory.exists():
        print("making the image (kept for the next time)", flush=True)
        fresh = Path(f"{directory}.{os.getpid()}")
        write_image(fresh)
        fresh.rename(directory)
    return directory


def write_image(directory: Path) -> None:
    """Write the image as an OCI layout."""
    source = random.Random(39)
    noise = source.randbytes(1 << 20)
    descriptors, diff_ids = [], []
    for number in range(LAYERS):
        blob, diff_id = _layer(source, noise, number)
        descriptors.append(layout.add_blob(directory, blob, layout.LAYER + "+gzip"))
        diff_ids.append(diff_id)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": layout.MANIFEST,
        "config": layout.add_blob(directory, json.dumps(config).encode(), layout.CONFIG),
        "layers": descriptors,
    }
    layout.add_name(directory, "latest", layout.add_blob(directory, json.dumps(manifest).encode(), layout.MANIFEST))


class _Hashing(io.RawIOBase):
    """A file that hashes what goes through it: the tar's digest beside its compressed form."""

    def __init__(self, target: gzip.GzipFile) -> None:
        super().__init__()
        self._target = target
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._target.write(data)


def _layer(source: random.Random, noise: bytes, number: int) -> tuple[bytes, str]:
    packed = io.BytesIO()
    per_layer = FILES // LAYERS
    budget = SIZE // LAYERS
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as compressor:
        hashing = _Hashing(compressor)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for name, size in _sizes(source, number, per_layer, budget):
                _add(archive, name, _content(source, noise, size))
    return packed.getvalue(), "sha256:" + hashing.digest.hexdigest()


def _sizes(source: random.Random, number: int, count: int, budget: int) -> list[tuple[str, int]]:
    """File names and sizes that fall off as those of a distribution do, and add up to ``budget``."""
    weights = [source.lognormvariate(8.0, 2.2) for _ in range(count)]
    scale = budget / sum(weights)
    return [
        (f"usr/lib/layer{number}/d{index // 60:04d}/file{index:06d}", int(weight * scale))
        for index, weight in enumerate(weights)
    ]


def _content(source: random.Random, noise: bytes, size: int) -> bytes:
    """Half of it noise, half of it repeated: compresses about as programs and their data do."""
    pieces = []
    left = size
    while left > 0:
        begin = source.randrange(len(noise) - 4096)
        piece = (noise[begin : begin + 2048] + noise[begin : begin + 64] * 32)[:left]
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o644, layout.MTIME
    archive.addfile(info, io.BytesIO(data))


def _judge(found: dict[str, list[float]]) -> int:
    others = [statistics.median(found[name]) for name in ("podman", "docker") if found[name]]
    if not found["hezi"] or not others:
        return int(not found["hezi"])
    ratio = min(others) / statistics.median(found["hezi"])
    print(f"the faster of the others / hezi: {ratio:.2f}; wanted: at least 1: {'met' if ratio >= 1 else 'MISSED'}")
    return int(ratio < 1)


if __name__ == "__main__":
    raise SystemExit(main())
