"""Written layers and images are read back as they were meant, by our reader and by Python's."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from hezi.image import build, compress, tarlayer
from hezi.image.build import FileSpec
from hezi.image.tarlayer import TarReader
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform

FILES = [
    build.directory(b"etc"),
    FileSpec(b"etc/f", data=b"data" * 300, mode=0o4711, uid=3_000_000, gid=7, mtime_ns=1_600_000_000_123_000_000),
    FileSpec(b"x" * 90 + b"/" + b"y" * 200, data=b"long"),
    FileSpec(b"bytes-\xff\xfe", xattrs=((b"user.k", bytes(range(256))),)),
    build.symlink(b"l", b"t" * 300),
    FileSpec(b"h", tarlayer.HARDLINK, target=b"etc/f"),
    FileSpec(b"null", tarlayer.CHAR, device=(1, 3)),
    FileSpec(b"pipe", tarlayer.FIFO, mtime_ns=-1),
]


def test_layer_round_trip() -> None:
    reader = TarReader([build.layer(FILES)])
    for spec, entry in zip(FILES, reader, strict=True):
        assert (entry.name.rstrip(b"/"), entry.kind, entry.mode, entry.uid, entry.gid) == (
            spec.name, spec.kind, spec.mode, spec.uid, spec.gid,
        )  # fmt: skip
        assert (entry.mtime_ns, entry.linkname, entry.xattrs) == (spec.mtime_ns, spec.target, spec.xattrs)
        assert b"".join(reader.data()) == spec.data


def test_pythons_tarfile_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(build.layer(FILES))) as tar:
        members = tar.getmembers()
        assert [os.fsencode(m.name) for m in members] == [spec.name for spec in FILES]
        assert tar.extractfile(members[1]).read() == FILES[1].data  # type: ignore[union-attr]
        assert (members[1].uid, members[7].mtime) == (3_000_000, -1e-9)


@pytest.mark.parametrize("how", [compress.PLAIN, compress.GZIP, compress.ZSTD])
def test_image(how: str) -> None:
    platform = Platform("linux", "arm64", "v8")
    config = image.ContainerConfig(cmd=("sh",), env=("A=b",))
    built = build.build_image([FILES, [FileSpec(b"two")]], config, platform, compression=how)
    assert built == build.build_image([FILES, [FileSpec(b"two")]], config, platform, compression=how)
    manifest = image.parse_manifest(built.manifest_raw, image.OCI_MANIFEST)
    assert isinstance(manifest, image.Manifest)
    parsed = image.parse_config(built.config_raw)
    image.check_image(manifest, parsed)
    assert (parsed.config.cmd, parsed.platform) == (("sh",), platform)
    for descriptor, data in built.blobs:
        assert (Digest.of(data), len(data)) == (descriptor.digest, descriptor.size)
    tar = b"".join(compress.decompress([built.blobs[0][1]]))
    assert Digest.of(tar) == parsed.diff_ids[0]


def test_from_directory(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir(mode=0o750)
    (tmp_path / "b" / "f").write_bytes(b"1")
    os.link(tmp_path / "b" / "f", tmp_path / "z")
    os.symlink("b", tmp_path / "a")
    found = {spec.name: spec for spec in build.from_directory(str(tmp_path))}
    assert list(found) == [b"a", b"b", b"z", b"b/f"]
    assert (found[b"a"].target, found[b"z"].data, found[b"b/f"].target) == (b"b", b"1", b"z")
    assert found[b"b"].mode == 0o750
