"""Compiled programs against the meaning of the JSON: every operator, every architecture, every known call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hezi.linux.seccomp import bpf, cache, compiler, profile, tables
from tests.unit.linux_seccomp.machine import meaning, run, show

NUMBERS = tables.load()
DEFAULT = json.loads(cache.default_profile())
DOCKERS = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT"
DOCKER = {f"CAP_{name}" for name in [*DOCKERS.split(), "KILL", "AUDIT_WRITE"]}
GATES = sorted({cap for rule in DEFAULT["syscalls"] for cap in (rule.get("includes") or {}).get("caps", [])})
OPERATORS = sorted(profile.OPERATORS)
MACHINE_OF = {"x86_64": "amd64", "aarch64": "arm64"}
X86_64, X86, X32 = "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"
EDGES = [0, 1, 2, 7, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, (5 << 32) + 7, (1 << 64) - 1]


def build(document: dict[str, Any], caps: set[str] | frozenset[str] = frozenset(), machine: str = "x86_64") -> bytes:
    raw = json.dumps(document).encode()
    return compiler.compile_profile(profile.resolve(raw, capabilities=caps, machine=machine, kernel=(6, 18)))


def ask(program: bytes, arch: str, name: str, *args: int) -> str:
    one = tables.ARCHES[arch]
    return show(run(program, one.audit, NUMBERS[one.table][name] + one.base, args))


def rule(names: str, action: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": names.split(), "action": action, **more}


def argument(index: int, op: str, value: int, two: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op.removeprefix('SCMP_CMP_')}", "value": value, "valueTwo": two}


def deny(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(rules), **more}


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("arch", [X86_64, X86, X32])
def test_every_operator_on_edge_values(op: str, arch: str) -> None:
    for wanted in EDGES:
        document = deny(rule("read", args=[argument(2, op, wanted, wanted & 0x100000007)]), architectures=[X86, X32])
        program = build(document)
        for value in EDGES:
            wide = arch != X86
            expected = meaning(document, set(), "amd64", "read", (0, 0, value), wide=wide)
            assert ask(program, arch, "read", 0, 0, value) == expected, (op, hex(wanted), hex(value))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_profiles_mean_what_they_say(data: st.DataObject) -> None:
    number = st.sampled_from(EDGES)
    argument_of = st.builds(argument, st.integers(0, 5), st.sampled_from(OPERATORS), number, number)
    arguments = st.lists(argument_of, max_size=3, unique_by=lambda one: one["index"])
    action = st.sampled_from(sorted(set(profile.actions.NAMES) - {"SCMP_ACT_KILL"}))
    names = st.sampled_from(["read", "read write", "write clone openat"])
    one = st.builds(
        lambda n, a, args, e: rule(n, a, args=args, errnoRet=e), names, action, arguments, st.sampled_from([1, 38])
    )
    rules = data.draw(st.lists(one, min_size=1, max_size=6))
    document = {"defaultAction": data.draw(action), "syscalls": [rule("listns"), *rules]}
    program = build(document)
    for name in ("read", "write", "openat"):
        args = tuple(data.draw(number) for _ in range(6))
        got, wanted = ask(program, X86_64, name, *args), meaning(document, set(), "amd64", name, args)
        # Two rules of one strictness and different errno: the first holds, which the naive reading leaves open.
        assert got.split()[0] == wanted.split()[0]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("caps", [set(), DOCKER, DOCKER | {"CAP_SYS_ADMIN"}, DOCKER | set(GATES)], ids=len)
def test_golden_table_of_the_default_profile(machine: str, caps: set[str]) -> None:
    """All known calls of all five architectures, with a handful of arguments each, against the naive reading."""
    program = build(DEFAULT, caps, machine)
    native, _ = profile.MACHINES[machine]
    listed = [native, *next(e["subArchitectures"] for e in DEFAULT["archMap"] if e["architecture"] == native)]
    checked = 0
    for arch in listed:
        one = tables.ARCHES[arch]
        named = {name for entry in DEFAULT["syscalls"] for name in entry["names"]}
        newest = max(n for name, n in NUMBERS[one.table].items() if name in named and n < one.special)
        for name, number in NUMBERS[one.table].items():
            for args in [(0, 0, 0), (0x10000, 1, 0), (38, 38, 0), (0x7E020000, 8, 0), (1 << 32, 1 << 32, 0)]:
                wanted = meaning(DEFAULT, caps, MACHINE_OF[machine], name, args, wide=one.wide)
                if newest < number < one.special:
                    wanted = "ERRNO 38"
                assert ask(program, arch, name, *args) == wanted, (arch, name, args)
                checked += 1
    assert checked > 3500


def test_default_profile_in_words() -> None:
    """The rules that have a history, said without any machinery."""
    program = build(DEFAULT, DOCKER)

    def of(name: str, *args: int) -> str:
        return ask(program, X86_64, name, *args)

    assert of("read") == of("execve") == of("ptrace") == of("openat2") == of("chroot") == "ALLOW"
    for name in ("keyctl", "add_key", "io_uring_setup", "userfaultfd", "kexec_load", "pivot_root", "move_pages"):
        assert of(name) == "ERRNO 1", name
    for name in ("mount", "umount2", "unshare", "setns", "bpf", "perf_event_open", "fsopen", "open_by_handle_at"):
        assert of(name) == "ERRNO 1", name
    assert of("clone3") == "ERRNO 38"
    assert of("clone", 0x1200011) == "ALLOW"  # fork, as glibc does it
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert of("clone", flag | 17) == "ERRNO 1", hex(flag)
    families = {family: of("socket", family) for family in range(47)}
    assert {family for family, verdict in families.items() if verdict != "ALLOW"} == {
        *(12, 19, 20, 23, 25, 34, 37),  # without a kernel behind them, or losing it
        *(38, 40, 46),  # AF_ALG, AF_VSOCK, AF_MAX
    }
    # The kernel takes an int: AF_ALG with high bits must not slip through.
    assert of("socket", 38 | 1 << 32) == of("socket", 38 | 0xFFFFFFFF << 32) == "ERRNO 1"
    assert [of("personality", value) for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF, 1, 0x40000)] == (
        ["ALLOW"] * 5 + ["ERRNO 1"] * 2
    )
    assert ask(program, X86, "socketcall", 1) == "ALLOW"


@pytest.mark.parametrize("high", [0, 1, 0xFFFFFFFF])
def test_a_64_bit_program_cannot_hide_behind_high_bits_on_int_80(high: int) -> None:
    document = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": [X86],
        "syscalls": [rule("socket", "SCMP_ACT_ERRNO", args=[argument(0, "EQ", 38)])],
    }
    assert ask(build(document), X86, "socket", 38 | high << 32) == "ERRNO 1"


def test_unknown_numbers_get_enosys_where_the_default_denies() -> None:
    program = build(DEFAULT, DOCKER)
    audit = tables.ARCHES[X86_64].audit
    for number in (4000, 400, 472, 0x3FFFFFFF, 0xFFFFFFFF, 0x40000000 + 4000):
        assert show(run(program, audit, number)) == "ERRNO 38", number
    # Known to us, and newer than all the profile names.
    assert ask(program, X86_64, "file_getattr") == "ERRNO 38"
    assert ask(program, X86, "file_getattr") == "ERRNO 38"
    allow = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule("read", "SCMP_ACT_ERRNO")]}
    assert show(run(build(allow), audit, 4000)) == "ALLOW"
    kill = {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [rule("read")]}
    assert show(run(build(kill), audit, 4000)) == "ERRNO 38"


def test_an_architecture_the_profile_does_not_name_is_killed() -> None:
    program = build(deny(rule("read write")))
    assert show(run(program, tables.ARCHES[X86].audit, 3)) == "KILL_PROCESS"
    assert show(run(program, tables.ARCHES[X86_64].audit, 0x40000000)) == "KILL_PROCESS"
    assert show(run(program, tables.ARCHES["SCMP_ARCH_ARM"].audit, 3)) == "KILL_PROCESS"
    assert show(run(program, tables.ARCHES[X86_64].audit, 0xFFFFFFFF)) == "ERRNO 38"


def test_calls_inside_socketcall_and_ipc_follow_the_call_they_stand_for() -> None:
    program = build(deny(rule("socket connect semget"), architectures=[X86]))
    assert ask(program, X86, "socketcall", 1) == ask(program, X86, "socketcall", 3) == "ALLOW"
    assert ask(program, X86, "socketcall", 2) == "ERRNO 1"
    assert ask(program, X86, "ipc", 2) == ask(program, X86, "ipc", 2 | 7 << 16) == "ALLOW"
    assert ask(program, X86, "ipc", 13) == "ERRNO 1"
    allow = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [X86]}
    program = build({**allow, "syscalls": [rule("bind", "SCMP_ACT_ERRNO")]})
    assert ask(program, X86, "socketcall", 2) == "ERRNO 1"
    assert ask(program, X86, "socketcall", 1) == "ALLOW"


def test_of_rules_without_conditions_the_first_counts() -> None:
    refuse = rule("read", "SCMP_ACT_ERRNO", errnoRet=13)
    assert ask(build(deny(rule("read"), refuse)), X86_64, "read") == "ALLOW"
    assert ask(build(deny(refuse, rule("read"))), X86_64, "read") == "ERRNO 13"


def test_a_condition_that_denies_holds_beside_a_rule_that_allows_all() -> None:
    everything, some = rule("read"), rule("read", "SCMP_ACT_ERRNO", errnoRet=13, args=[argument(0, "EQ", 5)])
    for rules in ([everything, some], [some, everything]):
        program = build(deny(*rules))
        assert [ask(program, X86_64, "read", fd) for fd in (4, 5)] == ["ALLOW", "ERRNO 13"]


def test_two_conditions_on_one_argument_are_alternatives_as_with_docker() -> None:
    program = build(deny(rule("read", args=[argument(0, "EQ", 3), argument(0, "EQ", 5)])))
    assert [ask(program, X86_64, "read", fd) for fd in (3, 4, 5)] == ["ALLOW", "ERRNO 1", "ALLOW"]


def test_programs_are_short_and_hot_calls_need_few_steps() -> None:
    program = build(DEFAULT, DOCKER | set(GATES))
    assert len(program) // 8 < 900
    code = bpf.unpack(program)
    steps, position = 0, 0
    while code[position][0] != bpf.RET_K:  # read(2) on x86_64: follow the compares with nr 0
        op, true, false, k = code[position]
        if op == bpf.LD_ABS:
            accumulator = {bpf.OFFSET_NR: 0, bpf.OFFSET_ARCH: tables.ARCHES[X86_64].audit}[k]
            position += 1
        else:
            holds = {bpf.JEQ: accumulator == k, bpf.JGE: accumulator >= k}[op]
            position += 1 + (true if holds else false)
        steps += 1
    assert steps <= 14


def test_too_large_a_profile_is_refused() -> None:
    rules = [rule("read", args=[argument(i % 6, "NE", 1 << 33 | i)]) for i in range(1200)]
    with pytest.raises(ValueError, match="4096"):
        build(deny(*rules))


def test_compiled_default_is_pinned_to_the_cache_version() -> None:
    """If this fails the compiler now says something else: raise cache.COMPILER_VERSION, then write the new digests."""
    import hashlib

    found = {m: hashlib.sha256(build(DEFAULT, DOCKER, m)).hexdigest()[:16] for m in ("x86_64", "aarch64")}
    assert (cache.COMPILER_VERSION, found) == (1, {"x86_64": "f4b0caf72c53a717", "aarch64": "c1dca3e07b35813f"})


def test_tables_agree_with_the_headers_of_this_machine() -> None:
    import re
    from pathlib import Path

    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        return
    for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text()):
        assert NUMBERS["x86_64"][name] == int(number), name
