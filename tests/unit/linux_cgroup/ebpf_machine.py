"""An interpreter for the few eBPF instructions that device programs use."""

from __future__ import annotations

import struct

TYPES = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}
U32 = 0xFFFFFFFF


def run(program: bytes, kind: str, major: int, minor: int, access: str) -> int:
    """What the program answers to a task that wants ``access`` to a device."""
    context = struct.pack("=III", sum(ACCESS[letter] for letter in access) << 16 | TYPES[kind], major, minor)
    registers = [0] * 6
    instructions = list(struct.iter_unpack("=BBhi", program))
    position = 0
    while True:
        code, both, offset, value = instructions[position]
        destination, source = both & 0xF, both >> 4
        position += 1
        if code == 0x61:
            assert source == 1
            (registers[destination],) = struct.unpack_from("=I", context, offset)
        elif code == 0x54:
            registers[destination] &= value & U32
        elif code == 0x74:
            registers[destination] >>= value
        elif code == 0xB4:
            registers[destination] = value & U32
        elif code == 0xBC:
            registers[destination] = registers[source]
        elif code in {0x16, 0x56}:
            if (registers[destination] == value & U32) == (code == 0x16):
                position += offset
        elif code == 0x95:
            return registers[0]
        else:
            raise AssertionError(hex(code))
