"""Whatever is in a document, reading it gives a value or an :class:`hezi.errors.Error`; never another exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hezi.errors import Error
from hezi.spec import distribution, image
from hezi.spec.digest import Digest

WORDS = ["", "x", "linux", "amd64", "layers", str(Digest.of(b"1")), "sha256:x", image.OCI_MANIFEST, image.OCI_INDEX,
         image.OCI_CONFIG, "\0", "A=1", "\ud7ff"]  # fmt: skip
KEYS = ["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "platform", "os", "urls",
        "architecture", "annotations", "subject", "rootfs", "type", "diff_ids", "history", "Env", "Cmd", "Labels",
        "Healthcheck", "variant", "Volumes", "errors", "code", "tags", "token", "expires_in"]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.sampled_from([-1, 0, 1, 2, 2**63, 1.5]) | st.sampled_from(WORDS) | st.text()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)
DESCRIPTOR = {"mediaType": image.OCI_LAYER, "digest": Digest.of(b"1"), "size": 1}
GOOD: list[dict[str, Any]] = [
    {"schemaVersion": 2, "config": {**DESCRIPTOR, "mediaType": image.OCI_CONFIG}, "layers": [DESCRIPTOR]},
    {"schemaVersion": 2, "manifests": [{**DESCRIPTOR, "platform": {"os": "linux", "architecture": "arm"}}]},
    {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {"Env": ["A=1"]}},
]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [prefix, *(path for key, item in inner for path in paths(item, (*prefix, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def read(raw: bytes) -> None:
    for content_type in (None, image.OCI_MANIFEST, image.DOCKER_INDEX):
        try:
            found = image.parse_manifest(raw, content_type)
        except Error:
            continue
        assert found.media_type in image.MANIFEST_TYPES | image.INDEX_TYPES
        if isinstance(found, image.Manifest):
            again = image.encode_manifest(found.config, found.layers, annotations=found.annotations)
            assert image.parse_manifest(again, None)[2:4] == found[2:4]
    for parse in (image.parse_config, distribution.parse_tags, distribution.parse_token):
        try:
            parse(raw)
        except Error as error:
            kind = error.kind
            assert kind
    distribution.parse_faults(raw)


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_any_json(value: object) -> None:
    read(json.dumps(value).encode())


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_good_document_with_something_else_in_one_place(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(GOOD))
    path = data.draw(st.sampled_from(paths(document)))
    read(json.dumps(replaced(document, path, data.draw(ANYTHING))).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100), st.sampled_from(GOOD), st.integers(0, 400))
def test_damaged_bytes(junk: bytes, document: dict[str, Any], spot: int) -> None:
    raw = json.dumps(document).encode()
    read(raw[:spot] + junk + raw[spot + len(junk) :])
    read(raw[:spot])
    read(junk)
