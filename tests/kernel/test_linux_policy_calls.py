"""The raw calls for policy, seccomp(2) and bpf(2): that they reach the kernel, and what a refusal looks like."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from hezi.linux import abi, prctl
from tests.support.in_child import in_child, raises

BPF_MAP_CREATE = 0
BPF_MAP_TYPE_ARRAY = 2


@pytest.mark.needs("seccomp")
def test_a_filter_is_installed():
    def body() -> None:
        # if the call is getpriority (140 on x86_64, 141 on aarch64): errno 77; else allow
        number = {"x86_64": 140, "aarch64": 141}[os.uname().machine]
        program = struct.pack(
            "=HBBIHBBIHBBIHBBI",
            *(0x20, 0, 0, 0),
            *(0x15, 0, 1, number),
            *(0x06, 0, 0, 0x00050000 | 77),
            *(0x06, 0, 0, 0x7FFF0000),
        )
        prctl.set_no_new_privs()
        assert abi.seccomp_filter(program) == 0
        with raises(77):
            os.getpriority(os.PRIO_PROCESS, 0)
        with open("/proc/self/status") as status:
            assert "Seccomp:\t2\n" in status.readlines()

    in_child(body)


@pytest.mark.needs("seccomp")
def test_a_filter_that_is_none_is_refused():
    def body() -> None:
        prctl.set_no_new_privs()
        for program in (b"", b"\xff" * 8, struct.pack("=HBBI", 0x20, 0, 0, 0)):
            with raises(errno.EINVAL, "seccomp: Invalid argument"):
                abi.seccomp_filter(program)

    in_child(body)


@pytest.mark.needs("root", "seccomp")
def test_a_filter_needs_a_right_or_no_new_privs():
    def body() -> None:
        os.setuid(65534)
        with raises(errno.EACCES, "seccomp: Permission denied"):
            abi.seccomp_filter(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))

    in_child(body)


@pytest.mark.needs("root")
def test_bpf_makes_a_map():
    attr = abi.buffer(struct.pack("=IIII", BPF_MAP_TYPE_ARRAY, 4, 8, 1))
    os.close(abi.bpf(BPF_MAP_CREATE, abi.addressof(attr), len(attr)))


def test_bpf_refuses_an_unknown_command():
    attr = abi.buffer(8)
    with pytest.raises(OSError, match=r"bpf: (Invalid argument|Operation not permitted)"):
        abi.bpf(9999, abi.addressof(attr), len(attr))
