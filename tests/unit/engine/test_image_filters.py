"""Filters and patterns of image lists, as Go and docker read them."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine.images import filters
from hezi.engine.images.familiar import familiar
from hezi.engine.images.filters import Choice
from hezi.spec.reference import Reference


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "ab/c", False),
        ("a*/c", "ab/c", True),
        ("a?c", "a/c", False),
        ("a[b-d]e", "ace", True),
        ("a[^b]e", "abe", False),
        ("a[^b]e", "ace", True),
        ("a\\*c", "a*c", True),
        ("a\\*c", "abc", False),
        ("[\\]a]", "]", True),
        ("[x\\-]", "-", True),
        ("[d-b]", "c", False),
        ("a.c", "abc", False),
        ("(a)", "(a)", True),
        ("ab*\n", "ab\n", True),
        ("*:1", "host:5000/app:1", False),
    ],
)
def test_patterns_of_go(pattern: str, text: str, matches: bool) -> None:
    assert filters.matcher(pattern)(text) is matches


@pytest.mark.parametrize("pattern", ["[", "[a", "[a-", "[]", "[-x]", "a\\", "[\\", "[^"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(errors.Error, match="syntax error in pattern") as caught:
        filters.matcher(pattern)
    assert caught.value.kind == errors.INVALID


def test_times() -> None:
    choice = Choice(before=10, since=2)
    assert [moment for moment in (1, 2, 3, 9, 10, 11) if choice.fits(moment, "{}")] == [3, 9]
    assert [moment for moment in (9, 10, 11) if Choice(until=10).fits(moment, "{}")] == [9, 10]


@pytest.mark.parametrize(
    ("wanted", "unwanted", "fits"),
    [
        (("a",), (), True),
        (("a=1",), (), True),
        (("a=2",), (), False),
        (("a", "b"), (), False),
        ((), ("a",), False),
        ((), ("a=2",), True),
        ((), ("b", "a=1"), False),
    ],
)
def test_labels(wanted: tuple[str, ...], unwanted: tuple[str, ...], fits: bool) -> None:
    assert Choice(labels=wanted, not_labels=unwanted).fits(1, '{"a": "1"}') is fits


@pytest.mark.parametrize(
    "text",
    ["busybox", "library/a/b", "user/app", "host:5000/app", "localhost/x", "docker.io/library/x", "docker.io/u/x/y"],
)
def test_names_are_shown_as_references_show_them(text: str) -> None:
    reference = Reference.parse(text)
    assert familiar(reference.name) == reference.familiar_name
