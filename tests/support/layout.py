"""OCI image layouts written by hand, with nothing of hezi: what the tests compare hezi with must not be hezi.

A layer is a list of :class:`Entry`; compression is "gzip", "zstd" or "none".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MTIME = 1_700_000_000


class Entry(NamedTuple):
    """One entry of a layer; ``kind`` is one of file dir symlink hardlink char block fifo."""

    name: str
    kind: str = "file"
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[str, str] = {}  # noqa: RUF012 - never changed; a NamedTuple takes no factory
    mtime: float = MTIME


class Image(NamedTuple):
    """What went into a layout: descriptors as the manifest has them, and the uncompressed layers."""

    manifest: dict[str, Any]
    layers: list[bytes]
    config: dict[str, Any]


_TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def make_tar(entries: list[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type = _TYPES[entry.kind]
            info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
            info.linkname, info.size = entry.target, len(entry.data)
            info.devmajor, info.devminor = entry.device
            info.mtime = entry.mtime
            info.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in entry.xattrs.items()}
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def compress(data: bytes, how: str) -> tuple[bytes, str]:
    """Return the compressed bytes and the media type's ending."""
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0), "+gzip"
    if how == "zstd":
        from backports import zstd

        return zstd.compress(data), "+zstd"
    return data, ""


def write(
    layout: Path,
    name: str,
    layers: list[list[Entry] | bytes],
    *,
    compression: str = "gzip",
    config: dict[str, Any] | None = None,
    architecture: str = "amd64",
    manifest_extra: dict[str, Any] | None = None,
    created: str = "2023-11-14T22:13:20Z",
    history: list[dict[str, Any]] | None = None,
) -> Image:
    """Write (or add to) the OCI layout a single image called ``name``.

    :param layers: bottom first; entries, or an uncompressed tar made elsewhere.
    :param config: the ``config`` object of the image configuration (Cmd, Env, ...).
    :param history: the steps, oldest first; by default one for each layer.
    """
    tars = [layer if isinstance(layer, bytes) else make_tar(layer) for layer in layers]
    descriptors = []
    for tar in tars:
        packed, ending = compress(tar, compression)
        descriptors.append(add_blob(layout, packed, LAYER + ending))
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": config or {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
        "history": history or [{"created": created, "created_by": "tests"} for _ in tars],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": add_blob(layout, _json(document), CONFIG),
        "layers": descriptors,
        **(manifest_extra or {}),
    }
    add_name(layout, name, add_blob(layout, _json(manifest), MANIFEST))
    return Image(manifest, tars, document)


def add_blob(layout: Path, data: bytes, media_type: str) -> dict[str, Any]:
    """Put ``data`` into the layout and return its descriptor."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest(data).removeprefix("sha256:")).write_bytes(data)
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def add_name(layout: Path, name: str, descriptor: dict[str, Any]) -> None:
    """Name a manifest in the layout's index.json, replacing what had the name."""
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    path = layout / "index.json"
    index = json.loads(path.read_text()) if path.exists() else {"schemaVersion": 2, "manifests": []}
    key = "org.opencontainers.image.ref.name"
    kept = [item for item in index["manifests"] if item.get("annotations", {}).get(key) != name]
    index["manifests"] = [*kept, {**descriptor, "annotations": {key: name}}]
    path.write_text(json.dumps(index))


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
