"""The numbers of the system calls, by architecture. Loaded only when a profile is compiled.

``syscalls.json`` is written by ``tools/syscall_tables.py`` from the kernel's headers; numbers up to those of Linux 7.0.
"""

from __future__ import annotations

import json
import os

from hezi._util.record import NamedTuple


class Arch(NamedTuple):
    """What a filter has to know of an architecture.

    :param audit: the AUDIT_ARCH value in ``seccomp_data.arch`` (linux/audit.h)
    :param base: added to every number of the table (x32 calls carry bit 30)
    :param wide: arguments have 64 bits
    :param special: numbers from here on are private to the architecture and say nothing about how new a kernel is
    """

    table: str
    audit: int
    base: int = 0
    wide: bool = True
    special: int = 0xFFFFFFFF


# libseccomp's name -> what it is. x32 shares its AUDIT_ARCH with x86_64; bit 30 of the number tells them apart.
ARCHES = {
    "SCMP_ARCH_X86_64": Arch("x86_64", 0xC000003E),
    "SCMP_ARCH_X86": Arch("x86", 0x40000003, wide=False),
    "SCMP_ARCH_X32": Arch("x32", 0xC000003E, base=0x40000000, special=512),
    "SCMP_ARCH_AARCH64": Arch("aarch64", 0xC00000B7),
    "SCMP_ARCH_ARM": Arch("arm", 0x40000028, wide=False, special=0x0F0000),
}
X32_BIT = 0x40000000


def load(directory: str | None = None) -> dict[str, dict[str, int]]:
    """All tables: architecture -> name -> number.

    :raises OSError: the data file is missing from the installation.
    """
    path = os.path.join(directory or os.path.dirname(__file__), "syscalls.json")
    with open(path, encoding="ascii") as file:
        runs = json.load(file)
    return {arch: _numbers(entries) for arch, entries in runs.items()}


def _numbers(runs: dict[str, str]) -> dict[str, int]:
    """Undo the packing: {"39": "getpid sendfile"} -> getpid 39, sendfile 40; a/b are two names of one number."""
    numbers = {}
    for first, names in runs.items():
        for number, spellings in enumerate(names.split(" "), int(first)):
            for name in spellings.split("/"):
                numbers[name] = number
    return numbers
