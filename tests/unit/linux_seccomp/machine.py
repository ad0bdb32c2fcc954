"""Two independent readings of a profile, to hold against each other.

:func:`run` executes a compiled program as the kernel would. :func:`meaning` computes what the JSON says for one call,
naively and from the document itself, sharing no code with the compiler.
"""

from __future__ import annotations

import struct
from typing import Any

U32 = 0xFFFFFFFF
RANK = ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"]
RANK += ["SCMP_ACT_LOG", "SCMP_ACT_ALLOW"]


def run(program: bytes, audit: int, number: int, args: tuple[int, ...] = ()) -> int:
    """What the program returns for one call."""
    values = [value & 0xFFFFFFFFFFFFFFFF for value in (*args, 0, 0, 0, 0, 0, 0)][:6]
    data = struct.pack("<IIQ6Q", number & U32, audit, 0, *values)
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        op, true, false, k = code[position]
        position += 1
        if op == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif op == 0x54:
            accumulator &= k
        elif op == 0x05:
            position += k
        elif op == 0x06:
            return k
        else:
            holds = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k}[op]
            position += true if holds else false


def show(verdict: int) -> str:
    """A SECCOMP_RET value in words: ``ALLOW``, ``ERRNO 38``."""
    words = {0x80000000: "KILL_PROCESS", 0: "KILL_THREAD", 0x30000: "TRAP", 0x50000: "ERRNO", 0x7FF00000: "TRACE"}
    words |= {0x7FFC0000: "LOG", 0x7FFF0000: "ALLOW"}
    word = words[verdict & 0xFFFF0000]
    return f"{word} {verdict & 0xFFFF}" if word in {"ERRNO", "TRACE"} else word


def holds(argument: dict[str, Any], args: tuple[int, ...], wide: bool) -> bool:
    """One comparison, in Python's own arithmetic."""
    value = args[argument["index"]] if argument["index"] < len(args) else 0
    value &= 0xFFFFFFFFFFFFFFFF if wide else U32
    wanted = argument["value"]
    return {
        "SCMP_CMP_EQ": value == wanted,
        "SCMP_CMP_NE": value != wanted,
        "SCMP_CMP_LT": value < wanted,
        "SCMP_CMP_LE": value <= wanted,
        "SCMP_CMP_GT": value > wanted,
        "SCMP_CMP_GE": value >= wanted,
        "SCMP_CMP_MASKED_EQ": value & wanted == argument.get("valueTwo", 0),
    }[argument["op"]]


def let_in(rule: dict[str, Any], caps: set[str], arch: str) -> bool:
    """Whether includes and excludes let a rule in (on a kernel newer than any minKernel)."""
    included, excluded = rule.get("includes") or {}, rule.get("excludes") or {}
    if arch in (excluded.get("arches") or []) or caps & set(excluded.get("caps") or []):
        return False
    return arch in (included.get("arches") or [arch]) and set(included.get("caps") or []) <= caps


def meaning(
    document: dict[str, Any], caps: set[str], arch: str, name: str, args: tuple[int, ...], *, wide: bool = True
) -> str:
    """What the profile says about a known call: the strictest of the first plain rule and the conditions that hold."""
    default = document["defaultAction"]
    default_errno = document.get("defaultErrnoRet", 1)

    def words(action: str, number: int) -> str:
        action = "SCMP_ACT_KILL_THREAD" if action == "SCMP_ACT_KILL" else action
        short = action.removeprefix("SCMP_ACT_")
        return f"{short} {number}" if short in {"ERRNO", "TRACE"} else short

    plain, asking = [], []
    for rule in document["syscalls"]:
        if name not in rule["names"] or not let_in(rule, caps, arch):
            continue
        verdict = words(rule["action"], rule.get("errnoRet", default_errno))
        if verdict == words(default, default_errno):
            continue
        if not rule.get("args"):
            plain.append(verdict)
        elif all(holds(argument, args, wide) for argument in rule["args"]):
            asking.append(verdict)
    candidates = asking + plain[:1]
    if not candidates:
        return words(default, default_errno)
    return min(candidates, key=lambda one: RANK.index("SCMP_ACT_" + one.split(" ", maxsplit=1)[0]))
