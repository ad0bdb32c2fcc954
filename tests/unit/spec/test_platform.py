"""Platforms: containerd's spellings and its order of preference."""

from __future__ import annotations

import itertools

import pytest

from hezi.errors import INVALID, Error
from hezi.spec.digest import Digest
from hezi.spec.image import OCI_MANIFEST, Descriptor
from hezi.spec.platform import Platform, choose, host_platform


@pytest.mark.parametrize(
    ("text", "shown", "normalised"),
    [
        ("linux/amd64", "linux/amd64", "linux/amd64"),
        ("LINUX/AMD64", "linux/amd64", "linux/amd64"),
        ("x86_64", "linux/amd64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v3"),
        ("arm64", "linux/arm64", "linux/arm64"),
        ("aarch64", "linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6", "linux/arm/v6"),
        ("armhf", "linux/arm", "linux/arm/v7"),
        ("armel", "linux/arm/v6", "linux/arm/v6"),
        ("i386", "linux/386", "linux/386"),
        ("macos/arm64", "darwin/arm64", "darwin/arm64"),
        ("linux/s390x", "linux/s390x", "linux/s390x"),
    ],
)
def test_parse(text: str, shown: str, normalised: str) -> None:
    assert str(Platform.parse(text)) == shown
    assert str(Platform.parse(text).normalise()) == normalised


@pytest.mark.parametrize(
    "text", ["", "/", "linux/", "/amd64", "a/b/c/d", "nonsense", "linux/am d64", "linux/*", "l\n/x"]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(Error) as caught:
        Platform.parse(text)
    assert caught.value.kind == INVALID


def test_only_the_system_means_this_machine() -> None:
    assert Platform.parse("linux", host_platform("aarch64")) == Platform("linux", "arm64", "v8")


@pytest.mark.parametrize(
    ("machine", "platform"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64/v8"), ("armv7l", "linux/arm/v7"), ("i686", "linux/386"),
     ("riscv64", "linux/riscv64"), ("unheard-of", "linux/unheard-of")],
)  # fmt: skip
def test_host(machine: str, platform: str) -> None:
    assert str(host_platform(machine)) == platform


def entries(*platforms: str | None) -> tuple[Descriptor, ...]:
    made = []
    for number, text in enumerate(platforms):
        parts = text.split("/") if text else []
        platform = Platform(parts[0], parts[1], parts[2] if len(parts) > 2 else None) if parts else None
        made.append(Descriptor(OCI_MANIFEST, Digest.of(str(number).encode()), 1, platform=platform))
    return tuple(made)


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
        ("linux/amd64", ["linux/amd64", "linux/amd64"], 0),
        ("linux/amd64", ["linux/amd64/v2"], None),
        ("linux/amd64", ["linux/amd64/v1"], 0),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4"], 2),
        ("linux/amd64/v4", ["linux/amd64", "linux/amd64/v2"], 1),
        ("linux/amd64/v2", ["linux/amd64/v3", "linux/amd64"], 1),
        ("linux/amd64", ["linux/386"], 0),
        ("linux/amd64", ["linux/386", "linux/amd64"], 1),
        ("linux/386", ["linux/amd64"], None),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
        ("linux/arm/v7", ["linux/arm/v8"], None),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], 1),
        ("linux/arm", ["linux/arm"], 0),
        ("linux/arm/v8", ["linux/arm/v7", "linux/arm/v8"], 1),
        ("linux/arm64", ["linux/arm64/v8"], 0),
        ("linux/arm64/v8", ["linux/arm64"], 0),
        ("linux/arm64", ["linux/arm/v7", "linux/arm/v6"], 0),
        ("linux/arm64/v9", ["linux/arm64"], 0),
        ("linux/amd64", ["windows/amd64"], None),
        ("linux/amd64", ["unknown/unknown"], None),
        ("linux/amd64", ["unknown/unknown", "linux/amd64"], 1),
        ("linux/amd64", [], None),
        ("linux/amd64", [None], 0),
        ("linux/amd64", [None, None], None),
        ("linux/amd64", [None, "linux/amd64"], 1),
        ("linux/amd64", ["LINUX/x86_64"], 0),
    ],
)
def test_choose(wanted: str, offered: list[str | None], chosen: int | None) -> None:
    found = choose(entries(*offered), Platform.parse(wanted))
    assert found == (None if chosen is None else entries(*offered)[chosen])


def test_what_is_chosen_is_runnable() -> None:
    texts = ["linux/amd64", "linux/amd64/v3", "linux/arm64", "linux/arm/v7", "linux/arm/v5", "linux/386", "linux/s390x"]
    for wanted, offered in itertools.product(texts, texts):
        machine = Platform.parse(wanted)
        found = choose(entries(offered), machine)
        assert (found is not None) == machine.matches(Platform.parse(offered))
