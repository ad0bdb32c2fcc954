"""A small assembler for the classic BPF that seccomp(2) takes.

A program is built forwards from labels: classic BPF has no backward jump, so whatever assembles here ends. Conditional
jumps reach 255 instructions; where a target is further away the assembler puts an unconditional jump (32 bits of reach)
behind the condition. :meth:`Assembler.assemble` checks what the kernel's ``seccomp_check_filter`` and
``bpf_check_classic`` check (net/core/filter.c, kernel/seccomp.c), so that a program refused by the kernel is refused
here first, with a reason.
"""

from __future__ import annotations

import struct

from hezi._util.record import NamedTuple

# Instruction codes: linux/bpf_common.h. Only what a seccomp filter may use and this compiler needs.
LD_ABS = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND_K = 0x54  # BPF_ALU | BPF_AND | BPF_K
JA = 0x05  # BPF_JMP | BPF_JA
JEQ = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JGT = 0x25  # BPF_JMP | BPF_JGT | BPF_K
JGE = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RET_K = 0x06  # BPF_RET | BPF_K
CONDITIONS = frozenset({JEQ, JGT, JGE})

MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS
REACH = 255  # jt and jf are bytes

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6].
OFFSET_NR = 0
OFFSET_ARCH = 4
DATA_SIZE = 64


def argument_low(index: int) -> int:
    """Offset of the low 32 bits of argument ``index`` (little-endian; both machines we know are)."""
    return 16 + 8 * index


def argument_high(index: int) -> int:
    """Offset of the high 32 bits of argument ``index``."""
    return 16 + 8 * index + 4


class Instruction(NamedTuple):
    """One ``struct sock_filter``, with labels where a jump has not been resolved. ``None`` is the next instruction."""

    code: int
    k: int
    true: int | None = None
    false: int | None = None


class Assembler:
    """Collects instructions and labels; labels are numbers given out by :meth:`new_label`."""

    __slots__ = ("_body", "_labels")

    def __init__(self) -> None:
        self._body: list[Instruction] = []
        self._labels: list[int] = []  # label -> index into _body; -1 until placed

    def new_label(self) -> int:
        """A label that has no place yet."""
        self._labels.append(-1)
        return len(self._labels) - 1

    def place(self, label: int) -> None:
        """Let ``label`` mean the next instruction."""
        if self._labels[label] != -1:
            message = f"label {label} placed twice"
            raise ValueError(message)
        self._labels[label] = len(self._body)

    def load(self, offset: int) -> None:
        """A = the 32-bit word at ``offset`` of struct seccomp_data."""
        self._body.append(Instruction(LD_ABS, offset))

    def mask(self, value: int) -> None:
        """A &= value."""
        self._body.append(Instruction(AND_K, value))

    def branch(self, code: int, value: int, true: int | None = None, false: int | None = None) -> None:
        """Compare A with ``value`` (unsigned) and go to ``true`` or ``false``; ``None`` means go on."""
        self._body.append(Instruction(code, value, true, false))

    def jump(self, label: int) -> None:
        """Go to ``label``."""
        self._body.append(Instruction(JA, 0, label))

    def give(self, verdict: int) -> None:
        """End with a SECCOMP_RET value."""
        self._body.append(Instruction(RET_K, verdict))

    def assemble(self) -> bytes:
        """The program as an array of ``struct sock_filter``.

        :raises ValueError: it is empty, too long, jumps backwards or out of itself, or may run off its end.
        """
        for label, place in enumerate(self._labels):
            if not 0 <= place < len(self._body):
                message = f"label {label} has no place in the program"
                raise ValueError(message)
        far: set[tuple[int, bool]] = set()
        while True:
            starts = self._layout(far)
            more = self._too_far(starts, far)
            if not more:
                break
            far |= more  # only grows, so this ends
        program = b"".join(self._encode(index, starts, far) for index in range(len(self._body)))
        verify(program)
        return program

    def _layout(self, far: set[tuple[int, bool]]) -> list[int]:
        """Where each instruction starts, given which branches need a long jump behind them."""
        starts = []
        position = 0
        for index in range(len(self._body)):
            starts.append(position)
            position += 1 + ((index, True) in far) + ((index, False) in far)
        starts.append(position)
        return starts

    def _too_far(self, starts: list[int], far: set[tuple[int, bool]]) -> set[tuple[int, bool]]:
        """The branches whose target a byte does not reach, other than those known already."""
        found = set()
        for index, one in enumerate(self._body):
            if one.code not in CONDITIONS:
                continue
            for side, label in ((True, one.true), (False, one.false)):
                if label is None or (index, side) in far:
                    continue
                if starts[self._labels[label]] - starts[index] - 1 > REACH:
                    found.add((index, side))
        return found

    def _encode(self, index: int, starts: list[int], far: set[tuple[int, bool]]) -> bytes:
        one = self._body[index]
        here = starts[index]

        def distance(label: int | None, origin: int) -> int:
            target = starts[index + 1] if label is None else starts[self._labels[label]]
            if target <= origin:
                message = f"instruction {index} jumps backwards"
                raise ValueError(message)
            return target - origin - 1

        if one.code == JA:
            return pack(JA, 0, 0, distance(one.true, here))
        if one.code not in CONDITIONS:
            return pack(one.code, 0, 0, one.k)
        long_true, long_false = (index, True) in far, (index, False) in far
        true = 0 if long_true else distance(one.true, here)
        false = int(long_true) if long_false else distance(one.false, here)
        result = pack(one.code, true, false, one.k)
        if long_true:
            result += pack(JA, 0, 0, distance(one.true, here + 1))
        if long_false:
            result += pack(JA, 0, 0, distance(one.false, here + 1 + long_true))
        return result


def pack(code: int, true: int, false: int, k: int) -> bytes:
    """One ``struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; }``."""
    return struct.pack("=HBBI", code, true, false, k)


def unpack(program: bytes) -> list[tuple[int, int, int, int]]:
    """The instructions of a program as (code, jt, jf, k)."""
    return list(struct.iter_unpack("=HBBI", program))


def verify(program: bytes) -> None:
    """Check a program as the kernel will.

    :raises ValueError: the kernel would refuse it (EINVAL), with the instruction and the reason.
    """
    if not program or len(program) % 8:
        message = f"a filter of {len(program)} bytes is not a whole number of instructions"
        raise ValueError(message)
    instructions = unpack(program)
    if len(instructions) > MAX_INSTRUCTIONS:
        message = f"a filter of {len(instructions)} instructions; the kernel takes {MAX_INSTRUCTIONS}"
        raise ValueError(message)
    for index, (code, true, false, k) in enumerate(instructions):
        fault = _fault(code, k, index, (true, false), len(instructions))
        if fault:
            message = f"instruction {index}: {fault}"
            raise ValueError(message)
    if instructions[-1][0] != RET_K:
        message = "the filter does not end with a return"
        raise ValueError(message)


def _fault(code: int, k: int, index: int, sides: tuple[int, int], length: int) -> str:
    """What is wrong with one instruction, or nothing."""
    if code == LD_ABS and (k % 4 or k + 4 > DATA_SIZE):
        return f"loads offset {k}, outside struct seccomp_data"
    if code == JA and index + 1 + k >= length:
        return "jumps out of the program"
    if code in CONDITIONS and index + 1 + max(sides) >= length:
        return "branches out of the program"
    if code not in CONDITIONS | {LD_ABS, AND_K, JA, RET_K}:
        return f"code {code:#x} is not for seccomp"
    return ""
