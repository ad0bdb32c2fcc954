"""The registry client with Debian's docker-registry and skopeo: what one writes, the others read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from hezi.errors import NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry.client import RegistryClient
from hezi.registry.config import host_policy
from hezi.registry.credentials import Anonymous, Credential, Fixed, Secret
from hezi.registry.resolve import resolve
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform
from hezi.spec.reference import Reference
from tests.support import registry
from tests.support.needs import SEARCH_PATH

pytestmark = pytest.mark.needs("docker-registry", "skopeo", "setpriv", "openssl")

AMD64 = Platform("linux", "amd64")


def connect(server: registry.Registry, **options: object) -> RegistryClient:
    options.setdefault("credentials", Anonymous())
    return RegistryClient(server.host, **options)  # type: ignore[arg-type]


def push_image(client: RegistryClient, path: str, tag: str, layer: bytes = b"\0" * 1024) -> Digest:
    config = image.encode_config(
        image.ImageConfig(b"", "amd64", "linux", None, "", image.ContainerConfig(cmd=("sh",)), (Digest.of(layer),))
    )
    descriptors = []
    for media_type, data in ((image.OCI_CONFIG, config), (image.OCI_LAYER, layer)):
        descriptors.append(image.Descriptor(media_type, Digest.of(data), len(data)))
        if not client.has_blob(path, Digest.of(data)):
            client.push_blob(path, Digest.of(data), len(data), io.BytesIO(data))
    manifest = image.encode_manifest(descriptors[0], tuple(descriptors[1:]))
    return client.push_manifest(path, tag, image.OCI_MANIFEST, manifest)


def skopeo(*arguments: str) -> str:
    environment = {**os.environ, "PATH": SEARCH_PATH}
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_hezi_pushes_skopeo_reads(registry_server: registry.Registry, tmp_path: Path) -> None:
    with connect(registry_server) as client:
        digest = push_image(client, "client/pushed", "one", os.urandom(3_000_000))
    name = f"docker://{registry_server.host}/client/pushed"
    found = json.loads(skopeo("inspect", "--tls-verify=false", f"{name}:one"))
    assert found["Digest"] == digest
    skopeo(
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
        f"{name}@{digest}",
        f"oci:{tmp_path}/layout:one",
    )


def test_what_skopeo_pushes_hezi_reads(registry_server: registry.Registry, busybox_image: str) -> None:
    reference = Reference.parse(busybox_image)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{busybox_image}").encode()
    with connect(registry_server) as client:
        found = resolve(client, reference, AMD64)
        assert (found.index_document or found.manifest).raw == raw
        layer = found.manifest.layers[-1]
        with client.blob(reference.path, layer) as stream:
            data = b"".join(stream)
        assert Digest.of(data) == layer.digest
        for offset in (1, len(data) // 2, len(data) - 1):
            with client.blob(reference.path, layer, offset) as stream:
                assert stream.offset == offset
                assert b"".join(stream) == data[offset:]


def test_tags(registry_server: registry.Registry) -> None:
    with connect(registry_server) as client:
        for number in range(12):
            push_image(client, "client/tags", f"v{number}")
        assert sorted(client.tags("client/tags")) == sorted(f"v{number}" for number in range(12))


def test_what_is_not_there(registry_server: registry.Registry) -> None:
    with connect(registry_server) as client:
        push_image(client, "client/there", "one")
        for path, name in (("client/there", "two"), ("client/not", "one"), ("client/there", str(Digest.of(b"no")))):
            with pytest.raises(Error) as caught:
                client.manifest(path, name)
            assert caught.value.kind == NOT_FOUND
            assert "manifest unknown" in caught.value.message
        with pytest.raises(Error) as caught:
            client.tags("client/not")
        assert "repository name not known" in caught.value.message
        missing = image.Descriptor(image.OCI_LAYER, Digest.of(b"no"), 2)
        with pytest.raises(Error) as caught:
            client.blob("client/there", missing)
        assert caught.value.kind == NOT_FOUND


def test_passwords(auth_registry: registry.Registry) -> None:
    right = Fixed(auth_registry.host, Credential(registry.USER, Secret(registry.PASSWORD)))
    wrong = Fixed(auth_registry.host, Credential(registry.USER, Secret("wr0ng")))
    with connect(auth_registry, credentials=right) as client:
        push_image(client, "client/private", "one")
        client.manifest("client/private", "one")
    for source in (Anonymous(), wrong):
        with connect(auth_registry, credentials=source) as client, pytest.raises(Error) as caught:
            client.manifest("client/private", "one")
        assert caught.value.kind == UNAUTHORIZED
        assert "wr0ng" not in f"{caught.value}{caught.value.hint}"


def test_tls(tls_registry: registry.Registry, tmp_path: Path) -> None:
    directory = tmp_path / tls_registry.host
    directory.mkdir()
    assert tls_registry.ca is not None
    (directory / "ca.crt").write_bytes(tls_registry.ca.read_bytes())
    policy = host_policy(tls_registry.host, config=str(tmp_path / "none"), certs_d=str(tmp_path))
    with connect(tls_registry, policy=policy) as client:
        push_image(client, "client/tls", "one")
        client.manifest("client/tls", "one")
    with connect(tls_registry) as client, pytest.raises(Error) as caught:
        client.manifest("client/tls", "one")
    assert caught.value.kind == UNAVAILABLE
    assert "its TLS certificate was refused" in caught.value.message


def test_the_registry_dies_in_the_middle(tmp_path: Path) -> None:
    """An error that says where it stopped, and no waiting: the connections are refused."""
    with registry.running(tmp_path / "mortal") as server, connect(server) as client:
        layer = os.urandom(1 << 20) * 64
        push_image(client, "client/mortal", "one", layer)
        descriptor = image.Descriptor(image.OCI_LAYER, Digest.of(layer), len(layer))
        with client.blob("client/mortal", descriptor) as stream:
            chunks = iter(stream)
            got = len(next(chunks))
            server.stop()
            try:
                for chunk in chunks:
                    got += len(chunk)
            except Error as error:
                caught = error
            else:
                pytest.fail("nothing was noticed")
        assert caught.kind == UNAVAILABLE
        assert f"broke off at byte {got} of {len(layer)}" in caught.message


def test_three_layers_at_a_time(registry_server: registry.Registry) -> None:
    blobs = [os.urandom(1 << 20) * 8 + bytes([number]) for number in range(6)]
    got: dict[int, Digest] = {}
    with connect(registry_server) as client:
        for blob in blobs:
            client.push_blob("client/many", Digest.of(blob), len(blob), io.BytesIO(blob))

        def work(first: int) -> None:
            for number in range(first, len(blobs), 3):
                descriptor = image.Descriptor(image.OCI_LAYER, Digest.of(blobs[number]), len(blobs[number]))
                with client.blob("client/many", descriptor) as stream:
                    got[number] = Digest.of(b"".join(stream))

        threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert got == {number: Digest.of(blob) for number, blob in enumerate(blobs)}
