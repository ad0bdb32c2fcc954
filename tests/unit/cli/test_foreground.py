"""`run` between the terminal and a box that is played by a stand-in: no root, no image, a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

TOP = os.path.join(os.path.dirname(__file__), "../../..")

# The box: says what it was started with, then what it is told, and ends at SIGUSR2 or when asked for 'q'.
PROGRAM = """
import fcntl, os, select, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from hezi.engine.results import Progress
from hezi.front.cli import main as cli
from hezi.front.cli.session import Session

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\r\\n").encode())

class Running:
    def __enter__(self): return self
    def __exit__(self, *_): say("closed")
    def signal(self, number): say("signal", number)
    def resize(self, rows, columns): say("resize", rows, columns)
    def wait(self):
        say("waiting")
        while self.more(): pass
        return 7
    def more(self):
        if not self.stdin_given:
            select.select([], [], [], 0.1)
            return not os.path.exists(sys.argv[-1])
        data = os.read(0, 1)
        say("key", data)
        return data != b"q"

class Engine:
    def start(self, request, *, stdin, console_size, notice, progress):
        running = Running()
        running.stdin_given = stdin is not None
        progress(Progress("", "pulling"))
        notice("a notice")
        say("start", stdin, console_size)
        return running

Session.engine = property(lambda self: Engine())
sys.exit(cli.main(["hezi", "run", *sys.argv[1:-1], "image"]))
"""


class Played:
    """The program above on a pseudo-terminal."""

    def __init__(self, tmp_path, *flags):
        self.stop = tmp_path / "stop"
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *flags, str(self.stop)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.path.join(TOP, "src")},
        )  # fmt: skip
        self.seen = ""

    def expect(self, text, count=1):
        deadline = time.monotonic() + 20
        while self.seen.count(text) < count:
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 4096).decode()

    def type(self, data):
        os.write(self.master, data)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def end(self):
        code = self.process.wait(20)
        after = termios.tcgetattr(self.slave)
        self.expect("closed")
        os.close(self.master)
        os.close(self.slave)
        assert after == self.before
        return code


@pytest.fixture
def play(tmp_path):
    started = []

    def start(*flags):
        started.append(Played(tmp_path, *flags))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_size_raw_keys_and_code(play):
    box = play("-it")
    box.expect("waiting")
    assert "start 0 (33, 101)" in box.seen
    assert "hezi: a notice" in box.seen
    assert "pulling" in box.seen
    box.type(b"\x03\x1a\x1c\r")
    box.expect("key b'\\r'")
    assert "key b'\\x03'" in box.seen
    assert "key b'\\x1a'" in box.seen
    assert "signal" not in box.seen
    box.type(b"q")
    assert box.end() == 7


def test_resize_on_a_terminal(play):
    box = play("-it")
    box.expect("waiting")
    fcntl.ioctl(box.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
    box.expect("resize 50 132")
    box.type(b"q")
    assert box.end() == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_on_a_terminal_a_signal_ends_hezi_and_the_terminal_is_given_back(play, number):
    box = play("-it")
    box.expect("waiting")
    assert termios.tcgetattr(box.slave) != box.before
    box.signal(number)
    assert box.end() == 128 + number


def test_continued_after_a_stop_the_terminal_is_raw_again(play):
    box = play("-it")
    box.expect("waiting")
    box.signal(signal.SIGSTOP)
    termios.tcsetattr(box.slave, termios.TCSANOW, box.before)  # as a shell does
    box.signal(signal.SIGCONT)
    box.expect("resize 33 101")
    assert not termios.tcgetattr(box.slave)[3] & termios.ICANON
    box.type(b"q")
    assert box.end() == 7


def test_keys_become_signals_without_a_terminal_of_its_own(play):
    box = play()
    box.expect("waiting")
    assert "start None None" in box.seen
    box.type(b"\x03")
    box.expect(f"signal {int(signal.SIGINT)}")
    box.signal(signal.SIGUSR1)
    box.expect(f"signal {int(signal.SIGUSR1)}")
    box.stop.touch()
    assert box.end() == 7


def test_input_without_a_terminal_leaves_the_mode_alone(play):
    box = play("-i")
    box.expect("waiting")
    assert termios.tcgetattr(box.slave) == box.before
    box.type(b"q\n")
    assert box.end() == 7


def test_without_proxy_a_signal_ends_hezi(play):
    box = play("--sig-proxy=false")
    box.expect("waiting")
    box.signal(signal.SIGTERM)
    assert box.end() == 143


def test_quiet_keeps_the_pull_silent(play):
    box = play("-q", "-i")
    box.expect("waiting")
    assert "pulling" not in box.seen
    box.type(b"q\n")
    assert box.end() == 7
