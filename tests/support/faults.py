"""Things that go wrong on purpose: races on the file system, and system calls that fail."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_EXCHANGE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
first, second = (name.encode() for name in sys.argv[1:3])
print("racing", flush=True)
while True:
    libc.renameat2(-100, first, -100, second, 2)
"""


@contextlib.contextmanager
def exchanging(first: Path, second: Path) -> Iterator[None]:
    """Swap two names as fast as the kernel can (renameat2 with RENAME_EXCHANGE) for the length of a ``with`` block.

    Both must exist on one file system. This is how an attacker inside a volume races a path lookup.
    """
    racer = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _EXCHANGE, str(first), str(second)], stdout=subprocess.PIPE
    )
    try:
        assert racer.stdout is not None
        racer.stdout.readline()
        yield
    finally:
        racer.kill()
        racer.wait()
        racer.stdout.close()


def failing(syscall: str, error: str, *, when: str = "1+", path: str | None = None) -> tuple[str, ...]:
    """Return the strace prefix that makes ``syscall`` fail with ``error`` in the program behind it.

    :param when: as strace --inject: "3" the third call, "3+" from the third on, "1+2" every other.
    :param path: only calls that touch this path.
    """
    only = ("-P", path) if path else ()
    inject = f"inject={syscall}:error={error}:when={when}"
    return ("strace", "-f", "-qqq", "-o", "/dev/null", *only, "-e", f"trace={syscall}", "-e", inject)


def killed_at(syscall: str, *, when: str = "1", signal: str = "SIGKILL", follow: bool = True) -> tuple[str, ...]:
    """Return the strace prefix that kills the program behind it at a system call.

    :param follow: each process that it starts too, at the same one of its own calls.
    """
    inject = f"inject={syscall}:signal={signal}:when={when}"
    return ("strace", *(("-f",) if follow else ()), "-qqq", "-o", "/dev/null", "-e", f"trace={syscall}", "-e", inject)
