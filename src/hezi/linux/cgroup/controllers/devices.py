"""The devices controller: which device nodes a group's tasks may open and make.

v1 has files, v2 an eBPF program (:mod:`hezi.linux.cgroup.ebpf`). Both are fed with the same :class:`Verdicts`, a
default and exceptions from it, worked out here as the kernel's v1 code works them out (security/device_cgroup.c), so
that a list of rules means the same on either and what the kernel holds can be compared with what was asked for.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple, Protocol
from hezi.linux import abi
from hezi.linux.cgroup import ebpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.linux.cgroup.ebpf import Node
    from hezi.linux.cgroup.group import Group

NAME = "devices"
_EINVAL, _ERANGE = 22, 34
_ALL = "rwm"


class Rule(Protocol):
    """One rule: type is a, b or c; None for any number; access of the letters r, w and m (mknod)."""

    @property
    def allow(self) -> bool: ...
    @property
    def type(self) -> str: ...
    @property
    def major(self) -> int | None: ...
    @property
    def minor(self) -> int | None: ...
    @property
    def access(self) -> str: ...


class Verdicts(NamedTuple):
    """A default, and the nodes and access that are the exception from it."""

    allow: bool
    exceptions: dict[Node, str]


def settle(rules: Sequence[Rule]) -> Verdicts:
    """Apply rules in order, the later ones over the earlier, to a group where all is allowed.

    :raises OSError: EINVAL for a rule that is none, or one that v1 would ignore in silence: forbidding a part of what
        a wider exception allows, or the reverse.
    """
    verdicts = Verdicts(True, {})
    for rule in rules:
        _check(rule)
        if rule.type == "a" and rule.major is None and rule.minor is None and set(rule.access) == set(_ALL):
            verdicts = Verdicts(rule.allow, {})
            continue
        kinds = ("b", "c") if rule.type == "a" else (rule.type,)
        for kind in kinds:
            node = (kind, rule.major, rule.minor)
            if rule.allow == verdicts.allow:
                _take_back(verdicts, node, rule.access)
            else:
                verdicts.exceptions[node] = _sorted(verdicts.exceptions.get(node, "") + rule.access)
    return verdicts


def _check(rule: Rule) -> None:
    numbers_fit = all(number is None or 0 <= number < 1 << 20 for number in (rule.major, rule.minor))
    if rule.type not in {"a", "b", "c"} or not rule.access or not set(rule.access) <= set(_ALL) or not numbers_fit:
        raise abi.error(_EINVAL, "devices", detail=f"no device rule: {describe(rule)}")


def _take_back(verdicts: Verdicts, node: Node, access: str) -> None:
    """A rule that agrees with the default removes exceptions, of exactly this node; a wider one would outlive it."""
    for other, exception in list(verdicts.exceptions.items()):
        if not set(exception) & set(access):
            continue
        if _covers(node, other):
            left = _sorted("".join(set(exception) - set(access)))
            if left:
                verdicts.exceptions[other] = left
            else:
                del verdicts.exceptions[other]
        elif _meet(node, other):
            text = f"a part of {_name(other)} {exception} cannot be taken back by {_name(node)} {access}"
            raise abi.error(_EINVAL, "devices", detail=text)


def _covers(wide: Node, narrow: Node) -> bool:
    return all(one is None or one == other for one, other in zip(wide, narrow, strict=True))


def _meet(one: Node, other: Node) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _sorted(access: str) -> str:
    return "".join(letter for letter in _ALL if letter in access)


def _name(node: Node) -> str:
    kind, major, minor = node
    return f"{kind} {'*' if major is None else major}:{'*' if minor is None else minor}"


def describe(rule: Rule) -> str:
    """The rule as v1's files have it, with the verb in front: ``allow c 1:3 rwm``."""
    return f"{'allow' if rule.allow else 'deny'} {_name((rule.type, rule.major, rule.minor))} {rule.access}"


def apply(group: Group, rules: Sequence[Rule]) -> None:
    """Give the group these rules, replacing what it had.

    The group has no task yet, or had these rules' default before: on v1 there is a moment in which all is denied.

    :raises OSError: as :func:`settle`; EPERM, the parent allows less than this; ERANGE, the kernel holds something else
        afterwards.
    """
    verdicts = settle(rules)
    if group.version == 2:
        instructions = ebpf.program(verdicts.allow, verdicts.exceptions)
        ebpf.attach(group.fd, instructions)
        if len(ebpf.attached(group.fd)) != 1:
            raise abi.error(_ERANGE, "bpf", group.path, "the device program is not attached")
        return
    group.write("devices.allow" if verdicts.allow else "devices.deny", "a")
    for node, access in verdicts.exceptions.items():
        group.write("devices.deny" if verdicts.allow else "devices.allow", f"{_name(node)} {access}")
    found = listed(group)
    # Where all but something is allowed the kernel lists nothing of use.
    if found != verdicts and not verdicts.allow:
        raise abi.error(_ERANGE, "write", f"{group.path}/devices.allow", f"the kernel has {found}")


def listed(group: Group) -> Verdicts:
    """Read v1's devices.list: what is allowed, or that everything is."""
    exceptions: dict[Node, str] = {}
    for line in group.read("devices.list").splitlines():
        kind, numbers, access = line.split(" ")
        if kind == "a":
            return Verdicts(True, {})
        major, minor = (None if number == "*" else int(number) for number in numbers.split(":"))
        exceptions[kind, major, minor] = _sorted(access)
    return Verdicts(False, exceptions)
