"""Conversions between what v1 and v2 count in, and the kernel's small syntaxes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.linux.cgroup import tree
from hezi.linux.cgroup.controllers import cpu, cpuset, hugetlb, io


@pytest.mark.parametrize(("shares", "weight"), [(1, 1), (2, 1), (1024, 100), (262144, 10000), (10**9, 10000)])
def test_shares_and_weights_meet_at_their_ends_and_defaults(shares: int, weight: int):
    assert cpu.weight_of_shares(shares) == weight


@given(st.integers(3, 262143))
def test_weights_follow_the_formula_of_runc_and_crun(shares: int):
    logarithm = math.log2(shares)
    exact = 10 ** ((logarithm**2 + 125 * logarithm) / 612 - 7 / 34)
    assert abs(cpu.weight_of_shares(shares) - exact) <= 1.000001


@given(st.integers(2, 262143))
def test_more_shares_are_never_less_weight(shares: int):
    assert cpu.weight_of_shares(shares) <= cpu.weight_of_shares(shares + 1)


@given(st.integers(1, 10000))
def test_shares_of_a_weight_come_back_as_that_weight_or_the_next_there_is(weight: int):
    shares = cpu.shares_of_weight(weight)
    assert cpu.weight_of_shares(shares) >= weight
    assert shares in {2, 1024} or cpu.weight_of_shares(shares - 1) < weight


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", set()),
        ("0", {0}),
        ("0-3,8", {0, 1, 2, 3, 8}),
        ("5,0-1", {0, 1, 5}),
        ("0-10:2/4", {0, 1, 4, 5, 8, 9}),
        (" 1 , 2\n", {1, 2}),
    ],
)
def test_lists_are_read_as_the_kernel_reads_them(text: str, numbers: set[int]):
    assert cpuset.parse(text) == numbers


@pytest.mark.parametrize(
    "text", ["a", "3-1", "-1", "1-", "0-99999", "1:2", "0-3:0/2", "0-3:3/2", "１", "0x1", "9999999"]
)
def test_what_is_no_list_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        cpuset.parse(text)


@given(st.frozensets(st.integers(0, 300)))
def test_a_list_survives_writing_and_reading(numbers: frozenset[int]):
    assert cpuset.parse(cpuset.show(numbers)) == numbers


def test_io_weights_reach_both_ends():
    assert (io.v2_weight(10), io.v2_weight(1000)) == (1, 10000)


def test_huge_page_sizes():
    assert (hugetlb.bytes_of("2MB"), hugetlb.bytes_of("1GB"), hugetlb.bytes_of("64KB")) == (2 << 20, 1 << 30, 64 << 10)


def test_pressure_is_read_with_and_without_its_second_line():
    some = "some avg10=1.50 avg60=0.20 avg300=0.00 total=12345\n"
    assert tree.parse_pressure(some)[:4] == (1.5, 0.2, 0.0, 12345)
    both = tree.parse_pressure(some + "full avg10=0.10 avg60=0.00 avg300=0.00 total=99\n")
    assert (both.full_avg10, both.full_total_us) == (0.1, 99)
