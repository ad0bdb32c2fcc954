"""The small texts of the registry protocol."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.errors import Error
from hezi.spec import distribution
from hezi.spec.distribution import Challenge, ContentRange, parse_challenges


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://auth.docker.io/token", "service": "registry.docker.io",
                         "scope": "repository:a/b:pull,push"})],
        ),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        ("Basic realm=x, Bearer realm=y , s = z", [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "s": "z"})]),
        ('BEARER Realm="a\\"b\\\\c"', [("bearer", {"realm": 'a"b\\c'})]),
        ("Negotiate", [("negotiate", {})]),
        ('Negotiate, Basic realm="a,b"', [("negotiate", {}), ("basic", {"realm": "a,b"})]),
        ('Bearer realm="one",realm="two", Basic realm=x', [("basic", {"realm": "x"})]),
        ('Bearer realm="never closed', []),
        ("", []),
        (",,,", []),
        ("\"", []),
        ("Bearer realm=", [("bearer", {"realm": ""})]),
    ],
)  # fmt: skip
def test_challenges(header: str, found: list[tuple[str, dict[str, str]]]) -> None:
    assert list(parse_challenges(header)) == [Challenge(*one) for one in found]


@given(st.text(max_size=200))
def test_challenges_of_anything(header: str) -> None:
    assert len(parse_challenges(header)) <= 32


@given(st.lists(st.sampled_from(["Bearer ", "realm", "=", '"', "x", ",", "\\", " ", "Basic"]), max_size=60))
def test_challenges_of_their_own_pieces(pieces: list[str]) -> None:
    assert len(parse_challenges("".join(pieces))) <= 32


def test_a_long_challenge_is_bounded() -> None:
    assert len(parse_challenges("a b=c," * 100_000)) <= 32
    assert len(parse_challenges("Bearer " + ",".join(f"k{n}=v" for n in range(10_000)))) <= 33


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes 0-9/10", ContentRange(0, 9, 10)),
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        ("Bytes 5-9/*", ContentRange(5, 9, None)),
        ("bytes 9-5/10", None),
        ("bytes 0-10/10", None),
        ("bytes */10", None),
        ("bytes -1-9/10", None),
        ("items 0-9/10", None),
        ("bytes 0-9", None),
        ("0-9", None),
        ("", None),
        (None, None),
        ("bytes 0-99999999999999999999/*", None),
        ("bytes \u0661-\u0662/\u0663", None),
    ],
)
def test_content_range(text: str | None, found: ContentRange | None) -> None:
    assert distribution.parse_content_range(text) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('</v2/a/tags/list?n=2&last=b>; rel="next"', "/v2/a/tags/list?n=2&last=b"),
        ("</x>; rel=next", "/x"),
        ('</p>; rel="prev", </n>; rel="next"', "/n"),
        ('</n>; title="x"; rel="next", </p>; rel="prev"', "/n"),
        ('</p>; rel="prev"', None),
        ("x", None),
        ("<", None),
        ("<>; rel=next", None),
        (None, None),
    ],
)
def test_next_link(header: str | None, found: str | None) -> None:
    assert distribution.next_link(header) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", 5.0), ("0", 0.0), ("", None), (None, None), ("soon", None), ("-5", None), ("1" * 500, 111111111.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("99 99 99", None),
    ],
)  # fmt: skip
def test_retry_after(text: str | None, found: float | None) -> None:
    assert distribution.parse_retry_after(text, now=10.0) == found


def test_faults() -> None:
    raw = json.dumps({"errors": [{"code": "DENIED", "message": "no\x1b[31m", "detail": {"a": 1}}]}).encode()
    assert distribution.parse_faults(raw) == (distribution.Fault("DENIED", "no\\x1b[31m"),)
    for raw in (b"", b"<html>", b"[]", b'{"errors": 1}', b'{"errors": [1]}', b"\xff", b"[" * 9999):
        assert distribution.parse_faults(raw) == ()


def test_tokens() -> None:
    assert distribution.parse_token(b'{"token":"abc","expires_in":300}') == ("abc", 300)
    assert distribution.parse_token(b'{"access_token":"abc","token":null}') == ("abc", 60)
    for bad in (
        b"{}",
        b'{"token":""}',
        b'{"token":"a b"}',
        b'{"token":"a\\r\\nX: y"}',
        b'{"token":1}',
        b'{"token":"\\u00e9"}',
    ):
        with pytest.raises(Error) as caught:
            distribution.parse_token(bad)
        assert "a b" not in str(caught.value)


def test_tags() -> None:
    assert distribution.parse_tags(b'{"name":"x","tags":["a","1.0"]}') == ("a", "1.0")
    assert distribution.parse_tags(b'{"name":"x","tags":null}') == ()
    for bad in (b'{"tags":["../x"]}', b'{"tags":"a"}', b'{"tags":[1]}'):
        with pytest.raises(Error):
            distribution.parse_tags(bad)
