"""The cpuset controller: on which processors the tasks run and from which memory nodes they take their memory.

Both versions have ``cpuset.cpus`` and ``cpuset.mems``. Empty means "as the parent" on v2 and "none, hence no tasks" on
v1; what counts in the end is in ``cpuset.effective_cpus`` (v1) or ``cpuset.cpus.effective`` (v2).
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "cpuset"
_EINVAL, _ERANGE = 22, 34
# NR_CPUS of any kernel there is, and a cap on what a list may unfold to.
_HIGHEST = 8191


class Limits(NamedTuple):
    """Lists such as ``0-3,8``; None leaves alone."""

    cpus: str | None = None
    mems: str | None = None


def parse(text: str) -> frozenset[int]:
    """Read a list of numbers and ranges (List Format in cpuset(7)): ``0-4,9`` or ``0-10:2/4``, in any order.

    :raises ValueError: it is none, or a number is beyond what any kernel has.
    """
    found: set[int] = set()
    for part in text.strip().split(","):
        if not part.strip():
            continue
        numbers, _, stride = part.strip().partition(":")
        first, dash, last = numbers.partition("-")
        low = _number(first)
        high = _number(last) if dash else low
        if high < low:
            message = f"the range {part!r} goes down"
            raise ValueError(message)
        used, _, group = stride.partition("/") if stride else ("1", "", "1")
        step, size = _number(used), _number(group)
        if not 0 < step <= size:
            message = f"no stride: {part!r}"
            raise ValueError(message)
        found.update(number for number in range(low, high + 1) if (number - low) % size < step)
    return frozenset(found)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > _HIGHEST:
        message = f"no number of a processor or memory node: {text!r}"
        raise ValueError(message)
    return int(text)


def show(numbers: frozenset[int]) -> str:
    """Write a list as the kernel does: ``0-3,8``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def apply(group: Group, limits: Limits) -> None:
    """Set the lists and read them back.

    :raises OSError: EINVAL for no list; EACCES, the parent has less; ENOSPC, empty while tasks are in the group;
        ERANGE, the kernel has another list then.
    """
    for name, wanted in (("cpuset.cpus", limits.cpus), ("cpuset.mems", limits.mems)):
        if wanted is None:
            continue
        try:
            numbers = parse(wanted)
        except ValueError as error:
            raise abi.error(_EINVAL, "write", f"{group.path}/{name}", str(error)) from None
        group.write(name, wanted or "\n")
        found = group.read(name).strip()
        if parse(found) != numbers:
            detail = f"asked for {wanted!r}, the kernel has {found!r}"
            raise abi.error(_ERANGE, "write", f"{group.path}/{name}", detail)


def effective(group: Group) -> Limits:
    """Return the processors and memory nodes that tasks of the group get in the end."""
    if group.version == 1:
        return Limits(group.read("cpuset.effective_cpus").strip(), group.read("cpuset.effective_mems").strip())
    return Limits(group.read("cpuset.cpus.effective").strip(), group.read("cpuset.mems.effective").strip())
