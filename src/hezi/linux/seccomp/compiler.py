"""From a resolved profile to the program the kernel runs.

For each architecture the numbers 0..2^32-1 are cut into ranges of one answer, and a binary search over these ranges is
written out: seven or eight comparisons find any call. Up to there nothing but ``nr`` and ``arch`` is loaded, so the
kernel (5.11 and newer) sees that most calls are always allowed and, for those, skips the filter altogether.

Which calls are unknown: numbers that no table has (too new for this compiler, or never given out) and numbers above the
highest the profile names (too new for its author). Where the profile denies by default they get ENOSYS instead, since a
C library takes EPERM from a call it merely tried for an answer.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux.seccomp import actions, bpf, tables
from hezi.linux.seccomp.profile import Condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.seccomp.profile import Resolved, Rule

ENOSYS = 38
UNKNOWN = actions.ERRNO | ENOSYS
LOW = 0xFFFFFFFF

# socketcall(2) and ipc(2) of 32-bit x86: which call is meant is the first argument (linux/net.h, linux/ipc.h).
_SOCKETCALLS = (
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown "
    "setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
)
SOCKETCALL = {name: number for number, name in enumerate(_SOCKETCALLS.split(), 1)}
IPC = {
    "semop": 1,
    "semget": 2,
    "semctl": 3,
    "semtimedop": 4,
    "msgsnd": 11,
    "msgrcv": 12,
    "msgget": 13,
    "msgctl": 14,
    "shmat": 21,
    "shmdt": 22,
    "shmget": 23,
    "shmctl": 24,
}


class Answer(NamedTuple):
    """What one call gets: the first of ``cases`` whose conditions hold, else ``otherwise``."""

    cases: tuple[tuple[tuple[Condition, ...], int], ...]
    otherwise: int


def compile_profile(resolved: Resolved) -> bytes:
    """The program, as an array of ``struct sock_filter``.

    :raises ValueError: the profile needs more than the kernel's 4096 instructions.
    :raises OSError: the tables cannot be read.
    """
    numbers = tables.load()
    out = bpf.Assembler()
    audits: dict[int, list[str]] = {}
    for name in resolved.architectures:
        # Others that a profile may name cannot run here: a branch for them would never be taken.
        if name in tables.ARCHES:
            audits.setdefault(tables.ARCHES[name].audit, []).append(name)
    out.load(bpf.OFFSET_ARCH)
    for audit, names in audits.items():
        other = out.new_label()
        out.branch(bpf.JEQ, audit, None, other)
        _architecture(out, resolved, names, numbers)
        out.place(other)
    # An architecture that the profile does not speak of: its numbers mean other calls.
    out.give(actions.KILL_PROCESS)
    return out.assemble()


def answers(resolved: Resolved, name: str, numbers: dict[str, int]) -> list[tuple[int, Answer]]:
    """The ranges of one architecture: (first number, answer), in order, up to the next range's first number."""
    arch = tables.ARCHES[name]
    rules = _by_number(resolved, numbers, arch)
    unknown = Answer((), UNKNOWN if _denies(resolved.default) else resolved.default)
    newest = max((number for number in rules if number < arch.special), default=-1)
    by_number = {number: Answer((), resolved.default) for number in numbers.values() if _is_known(number, newest, arch)}
    by_number.update({number: _answer(found, resolved.default) for number, found in rules.items()})
    ranges: list[tuple[int, Answer]] = []
    position = 0
    for number in sorted(by_number):
        if number > position:
            _append(ranges, position, unknown)
        _append(ranges, number, by_number[number])
        position = number + 1
    _append(ranges, position, unknown)
    return [(first + arch.base, answer) for first, answer in ranges]


def _is_known(number: int, newest: int, arch: tables.Arch) -> bool:
    return number <= newest or number >= arch.special


def _denies(default: int) -> bool:
    return default & actions.ACTION_MASK not in actions.LETS_THROUGH


def _append(ranges: list[tuple[int, Answer]], first: int, answer: Answer) -> None:
    if not ranges or ranges[-1][1] != answer:
        ranges.append((first, answer))


def _by_number(resolved: Resolved, numbers: dict[str, int], arch: tables.Arch) -> dict[int, list[Rule]]:
    """The rules that speak of each number, the calls inside socketcall and ipc among them."""
    found: dict[int, list[Rule]] = {}
    for rule in resolved.rules:
        for name in rule.names:
            if name in numbers:
                found.setdefault(numbers[name], []).append(rule)
            # Conditions on the arguments of such a call cannot be asked: they lie in memory.
            if arch.table != "x86" or rule.conditions:
                continue
            if name in SOCKETCALL:
                condition = Condition(0, SOCKETCALL[name], 0, "SCMP_CMP_EQ")
                found.setdefault(numbers["socketcall"], []).append(rule._replace(conditions=(condition,)))
            if name in IPC:
                # The upper half of the first argument is a version number that the kernel ignores.
                condition = Condition(0, 0xFFFF, IPC[name], "SCMP_CMP_MASKED_EQ")
                found.setdefault(numbers["ipc"], []).append(rule._replace(conditions=(condition,)))
    return found


def _answer(rules: list[Rule], default: int) -> Answer:
    """Order the rules of one call so that the first that holds is the one that counts.

    Of rules without conditions the first listed counts, as in libseccomp (Podman's own profile allows setns first and
    denies it later). Of those with conditions the strictest that holds does, also over one without: libseccomp would
    drop them there, and a condition that denies would be lost without a word.
    """
    plain = next((rule.verdict for rule in rules if not rule.conditions), None)
    asking = sorted((rule for rule in rules if rule.conditions), key=lambda rule: actions.strictness(rule.verdict))
    if plain is not None:
        asking = [rule for rule in asking if actions.strictness(rule.verdict) < actions.strictness(plain)]
    return Answer(tuple((rule.conditions, rule.verdict) for rule in asking), default if plain is None else plain)


# Writing it out -----------------------------------------------------------------------------------------------------


def _architecture(out: bpf.Assembler, resolved: Resolved, names: list[str], numbers: dict[str, dict[str, int]]) -> None:
    """All calls of one AUDIT_ARCH; x32 is there beside x86_64, told apart by bit 30 of the number."""
    ranges: list[tuple[int, Answer]] = []
    for name in sorted(names, key=lambda name: tables.ARCHES[name].base):
        ranges += answers(resolved, name, numbers[tables.ARCHES[name].table])
    if "SCMP_ARCH_X86_64" in names and "SCMP_ARCH_X32" not in names:
        ranges.append((tables.X32_BIT, Answer((), actions.KILL_PROCESS)))
        # -1 is what a tracer leaves of a call it cancelled, and no x32 call.
        ranges.append((LOW, Answer((), UNKNOWN if _denies(resolved.default) else resolved.default)))
    out.load(bpf.OFFSET_NR)
    _search(out, ranges, tables.ARCHES[names[0]].wide)


def _search(out: bpf.Assembler, ranges: list[tuple[int, Answer]], wide: bool) -> None:
    if len(ranges) == 1:
        _write_answer(out, ranges[0][1], wide)
        return
    middle = len(ranges) // 2
    right = out.new_label()
    out.branch(bpf.JGE, ranges[middle][0], right)
    _search(out, ranges[:middle], wide)
    out.place(right)
    _search(out, ranges[middle:], wide)


def _write_answer(out: bpf.Assembler, answer: Answer, wide: bool) -> None:
    cases = list(answer.cases)
    while cases:
        alike = _alike(cases)
        if len(alike) > 1:
            _write_equalities(out, alike, cases[0][1], wide)
            del cases[: len(alike)]
            continue
        conditions, verdict = cases.pop(0)
        fails = out.new_label()
        for condition in conditions:
            _write_condition(out, condition, fails, wide)
        out.give(verdict)
        out.place(fails)
    out.give(answer.otherwise)


def _alike(cases: list[tuple[tuple[Condition, ...], int]]) -> list[Condition]:
    """The leading cases that only ask whether one argument equals this or that number below 2^32, for one verdict."""
    first = cases[0][0][0]
    found = []
    for conditions, verdict in cases:
        condition = conditions[0]
        if len(conditions) != 1 or verdict != cases[0][1] or condition.argument != first.argument:
            break
        if condition.op != "SCMP_CMP_EQ" or condition.value > LOW:
            break
        found.append(condition)
    return found


def _write_equalities(out: bpf.Assembler, conditions: list[Condition], verdict: int, wide: bool) -> None:
    """Load the argument once, compare it with each value. Docker's socket rule asks about 25 families."""
    none, hit = out.new_label(), out.new_label()
    if wide:
        out.load(bpf.argument_high(conditions[0].argument))
        out.branch(bpf.JEQ, 0, None, none)
    out.load(bpf.argument_low(conditions[0].argument))
    for condition in conditions[:-1]:
        out.branch(bpf.JEQ, condition.value, hit)
    out.branch(bpf.JEQ, conditions[-1].value, hit, none)
    out.place(hit)
    out.give(verdict)
    out.place(none)


def _write_condition(out: bpf.Assembler, condition: Condition, fails: int, wide: bool) -> None:
    """Go on if the condition holds, else to ``fails``.

    On 32-bit architectures the high half counts as 0 and is not looked at: a 64-bit program that enters by ``int 0x80``
    can leave anything there, and the kernel cuts it off after the filter has seen it.
    """
    if condition.op == "SCMP_CMP_MASKED_EQ":
        _write_masked(out, condition, fails, wide)
        return
    holds = out.new_label()
    high, low = condition.value >> 32, condition.value & LOW
    if wide:
        out.load(bpf.argument_high(condition.argument))
        _write_high(out, condition.op, high, (holds, fails))
    elif high:
        # 32 bits are always less than a value that needs more.
        out.jump(holds if condition.op in {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"} else fails)
        out.place(holds)
        return
    out.load(bpf.argument_low(condition.argument))
    code, wanted = _LOW_TEST[condition.op]
    out.branch(code, low, *((holds, fails) if wanted else (fails, holds)))
    out.place(holds)


# Operator -> (instruction, whether its being true means that the condition holds), for the low half.
_LOW_TEST = {
    "SCMP_CMP_EQ": (bpf.JEQ, True),
    "SCMP_CMP_NE": (bpf.JEQ, False),
    "SCMP_CMP_GT": (bpf.JGT, True),
    "SCMP_CMP_LE": (bpf.JGT, False),
    "SCMP_CMP_GE": (bpf.JGE, True),
    "SCMP_CMP_LT": (bpf.JGE, False),
}


def _write_high(out: bpf.Assembler, op: str, high: int, targets: tuple[int, int]) -> None:
    """Decide by the high half where that is possible; where it equals ``high`` the low half decides."""
    holds, fails = targets
    if op == "SCMP_CMP_EQ":
        out.branch(bpf.JEQ, high, None, fails)
    elif op == "SCMP_CMP_NE":
        out.branch(bpf.JEQ, high, None, holds)
    elif op in {"SCMP_CMP_GT", "SCMP_CMP_GE"}:
        out.branch(bpf.JGT, high, holds)
        out.branch(bpf.JEQ, high, None, fails)
    else:
        out.branch(bpf.JGT, high, fails)
        out.branch(bpf.JEQ, high, None, holds)


def _write_masked(out: bpf.Assembler, condition: Condition, fails: int, wide: bool) -> None:
    """Both halves of (argument & value) must equal those of value_two."""
    mask, wanted = condition.value, condition.value_two
    if wide and (mask >> 32 or wanted >> 32):
        out.load(bpf.argument_high(condition.argument))
        out.mask(mask >> 32)
        out.branch(bpf.JEQ, wanted >> 32, None, fails)
    elif not wide and wanted >> 32:
        out.jump(fails)
        return
    out.load(bpf.argument_low(condition.argument))
    out.mask(mask & LOW)
    out.branch(bpf.JEQ, wanted & LOW, None, fails)
