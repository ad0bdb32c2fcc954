"""Raw mode and its end, signals and theirs."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import termios

import pytest

from hezi.front.cli.signals import Ended, Signals
from hezi.front.cli.terminal import RawTerminal, size


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    with contextlib.suppress(OSError):  # one test closes it
        os.close(slave)


class Recorder:
    """Stands for a running box."""

    def __init__(self):
        self.signals = []
        self.sizes = []

    def signal(self, number):
        self.signals.append(number)

    def resize(self, rows, columns):
        self.sizes.append((rows, columns))


def test_raw_mode_is_left_on_every_way_out(terminal):
    before = termios.tcgetattr(terminal)

    def interrupted():
        with RawTerminal(terminal):
            raw = termios.tcgetattr(terminal)
            assert not raw[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
            assert not raw[1] & termios.OPOST
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert termios.tcgetattr(terminal) == before


def test_a_terminal_that_went_away_is_no_error(terminal):
    with RawTerminal(terminal):
        os.close(terminal)


def test_size_without_a_terminal_is_none(monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _fd: (_ for _ in ()).throw(OSError(25, "not a tty")))
    assert size() is None


def test_signals_are_passed_on_and_handlers_put_back():
    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM)
    box = Recorder()
    with Signals(proxy=True) as signals:
        signals.attach(box, None, tty=False)
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP, signal.SIGRTMIN + 1, signal.SIGWINCH):
            os.kill(os.getpid(), number)
    assert box.signals == [
        signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP, signal.SIGRTMIN + 1, signal.SIGWINCH,
    ]  # fmt: skip
    assert (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGTERM)) == before


def test_the_fourth_interrupt_ends_hezi_itself():
    box = Recorder()
    with Signals(proxy=True) as signals:
        signals.attach(box, None, tty=False)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Ended):
            os.kill(os.getpid(), signal.SIGINT)
    assert box.signals == [signal.SIGINT] * 3


def test_before_the_start_a_signal_ends_the_attempt():
    with pytest.raises(Ended) as caught, Signals(proxy=True):
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


def test_what_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(proxy=True) as signals:
            signals.attach(Recorder(), None, tty=False)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_with_a_terminal_only_its_size_is_passed_on(monkeypatch):
    monkeypatch.setattr(os, "get_terminal_size", lambda _fd: os.terminal_size((100, 30)))
    box = Recorder()
    with Signals(proxy=True) as signals:
        signals.attach(box, None, tty=True)
        os.kill(os.getpid(), signal.SIGWINCH)
        with pytest.raises(Ended):
            os.kill(os.getpid(), signal.SIGTERM)
    assert box.sizes == [(30, 100)]
    assert not box.signals
