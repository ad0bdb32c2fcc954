"""The assembler: jumps near and far, and what it refuses."""

from __future__ import annotations

import pytest

from hezi.linux.seccomp import bpf
from tests.unit.linux_seccomp.machine import run

AUDIT = 0xC000003E


def test_a_branch_goes_where_its_labels_say() -> None:
    out = bpf.Assembler()
    yes = out.new_label()
    out.load(bpf.OFFSET_NR)
    out.branch(bpf.JEQ, 7, yes)
    out.give(1)
    out.place(yes)
    out.give(2)
    program = out.assemble()
    assert [run(program, AUDIT, number) for number in (6, 7, 8)] == [1, 2, 1]


@pytest.mark.parametrize("gap", [0, 1, 254, 255, 256, 257, 1000])
@pytest.mark.parametrize("side", ["true", "false", "both"])
def test_a_branch_reaches_any_distance(gap: int, side: str) -> None:
    out = bpf.Assembler()
    far = out.new_label()
    out.load(bpf.OFFSET_NR)
    out.branch(bpf.JGE, 100, far if side != "false" else None, far if side != "true" else None)
    for _ in range(gap):
        out.mask(0xFFFFFFFF)
    out.give(1)
    out.place(far)
    out.give(2)
    program = out.assemble()
    expected = {"true": [1, 2], "false": [2, 1], "both": [2, 2]}[side]
    assert [run(program, AUDIT, number) for number in (99, 100)] == expected


def test_growing_one_branch_pushes_others_out_of_reach() -> None:
    """Long jumps take room, which may make further branches long: the layout is settled only when none is left."""
    out = bpf.Assembler()
    targets = [out.new_label() for _ in range(300)]
    out.load(bpf.OFFSET_NR)
    for number, label in enumerate(targets):
        out.branch(bpf.JEQ, number, label)
    out.give(0xFFFF)
    for number, label in enumerate(targets):
        out.place(label)
        out.give(number)
    program = out.assemble()
    assert all(run(program, AUDIT, number) == number for number in range(300))
    assert run(program, AUDIT, 300) == 0xFFFF


def test_both_sides_far() -> None:
    out = bpf.Assembler()
    one, two = out.new_label(), out.new_label()
    out.load(bpf.OFFSET_NR)
    out.branch(bpf.JGT, 5, one, two)
    for _ in range(300):
        out.give(0)
    out.place(one)
    out.give(1)
    out.place(two)
    out.give(2)
    program = out.assemble()
    assert [run(program, AUDIT, number) for number in (5, 6)] == [2, 1]


def test_what_the_kernel_would_refuse_is_refused_with_a_reason() -> None:
    ret = bpf.pack(bpf.RET_K, 0, 0, 0)
    for program, reason in [
        (b"", "0 bytes"),
        (ret + b"\0", "9 bytes"),
        (ret * 4097, "4097"),
        (bpf.pack(bpf.LD_ABS, 0, 0, 0), "does not end with a return"),
        (bpf.pack(bpf.LD_ABS, 0, 0, 2) + ret, "offset 2"),
        (bpf.pack(bpf.LD_ABS, 0, 0, 64) + ret, "offset 64"),
        (bpf.pack(bpf.JA, 0, 0, 1) + ret, "jumps out"),
        (bpf.pack(bpf.JEQ, 0, 1, 0) + ret, "branches out"),
        (bpf.pack(0x30, 0, 0, 0) + ret, "not for seccomp"),
    ]:
        with pytest.raises(ValueError, match=reason):
            bpf.verify(program)


def test_an_unplaced_or_twice_placed_label_is_refused() -> None:
    out = bpf.Assembler()
    label = out.new_label()
    out.jump(label)
    with pytest.raises(ValueError, match="no place"):
        out.assemble()
    out.place(label)
    with pytest.raises(ValueError, match="twice"):
        out.place(label)


def test_a_backward_jump_is_refused() -> None:
    out = bpf.Assembler()
    start = out.new_label()
    out.place(start)
    out.load(0)
    out.jump(start)
    out.give(0)
    with pytest.raises(ValueError, match="backwards"):
        out.assemble()
