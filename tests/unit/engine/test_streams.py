"""The pump: every byte, both ways, half-closes, slow readers, readers that go away."""

from __future__ import annotations

import hashlib
import os
import pty
import signal
import subprocess
import threading
import time
import tty
from typing import Any

import pytest

from hezi.engine.streams import DetachFilter, Output, Pump, writer


class Child:
    """A program with our ends of its pipes."""

    def __init__(self, *argv: str) -> None:
        self.stdin, self.stdout, self.stderr = os.pipe(), os.pipe(), os.pipe()
        theirs = (self.stdin[0], self.stdout[1], self.stderr[1])
        self.process = subprocess.Popen(argv, stdin=theirs[0], stdout=theirs[1], stderr=theirs[2])
        for fd in theirs:
            os.close(fd)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.out: list[bytes] = []
        self.err: list[bytes] = []

    def pump(self, **options: Any) -> Pump:
        outputs = [Output(self.stdout[0], self.out.append), Output(self.stderr[0], self.err.append)]
        return Pump(self.pidfd, outputs, sink=self.stdin[1], **options)

    def finish(self, pump: Pump) -> int:
        assert pump.run(30)
        pump.drain()
        pump.close()
        os.close(self.pidfd)
        return self.process.wait()


def test_input_and_both_outputs() -> None:
    child = Child("sh", "-c", "cat; echo err >&2; exit 3")
    assert child.finish(child.pump(data=b"hello")) == 3
    assert (b"".join(child.out), b"".join(child.err)) == (b"hello", b"err\n")


def test_no_input_is_end_of_file_at_once() -> None:
    child = Child("cat")
    assert child.finish(child.pump()) == 0


def test_100_megabytes_through_both_ways() -> None:
    block = os.urandom(1 << 20)
    read, write = os.pipe()

    def feed() -> None:
        for _ in range(100):
            writer(write)(block)
        os.close(write)

    thread = threading.Thread(target=feed)
    thread.start()
    child = Child("cat")
    got = hashlib.sha256()
    pump = Pump(
        child.pidfd,
        [Output(child.stdout[0], got.update), Output(child.stderr[0], child.err.append)],
        source=read,
        sink=child.stdin[1],
    )
    assert child.finish(pump) == 0
    thread.join()
    os.close(read)
    wanted = hashlib.sha256()
    for _ in range(100):
        wanted.update(block)
    assert got.digest() == wanted.digest()


def test_the_last_bytes_of_short_programs_are_never_lost() -> None:
    for number in range(50):
        child = Child("sh", "-c", f"printf %01000d {number}; printf {number} >&2")
        child.finish(child.pump())
        assert b"".join(child.out) == b"%01000d" % number
        assert b"".join(child.err) == b"%d" % number


def test_a_program_that_does_not_read_its_input() -> None:
    read, write = os.pipe()
    os.write(write, b"x" * 60000)
    child = Child("sh", "-c", "exec 0<&-; sleep 0.2; echo done")
    assert child.finish(child.pump(source=read)) == 0
    assert b"".join(child.out) == b"done\n"
    os.close(read)
    os.close(write)


def test_the_program_ends_while_input_is_open() -> None:
    read, write = os.pipe()
    child = Child("sh", "-c", "head -c 1; exit 7")
    os.write(write, b"ab")
    assert child.finish(child.pump(source=read)) == 7
    assert b"".join(child.out) == b"a"
    os.close(read)
    os.close(write)


def test_a_reader_that_goes_away_ends_the_program() -> None:
    read, write = os.pipe()
    child = Child("yes")
    pump = Pump(child.pidfd, [Output(child.stdout[0], writer(write)), Output(child.stderr[0], child.err.append)])
    os.close(child.stdin[1])
    threading.Timer(0.2, os.close, [read]).start()
    child.finish(pump)
    assert child.process.returncode == -signal.SIGPIPE
    os.close(write)


def test_a_slow_reader_loses_nothing() -> None:
    child = Child("sh", "-c", "yes | head -c 300000")
    got: list[bytes] = []

    def slow(data: bytes) -> None:
        time.sleep(0.02)
        got.append(data)

    os.close(child.stdin[1])
    child.finish(Pump(child.pidfd, [Output(child.stdout[0], slow), Output(child.stderr[0], child.err.append)]))
    assert len(b"".join(got)) == 300000


def test_somebody_else_holds_the_output_open() -> None:
    child = Child("sh", "-c", "sleep 30 & echo $!")
    start = time.monotonic()
    assert child.finish(child.pump()) == 0
    assert time.monotonic() - start < 8
    os.kill(int(b"".join(child.out)), signal.SIGKILL)


def test_timeout_then_again() -> None:
    child = Child("sh", "-c", "sleep 0.5; echo late")
    pump = child.pump()
    assert not pump.run(0.1)
    assert child.finish(pump) == 0
    assert b"".join(child.out) == b"late\n"


def test_terminal() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    process = subprocess.Popen(["sh", "-c", "head -c 5; exit 4"], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    pidfd = os.pidfd_open(process.pid)
    read, write = os.pipe()
    os.write(write, b"12345")
    out: list[bytes] = []
    pump = Pump(pidfd, [Output(master, out.append)], source=read, sink=master)
    assert pump.run(10)
    pump.drain()
    pump.close()
    assert process.wait() == 4
    assert b"".join(out) == b"12345"
    for fd in (pidfd, read, write):
        os.close(fd)


@pytest.mark.parametrize(
    ("typed", "passed", "found"),
    [
        ([b"abc"], b"abc", 0),
        ([b"\x10\x11"], b"", 1),
        ([b"\x10", b"\x11"], b"", 1),
        ([b"a\x10b"], b"a\x10b", 0),
        ([b"\x10", b"x"], b"\x10x", 0),
        ([b"\x10\x10\x11"], b"\x10", 1),
        ([b"\x10\x11after"], b"after", 1),
        ([b"\x11\x10"], b"\x11", 0),
    ],
)
def test_detach_keys(typed: list[bytes], passed: bytes, found: int) -> None:
    keys = DetachFilter(b"\x10\x11")
    results = [keys.feed(data) for data in typed]
    assert (b"".join(data for data, _ in results), sum(hit for _, hit in results)) == (passed, found)
