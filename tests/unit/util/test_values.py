"""Ids, sizes and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi._util import clock, ids, size


def test_ids_are_64_hexadecimal_digits_and_differ():
    made = {ids.new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(len(item) == 64 and set(item) <= set("0123456789abcdef") for item in made)


def test_short_id_has_no_algorithm():
    assert ids.short("sha256:" + "ab" * 32) == "ab" * 6
    assert ids.short("ab" * 32) == "ab" * 6


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (4_860_000, "4.86MB"), (117_000_000, "117MB"), (1_050_000_000, "1.05GB")],
)
def test_sizes_for_people_are_those_of_docker(number: int, text: str):
    assert size.human(number) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [("512", 512), ("64m", 64 << 20), ("1g", 1 << 30), ("10kb", 10240), ("1.5GiB", 3 << 29), ("0", 0), ("2B", 2)],
)
def test_sizes_from_people(text: str, number: int):
    assert size.parse_bytes(text) == number


@pytest.mark.parametrize("text", ["", "m", "-1", "+1", "1x", "1 2", "1e3", "nan", "9999999p", "0x10"])
def test_sizes_that_are_none(text: str):
    with pytest.raises(ValueError, match="size"):
        size.parse_bytes(text)


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_times_come_back(ns: int):
    assert clock.parse_rfc3339(clock.rfc3339(ns)) == ns


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:01Z", 1), ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:00:00-01:00", 0)],
)
def test_zones(text: str, seconds: int):
    assert clock.parse_rfc3339(text) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "2020-99-99T00:00:00Z", "T", "2020-01-01T1:2", "9" * 5000])
def test_a_wrong_time_is_zero_not_an_error(text: str):
    assert clock.parse_rfc3339(text) == 0
