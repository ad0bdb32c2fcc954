"""Our compiler against libseccomp, which Docker, Podman and crun use: the same rules must give the same verdicts.

libseccomp is asked for the program it would load (seccomp_export_bpf), and both programs are run by the interpreter on
every call that both know, with many arguments, on all architectures of the machine.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hezi.engine import defaults
from hezi.linux.seccomp import actions, cache, compiler, profile, tables
from tests.unit.linux_seccomp.machine import run, show

NUMBERS = tables.load()
OPERATORS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}  # enum scmp_compare
VALUES = [0, 1, 2, 8, 12, 16, 37, 38, 39, 40, 41, 45, 46, 0x20000, 0x7E020000, 0x01200011, 0x10000011, 0xFFFFFFFF]


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def library() -> Any:
    try:
        found = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    return found


LIBRARY = library()
pytestmark = [
    pytest.mark.needs("machine:x86_64"),
    pytest.mark.needs("crun"),  # which brings the library
]


def theirs(resolved: profile.Resolved, path: Path) -> bytes:
    """The program libseccomp makes of the same rules, as runc feeds them to it."""
    context = ctypes.c_void_p(LIBRARY.seccomp_init(ctypes.c_uint32(resolved.default)))
    try:
        for name in resolved.architectures[1:]:
            token = LIBRARY.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
            assert LIBRARY.seccomp_arch_add(context, ctypes.c_uint32(token & 0xFFFFFFFF)) == 0
        for rule in resolved.rules:
            conditions = [
                Argument(c.argument, OPERATORS[c.op.removeprefix("SCMP_CMP_")], c.value, c.value_two)
                for c in rule.conditions
            ]
            array = (Argument * max(1, len(conditions)))(*conditions)
            for name in rule.names:
                number = LIBRARY.seccomp_syscall_resolve_name(name.encode())
                if number != -1:  # __NR_SCMP_ERROR: newer than the library
                    verdict = ctypes.c_uint32(rule.verdict)
                    LIBRARY.seccomp_rule_add_array(context, verdict, number, len(conditions), array)
        with path.open("wb") as file:
            assert LIBRARY.seccomp_export_bpf(context, file.fileno()) == 0
    finally:
        LIBRARY.seccomp_release(context)
    return path.read_bytes()


def known_to_library(arch: str, name: str) -> bool:
    token = LIBRARY.seccomp_arch_resolve_name(arch.removeprefix("SCMP_ARCH_").lower().encode())
    number: int = LIBRARY.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(token & 0xFFFFFFFF), name.encode())
    return number >= 0


def compare(raw: bytes, capabilities: tuple[str, ...], path: Path) -> int:
    resolved = profile.resolve(raw, capabilities=capabilities, machine="x86_64", kernel=(6, 1))
    ours, other = compiler.compile_profile(resolved), theirs(resolved, path)
    # socketcall and ipc stand for other calls, whose rules they get.
    asked = {"socketcall", "ipc"} | {name for rule in resolved.rules if rule.conditions for name in rule.names}
    checked = 0
    for arch in resolved.architectures:
        one = tables.ARCHES[arch]
        for name, number in NUMBERS[one.table].items():
            if not known_to_library(arch, name):
                continue
            for value in VALUES if name in asked else VALUES[:2]:
                args = (value, 9, value, 3)
                mine = show(run(ours, one.audit, number + one.base, args))
                if mine == "ERRNO 38" and resolved.default != actions.ERRNO | 38 and name != "clone3":
                    continue  # newer than the profile: runc's addition to libseccomp, and ours
                assert mine == show(run(other, one.audit, number + one.base, args)), (arch, name, hex(value))
                checked += 1
    return checked


@pytest.mark.parametrize(
    "more", ["", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE CAP_BPF", "CAP_SYS_TIME CAP_SYSLOG CAP_SYS_NICE"]
)
def test_default_profile(more: str, tmp_path: Path) -> None:
    capabilities = (*defaults.CAPABILITIES, *more.split())
    assert compare(cache.default_profile(), capabilities, tmp_path / "bpf") > 2_000


@pytest.mark.needs("podman")
def test_podmans_profile(tmp_path: Path) -> None:
    path = Path("/usr/share/containers/seccomp.json")
    if not os.path.exists(path):
        path = Path("/etc/containers/seccomp.json")
    assert compare(path.read_bytes(), defaults.CAPABILITIES[:11], tmp_path / "bpf") > 2_000


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_each_operator(op: str, tmp_path: Path) -> None:
    argument = {"index": 2, "op": f"SCMP_CMP_{op}", "value": 38, "valueTwo": 6}
    rule = {"names": ["read", "fcntl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "args": [argument]}
    document = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [rule]}
    compare(json.dumps(document).encode(), (), tmp_path / "bpf")
