"""The device rules of cgroup v2, as the eBPF program that v2 has in place of v1's files.

The kernel runs a BPF_PROG_TYPE_CGROUP_DEVICE program whenever a task of the group opens or makes a device node; what it
returns allows (1) or forbids (0). Assembler and loader are here because the programs are a dozen instructions of four
kinds. See bpf(2), Documentation/admin-guide/cgroup-v2.rst, linux/bpf.h (struct bpf_cgroup_dev_ctx).
"""

from __future__ import annotations

import os
import struct

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    # type (a, b or c), major, minor; None is any number
    Node = tuple[str, int | None, int | None]

# bpf(2) commands, types and flags (linux/bpf.h).
_PROG_LOAD, _PROG_ATTACH, _PROG_GET_FD_BY_ID, _PROG_QUERY = 5, 8, 13, 16
_TYPE_CGROUP_DEVICE, _ATTACH_CGROUP_DEVICE = 15, 6
_ALLOW_MULTI, _REPLACE = 2, 4

_TYPES = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR
_ACCESS = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_*

# Instruction codes (linux/bpf_common.h, linux/bpf.h). Compares are 32 bits wide: Linux 5.1.
_LDX_W = 0x61
_AND32_K = 0x54
_RSH32_K = 0x74
_MOV32_K = 0xB4
_MOV32_X = 0xBC
_JEQ32_K = 0x16
_JNE32_K = 0x56
_EXIT = 0x95
# Registers: result, context (free once read), type, access, major, minor.
_R0, _R1, _TYPE, _WANTED, _MAJOR, _MINOR = 0, 1, 2, 3, 4, 5

_LOG_SIZE = 1 << 16
_MAX_PROGRAMS = 64


def _instruction(code: int, destination: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """One ``struct bpf_insn``."""
    return struct.pack("=BBhi", code, destination | source << 4, offset, value)


def _letters(access: str) -> int:
    bits = 0
    for letter in access:
        bits |= _ACCESS[letter]
    return bits


def program(allow: bool, exceptions: Mapping[Node, str]) -> bytes:
    """Assemble the instructions for a default and the exceptions from it (node -> letters of r, w and m).

    As the kernel's v1 code does (security/device_cgroup.c): where the default is to deny, one exception must cover all
    the access wanted; where it is to allow, touching one exception forbids.
    """
    out = [
        _instruction(_LDX_W, _TYPE, _R1, 0),
        _instruction(_AND32_K, _TYPE, value=0xFFFF),
        _instruction(_LDX_W, _WANTED, _R1, 0),
        _instruction(_RSH32_K, _WANTED, value=16),
        _instruction(_LDX_W, _MAJOR, _R1, 4),
        _instruction(_LDX_W, _MINOR, _R1, 8),
    ]
    for (kind, major, minor), access in exceptions.items():
        tests = [(_JNE32_K, _TYPE, _TYPES[kind])] if kind != "a" else []
        if major is not None:
            tests.append((_JNE32_K, _MAJOR, major))
        if minor is not None:
            tests.append((_JNE32_K, _MINOR, minor))
        block = [_instruction(_MOV32_K, _R0, value=0 if allow else 1), _instruction(_EXIT)]
        if set(access) != set(_ACCESS) or allow:
            # Forbidding needs an overlap with the listed access, allowing needs nothing outside it.
            mask = _letters(access) if allow else ~_letters(access)
            leave = _JEQ32_K if allow else _JNE32_K
            block = [
                _instruction(_MOV32_X, _R1, _WANTED),
                _instruction(_AND32_K, _R1, value=mask),
                _instruction(leave, _R1, offset=len(block), value=0),
                *block,
            ]
        for code, register, value in reversed(tests):
            block.insert(0, _instruction(code, register, offset=len(block), value=value))
        out += block
    out += [_instruction(_MOV32_K, _R0, value=int(allow)), _instruction(_EXIT)]
    return b"".join(out)


def load(instructions: bytes) -> int:
    """Load a program; the descriptor keeps it.

    :raises OSError: EPERM without CAP_BPF and CAP_NET_ADMIN (or CAP_SYS_ADMIN); EINVAL with the verifier's reason.
    """
    code, licence = abi.buffer(instructions), abi.buffer(b"Apache-2.0\0")
    log = abi.buffer(_LOG_SIZE)
    addresses = (abi.addressof(code), abi.addressof(licence))
    plain = struct.pack("=IIQQ", _TYPE_CGROUP_DEVICE, len(instructions) // 8, *addresses)
    name = b"hezi_devices".ljust(16, b"\0")
    try:
        return _bpf(_PROG_LOAD, plain + struct.pack("=IIQII", 0, 0, 0, 0, 0) + name)
    except OSError:
        # Once more with the verifier's log, which costs too much to ask for each time.
        try:
            return _bpf(_PROG_LOAD, plain + struct.pack("=IIQII", 1, _LOG_SIZE, abi.addressof(log), 0, 0) + name)
        except OSError as error:
            said = bytes(log).split(b"\0", 1)[0].decode(errors="replace").strip().splitlines()
            raise abi.error(error.errno or 0, "bpf", detail="; ".join(said[-2:]) or "BPF_PROG_LOAD") from None


def attached(group_fd: int) -> list[int]:
    """Ids of the device programs attached to a group itself."""
    ids = abi.buffer(4 * _MAX_PROGRAMS)
    query = struct.pack("=IIIIQI", group_fd, _ATTACH_CGROUP_DEVICE, 0, 0, abi.addressof(ids), _MAX_PROGRAMS)
    attr = abi.buffer(query.ljust(64, b"\0"))
    abi.bpf(_PROG_QUERY, abi.addressof(attr), 64)
    (count,) = struct.unpack_from("=I", bytes(attr), 24)
    return list(struct.unpack_from(f"={count}I", bytes(ids)))


def attach(group_fd: int, instructions: bytes) -> None:
    """Make ``instructions`` the group's device program, in place of the one there, without a moment between.

    :raises OSError: as :func:`load`; EEXIST if there are several already, which are not ours.
    """
    present = attached(group_fd)
    if len(present) > 1:
        raise abi.error(17, "bpf", detail="several device programs are attached to the group")
    fd = load(instructions)
    old = -1
    try:
        flags = _ALLOW_MULTI
        if present:
            old = _bpf(_PROG_GET_FD_BY_ID, struct.pack("=III", present[0], 0, 0))
            flags |= _REPLACE
        # ALLOW_MULTI: an ancestor's program is asked too, and all must allow.
        _bpf(_PROG_ATTACH, struct.pack("=IIIII", group_fd, fd, _ATTACH_CGROUP_DEVICE, flags, max(old, 0)))
    finally:
        os.close(fd)
        if old >= 0:
            os.close(old)


def _bpf(command: int, attr: bytes) -> int:
    memory = abi.buffer(attr)
    return abi.bpf(command, abi.addressof(memory), len(attr))
