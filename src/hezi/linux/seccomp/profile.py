"""Docker's seccomp profiles: what the JSON says, for one set of capabilities, machine and kernel.

The format is Docker's (https://docs.docker.com/engine/security/seccomp/) on top of the OCI runtime specification's
``linux.seccomp``: ``archMap`` or ``architectures``, and for each rule ``includes`` and ``excludes`` on capabilities,
architectures and kernel. :func:`resolve` settles these conditions; what is left needs only the numbers of the system
calls (:mod:`hezi.linux.seccomp.compiler`).

Anything that is not understood refuses the profile, by name: an unknown action, operator, architecture, flag,
capability or key would otherwise quietly mean less protection than its author wrote. Names of system calls are the
exception: as with Docker, one that no architecture has is skipped, since profiles name calls newer than the kernel.

Where several rules meet in one call: of those without conditions the first counts; one with conditions that hold counts
if it is stricter. (With Docker a condition beside an unconditional rule is ignored.)
"""

from __future__ import annotations

import json
import re

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, UNSUPPORTED, Error
from hezi.linux.seccomp import actions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

MAX_BYTES = 1 << 20
EPERM = 1
U64 = (1 << 64) - 1

OPERATORS = frozenset(
    {
        "SCMP_CMP_NE",
        "SCMP_CMP_LT",
        "SCMP_CMP_LE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_MASKED_EQ",
    }
)
# seccomp(2). Flags that need a listener (NEW_LISTENER, WAIT_KILLABLE_RECV) are not for profiles.
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}
# Every architecture libseccomp can name; a profile may list those of other machines.
_ARCHITECTURES = (
    "X86 X86_64 X32 ARM AARCH64 LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PARISC PARISC64 "
    "PPC PPC64 PPC64LE RISCV64 S390 S390X SH SHEB"
)
ARCHITECTURES = frozenset("SCMP_ARCH_" + name for name in _ARCHITECTURES.split())
# The names ``includes`` and ``excludes`` use: Go's and libseccomp's mixed, as Docker does.
_FILTER_ARCHES = (
    "386 amd64 x86 x32 arm arm64 loong64 loongarch64 mips mips64 mips64n32 mips64p32 mips64le mipsel mipsel64 "
    "mipsel64n32 mips3l64n32 mips64p32le mipsle parisc parisc64 ppc ppc64 ppc64le riscv64 s390 s390x"
)
FILTER_ARCHES = frozenset(_FILTER_ARCHES.split())
# uname's machine -> (libseccomp's name, the name in ``includes``).
MACHINES = {
    "x86_64": ("SCMP_ARCH_X86_64", "amd64"),
    "aarch64": ("SCMP_ARCH_AARCH64", "arm64"),
}
_CAPABILITY = re.compile(r"CAP_[A-Z][A-Z_0-9]*")
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")

_DOCUMENT_KEYS = frozenset(
    # defaultErrno and errno are Podman's spelling out of the number beside them.
    {"defaultAction", "defaultErrnoRet", "defaultErrno", "archMap", "architectures", "flags", "syscalls", "comment"}
)
_RULE_KEYS = frozenset(
    {"names", "name", "action", "errnoRet", "errno", "args", "includes", "excludes", "comment", "priority"}
)
_FILTER_KEYS = frozenset({"caps", "arches", "minKernel"})
_ARGUMENT_KEYS = frozenset({"index", "value", "valueTwo", "op"})


class Condition(NamedTuple):
    """A comparison of one argument; for MASKED_EQ ``value`` is the mask and ``value_two`` what must be left."""

    argument: int
    value: int
    value_two: int
    op: str


class Rule(NamedTuple):
    """These calls get ``verdict`` (a SECCOMP_RET value) if all conditions hold."""

    names: tuple[str, ...]
    verdict: int
    conditions: tuple[Condition, ...]


class Resolved(NamedTuple):
    """A profile without conditions on its surroundings; the first architecture is the machine's own."""

    default: int
    architectures: tuple[str, ...]
    rules: tuple[Rule, ...]
    flags: int


class Surroundings(NamedTuple):
    """What ``includes`` and ``excludes`` ask about."""

    capabilities: frozenset[str]
    arch: str
    kernel: tuple[int, int]


def resolve(raw: bytes, *, capabilities: Collection[str], machine: str, kernel: tuple[int, int]) -> Resolved:
    """Read a profile and settle its conditions.

    :param raw: the JSON document
    :param capabilities: the bounding set the process will have (``CAP_...``)
    :param machine: as uname(2) says it
    :param kernel: major and minor version
    :raises Error: INVALID, it is not a profile or says something unknown; UNSUPPORTED, a machine or an action
        (SCMP_ACT_NOTIFY) that hezi does not do.
    """
    if machine not in MACHINES:
        message = f"seccomp profiles are not supported on {machine}"
        raise Error(UNSUPPORTED, message, hint="use --security-opt seccomp=unconfined")
    document = _document(raw)
    _known(document, _DOCUMENT_KEYS, "the profile")
    native, arch = MACHINES[machine]
    around = Surroundings(frozenset(capabilities), arch, kernel)
    default_errno = _errno(document, "defaultErrnoRet", "defaultErrno", EPERM)
    default = _verdict(document.get("defaultAction"), default_errno, "defaultAction")
    rules: list[Rule] = []
    for number, entry in enumerate(_list(document, "syscalls")):
        where = f"syscalls[{number}]"
        rule = _object(entry, where)
        _known(rule, _RULE_KEYS, where)
        parsed = _rules(rule, where, default_errno)
        if _applies(rule, where, around):
            # A rule that repeats the default says nothing; Docker's runtimes drop it, and it must not outrank others.
            rules += [one for one in parsed if one.verdict != default]
    return Resolved(default, _architectures(document, native), tuple(rules), _flags(document))


def to_oci(resolved: Resolved) -> dict[str, Any]:
    """The same as ``linux.seccomp`` of an OCI runtime specification, for config.json and other runtimes."""
    names = {verdict: name for name, verdict in reversed(actions.NAMES.items())}
    result: dict[str, Any] = {"defaultAction": names[resolved.default & actions.ACTION_MASK]}
    if resolved.default & actions.DATA_MASK:
        result["defaultErrnoRet"] = resolved.default & actions.DATA_MASK
    result["architectures"] = list(resolved.architectures)
    if resolved.flags:
        result["flags"] = [name for name, bit in FLAGS.items() if resolved.flags & bit]
    result["syscalls"] = []
    for rule in resolved.rules:
        entry: dict[str, Any] = {"names": list(rule.names), "action": names[rule.verdict & actions.ACTION_MASK]}
        if rule.verdict & actions.ACTION_MASK in {actions.ERRNO, actions.TRACE}:
            entry["errnoRet"] = rule.verdict & actions.DATA_MASK
        if rule.conditions:
            entry["args"] = [
                {"index": c.argument, "value": c.value, "valueTwo": c.value_two, "op": c.op} for c in rule.conditions
            ]
        result["syscalls"].append(entry)
    return result


# Reading ------------------------------------------------------------------------------------------------------------


def _invalid(message: str, hint: str | None = None) -> Error:
    return Error(INVALID, f"seccomp profile: {message}", hint=hint)


def _document(raw: bytes) -> dict[str, Any]:
    """JSON, strictly: no duplicate key (whose second value would win unseen), no megabytes, no deep nesting."""
    if len(raw) > MAX_BYTES:
        message = f"{len(raw)} bytes, more than {MAX_BYTES}"
        raise _invalid(message)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            message = f"the key {twice!r} is there twice"
            raise _invalid(message)
        return result

    try:
        return _object(json.loads(raw, object_pairs_hook=pairs), "the profile")
    except (ValueError, RecursionError) as exception:
        message = f"not JSON: {exception}"
        raise _invalid(message) from exception


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = f"{where} is not an object"
        raise _invalid(message)
    return value


def _known(value: dict[str, Any], keys: frozenset[str], where: str) -> None:
    for key in value:
        if key == "listenerPath":
            message = "seccomp profile: listenerPath is not supported: hezi runs no notification agent"
            raise Error(UNSUPPORTED, message)
        if key not in keys:
            message = f"unknown key {key!r} in {where}"
            raise _invalid(message, "a misspelt key would mean less protection than was asked for")


def _list(value: dict[str, Any], key: str) -> list[Any]:
    """A list; missing and null are empty, as in Go."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        message = f"{key} is not a list"
        raise _invalid(message)
    return found


def _strings(value: dict[str, Any], key: str) -> list[str]:
    found = _list(value, key)
    for one in found:
        if not isinstance(one, str):
            message = f"{key} has {one!r}, which is not a string"
            raise _invalid(message)
    return found


def _number(value: object, highest: int, what: str) -> int:
    # bool is an int to Python, and true is not a number to anybody.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        message = f"{what} is {value!r}, not a number from 0 to {highest}"
        raise _invalid(message)
    return value


def _errno(value: dict[str, Any], key: str, name_key: str, default: int) -> int:
    """The number of ``key``; Podman's named errno in ``name_key`` where only that is given."""
    number = value.get(key)
    if number is not None:
        return _number(number, actions.MAX_ERRNO, key)
    name = value.get(name_key)
    if name is None or not name:
        return default
    import errno

    found = getattr(errno, name, None) if isinstance(name, str) and name.startswith("E") else None
    if not isinstance(found, int):
        message = f"{name_key} is {name!r}, which is no errno"
        raise _invalid(message)
    return found


def _verdict(action: object, errno_ret: int, where: str) -> int:
    if action == "SCMP_ACT_NOTIFY":
        message = "seccomp profile: SCMP_ACT_NOTIFY is not supported: hezi runs no notification agent"
        raise Error(UNSUPPORTED, message)
    if not isinstance(action, str) or action not in actions.NAMES:
        message = f"unknown action {action!r} in {where}"
        raise _invalid(message, "one of " + ", ".join(actions.NAMES))
    verdict = actions.NAMES[action]
    return verdict | errno_ret if verdict in {actions.ERRNO, actions.TRACE} else verdict


def _architectures(document: dict[str, Any], native: str) -> tuple[str, ...]:
    """The machine's own architecture, then those the profile adds to it."""
    listed = _strings(document, "architectures")
    mapped: list[Any] = []
    for entry in _list(document, "archMap"):
        one = _object(entry, "archMap")
        _known(one, frozenset({"architecture", "subArchitectures"}), "archMap")
        names = [one.get("architecture"), *_strings(one, "subArchitectures")]
        if names[0] == native:
            mapped = names
        _all_known(names, ARCHITECTURES, "architecture")
    _all_known(listed, ARCHITECTURES, "architecture")
    if listed and document.get("archMap"):
        message = "both 'architectures' and 'archMap' are there"
        raise _invalid(message, "use one of them")
    return tuple(dict.fromkeys([native, *listed, *mapped]))


def _all_known(values: Collection[object], known: frozenset[str], what: str) -> None:
    for value in values:
        if not isinstance(value, str) or value not in known:
            message = f"unknown {what} {value!r}"
            raise _invalid(message)


def _flags(document: dict[str, Any]) -> int:
    names = _strings(document, "flags")
    _all_known(names, frozenset(FLAGS), "flag")
    bits = 0
    for name in names:
        bits |= FLAGS[name]
    return bits


def _rules(rule: dict[str, Any], where: str, default_errno: int) -> list[Rule]:
    """The entry as rules that are ANDs. Entries that ask twice about one argument are ORs with Docker's runtimes."""
    names = _strings(rule, "names")
    if rule.get("name"):
        if names:
            message = f"both 'name' and 'names' in {where}"
            raise _invalid(message, "use 'names'")
        names = [rule["name"]] if isinstance(rule["name"], str) else []
    if not names:
        message = f"{where} names no system call"
        raise _invalid(message)
    verdict = _verdict(rule.get("action"), _errno(rule, "errnoRet", "errno", default_errno), where)
    conditions = [_condition(_object(one, where), where) for one in _list(rule, "args")]
    indexes = [condition.argument for condition in conditions]
    if len(set(indexes)) != len(indexes):
        return [Rule(tuple(names), verdict, (condition,)) for condition in conditions]
    return [Rule(tuple(names), verdict, tuple(conditions))]


def _condition(argument: dict[str, Any], where: str) -> Condition:
    _known(argument, _ARGUMENT_KEYS, f"args of {where}")
    op = argument.get("op")
    if not isinstance(op, str) or op not in OPERATORS:
        message = f"unknown operator {op!r} in {where}"
        raise _invalid(message, "one of " + ", ".join(sorted(OPERATORS)))
    return Condition(
        _number(argument.get("index", 0), 5, f"index in {where}"),
        _number(argument.get("value", 0), U64, f"value in {where}"),
        _number(argument.get("valueTwo") or 0, U64, f"valueTwo in {where}"),
        op,
    )


def _applies(rule: dict[str, Any], where: str, around: Surroundings) -> bool:
    """Whether includes and excludes let the rule in. Both are read whole first, so that no error hides in one."""
    included, excluded = (_filter(rule, key, where) for key in ("includes", "excludes"))
    if around.arch in excluded.arches or excluded.caps & around.capabilities:
        return False
    if excluded.kernel and around.kernel >= excluded.kernel:
        return False
    if included.arches and around.arch not in included.arches:
        return False
    if included.kernel and around.kernel < included.kernel:
        return False
    return included.caps <= around.capabilities


class _Filter(NamedTuple):
    caps: frozenset[str]
    arches: frozenset[str]
    kernel: tuple[int, int] | None


def _filter(rule: dict[str, Any], key: str, where: str) -> _Filter:
    value = _object(rule.get(key) or {}, f"{key} of {where}")
    _known(value, _FILTER_KEYS, f"{key} of {where}")
    caps, arches = _strings(value, "caps"), _strings(value, "arches")
    for cap in caps:
        if not _CAPABILITY.fullmatch(cap):
            message = f"unknown capability {cap!r} in {where}"
            raise _invalid(message, "names are upper case and start with CAP_")
    _all_known(arches, FILTER_ARCHES, "architecture")
    kernel = value.get("minKernel")
    if not kernel:
        return _Filter(frozenset(caps), frozenset(arches), None)
    version = _VERSION.fullmatch(kernel) if isinstance(kernel, str) else None
    if version is None:
        message = f"minKernel {kernel!r} in {where} is not MAJOR.MINOR"
        raise _invalid(message)
    return _Filter(frozenset(caps), frozenset(arches), (int(version[1]), int(version[2])))
