"""The user's terminal: raw while a program in a box owns it, and given back whatever happens."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    _Mode = list[int | list[bytes | int]]


def size() -> tuple[int, int] | None:
    """Return (rows, columns) of the terminal on standard output or input; None without one."""
    for descriptor in (1, 0, 2):
        try:
            columns, rows = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if rows and columns:
            return rows, columns
    return None


class RawTerminal:
    """Standard input in raw mode, as a context manager.

    Raw means that Ctrl-C, Ctrl-Z and the like are bytes for the program in the box, whose own terminal turns them into
    signals there. Output processing is switched off too: that terminal has already turned ``\\n`` into ``\\r\\n``.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._saved: _Mode | None = None

    def __enter__(self) -> RawTerminal:
        import termios

        self._saved = termios.tcgetattr(self._descriptor)
        self.make_raw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()

    def make_raw(self) -> None:
        """Switch to raw mode; also after the process was stopped and continued, when the shell has set its own."""
        import termios

        try:
            mode = termios.tcgetattr(self._descriptor)
        except termios.error:
            return  # a closed window sends SIGHUP and SIGCONT: the terminal is gone, the other signal ends us
        mode[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
            | termios.ICRNL | termios.IXON
        )  # fmt: skip
        mode[1] &= ~termios.OPOST
        mode[2] = (mode[2] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        mode[6][termios.VMIN] = 1
        mode[6][termios.VTIME] = 0
        termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)

    def restore(self) -> None:
        """Give the terminal back as it was; does nothing a second time."""
        if self._saved is None:
            return
        import termios

        saved, self._saved = self._saved, None
        try:
            # Drain: what the program wrote last must still be printed in its own mode.
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, saved)
        except termios.error:
            return  # the terminal went away (the window was closed); there is nobody to complain to
