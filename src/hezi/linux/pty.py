"""Pseudo terminals: made inside a given devpts, so that the container's own /dev/pts knows them; sizes; raw mode."""

from __future__ import annotations

import errno
import fcntl
import os
import termios

from hezi.linux import abi, fd

# <asm-generic/ioctls.h>; termios lacks the first two
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441
_TIOCGPTN = 0x80045430
_DEVPTS_SUPER_MAGIC = 0x1CD1
_TERMINAL = os.O_RDWR | os.O_NOCTTY
_U16_MAX = 0xFFFF


def open_in_devpts(devpts_mount_fd: int) -> tuple[int, int]:
    """Make a pseudo terminal in a devpts mount, attached or not: (master, slave), both close-on-exec.

    The slave is opened by TIOCGPTPEER (Linux 4.13), not by a path: a path below a container's /dev/pts could be
    anything.

    :param devpts_mount_fd: the root directory of the devpts.
    :raises OSError: EXDEV for what is no devpts; ENOSPC when its ``max`` or kernel.pty.max is reached; EACCES for a
        ``ptmxmode`` that forbids it.
    """
    if fd.fs_magic(devpts_mount_fd) != _DEVPTS_SUPER_MAGIC:
        raise abi.error(errno.EXDEV, "openat2", f"fd {devpts_mount_fd}", "not a devpts")
    # The ptmx of this very mount, no link and nothing mounted over it.
    resolve = fd.RESOLVE_BENEATH | fd.RESOLVE_NO_SYMLINKS | fd.RESOLVE_NO_XDEV
    master = fd.openat2(devpts_mount_fd, "ptmx", _TERMINAL, 0, resolve)
    try:
        fcntl.ioctl(master, _TIOCSPTLCK, b"\0\0\0\0")
        slave = fcntl.ioctl(master, _TIOCGPTPEER, _TERMINAL | os.O_CLOEXEC)
    except OSError as error:
        os.close(master)
        raise abi.error(error.errno or 0, "ioctl TIOCGPTPEER", "ptmx") from None
    return master, slave


def number(master: int) -> int:
    """Give N of the slave's name /dev/pts/N."""
    return int.from_bytes(fcntl.ioctl(master, _TIOCGPTN, b"\0\0\0\0"), "little")


def make_controlling(slave: int) -> None:
    """Make the terminal the controlling one of this session; the caller is its leader (setsid(2)) without one.

    :raises OSError: EPERM when it is not, or another session has the terminal.
    """
    try:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    except OSError as error:
        raise abi.error(error.errno or 0, "ioctl TIOCSCTTY", f"fd {slave}") from None


def set_winsize(terminal: int, rows: int, cols: int) -> None:
    """Set the window size, in characters; a change sends SIGWINCH to the foreground process group.

    :raises OSError: EINVAL for a number outside 0-65535, ENOTTY for what is no terminal.
    """
    if not (0 <= rows <= _U16_MAX and 0 <= cols <= _U16_MAX):
        raise abi.error(errno.EINVAL, "ioctl TIOCSWINSZ", None, f"{rows} rows, {cols} columns")
    # struct winsize: rows, columns, and pixels, which nobody knows
    packed = rows.to_bytes(2, "little") + cols.to_bytes(2, "little") + bytes(4)
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, packed)
    except OSError as error:
        raise abi.error(error.errno or 0, "ioctl TIOCSWINSZ", f"fd {terminal}") from None


def get_winsize(terminal: int) -> tuple[int, int]:
    """Read the window size: (rows, columns), zeros when it was never set.

    :raises OSError: ENOTTY for what is no terminal.
    """
    try:
        packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    except OSError as error:
        raise abi.error(error.errno or 0, "ioctl TIOCGWINSZ", f"fd {terminal}") from None
    return int.from_bytes(packed[0:2], "little"), int.from_bytes(packed[2:4], "little")


class RawMode:
    """A terminal in raw mode (cfmakeraw(3)) for the length of a ``with``, then as it was.

    :raises OSError: ENOTTY at entry for what is no terminal.
    """

    __slots__ = ("_saved", "_terminal")

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._saved: list[int | list[bytes | int]] | None = None

    def __enter__(self) -> RawMode:
        try:
            saved = termios.tcgetattr(self._terminal)
        except termios.error as error:
            raise abi.error(error.args[0], "tcgetattr", f"fd {self._terminal}") from None
        iflag, oflag, cflag, lflag, ispeed, ospeed, control = saved
        iflag &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        oflag &= ~termios.OPOST
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        cflag = cflag & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        control = list(control)
        control[termios.VMIN], control[termios.VTIME] = 1, 0
        # TCSADRAIN: what was typed ahead is kept.
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, [iflag, oflag, cflag, lflag, ispeed, ospeed, control])
        self._saved = saved
        return self

    def __exit__(self, *_exc: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Put the terminal back as it was; a second call does nothing, and a terminal that is gone is no error."""
        saved, self._saved = self._saved, None
        if saved is not None:
            try:
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, saved)
            except termios.error:
                return
