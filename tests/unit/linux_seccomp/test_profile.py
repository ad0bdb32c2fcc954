"""Reading profiles: what includes and excludes mean, and that nothing unknown passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hezi.errors import INVALID, UNSUPPORTED, Error
from hezi.linux.seccomp import actions, cache, compiler, profile
from tests.unit.linux_seccomp.machine import run, show

GOOD: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [
        {
            "names": ["read"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
            "includes": {"caps": ["CAP_CHOWN"], "arches": ["amd64"], "minKernel": "4.8"},
            "excludes": {},
        }
    ],
}


def resolve(document: object, *caps: str, machine: str = "x86_64", kernel: tuple[int, int] = (6, 1)) -> Any:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return profile.resolve(raw, capabilities=caps, machine=machine, kernel=kernel)


def changed(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    for key, value in changes.items():
        if key in {"names", "name", "action", "args", "includes", "excludes", "errnoRet", "errno", "bogus"}:
            document["syscalls"][0][key] = value
        else:
            document[key] = value
    return document


@pytest.mark.parametrize(
    ("filters", "caps", "kernel", "applies"),
    [
        ({}, "", (5, 10), True),
        ({"includes": {"caps": ["CAP_A", "CAP_B"]}}, "CAP_A", (5, 10), False),
        ({"includes": {"caps": ["CAP_A", "CAP_B"]}}, "CAP_A CAP_B CAP_C", (5, 10), True),
        ({"excludes": {"caps": ["CAP_A", "CAP_B"]}}, "CAP_B", (5, 10), False),
        ({"excludes": {"caps": ["CAP_A"]}}, "CAP_B", (5, 10), True),
        ({"includes": {"arches": ["arm", "arm64"]}}, "", (5, 10), False),
        ({"includes": {"arches": ["amd64", "x32"]}}, "", (5, 10), True),
        ({"excludes": {"arches": ["amd64"]}}, "", (5, 10), False),
        ({"excludes": {"arches": ["s390x"]}}, "", (5, 10), True),
        ({"includes": {"minKernel": "5.10"}}, "", (5, 10), True),
        ({"includes": {"minKernel": "5.11"}}, "", (5, 10), False),
        ({"includes": {"minKernel": "4.20"}}, "", (5, 10), True),
        ({"excludes": {"minKernel": "5.10"}}, "", (5, 10), False),
        ({"excludes": {"minKernel": "6.0"}}, "", (5, 10), True),
        ({"includes": {"caps": ["CAP_A"]}, "excludes": {"caps": ["CAP_B"]}}, "CAP_A CAP_B", (5, 10), False),
        ({"includes": {"caps": None}, "excludes": None}, "", (5, 10), True),
    ],
)
def test_includes_and_excludes(filters: dict[str, Any], caps: str, kernel: tuple[int, int], applies: bool) -> None:
    document = changed(**{"includes": {}, "excludes": {}, **filters})
    assert bool(resolve(document, *caps.split(), kernel=kernel).rules) is applies


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (changed(defaultAction="SCMP_ACT_ALOW"), "SCMP_ACT_ALOW"),
        (changed(defaultAction=""), "defaultAction"),
        ({"syscalls": []}, "defaultAction"),
        ({}, "defaultAction"),
        (changed(action="allow"), "'allow'"),
        (changed(action=None), "None"),
        (changed(action=1), "1"),
        (changed(args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQUAL"}]), "SCMP_CMP_EQUAL"),
        (changed(args=[{"index": 0, "value": 1}]), "operator None"),
        (changed(args=[{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]), "index"),
        (changed(args=[{"index": True, "value": 1, "op": "SCMP_CMP_EQ"}]), "index"),
        (changed(args=[{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]), "value"),
        (changed(args=[{"index": 0, "value": 1 << 64, "op": "SCMP_CMP_EQ"}]), "value"),
        (changed(args=[{"index": 0, "value": "1", "op": "SCMP_CMP_EQ"}]), "value"),
        (changed(args=[{"indx": 0, "value": 1, "op": "SCMP_CMP_EQ"}]), "indx"),
        (changed(args=["x"]), "not an object"),
        (changed(args={}), "args is not a list"),
        (changed(includes={"cap": ["CAP_CHOWN"]}), "'cap'"),
        (changed(includes={"caps": ["chown"]}), "'chown'"),
        (changed(includes={"arches": ["amd46"]}), "amd46"),
        (changed(excludes={"minKernel": "4"}), "minKernel"),
        (changed(excludes={"minKernel": 4.8}), "minKernel"),
        (changed(names=[]), "names no system call"),
        (changed(names=["read", 3]), "3"),
        (changed(name="write"), "both 'name' and 'names'"),
        (changed(errnoRet=4096), "errnoRet"),
        (changed(errnoRet=-1), "errnoRet"),
        (changed(errno="EWHAT"), "EWHAT"),
        (changed(bogus=1), "'bogus'"),
        (changed(Names=["x"]), "'Names'"),
        (changed(architectures=["SCMP_ARCH_X8664"]), "SCMP_ARCH_X8664"),
        (changed(archMap=[{"architecture": "SCMP_ARCH_X86_64"}]), "archMap"),
        (changed(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"]), "NEW_LISTENER"),
        (changed(flags=["LOG"]), "LOG"),
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"defaultAction":"SCMP_ACT_ERRNO","defaultAction":"SCMP_ACT_ALLOW"}', "there twice"),
        (b'{"syscalls":' + b"[" * 100_000, "not JSON"),
        (b" " * (profile.MAX_BYTES + 1), "bytes"),
    ],
)
def test_anything_unknown_refuses_the_profile_by_name(document: object, named: str) -> None:
    with pytest.raises(Error) as caught:
        resolve(document)
    assert caught.value.kind == INVALID
    assert named in caught.value.message


@pytest.mark.parametrize("document", [changed(action="SCMP_ACT_NOTIFY"), changed(listenerPath="/run/agent")])
def test_notification_is_refused_as_not_supported(document: object) -> None:
    with pytest.raises(Error) as caught:
        resolve(document)
    assert caught.value.kind == UNSUPPORTED


def test_an_error_does_not_hide_in_a_rule_that_does_not_apply() -> None:
    document = changed(includes={"caps": ["CAP_NOT_HELD"]}, excludes={"arches": ["nonsense"]})
    with pytest.raises(Error, match="nonsense"):
        resolve(document)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Everywhere in a document where a value stands: (container, key)."""
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):  # type: ignore[call-overload]
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_junk_anywhere_is_refused_or_protects(data: st.DataObject) -> None:
    """D8: with any one value replaced by junk there is our own error, or a filter that denies as before."""
    document = changed(archMap=[{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}], flags=[])
    del document["architectures"]
    holder, key = data.draw(st.sampled_from(list(places(document))))
    holder[key] = data.draw(JUNK)
    try:
        resolved = resolve(document, "CAP_CHOWN")
    except Error:
        return
    program = compiler.compile_profile(resolved)
    assert show(run(program, 0xC000003E, 250)).startswith("ERRNO")  # keyctl


def test_an_unknown_system_call_is_skipped() -> None:
    resolved = resolve(changed(names=["read", "quantum_leap"], includes={}))
    assert compiler.compile_profile(resolved) == compiler.compile_profile(resolve(changed(includes={})))


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(Error, match="sparc"):
        resolve(GOOD, machine="sparc")


def test_errno_of_rule_then_of_profile_then_eperm() -> None:
    def errno_of(**changes: Any) -> int:
        document = changed(includes={}, action="SCMP_ACT_ERRNO", **{"defaultAction": "SCMP_ACT_ALLOW", **changes})
        return int(resolve(document).rules[0].verdict & actions.DATA_MASK)

    assert errno_of() == 1
    assert errno_of(defaultErrnoRet=38) == 38
    assert errno_of(defaultErrnoRet=38, errnoRet=13) == 13
    assert errno_of(errno="EINVAL") == 22


def test_flags_are_the_kernels_bits() -> None:
    document = changed(flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    assert resolve(document).flags == 6


def test_architectures_of_the_machine_come_first() -> None:
    raw = cache.default_profile()
    assert resolve(raw).architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")
    assert resolve(raw, machine="aarch64").architectures == ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")
    assert resolve(changed(architectures=["SCMP_ARCH_X86"])).architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")


def test_docker_1_10_style_with_name_is_read() -> None:
    document = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", "args": []}],
    }
    assert resolve(document).rules[0].names == ("read",)


def test_default_profile_lists_each_plain_name_once() -> None:
    document = json.loads(cache.default_profile())
    plain = [
        name
        for rule in document["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and not {"args", "includes", "excludes"} & set(rule)
        for name in rule["names"]
    ]
    assert len(plain) == len(set(plain)) == 361


def test_to_oci_keeps_the_meaning() -> None:
    resolved = resolve(cache.default_profile(), "CAP_SYS_CHROOT")
    oci = profile.to_oci(resolved)
    again = profile.resolve(json.dumps(oci).encode(), capabilities=[], machine="x86_64", kernel=(6, 1))
    assert again == resolved
    assert compiler.compile_profile(again) == compiler.compile_profile(resolved)


def test_podmans_profile_compiles() -> None:
    path = Path("/usr/share/containers/seccomp.json")
    if path.exists():
        resolved = resolve(path.read_bytes(), "CAP_CHOWN")
        assert resolved.default == actions.ERRNO | 38
        compiler.compile_profile(resolved)
