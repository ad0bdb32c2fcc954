"""A real terminal for tests: a tmux server of their own, keys in, screen out."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Terminal:
    """One tmux session with one pane, in which a shell runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def open(self, environment: dict[str, str], columns: int, rows: int) -> None:
        """Start the shell: without the user's start-up files, and with a prompt to wait for."""
        size = ("-x", str(columns), "-y", str(rows))
        # env, because the shell that tmux starts this with drops PS1
        shell = "exec env 'PS1=outer$ ' TERM=xterm bash --norc"
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, shell, env=environment)
        self.expect("outer$")

    def _tmux(self, *args: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *args], capture_output=True, text=True, check=True, env=env
        )
        return done.stdout

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names (``C-c``)."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the window, as dragging its corner does."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """Return what is to be seen, without trailing blanks."""
        return "\n".join(
            line.rstrip() for line in self._tmux("capture-pane", "-p", "-J", "-S", "-").splitlines()
        ).strip()

    def expect(self, text: str, *, timeout: float = 30, count: int = 1) -> str:
        """Wait until ``text`` is on the screen ``count`` times; return the screen."""
        deadline = time.monotonic() + timeout
        while True:
            screen = self.screen()
            if screen.count(text) >= count:
                return screen
            assert time.monotonic() < deadline, f"{text!r} did not appear; the screen:\n{screen}"
            time.sleep(0.05)

    def clear(self) -> None:
        """Empty the screen and what has scrolled away."""
        self._tmux("send-keys", "-R")
        self._tmux("clear-history")

    def close(self) -> None:
        """End the server and all that runs in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)


@contextmanager
def terminal(directory: Path, environment: dict[str, str], *, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """Open a terminal whose shell has ``environment``; the socket is kept in ``directory``."""
    opened = Terminal(directory / f"tmux-{os.getpid()}")
    try:
        opened.open(environment, columns, rows)
        yield opened
    finally:
        opened.close()


def words(*args: str) -> str:
    """Quote a command line for :meth:`Terminal.type`."""
    return shlex.join(args)
