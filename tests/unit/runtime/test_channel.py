"""The line between the engine and stage 1: whole messages, descriptors that nobody inherits, and how it breaks."""

from __future__ import annotations

import _socket
import os
import threading

import pytest

from hezi.runtime.channel import MAX_MESSAGE, Channel


@pytest.fixture
def ends():
    first, second = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM, 0)
    channels = Channel(first), Channel(second)
    yield channels
    for channel in channels:
        channel.close()


def test_messages_arrive_one_by_one(ends):
    ours, theirs = ends
    ours.send(("first", 1, b"\0\xff", None))
    ours.send(("second", ("nested", (2,))))
    assert theirs.receive() == (("first", 1, b"\0\xff", None), [])
    assert theirs.receive() == (("second", ("nested", (2,))), [])


def test_a_message_may_be_larger_than_any_packet(ends):
    ours, theirs = ends
    big = ("plan", b"x" * 3_000_000)
    sender = threading.Thread(target=ours.send, args=(big,))
    sender.start()
    assert theirs.receive() == (big, [])
    sender.join()


def test_descriptors_come_with_the_message_and_are_not_inheritable(ends):
    ours, theirs = ends
    reading, writing = os.pipe()
    ours.send(("take",), (reading, writing))
    os.close(reading)
    os.close(writing)
    message, fds = theirs.receive()
    assert message == ("take",)
    assert [os.get_inheritable(fd) for fd in fds] == [False, False]
    os.write(fds[1], b"through")
    assert os.read(fds[0], 10) == b"through"
    for fd in fds:
        os.close(fd)


def test_the_end_is_none(ends):
    ours, theirs = ends
    ours.close()
    assert theirs.receive() == (None, [])
    with pytest.raises(BrokenPipeError):
        theirs.send(("anybody",))


@pytest.mark.parametrize("sent", [b"\x05\0", b"\x05\0\0\0", b"\x05\0\0\0ab"])
def test_a_message_that_is_cut_is_an_error(ends, sent):
    ours, theirs = ends
    ours.socket.sendall(sent)
    ours.close()
    with pytest.raises(OSError, match="middle of a message"):
        theirs.receive()


def test_a_length_that_no_plan_has_is_an_error(ends):
    ours, theirs = ends
    ours.socket.sendall((MAX_MESSAGE + 1).to_bytes(4, "little"))
    with pytest.raises(OSError, match="message of"):
        theirs.receive()


def test_silence_is_expected_of_the_living(ends):
    ours, theirs = ends
    theirs.expect_silence()
    ours.close()
    with pytest.raises(BrokenPipeError):
        theirs.expect_silence()
