"""From a name to an image: platforms, indexes, and documents that do not belong together."""

from __future__ import annotations

from typing import Any

import pytest

from hezi.errors import CORRUPT, NOT_FOUND, UNSUPPORTED, Error
from hezi.registry.resolve import Resolved, resolve
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform
from hezi.spec.reference import Reference
from tests.support.registry_client import client
from tests.support.toxic_registry import ToxicRegistry

LAYER = image.Descriptor(image.OCI_LAYER, Digest.of(b"layer"), 5)


def add_image(server: ToxicRegistry, platform: str, *names: str, **change: Any) -> image.Descriptor:
    at = Platform.parse(platform)
    config = image.encode_config(
        image.ImageConfig(b"", at.architecture, at.os, at.variant, "", image.ContainerConfig(), (Digest.of(b"layer"),))
    )
    config_descriptor = image.Descriptor(image.OCI_CONFIG, Digest(server.add_blob(config)), len(config))._replace(
        **change
    )
    raw = image.encode_manifest(config_descriptor, (LAYER,))
    digest = server.add_manifest(raw, image.OCI_MANIFEST, *names)
    return image.Descriptor(image.OCI_MANIFEST, Digest(digest), len(raw), platform=at)


def add_index(server: ToxicRegistry, *entries: image.Descriptor, media_type: str = image.OCI_INDEX) -> image.Descriptor:
    raw = image.encode_index(entries, media_type=media_type)
    return image.Descriptor(media_type, Digest(server.add_manifest(raw, media_type, "latest")), len(raw))


def look(server: ToxicRegistry, platform: str = "linux/amd64", name: str = "", *, explicit: bool = False) -> Resolved:
    with client(server) as one:
        reference = Reference.parse(f"{server.host}/a/b{name}")
        return resolve(one, reference, Platform.parse(platform), explicit=explicit)


def test_a_plain_image(server: ToxicRegistry) -> None:
    descriptor = add_image(server, "linux/amd64", "latest")
    found = look(server)
    assert found.manifest_descriptor == descriptor._replace(platform=None)
    assert found.index_document is None
    assert found.manifest.layers == (LAYER,)
    assert found.config.platform == Platform("linux", "amd64")
    assert str(found.reference).endswith("/a/b:latest")


@pytest.mark.parametrize("media_type", [image.OCI_INDEX, image.DOCKER_INDEX])
@pytest.mark.parametrize("wanted", ["linux/amd64", "linux/arm64", "linux/arm64/v8", "linux/arm/v7"])
def test_an_index(server: ToxicRegistry, media_type: str, wanted: str) -> None:
    entries = [add_image(server, platform) for platform in ("linux/arm/v6", "linux/arm64/v8", "linux/amd64")]
    index = add_index(server, *entries, media_type=media_type)
    found = look(server, wanted, explicit=True)
    assert Platform.parse(wanted).matches(found.config.platform)
    assert found.index_descriptor == index
    assert found.index_document is not None
    by_digest = look(server, wanted, f"@{index.digest}")
    assert by_digest.manifest == found.manifest


def test_nothing_for_the_platform(server: ToxicRegistry) -> None:
    attestation = add_image(server, "linux/amd64")._replace(platform=Platform("unknown", "unknown"))
    add_index(server, add_image(server, "linux/amd64"), add_image(server, "linux/s390x"), attestation)
    with pytest.raises(Error) as caught:
        look(server, "linux/arm64/v8")
    assert caught.value.kind == NOT_FOUND
    assert caught.value.message == "no matching manifest for linux/arm64/v8 in the manifest list entries"
    assert caught.value.hint == "it has: linux/amd64, linux/s390x; choose one with --platform"


def test_a_plain_image_of_another_platform(server: ToxicRegistry) -> None:
    add_image(server, "linux/arm64", "latest")
    assert look(server, "linux/amd64").config.architecture == "arm64"
    with pytest.raises(Error) as caught:
        look(server, "linux/amd64", explicit=True)
    assert caught.value.kind == NOT_FOUND
    assert "its platform (linux/arm64) does not match the specified platform (linux/amd64)" in caught.value.message


def test_another_operating_system(server: ToxicRegistry) -> None:
    add_image(server, "windows/amd64", "latest")
    with pytest.raises(Error) as caught:
        look(server)
    assert caught.value.kind == UNSUPPORTED


def test_an_index_of_one_without_platform(server: ToxicRegistry) -> None:
    entry = add_image(server, "linux/amd64")._replace(platform=None)
    add_index(server, entry)
    assert look(server).config.architecture == "amd64"
    with pytest.raises(Error):
        look(server, "linux/arm64")


def test_an_index_of_indexes(server: ToxicRegistry) -> None:
    entry = add_image(server, "linux/amd64")
    for depth in range(5):
        entry = add_index(server, entry)._replace(platform=Platform("linux", "amd64"))
        if depth < 3:
            assert look(server).config.architecture == "amd64"
    with pytest.raises(Error) as caught:
        look(server)
    assert caught.value.kind == UNSUPPORTED


@pytest.mark.parametrize(
    "change", [{"size": 1}, {"media_type": image.DOCKER_MANIFEST}, {"media_type": image.OCI_INDEX}]
)
def test_an_index_that_lies(server: ToxicRegistry, change: dict[str, Any]) -> None:
    add_index(server, add_image(server, "linux/amd64")._replace(**change))
    with pytest.raises(Error) as caught:
        look(server)
    assert caught.value.kind == CORRUPT


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"size": 7}, CORRUPT),
        ({"size": image.MAX_CONFIG + 1}, CORRUPT),
        ({"digest": Digest.of(b"elsewhere")}, NOT_FOUND),
        ({"media_type": "application/vnd.cncf.helm.config.v1+json"}, UNSUPPORTED),
        ({"media_type": "application/vnd.oci.empty.v1+json"}, UNSUPPORTED),
    ],
)
def test_a_config_that_is_none(server: ToxicRegistry, change: dict[str, Any], kind: str) -> None:
    add_image(server, "linux/amd64", "latest", **change)
    with pytest.raises(Error) as caught:
        look(server)
    assert caught.value.kind == kind


def test_the_type_in_the_header_decides(server: ToxicRegistry) -> None:
    """B1: an index sent as a manifest, a manifest sent as an index: refused, whatever the digest says."""
    add_image(server, "linux/amd64", "latest")
    raw = server.manifests["latest"][1]
    for header in (image.OCI_INDEX, image.DOCKER_MANIFEST, *image.SCHEMA1_TYPES):
        server.manifests["latest"] = (header, raw)
        with pytest.raises(Error) as caught:
            look(server)
        assert caught.value.kind in {CORRUPT, UNSUPPORTED}
