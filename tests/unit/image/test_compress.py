"""Decompression: what is understood, what is refused, and where it stops."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import time
from collections.abc import Iterator

import pytest
from backports import zstd

from hezi import errors
from hezi.image.compress import Bounds, decompress

DATA = os.urandom(300_000) + b"layer" * 200_000


def chunked(data: bytes, size: int = 65_000) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def unpacked(data: bytes, size: int = 65_000) -> bytes:
    return b"".join(decompress(chunked(data, size)))


@pytest.mark.parametrize("size", [1000, 65_000, 10 << 20])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_round_trip(pack: object, size: int) -> None:
    assert unpacked(pack(DATA), size) == DATA  # type: ignore[operator]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_members_and_frames_follow_one_another(pack: object) -> None:
    packed = pack(DATA[:100]) + pack(b"") + pack(DATA[100:])  # type: ignore[operator]
    assert unpacked(packed, 50_001) == DATA


def test_zstd_skippable_frames() -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    assert unpacked(skippable + zstd.compress(DATA) + skippable) == DATA


def test_empty() -> None:
    assert unpacked(b"") == b""
    assert unpacked(gzip.compress(b"")) == b""


@pytest.mark.parametrize(("pack", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")])
def test_other_formats_are_refused_by_name(pack: object, name: str) -> None:
    with pytest.raises(errors.Error, match=name) as caught:
        unpacked(pack(DATA))  # type: ignore[operator]
    assert caught.value.kind == errors.UNSUPPORTED


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_every_truncation_is_noticed(pack: object) -> None:
    packed = pack(os.urandom(20_000))  # type: ignore[operator]
    for cut in {*range(6, len(packed), 512), *random.Random(1).sample(range(6, len(packed)), 300)}:
        with pytest.raises(errors.Error) as caught:
            unpacked(packed[:cut])
        assert caught.value.kind == errors.CORRUPT


@pytest.mark.parametrize(
    "pack", [gzip.compress, lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})]
)
def test_damage_is_noticed(pack: object) -> None:
    packed = bytearray(pack(DATA))  # type: ignore[operator]
    packed[len(packed) // 2] ^= 0x40
    with pytest.raises(errors.Error):
        unpacked(bytes(packed))


def test_rubbish_after_the_end() -> None:
    with pytest.raises(errors.Error):
        unpacked(gzip.compress(DATA) + b"rubbish")


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_bombs(pack: object) -> None:
    bomb = pack(bytes(64 << 20))  # type: ignore[operator]
    began = time.monotonic()
    seen: list[int] = []
    with pytest.raises(errors.Error, match="bomb"):
        seen.extend(len(chunk) for chunk in decompress([bomb], Bounds(free=4 << 20)))
    assert max(seen) <= 1 << 20
    assert sum(seen) <= 16 << 20
    assert time.monotonic() - began < 5
    with pytest.raises(errors.Error, match="larger than"):
        list(decompress([bomb], Bounds(total=8 << 20)))
    assert sum(map(len, decompress([bomb]))) == 64 << 20  # the legal twin: large, but not suspicious
