"""Write src/hezi/linux/seccomp/syscalls.json from the kernel's own headers.

    python3 tools/syscall_tables.py ARM64_INCLUDE ARM_INCLUDE

x86_64, i386 and x32 come from the machine's linux-libc-dev; the two arguments are the include directories of Debian's
linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross. Numbers newer than those headers are added from NEWER, taken
from the kernel's syscall.tbl of the version named. The result maps an architecture to runs of consecutive numbers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

X86 = "/usr/include/x86_64-linux-gnu"
OUT = "src/hezi/linux/seccomp/syscalls.json"

# One number on every architecture since 5.1 (the numbers above 424).
NEWER = {
    "cachestat": 451,  # 6.5
    "fchmodat2": 452,  # 6.6
    "map_shadow_stack": 453,  # 6.6
    "futex_wake": 454,  # 6.7
    "futex_wait": 455,  # 6.7
    "futex_requeue": 456,  # 6.7
    "statmount": 457,  # 6.8
    "listmount": 458,  # 6.8
    "lsm_get_self_attr": 459,  # 6.8
    "lsm_set_self_attr": 460,  # 6.8
    "lsm_list_modules": 461,  # 6.8
    "mseal": 462,  # 6.10
    "setxattrat": 463,  # 6.13
    "getxattrat": 464,  # 6.13
    "listxattrat": 465,  # 6.13
    "removexattrat": 466,  # 6.13
    "open_tree_attr": 467,  # 6.15
    "file_getattr": 468,  # 6.17
    "file_setattr": 469,  # 6.17
    "listns": 470,  # 6.19
    "rseq_slice_yield": 471,  # 7.0
}
ONLY = {"x86_64": {"uretprobe": 335, "uprobe": 336}}  # 6.11, 6.18
ARM_BASE = 0x0F0000  # asm/unistd.h: __ARM_NR_BASE
ARM_PRIVATE = {"breakpoint": 1, "cacheflush": 2, "usr26": 3, "usr32": 4, "set_tls": 5, "get_tls": 6}
X32_BIT = 0x40000000


def table(include: str, header: str, *flags: str) -> dict[str, int]:
    """Ask the preprocessor for every __NR_ name and its value."""
    cpp = ["cpp", "-nostdinc", "-isystem", include, *flags]
    listing = subprocess.run([*cpp, "-dM"], input=f"#include <{header}>\n", text=True, capture_output=True, check=True)
    names = sorted(set(re.findall(r"#define __NR_(\w+)", listing.stdout)))
    source = f"#include <{header}>\n" + "".join(f"@{name} __NR_{name}\n" for name in names)
    values = subprocess.run([*cpp, "-P"], input=source, text=True, capture_output=True, check=True)
    found: dict[str, int] = {}
    for name, value in re.findall(r"^@(\w+) ([^\n]+)$", values.stdout, re.MULTILINE):
        if re.fullmatch(r"[0-9x()+ A-Fa-f]+", value):
            found[name] = int(eval(value))
    for name in ("syscalls", "arch_specific_syscall", "SYSCALL_BASE", "OABI_SYSCALL_BASE", "SYSCALL_MASK"):
        found.pop(name, None)
    return found


def runs(numbers: dict[str, int]) -> dict[str, str]:
    """Consecutive numbers become one entry: {first: "name name name"}; a number with two names has them as a/b."""
    names: dict[int, str] = {}
    for name, number in sorted(numbers.items()):
        names[number] = f"{names[number]}/{name}" if number in names else name
    result: dict[str, str] = {}
    first = last = -2
    for number in sorted(names):
        if number == last + 1:
            result[str(first)] += " " + names[number]
        else:
            first = number
            result[str(first)] = names[number]
        last = number
    return result


def main() -> None:
    """Read the headers, write the file."""
    arm64, arm = sys.argv[1:3]
    tables = {
        "x86_64": table(X86, "asm/unistd_64.h"),
        "x86": table(X86, "asm/unistd_32.h"),
        "x32": {
            name: number & ~X32_BIT
            for name, number in table(X86, "asm/unistd_x32.h", "-D__X32_SYSCALL_BIT=0x40000000").items()
        },
        "aarch64": table(arm64, "asm/unistd.h", "-D__BITS_PER_LONG=64", "-D__aarch64__"),
        "arm": table(arm, "asm/unistd.h", "-D__ARM_EABI__", "-D__arm__", "-U__x86_64__"),
    }
    tables["arm"].update({name: ARM_BASE + number for name, number in ARM_PRIVATE.items()})
    for arch, numbers in tables.items():
        numbers.update(NEWER)
        numbers.update(ONLY.get(arch, {}))
    with open(OUT, "w", encoding="utf-8") as out:
        json.dump({arch: runs(numbers) for arch, numbers in tables.items()}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
