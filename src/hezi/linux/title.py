"""What ps(1) shows of this process: its name and its command line."""

from __future__ import annotations

import os

from hezi.linux import abi, prctl

_PR_SET_MM = 35
_PR_SET_MM_ARG_END = 9
# Fields of /proc/PID/stat, counted from 1 as proc(5) does; the third is the first behind the command in parentheses.
_ARG_START, _ARG_END = 48, 49
_STAT_BYTES = 4096


def set_title(title: str) -> None:
    """Replace the command line by ``title``, and the name by its first 15 bytes.

    The arguments a process was executed with stay readable in /proc/PID/cmdline, even to those who may not look at
    anything else of it. They are overwritten where they lie, and with CAP_SYS_RESOURCE the rest of the area is cut off.

    :raises OSError: /proc is not there to be read.
    """
    fd = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = os.read(fd, _STAT_BYTES)
    finally:
        os.close(fd)
    fields = raw[raw.rindex(b")") + 2 :].split()
    start, end = int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
    data = abi.encode_path(title)[: end - start - 1] + b"\0"
    abi.write_memory(start, data.ljust(end - start, b"\0"))
    prctl.set_name(title)
    try:
        prctl.prctl(_PR_SET_MM, _PR_SET_MM_ARG_END, start + len(data))
    except OSError:
        return  # the area keeps its length, padded with NULs, which ps does not show
