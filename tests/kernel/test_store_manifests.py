"""One image under several names, each with the manifest that it came with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.image.build import FileSpec
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference
from hezi.store.images import ImageStore
from tests.support.store import build, pull

pytestmark = pytest.mark.needs("root", "overlay")
FILES = [FileSpec(b"file", data=b"content" * 1000)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    with ImageStore(str(tmp_path)) as store:
        yield store


@pytest.fixture
def both(store: ImageStore) -> tuple[Digest, Digest]:
    """Pull one image as app:gzip and as app:zstd; give the digests of the two manifests."""
    gzip, zstd = build(FILES), build(FILES, compression="zstd")
    first = pull(store, gzip, "example.org/app:gzip")
    second = pull(store, zstd, "example.org/app:zstd")
    assert first.id == second.id
    return Digest.of(gzip.manifest_raw), Digest.of(zstd.manifest_raw)


def test_each_name_has_its_own_manifest(store: ImageStore, both: tuple[Digest, Digest]) -> None:
    gzip, zstd = both
    for name, digest in (("example.org/app:gzip", gzip), ("example.org/app:zstd", zstd)):
        found = store.resolve(name)
        assert found.manifest_digest == digest
        assert store.manifest(found).layers[0].media_type.endswith(name.rpartition(":")[2])
        assert store.resolve(f"example.org/app@{digest}").manifest_digest == digest
    assert [(tag.manifest_digest, tag.digest) for tag in store.resolve("example.org/app:gzip").tags] == [
        (gzip, gzip),
        (zstd, zstd),
    ]


def test_index_json_names_them_apart(store: ImageStore, both: tuple[Digest, Digest]) -> None:
    index = json.loads((Path(store.root) / "content/index.json").read_bytes())
    assert [entry["digest"] for entry in index["manifests"]] == list(both)


def test_a_tag_takes_the_manifest_of_the_name_it_was_made_from(store: ImageStore, both: tuple[Digest, Digest]) -> None:
    gzip, zstd = both
    for name, digest in (("gzip", gzip), ("zstd", zstd)):
        store.tag(store.resolve(f"example.org/app:{name}"), Reference.parse(f"example.org/app:{name}-2"))
        store.tag(store.resolve(f"example.org/app:{name}"), Reference.parse(f"example.org/other:{name}"))
        tags = {tag.reference: tag for tag in store.resolve("example.org/app:gzip").tags}
        assert tags[f"example.org/app:{name}-2"][1:] == (digest, digest)
        assert tags[f"example.org/other:{name}"][1:] == (digest, None)  # no registry has it there


def test_the_last_name_of_a_manifest_takes_its_blobs_along(store: ImageStore, both: tuple[Digest, Digest]) -> None:
    gzip, zstd = both
    packed = store.manifest(store.resolve("example.org/app:zstd")).layers[0]
    store.remove("example.org/app:zstd")
    assert store.content.has(packed.digest)  # NAME@DIGEST still means it
    removed = store.remove(f"example.org/app@{zstd}")
    assert not store.content.has(packed.digest)
    assert not store.content.has(zstd)
    assert removed.freed >= packed.size
    left = store.resolve("example.org/app:gzip")
    assert left.manifest_digest == gzip
    assert store.by_id(left.id) == left
    for layer in store.manifest(left).layers:
        assert store.content.has(layer.digest)


def test_blobs_that_two_manifests_share_stay(store: ImageStore, both: tuple[Digest, Digest]) -> None:
    gzip, _ = both
    store.tag(store.resolve("example.org/app:gzip"), Reference.parse("example.org/kept:1"))
    store.remove("example.org/app:gzip")
    store.remove(f"example.org/app@{gzip}")
    kept = store.resolve("example.org/kept:1")
    assert kept.manifest_digest == gzip
    assert all(store.content.has(layer.digest) for layer in store.manifest(kept).layers)


def test_moving_a_name_to_another_manifest_of_the_same_image(store: ImageStore) -> None:
    first = pull(store, build(FILES))
    second = pull(store, build(FILES, compression="zstd"))
    assert first.id == second.id
    assert len(second.tags) == 1
    assert store.resolve("example.org/app:1").manifest_digest == second.manifest_digest != first.manifest_digest
    assert len(second.digests) == 2
