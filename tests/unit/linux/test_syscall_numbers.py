"""The numbers of system calls, compared with the kernel's header files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hezi.linux import abi

# The second is the generic table, which aarch64 uses.
HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h"))
_SINCE_5_1 = 424


def declared() -> dict[str, tuple[int, int]]:
    text = Path(abi.__file__).read_text()
    found: dict[str, tuple[int, int]] = {}
    for name, first, second, both in re.findall(r'_syscall\("(\w+)", (?:\((\d+), (\d+)\)|(\d+))', text):
        found[name] = (int(both), int(both)) if both else (int(first), int(second))
    return found


def in_header(header: Path) -> dict[str, int]:
    pattern = r"^#define __NR(3264)?_(\w+)\s+(\d+)$"
    return {name: int(number) for _, name, number in re.findall(pattern, header.read_text(), re.MULTILINE)}


def test_all_calls_are_found():
    assert len(declared()) >= 39
    assert declared()["openat2"] == (437, 437)


@pytest.mark.needs("kernel-headers")
@pytest.mark.parametrize(
    "column", [pytest.param(0, marks=pytest.mark.needs("machine:x86_64"), id="x86_64"), pytest.param(1, id="aarch64")]
)
def test_numbers_are_the_headers(column: int):
    theirs = in_header(HEADERS[column])
    ours = {name: numbers[column] for name, numbers in declared().items()}
    known = ours.keys() & theirs.keys()
    assert {name: ours[name] for name in known} == {name: theirs[name] for name in known}
    # An old header lacks new calls only.
    assert all(ours[name] > _SINCE_5_1 for name in ours.keys() - known)
