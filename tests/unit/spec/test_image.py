"""Image documents: class B1 (a document that is two types at once), caps, and what configs may hold."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from hezi.errors import CORRUPT, INVALID, UNSUPPORTED, Error
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform

D1, D2 = Digest.of(b"1"), Digest.of(b"2")
CONFIG = {"mediaType": image.OCI_CONFIG, "digest": D1, "size": 10}
LAYER = {"mediaType": image.OCI_LAYER_GZIP, "digest": D2, "size": 20}
ENTRY = {"mediaType": image.OCI_MANIFEST, "digest": D1, "size": 5, "platform": {"os": "linux", "architecture": "amd64"}}
MANIFEST_BODY: dict[str, Any] = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}
INDEX_BODY: dict[str, Any] = {"schemaVersion": 2, "manifests": [ENTRY]}
BOTH_BODY: dict[str, Any] = {**MANIFEST_BODY, **INDEX_BODY}
SCHEMA1_BODY: dict[str, Any] = {"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": [], "history": []}

TYPES = [image.OCI_MANIFEST, image.OCI_INDEX, image.DOCKER_MANIFEST, image.DOCKER_INDEX, *sorted(image.SCHEMA1_TYPES),
         image.OCI_CONFIG, "application/vnd.in-toto+json"]  # fmt: skip
UNTYPED = [None, "", "application/json", "text/plain; charset=utf-8", "application/octet-stream"]
MANIFESTS = {image.OCI_MANIFEST, image.DOCKER_MANIFEST}
INDEXES = {image.OCI_INDEX, image.DOCKER_INDEX}


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


def expected(header: str | None, own: str | None, body: str) -> str | None:
    """The type a document must be read as; None: it must be refused."""
    promised = None if header in UNTYPED else header
    if own and promised and own != promised:
        return None
    decided = own or promised or {"manifest": image.OCI_MANIFEST, "index": image.OCI_INDEX}.get(body)
    legal = MANIFESTS if body == "manifest" else INDEXES if body == "index" else set()
    return decided if decided in legal else None


@pytest.mark.parametrize("body", ["manifest", "index", "both", "schema1", "neither"])
def test_the_ambiguity_matrix(body: str) -> None:
    """Every header x every mediaType inside x every body: read as one type, or refused."""
    bodies = {
        "manifest": MANIFEST_BODY, "index": INDEX_BODY, "both": BOTH_BODY, "schema1": SCHEMA1_BODY,
        "neither": {"schemaVersion": 2},
    }  # fmt: skip
    for header, own in itertools.product([*UNTYPED, *TYPES], [None, *TYPES]):
        document = bodies[body] | ({"mediaType": own} if own else {})
        wanted = expected(header, own, body)
        if wanted is None:
            with pytest.raises(Error) as caught:
                image.parse_manifest(encode(document), header)
            assert caught.value.kind in {CORRUPT, UNSUPPORTED}
            continue
        found = image.parse_manifest(encode(document), header)
        assert found.media_type == wanted, (header, own)
        assert isinstance(found, image.Manifest) == (body == "manifest")


@pytest.mark.parametrize("extra", [{"manifests": []}, {"manifests": None}, {"fsLayers": []}, {"signatures": []},
                                   {"Layers": []}, {"LAYERS": []}, {"Config": {}}, {"MediaType": "x"},
                                   {"layer\u017f": []}, {"\u212aonfig": 1, "schemaversion": 2}])  # fmt: skip
def test_a_manifest_with_more_than_its_own(extra: dict[str, Any]) -> None:
    with pytest.raises(Error):
        image.parse_manifest(encode(MANIFEST_BODY | extra), image.OCI_MANIFEST)
    twin = MANIFEST_BODY | {"somethingElse": [], "annotations": {"Layers": "x"}}
    assert isinstance(image.parse_manifest(encode(twin), image.OCI_MANIFEST), image.Manifest)


def test_duplicate_keys() -> None:
    raw = encode(MANIFEST_BODY)[:-1] + b',"layers":[]}'
    with pytest.raises(Error, match="duplicate key"):
        image.parse_manifest(raw, image.OCI_MANIFEST)


@pytest.mark.parametrize("content_type", sorted(image.SCHEMA1_TYPES))
def test_schema1_is_refused_by_name(content_type: str) -> None:
    for raw in (encode(SCHEMA1_BODY), b"not even JSON"):
        with pytest.raises(Error) as caught:
            image.parse_manifest(raw, content_type)
        assert caught.value.kind == UNSUPPORTED
        assert "schema 1" in caught.value.message


def test_a_good_manifest() -> None:
    raw = encode(MANIFEST_BODY | {"mediaType": image.OCI_MANIFEST, "annotations": {"a": "b"}, "subject": ENTRY})
    found = image.parse_manifest(raw, image.OCI_MANIFEST + "; charset=utf-8")
    assert isinstance(found, image.Manifest)
    assert found.raw == raw
    assert found.config == image.Descriptor(image.OCI_CONFIG, D1, 10)
    assert found.layers == (image.Descriptor(image.OCI_LAYER_GZIP, D2, 20),)
    assert found.annotations == (("a", "b"),)
    assert found.subject is not None
    assert found.subject.platform == Platform("linux", "amd64")
    image.check_image(found)


def test_null_is_absent() -> None:
    found = image.parse_manifest(encode(MANIFEST_BODY | {"layers": None, "annotations": None}), image.OCI_MANIFEST)
    assert isinstance(found, image.Manifest)
    assert found.layers == ()


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "sha256:../../etc/passwd"}, {"digest": None}, {"digest": 1}, {"digest": "sha256:" + "A" * 64},
        {"size": -1}, {"size": 1.0}, {"size": "1"}, {"size": True}, {"size": 2**63}, {"mediaType": 7},
        {"urls": "x"}, {"urls": [1]}, {"annotations": {"a": 1}}, {"annotations": []}, {"platform": "linux"},
        {"urls": ["a\0b"]},
    ],
)  # fmt: skip
def test_bad_descriptors(change: dict[str, Any]) -> None:
    for document in (
        MANIFEST_BODY | {"layers": [LAYER | change]},
        MANIFEST_BODY | {"config": CONFIG | change},
        MANIFEST_BODY | {"subject": ENTRY | change},
    ):
        with pytest.raises(Error) as caught:
            image.parse_manifest(encode(document), image.OCI_MANIFEST)
        assert caught.value.kind in {CORRUPT, INVALID}


@pytest.mark.parametrize("document", [
    [], "x", 1, None, {}, {"schemaVersion": "2"}, {"schemaVersion": 3}, {"schemaVersion": 2.0},
    MANIFEST_BODY | {"config": None}, MANIFEST_BODY | {"config": []}, MANIFEST_BODY | {"layers": {}},
    MANIFEST_BODY | {"layers": [None]}, MANIFEST_BODY | {"layers": ["x"]}, {"schemaVersion": 2, "layers": []},
    MANIFEST_BODY | {"layers": [LAYER] * 501},
])  # fmt: skip
def test_bad_manifests(document: object) -> None:
    with pytest.raises(Error) as caught:
        image.parse_manifest(encode(document), image.OCI_MANIFEST)
    assert caught.value.kind == CORRUPT


def test_caps() -> None:
    padding = "x" * image.MAX_MANIFEST
    with pytest.raises(Error, match="limit"):
        image.parse_manifest(encode(MANIFEST_BODY | {"annotations": {"a": padding}}), image.OCI_MANIFEST)
    twin = encode(MANIFEST_BODY | {"annotations": {"a": padding[: image.MAX_MANIFEST - 1000]}})
    assert isinstance(image.parse_manifest(twin, image.OCI_MANIFEST), image.Manifest)
    with pytest.raises(Error, match="limit"):
        image.parse_config(b" " * (image.MAX_CONFIG + 1))


def test_artifacts_are_not_images() -> None:
    document = MANIFEST_BODY | {"artifactType": "application/vnd.example", "config": CONFIG | {"mediaType": "x/y"}}
    found = image.parse_manifest(encode(document), image.OCI_MANIFEST)
    assert isinstance(found, image.Manifest)
    with pytest.raises(Error, match="artifact of type"):
        image.check_image(found)


CONFIG_BODY: dict[str, Any] = {
    "architecture": "arm64", "os": "linux", "variant": "v8", "created": "2026-01-01T00:00:00Z", "author": "me",
    "config": {
        "User": "1:2", "Env": ["PATH=/bin", "A=", "B=x=y"], "Cmd": ["a"], "Entrypoint": ["b", "c"], "WorkingDir": "/w",
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "Labels": {"k": "v"}, "StopSignal": "SIGINT",
        "Shell": ["/bin/sh", "-c"], "OnBuild": ["RUN x"], "StopTimeout": 3,
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1000, "Retries": 2},
    },
    "rootfs": {"type": "layers", "diff_ids": [D1, D2]},
    "history": [{"created_by": "x"}, {"created_by": "y", "empty_layer": True}],
}  # fmt: skip


def config(**change: Any) -> image.ImageConfig:
    return image.parse_config(encode(CONFIG_BODY | {"config": CONFIG_BODY["config"] | change}))


def test_a_good_config() -> None:
    found = image.parse_config(encode(CONFIG_BODY))
    assert found.platform == Platform("linux", "arm64", "v8")
    assert found.diff_ids == (D1, D2)
    assert found.config.env == ("PATH=/bin", "A=", "B=x=y")
    assert found.config.entrypoint == ("b", "c")
    assert found.config.exposed_ports == ("80/tcp",)
    assert found.config.healthcheck == image.Healthcheck(("CMD", "x"), 1000, retries=2)
    assert found.history[1].empty_layer
    again = image.parse_config(image.encode_config(found))
    assert again._replace(raw=b"") == found._replace(raw=b"")


@pytest.mark.parametrize("entry", ["HOME", "SSH_AUTH_SOCK", "", "=x", "="])
def test_env_never_selects_something_of_the_host(entry: str) -> None:
    """Class D10: docker's command line takes a variable without a value from its own environment."""
    assert config(Env=["A=1", entry, "B=2"]).config.env == ("A=1", "B=2")


def test_old_and_empty_forms() -> None:
    assert config(Cmd="sh").config.cmd == ("sh",)
    assert config(Cmd=None, Entrypoint=[]).config[1:3] == (None, ())
    assert image.parse_config(encode(CONFIG_BODY | {"config": None})).config == image.ContainerConfig()


@pytest.mark.parametrize(
    "change",
    [
        {"Env": "A=1"}, {"Env": [1]}, {"Env": ["A=\0"]}, {"Cmd": [None]}, {"User": 0}, {"User": "a\0"},
        {"WorkingDir": "/\0"}, {"ExposedPorts": ["80"]}, {"Volumes": {"/a\0": {}}}, {"Labels": {"a": 1}},
        {"Healthcheck": "x"}, {"StopTimeout": "3"}, {"Entrypoint": {"a": 1}},
    ],
)  # fmt: skip
def test_bad_container_configs(change: dict[str, Any]) -> None:
    with pytest.raises(Error) as caught:
        config(**change)
    assert caught.value.kind == CORRUPT


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": None}, {"os": ""}, {"os": 1}, {"rootfs": None}, {"rootfs": {"type": "x", "diff_ids": []}},
        {"rootfs": {"type": "layers", "diff_ids": ["x"]}}, {"rootfs": {"type": "layers", "diff_ids": "x"}},
        {"history": [1]}, {"history": {}}, {"config": []},
    ],
)  # fmt: skip
def test_bad_configs(change: dict[str, Any]) -> None:
    with pytest.raises(Error):
        image.parse_config(encode(CONFIG_BODY | change))


def test_counts_must_agree() -> None:
    manifest = image.parse_manifest(encode(MANIFEST_BODY), image.OCI_MANIFEST)
    assert isinstance(manifest, image.Manifest)
    with pytest.raises(Error, match="1 layers and 2 DiffIDs"):
        image.check_image(manifest, image.parse_config(encode(CONFIG_BODY)))


def test_chain_ids() -> None:
    assert image.chain_ids(()) == ()
    assert image.chain_ids((D1, D2)) == (D1, Digest.of(f"{D1} {D2}".encode()))


def test_encoders_round_trip() -> None:
    config_descriptor = image.Descriptor(image.OCI_CONFIG, D1, 10)
    layers = (image.Descriptor(image.OCI_LAYER, D2, 1, annotations=(("a", "b"),)),)
    raw = image.encode_manifest(config_descriptor, layers, annotations=(("x", "y"),))
    found = image.parse_manifest(raw, None)
    assert found == image.Manifest(raw, image.OCI_MANIFEST, config_descriptor, layers, (("x", "y"),))
    entry = image.Descriptor(image.OCI_MANIFEST, D1, 5, platform=Platform("linux", "arm", "v7"))
    raw = image.encode_index((entry,), media_type=image.DOCKER_INDEX)
    assert image.parse_manifest(raw, image.DOCKER_INDEX) == image.Index(raw, image.DOCKER_INDEX, (entry,))
