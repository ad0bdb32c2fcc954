"""The interpreter that stage 1 runs in: the host's, but not writable through ``/proc/self/exe``.

A container's process can reach the file it was executed from before it becomes its own program (CVE-2019-5736). So
that file is not the host's: it is opened in a read-only overlay made only for that, with no upper layer, attached
nowhere; where that cannot be had, it is a sealed copy in memory (slower, by the size of the interpreter).
"""

from __future__ import annotations

import os
import sys

from hezi import errors
from hezi.linux import fd as _fd
from hezi.linux import mount

_ELF = b"\x7fELF"
_SEALS = _fd.F_SEAL_SEAL | _fd.F_SEAL_SHRINK | _fd.F_SEAL_GROW | _fd.F_SEAL_WRITE


def real_path() -> str:
    """Find the program behind ``sys.executable``: a virtual environment's is a link to it.

    :raises hezi.errors.Error: UNSUPPORTED when there is none, as in a program that embeds Python.
    """
    # sys._base_executable is what the standard library's venv uses; an embedded interpreter has neither.
    found = getattr(sys, "_base_executable", None) or sys.executable
    if not found:
        message = "cannot find the Python interpreter of this process"
        raise errors.Error(errors.UNSUPPORTED, message, hint="set sys.executable to a Python 3.11 or newer")
    return os.path.realpath(found)


def open_sealed(path: str) -> int:
    """Open the program at ``path`` for execution, such that nobody can write to it through this descriptor's file.

    :raises hezi.errors.Error: UNSUPPORTED when it is no ELF program, and what reading it meets.
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) != _ELF:
                message = f"the Python interpreter is a script: {path}"
                raise errors.Error(errors.UNSUPPORTED, message, hint="run hezi with the interpreter it starts")
        try:
            return _overlay(path)
        except OSError:
            # Without overlayfs, over another overlay twice, or without CAP_SYS_ADMIN.
            return _copy(path)
    except OSError as error:
        doing = "cannot seal the Python interpreter"
        raise errors.from_os_error(doing, error) from error


def _overlay(path: str) -> int:
    directory, name = os.path.split(path)
    # Without an upper layer an overlay needs two lower ones; any other directory does, below the real one.
    other = os.path.dirname(__file__)
    lower = ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in (directory, other))
    options = (("source", "hezi"), ("lowerdir", lower))
    attrs = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOSUID
    made = mount.new_mount("overlay", options, attrs)
    try:
        return os.open(name, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=made)
    finally:
        # The mount lives on, attached nowhere, as long as a file in it is open or executed.
        os.close(made)


def _copy(path: str) -> int:
    try:
        copy = _fd.memfd_create("hezi", _fd.MFD_CLOEXEC | _fd.MFD_ALLOW_SEALING | _fd.MFD_EXEC)
    except OSError:  # MFD_EXEC: Linux 6.3
        copy = _fd.memfd_create("hezi", _fd.MFD_CLOEXEC | _fd.MFD_ALLOW_SEALING)
    try:
        with open(path, "rb") as file:
            while os.sendfile(copy, file.fileno(), None, 1 << 24):
                pass
        os.fchmod(copy, 0o555)
        _fd.add_seals(copy, _SEALS)
    except BaseException:
        os.close(copy)
        raise
    return copy
