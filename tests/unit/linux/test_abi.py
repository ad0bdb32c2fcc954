"""The ABI file: sizes the kernel expects, errors, and what importing it costs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hezi.linux import abi

SOURCE = Path(abi.__file__).parents[2]
# What the first process of a container may import (runtime/stage1), all of it bare of typing, enum, re and the like.
STAGE_1 = ("abi", "fd", "mount", "nscalls", "caps", "prctl", "pty", "rlimits")
_OS = {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc"}
_ALLOWED = _OS | {
    "ctypes",
    "ctypes._endian",
    "_ctypes",
    "struct",
    "_struct",
    "types",
    "errno",
    "fcntl",
    "termios",
    "__future__",
}


def _bare(program: str) -> str:
    program = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}"
    argv = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize(
    ("struct", "size"),
    [
        ("clone_args", 88),
        ("mount_attr", 32),
        ("mnt_id_req", 24),
        ("statmount_buf", 512),
        ("cap_header", 8),
        ("cap_data", 24),
        ("rlimit64", 16),
        ("xattr_args", 16),
        ("sock_filter", 8),
        ("sock_fprog", 16),
    ],
)
def test_structures_have_the_kernels_sizes(struct: str, size: int):
    assert abi.sizeof(getattr(abi, struct)) == size


def test_error_names_call_text_and_path():
    with pytest.raises(FileNotFoundError) as caught:
        abi.umount2("/no/such/mount", 0)
    assert str(caught.value) == f"[Errno {errno.ENOENT}] umount2: {os.strerror(errno.ENOENT)}: '/no/such/mount'"
    assert caught.value.filename == "/no/such/mount"


def test_error_names_the_descriptor_where_there_is_no_path():
    with pytest.raises(OSError, match=r"syncfs: Bad file descriptor: 'fd 99999'"):
        abi.syncfs(99999)


def test_path_with_nul_is_refused():
    for call in (lambda: abi.umount2("/proc\0/../etc", 0), lambda: abi.mount(b"a\0b", "/", None, 0, None)):
        with pytest.raises(OSError, match="embedded null byte") as caught:
            call()
        assert caught.value.errno == errno.EINVAL


def test_argument_of_a_wrong_type_is_refused():
    with pytest.raises(OSError, match=r"umount2: .*argument 3"):
        abi.umount2("/", "lazily")


def test_bytes_that_are_no_utf8_arrive():
    with pytest.raises(FileNotFoundError) as caught:
        abi.umount2(b"/no\xff", 0)
    assert caught.value.filename == b"/no\xff"


def test_buffer_is_a_copy_with_an_address():
    memory = abi.buffer(b"abc")
    assert bytes(memory) == b"abc"
    assert abi.addressof(memory)
    assert bytes(abi.buffer(3)) == bytes(3)


def test_another_machine_can_import_and_is_told_when_it_calls():
    program = """
import os
real = os.uname
class Other:
    machine = "s390x"
os.uname = Other
from hezi.linux import abi
try:
    abi.umount2("/", 0)
except OSError as error:
    print(error)
"""
    assert "umount2: Function not implemented (hezi has no system call numbers for s390x" in _bare(program)


def test_stage_1_modules_import_nothing_heavy():
    program = (
        "before = set(sys.modules)\n"
        f"from hezi.linux import {', '.join(STAGE_1)}\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    new = {name for name in _bare(program).split() if not name.startswith("hezi")}
    assert new <= _ALLOWED
