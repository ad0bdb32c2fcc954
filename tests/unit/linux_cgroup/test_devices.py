"""Device rules: their order, what cannot be said, and the eBPF program that says the same."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.engine import defaults
from hezi.linux.cgroup import ebpf
from hezi.linux.cgroup.controllers import devices
from hezi.spec.runtime import DeviceRule
from tests.unit.linux_cgroup.ebpf_machine import run

DENY = DeviceRule(False)
ALLOW = DeviceRule(True)
ACCESSES = ["r", "w", "m", "rw", "rwm"]


def allowed(rules: list[DeviceRule], kind: str, major: int, minor: int, access: str) -> bool:
    verdicts = devices.settle(rules)
    return bool(run(ebpf.program(verdicts.allow, verdicts.exceptions), kind, major, minor, access))


def test_default_rules_open_the_six_and_nothing_else() -> None:
    rules = list(defaults.device_rules(False))
    opened = {
        (kind, major, minor)
        for kind, major, minor in product("bc", [0, 1, 5, 8, 10, 136, 229, 254], [0, 1, 2, 3, 5, 7, 8, 9, 11, 200, 229])
        if allowed(rules, kind, major, minor, "rw")
    }
    six = {("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9), ("c", 5, 0)}
    assert {node for node in opened if node[1] != 136} == six | {("c", 5, 2)}
    assert ("c", 136, 11) in opened
    assert ("b", 136, 0) not in opened
    assert allowed(rules, "b", 8, 0, "m")
    assert not allowed(rules, "b", 8, 0, "rm")
    assert not allowed(rules, "b", 8, 0, "r")


def test_privileged_opens_all() -> None:
    assert allowed(list(defaults.device_rules(True)), "b", 8, 0, "rwm")


def test_later_rules_win() -> None:
    tun = DeviceRule(True, "c", 10, 200, "rw")
    assert allowed([DENY, tun], "c", 10, 200, "rw")
    assert not allowed([DENY, tun], "c", 10, 200, "rwm")
    assert not allowed([tun, DENY], "c", 10, 200, "r")
    assert not allowed([DENY, tun, DeviceRule(False, "c", 10, None, "rwm")], "c", 10, 200, "r")
    partly = [DENY, tun, DeviceRule(False, "c", 10, 200, "w")]
    assert allowed(partly, "c", 10, 200, "r")
    assert not allowed(partly, "c", 10, 200, "w")


def test_rules_for_any_type_stand_for_both() -> None:
    rules = [DENY, DeviceRule(True, "a", 7, None, "r")]
    assert allowed(rules, "b", 7, 1, "r")
    assert allowed(rules, "c", 7, 1, "r")
    assert not allowed(rules, "c", 8, 1, "r")


def test_where_all_is_allowed_touching_an_exception_forbids() -> None:
    rules = [ALLOW, DeviceRule(False, "b", 8, None, "w")]
    assert allowed(rules, "b", 8, 1, "r")
    assert not allowed(rules, "b", 8, 1, "rw")
    assert allowed(rules, "c", 8, 1, "w")


@pytest.mark.parametrize(
    "rules",
    [
        [DENY, DeviceRule(True, "c", 1, None), DeviceRule(False, "c", 1, 3)],
        [ALLOW, DeviceRule(False, "b", None, None), DeviceRule(True, "b", 8, 0)],
        [DeviceRule(True, "x")],
        [DeviceRule(True, "c", 1, 3, "rwx")],
        [DeviceRule(True, "c", 1, 3, "")],
        [DeviceRule(True, "c", -1, 3)],
        [DeviceRule(True, "c", 1, 1 << 20)],
    ],
)
def test_what_cannot_be_said_is_refused(rules: list[DeviceRule]) -> None:
    with pytest.raises(OSError, match="devices"):
        devices.settle(rules)


NODES = st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 8]), st.sampled_from([None, 0, 3]))
RULES = st.builds(lambda allow, node, access: DeviceRule(allow, *node, access), st.booleans(), NODES, st.just("rwm"))


@given(st.booleans(), st.lists(RULES, max_size=6))
def test_the_program_is_the_last_rule_that_fits(start: bool, rules: list[DeviceRule]) -> None:
    """With whole access in every rule "the last that fits decides" is all there is to it."""
    ordered = [DeviceRule(start), *rules]
    try:
        devices.settle(ordered)
    except OSError:
        return
    for kind, major, minor in product("bc", [1, 8, 9], [0, 3, 4]):
        fitting = [
            r for r in ordered if r.type in {"a", kind} and r.major in {None, major} and r.minor in {None, minor}
        ]
        for access in ACCESSES:
            assert allowed(ordered, kind, major, minor, access) is fitting[-1].allow


def test_describe() -> None:
    assert devices.describe(DeviceRule(True, "c", 136, None, "rw")) == "allow c 136:* rw"
