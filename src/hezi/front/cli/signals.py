"""Signals sent to ``hezi run`` go to the program in the box.

With a terminal in raw mode keys never become signals here, so a signal then comes from outside and means hezi itself:
the container is stopped, the terminal given back, and hezi ends as if by that signal.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # noqa: PLC2701 - the other half imports enum, 2 ms
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Protocol

    from hezi.front.cli.terminal import RawTerminal

    class Running(Protocol):
        """A program that signals and sizes of the window go to."""

        def signal(self, number: int) -> None: ...
        def resize(self, rows: int, columns: int) -> None: ...


# Not passed on: those that cannot be caught, those about hezi's own life (children, pipes, memory faults), and those by
# which the kernel keeps a background process from the terminal: caught, the read they forbid would be retried for ever.
_OWN = frozenset({
    signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGSEGV, signal.SIGBUS,
    signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGTTIN, signal.SIGTTOU,
})  # fmt: skip
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
# As docker: a program that ignores Ctrl-C (PID 1 does by default) must not hold the user for ever.
_PATIENCE = 4


class Ended(BaseException):
    """A signal asked hezi itself to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """The handlers of one run, as a context manager that puts back what was there.

    Before :meth:`attach` a signal that ends programs raises :class:`Ended`, so that a pull or a half-made container is
    cleaned up.
    """

    def __init__(self, *, proxy: bool) -> None:
        self._proxy = proxy
        self._running: Running | None = None
        self._terminal: RawTerminal | None = None
        self._saved: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._asked: list[float] = []
        self._ended = False

    def __enter__(self) -> Signals:
        for number in _ENDING:
            self._install(number, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._saved.items():
            signal.signal(number, handler)
        self._saved.clear()

    def attach(self, running: Running, terminal: RawTerminal | None, *, tty: bool) -> None:
        """Begin to pass signals on to ``running``; with ``tty`` only the size of the window."""
        self._running, self._terminal = running, terminal
        if self._proxy and not tty:
            for number in sorted(signal.valid_signals() - _OWN):
                self._install(number, self._pass_on)
        if tty:
            self._install(signal.SIGWINCH, self._resize)
            self._install(signal.SIGCONT, self._continue)

    def _install(self, number: int, handler: Callable[[int, FrameType | None], object]) -> None:
        current = signal.getsignal(number)
        if current == signal.SIG_IGN:
            return  # nohup, or a shell without job control: what the caller ignores stays ignored
        self._saved.setdefault(number, current)
        signal.signal(number, handler)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        # Once: what is being cleaned up then must not be interrupted by the signal's repetition.
        if not self._ended:
            self._ended = True
            raise Ended(number)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if number in {signal.SIGINT, signal.SIGTERM}:
            now = time.monotonic()
            self._asked = [when for when in self._asked if now - when < 5] + [now]
            if len(self._asked) >= _PATIENCE:
                self._end(number, _frame)
        if self._running is not None and not self._ended:
            self._running.signal(number)

    def _resize(self, _number: int, _frame: FrameType | None) -> None:
        from hezi.front.cli import terminal

        size = terminal.size()
        if size is not None and self._running is not None:
            self._running.resize(*size)

    def _continue(self, number: int, frame: FrameType | None) -> None:
        if self._terminal is not None:
            self._terminal.make_raw()
        self._resize(number, frame)
