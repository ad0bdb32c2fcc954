"""Class A3: a digest that is not one never becomes a path or a URL."""

from __future__ import annotations

import hashlib
import random
import string

import pytest

from hezi.errors import INVALID, Error
from hezi.spec.digest import Digest

GOOD = "sha256:" + "0123456789abcdef" * 4


def test_a_good_one() -> None:
    digest = Digest.parse(GOOD)
    assert digest == GOOD
    assert digest.algorithm == "sha256"
    assert digest.hex == "0123456789abcdef" * 4
    assert digest.short == "0123456789ab"
    assert hash(digest) == hash(GOOD)
    assert Digest(digest) is digest


def test_sha512() -> None:
    assert Digest.of(b"x", "sha512").hex == hashlib.sha512(b"x").hexdigest()


def test_of_computes_over_the_bytes() -> None:
    assert Digest.of(b"hello").hex == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "format"),
        ("sha256", "format"),
        (":" + "a" * 64, "format"),
        ("sha256:", "length"),
        ("sha256:" + "a" * 63, "length"),
        ("sha256:" + "a" * 65, "length"),
        ("sha256:" + "A" * 64, "format"),
        ("sha256:" + "g" * 64, "format"),
        ("sha256:" + "a" * 63 + "\n", "format"),
        ("sha256:" + "\uff41" * 64, "format"),
        ("sha256:" + "\u0661" * 64, "format"),
        ("sha256:../" + "a" * 61, "format"),
        ("sha256:" + "../" * 21 + "a", "format"),
        ("SHA256:" + "a" * 64, "unsupported"),
        (" sha256:" + "a" * 64, "unsupported"),
        ("md5:" + "a" * 32, "unsupported"),
        ("sha512:" + "a" * 64, "length"),
        ("sha256:" + "a" * (1 << 20), "length"),
        ("sha256:" + "a" * 32 + "\0" + "a" * 31, "format"),
    ],
)
def test_bad_ones(text: str, why: str) -> None:
    with pytest.raises(Error) as caught:
        Digest.parse(text)
    assert caught.value.kind == INVALID
    assert why in caught.value.message
    assert len(caught.value.message) < 1200
    assert caught.value.message.isprintable()


def test_two_thousand_mutations() -> None:
    """Only what matches the grammar exactly gets through."""
    chance = random.Random(20260712)
    alphabet = string.printable + "\0\u00e9\u2044\u202e/.:%"
    for _ in range(2000):
        characters = list(GOOD)
        for _ in range(chance.randint(1, 4)):
            spot = chance.randrange(len(characters))
            action = chance.randrange(3)
            if action == 0:
                characters[spot] = chance.choice(alphabet)
            elif action == 1:
                characters.insert(spot, chance.choice(alphabet))
            else:
                del characters[spot]
        text = "".join(characters)
        legal = text.startswith("sha256:") and len(text) == 71 and set(text[7:]) <= set("0123456789abcdef")
        if legal:
            assert Digest.parse(text) == text
            continue
        with pytest.raises(Error):
            Digest.parse(text)
