"""``hezi pull`` from a registry that misbehaves: one clear line, nothing half-done visible, and the next pull works."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import tarfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from hezi.spec import image
from hezi.spec.digest import Digest
from tests.support.harness import Hezi, wait_until
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault, serve_range

# What runs each time is a part of the table: test_registry_table.py.
pytestmark = [pytest.mark.needs("root"), pytest.mark.usefixtures("leftovers_guard"), pytest.mark.slow]


class Served(NamedTuple):
    """A registry with one image in it, ``a/b:latest``."""

    server: ToxicRegistry
    name: str
    layer: str
    data: bytes
    manifest: bytes

    def on_layer(self, answer: Callable[[Seen], Reply | None]) -> None:
        self.server.rules.append(lambda seen: answer(seen) if seen.path.endswith(self.layer) else None)

    def on_manifest(self, reply: Reply) -> None:
        self.server.rules.append(lambda seen: reply if "/manifests/" in seen.path else None)

    def ranges(self) -> list[str]:
        return [seen.headers.get("range", "") for seen in self.server.seen if seen.path.endswith(self.layer)]


@pytest.fixture
def served() -> Iterator[Served]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(4):
            member = tarfile.TarInfo(f"file{number}")
            member.size = 1 << 20
            archive.addfile(member, io.BytesIO(os.urandom(1 << 20)))
    tar = buffer.getvalue()
    data = gzip.compress(tar, 1)
    with ToxicRegistry() as server:
        config = image.encode_config(
            image.ImageConfig(b"", "amd64", "linux", None, "", image.ContainerConfig(cmd=("sh",)), (Digest.of(tar),))
        )
        layer = server.add_blob(data)
        manifest = image.encode_manifest(
            image.Descriptor(image.OCI_CONFIG, Digest(server.add_blob(config)), len(config)),
            (image.Descriptor(image.OCI_LAYER_GZIP, Digest(layer), len(data)),),
        )
        server.add_manifest(manifest, image.OCI_MANIFEST, "latest")
        yield Served(server, f"{server.host}/a/b", layer, data, manifest)


def complaint(hezi: Hezi, *args: str) -> str:
    """Pull, which must fail, and return the one line that says why."""
    result = hezi.run("pull", "--platform", "linux/amd64", *args)
    assert result.code != 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("hezi: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert hezi.run("images", "-q", check=True).stdout == ""
    return lines[0]


def ambiguous(manifest: bytes) -> bytes:
    return json.dumps(json.loads(manifest) | {"manifests": []}).encode()


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (fault(404, "MANIFEST_UNKNOWN", "x"), "a/b:latest not found: manifest unknown"),
        (fault(401, "UNAUTHORIZED", "x"), "pull access denied"),
        (fault(403, "DENIED", "x"), "pull access denied"),
        (fault(429, "TOOMANYREQUESTS", "slow", Retry_After="9999"), "limits the rate of requests"),
        (fault(500, "UNKNOWN", "oops"), "HTTP status 500"),
        (Reply(200, b"{}"), "invalid manifest"),
        (Reply(200, b'{"schemaVersion":1}'), "schema 1 is not supported"),
        (Reply(307, b"", {"Location": "http://192.0.2.1/"}), "refused to speak plain HTTP"),
    ],
)
def test_manifests(hezi_env: Hezi, served: Served, reply: Reply, says: str) -> None:
    served.on_manifest(reply)
    assert says in complaint(hezi_env, served.name)


def test_ambiguous(hezi_env: Hezi, served: Served) -> None:
    served.on_manifest(Reply(200, ambiguous(served.manifest), {"Content-Type": image.OCI_MANIFEST}))
    assert "ambiguous manifest" in complaint(hezi_env, served.name)


def test_wrong_platform(hezi_env: Hezi, served: Served) -> None:
    said = complaint(hezi_env, "--platform", "linux/s390x", served.name)
    assert "its platform (linux/amd64) does not match" in said


@pytest.mark.parametrize("what", ["other content", "longer", "shorter", "gone", "cut"])
def test_layers(hezi_env: Hezi, served: Served, what: str) -> None:
    """After each of them an honest registry is pulled from without trouble."""
    data = served.data
    replies = {
        "other content": (Reply(200, data[:-1] + bytes([data[-1] ^ 1])), "digest mismatch"),
        "longer": (Reply(200, data + b"x"), "bytes, the manifest says"),
        "shorter": (Reply(200, data[:-1]), "bytes, the manifest says"),
        "gone": (fault(404, "BLOB_UNKNOWN", "x"), "the registry lacks a part of the image"),
        "cut": (Reply(200, data, cut=0), "broke off at byte 0"),
    }
    reply, says = replies[what]
    served.on_layer(lambda _: reply)
    assert says in complaint(hezi_env, served.name)
    served.server.rules.clear()
    hezi_env.run("pull", "--platform", "linux/amd64", served.name, check=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_next_pull_goes_on(hezi_env: Hezi, served: Served, number: signal.Signals) -> None:
    """Killed or interrupted in the middle of a layer: what was there is not fetched again."""
    half = len(served.data) // 2
    served.on_layer(lambda _: Reply(200, served.data[:half], length=len(served.data), drip=60))
    process = hezi_env.popen("pull", "--platform", "linux/amd64", served.name)
    ingest = hezi_env.root / "ingest"
    assert wait_until(
        lambda: any(path.stat().st_size >= half - (1 << 20) for path in ingest.rglob("*") if path.is_file())
    )
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert hezi_env.run("images", "-q", check=True).stdout == ""
    served.server.rules.clear()
    served.server.seen.clear()
    hezi_env.run("pull", "--platform", "linux/amd64", served.name, check=True)
    (asked,) = served.ranges()
    assert asked.startswith("bytes=")
    assert half - (1 << 20) <= int(asked[6:-1]) <= half


def test_cut_at_every_half_mebibyte(hezi_env: Hezi, served: Served) -> None:
    served.on_layer(lambda seen: serve_range(seen, served.data)._replace(cut=1 << 19))
    hezi_env.run("pull", "--platform", "linux/amd64", served.name, check=True)
    starts = [int(asked[6:-1] or 0) if asked else 0 for asked in served.ranges()]
    assert starts == list(range(0, len(served.data), 1 << 19))
