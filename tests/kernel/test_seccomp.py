"""The default profile on the real kernel: what programs inside are told, in 64 and in 32 bits."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hezi.engine import defaults
from hezi.linux import prctl
from hezi.linux.seccomp import cache, load, tables

pytestmark = [pytest.mark.needs("seccomp"), pytest.mark.needs("machine:x86_64")]

NUMBERS = tables.load()
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def call(number: int, *args: int) -> str:
    """A raw 64-bit system call: "0" or more, or the name of the errno."""
    ctypes.set_errno(0)
    words = [ctypes.c_ulong(value & 0xFFFFFFFFFFFFFFFF) for value in (*args, 0, 0, 0, 0, 0, 0)][:6]
    result = LIBC.syscall(ctypes.c_long(number), *words)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else str(result)


def native(name: str, *args: int) -> str:
    return call(NUMBERS["x86_64"][name], *args)


def int_80() -> Callable[[str, int, int], str]:
    """A way into the kernel's 32-bit calls from this 64-bit process: a page with ``int $0x80`` in it."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    #          push rbx; mov eax, edi; mov rbx, rsi; mov rcx, rdx; xor edx, edx; int 0x80; pop rbx; ret
    page.write(bytes.fromhex("53 89f8 4889f3 4889d1 31d2 cd80 5b c3"))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    enter = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong)(address)

    def old(name: str, first: int = 0, second: int = 0) -> str:
        result = enter(NUMBERS["x86"][name], first, second)
        return errno.errorcode[-result] if -4096 < result < 0 else str(result)

    old.page = page  # type: ignore[attr-defined] # keeps the code alive as long as the function
    return old


def confined(tmp_path: Path, work: Callable[[], Any], profile: bytes | None = None) -> Any:
    """Run ``work`` in a fork under a filter, compiled for a container with Docker's capabilities."""
    found = cache.program(str(tmp_path / "cache"), defaults.CAPABILITIES, profile)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            prctl.set_no_new_privs()
            load.install(found.program, found.flags)
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else f"signal {status & 0x7F}"


def test_denied_calls_get_eperm(tmp_path: Path) -> None:
    names = ["keyctl", "add_key", "request_key", "io_uring_setup", "userfaultfd", "bpf", "mount", "umount2", "unshare"]
    names += ["setns", "pivot_root", "kexec_load", "swapon", "init_module", "perf_event_open", "open_by_handle_at"]
    names += ["move_pages", "mbind", "ioperm", "acct", "reboot", "settimeofday", "fsopen", "open_tree", "kcmp"]
    found = confined(tmp_path, lambda: {name: native(name, -1, -1, -1, -1) for name in names})
    assert found == dict.fromkeys(names, "EPERM")


def test_unknown_calls_get_enosys(tmp_path: Path) -> None:
    found = confined(tmp_path, lambda: [call(4000), call(0x40000000 + 4000), call(-1), native("clone3", 0, 0)])
    assert found == ["ENOSYS"] * 4


def test_ordinary_work_is_not_disturbed(tmp_path: Path) -> None:
    def work() -> list[Any]:
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        Path(tmp_path / "file").write_text("x")
        with socket.socket(socket.AF_INET) as one, socket.socket(socket.AF_UNIX) as two:
            opened = one.fileno() >= 0 and two.fileno() >= 0
        return [os.waitpid(pid, 0)[1] >> 8, opened, native("ptrace", 0xFFFF, 0, 0, 0), os.cpu_count() is not None]

    assert confined(tmp_path, work) == [7, True, "ESRCH", True]


def test_socket_families(tmp_path: Path) -> None:
    def work() -> dict[str, str]:
        families = {"INET": 2, "NETLINK": 16, "ALG": 38, "VSOCK": 40}
        found = {name: native("socket", number, 5 if name == "ALG" else 3) for name, number in families.items()}
        found["ALG, high bits"] = native("socket", 38 | 1 << 32, 5)
        return found

    found = confined(tmp_path, work)
    assert found["ALG"] == found["VSOCK"] == found["ALG, high bits"] == "EPERM"
    assert found["INET"] != "EPERM" or os.geteuid()
    assert found["NETLINK"].isdigit()


def test_personality_and_namespaces(tmp_path: Path) -> None:
    def work() -> list[str]:
        kept = [native("personality", value) for value in (0xFFFFFFFF, 0, 8, 0)]
        refused = native("personality", 0x0040000)  # ADDR_NO_RANDOMIZE
        return [*kept, refused, native("clone", 0x10000000 | signal.SIGCHLD)]  # CLONE_NEWUSER

    found = confined(tmp_path, work)
    assert [one.isdigit() for one in found] == [True] * 4 + [False, False]
    assert found[4:] == ["EPERM", "EPERM"]


def test_32_bit_calls_are_judged_by_their_own_numbers(tmp_path: Path) -> None:
    def work() -> dict[str, str]:
        old = int_80()
        return {
            "getpid": str(int(old("getpid")) == os.getpid()),
            "keyctl": old("keyctl", 0xFFFFFFFF),
            "mount": old("mount"),
            "clone3": old("clone3"),
            "AF_ALG": old("socket", 38, 5),
            # The kernel cuts the register to 32 bits, after the filter has seen all 64.
            "AF_ALG, high bits": old("socket", 38 | 1 << 32, 5),
            "AF_UNIX": str(old("socket", 1, 1).isdigit()),
            "no such call": old("file_getattr"),
        }

    found = confined(tmp_path, work)
    assert found == {
        "getpid": "True",
        "keyctl": "EPERM",
        "mount": "EPERM",
        "clone3": "ENOSYS",
        "AF_ALG": "EPERM",
        "AF_ALG, high bits": "EPERM",
        "AF_UNIX": "True",
        "no such call": "ENOSYS",
    }


def test_a_foreign_architecture_is_killed(tmp_path: Path) -> None:
    only = b'{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]}'
    assert confined(tmp_path, lambda: int_80()("getpid"), only) == f"signal {signal.SIGSYS:d}"


def test_the_status_file_says_filter(tmp_path: Path) -> None:
    def work() -> list[str]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return [line for line in lines if line.startswith("Seccomp")]

    assert confined(tmp_path, work)[0] == "Seccomp:\t2"


def test_actions_of_a_profile_are_the_kernels(tmp_path: Path) -> None:
    def of(action: str, **more: Any) -> Any:
        rule = {"names": ["getppid"], "action": action, **more}
        document = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
        return confined(tmp_path, lambda: native("getppid"), json.dumps(document).encode())

    assert of("SCMP_ACT_ERRNO", errnoRet=13) == "EACCES"
    assert of("SCMP_ACT_LOG").isdigit()
    assert of("SCMP_ACT_TRACE", errnoRet=1) == "ENOSYS"  # no tracer there
    for action in ("SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL", "SCMP_ACT_TRAP"):
        assert of(action) == f"signal {signal.SIGSYS:d}", action


def test_a_filter_the_kernel_does_not_take_is_an_error() -> None:
    for program, flags in [(b"", 0), (b"\0" * 9, 0), (b"\0" * 8, 0), (b"\x06" + b"\0" * 7, 8), (b"\0" * 8 * 5000, 0)]:
        pid = os.fork()
        if pid == 0:
            try:
                load.install(program, flags)
            except OSError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
