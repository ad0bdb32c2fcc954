"""Archives of images written by hand, in docker's old form and as OCI layouts, right or wrong in one point.

Nothing of hezi is used: what the tests hold hezi against must not be hezi.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any, NamedTuple

from tests.support.layout import CONFIG, INDEX, LAYER, MANIFEST, Entry, make_tar


class Link(NamedTuple):
    """A member that is a link: symbolic, or hard."""

    target: str
    hard: bool = False


class Directory(NamedTuple):
    """A member that is a directory."""


Member = tuple[str, "bytes | Link | Directory"]


def pack(members: list[Member], *, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, what in members:
            info = tarfile.TarInfo(name)
            if isinstance(what, Link):
                info.type = tarfile.LNKTYPE if what.hard else tarfile.SYMTYPE
                info.linkname = what.target
                archive.addfile(info)
            elif isinstance(what, Directory):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(what)
                archive.addfile(info, io.BytesIO(what))
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def layer(name: str, data: bytes = b"content\n") -> bytes:
    """An uncompressed layer with one file."""
    return make_tar([Entry("etc/", "dir", mode=0o755), Entry(f"etc/{name}", data=data)])


def config(layers: list[bytes], **more: Any) -> bytes:
    """The config of an image whose uncompressed layers these are."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha(one)}" for one in layers]},
        **more,
    }
    return json.dumps(document).encode()


def docker(tags: list[str] | None, layers: list[bytes], **more: Any) -> list[Member]:
    """docker's form before 25: what `docker save` of 20.10 writes, without the files that nobody reads."""
    raw = config(layers, **more)
    members: list[Member] = [(f"{sha(raw)}.json", raw)]
    names = []
    for number, one in enumerate(layers):
        name = f"{sha(b'id %d' % number + one)}"
        members += [(f"{name}/", Directory()), (f"{name}/VERSION", b"1.0"), (f"{name}/layer.tar", one)]
        names.append(f"{name}/layer.tar")
    entry = {"Config": f"{sha(raw)}.json", "RepoTags": tags, "Layers": names}
    return [*members, ("manifest.json", json.dumps([entry]).encode())]


class Oci:
    """An OCI layout under construction."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.entries: list[dict[str, Any]] = []
        self.docker: list[dict[str, Any]] = []

    def blob(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = sha(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    def manifest(self, layers: list[bytes], *, packed: bool = True, **more: Any) -> dict[str, Any]:
        raw = config(layers, **more)
        described = [
            self.blob(gzip.compress(one, 6, mtime=0), f"{LAYER}+gzip") if packed else self.blob(one, LAYER)
            for one in layers
        ]
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(raw, CONFIG),
            "layers": described,
        }
        platform = {"os": "linux", "architecture": more.get("architecture", "amd64")}
        found = self.blob(json.dumps(document).encode(), MANIFEST, platform=platform)
        self.docker.append(
            {
                "Config": f"blobs/sha256/{sha(raw)}",
                "RepoTags": None,
                "Layers": [f"blobs/sha256/{one['digest'][7:]}" for one in described],
            }
        )
        return found

    def index(self, manifests: list[dict[str, Any]]) -> dict[str, Any]:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        return self.blob(json.dumps(document).encode(), INDEX)

    def name(self, descriptor: dict[str, Any], name: str | None) -> None:
        annotations = {"io.containerd.image.name": name} if name else {}
        self.entries.append({**descriptor, "annotations": annotations})

    def members(self, *, with_docker: bool = False) -> list[Member]:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}
        found: list[Member] = [
            ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
            ("index.json", json.dumps(index).encode()),
            *((f"blobs/sha256/{digest}", data) for digest, data in self.blobs.items()),
        ]
        if with_docker:
            found.append(("manifest.json", json.dumps(self.docker).encode()))
        return found


def replaced(members: list[Member], name: str, what: bytes | Link | None) -> list[Member]:
    """The members with one changed, or left out."""
    assert any(found == name for found, _ in members), name
    return [(found, data if found != name else what) for found, data in members if found != name or what is not None]  # type: ignore[misc]
