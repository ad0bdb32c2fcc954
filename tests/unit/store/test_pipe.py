"""The pipe between two threads: bounded, in order, and nobody waits for the dead."""

from __future__ import annotations

import threading
import time

import pytest

from hezi.store.pipe import BrokenPipe, Pipe


def test_order_and_end() -> None:
    pipe = Pipe(10)
    writer = threading.Thread(target=lambda: ([pipe.put(b"%d" % n) for n in range(1000)], pipe.end()))
    writer.start()
    assert list(pipe) == [b"%d" % n for n in range(1000)]
    writer.join()


def test_the_writer_waits() -> None:
    pipe = Pipe(10)
    pipe.put(b"x" * 25)  # one chunk always fits
    put: list[float] = []
    writer = threading.Thread(target=lambda: (pipe.put(b"y"), put.append(time.monotonic())))
    writer.start()
    time.sleep(0.05)
    assert not put
    assert next(iter(pipe)) == b"x" * 25
    writer.join(5)
    assert put


@pytest.mark.parametrize("side", ["reader", "writer"])
def test_closing_wakes_the_other_side(side: str) -> None:
    pipe = Pipe(1)
    caught: list[type[BaseException]] = []

    def wait() -> None:
        try:
            if side == "reader":
                list(pipe)
            else:
                pipe.put(b"1")
                pipe.put(b"2")
        except BaseException as error:
            caught.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    pipe.close()
    thread.join(5)
    assert caught == [BrokenPipe]
