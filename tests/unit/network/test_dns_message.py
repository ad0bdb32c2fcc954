"""DNS messages: whatever bytes come, they are read or refused, and an answer never gets larger than it may."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.network.dns import message
from hezi.network.dns.responder import nameservers

LABEL = st.binary(min_size=1, max_size=63).filter(lambda raw: b"." not in raw)


def query(labels: list[bytes], kind: int = message.A) -> bytes:
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", kind, 1)


@given(st.binary(max_size=600))
def test_rubbish_is_refused_and_nothing_else(data: bytes):
    question, refused = None, None
    try:
        question = message.parse(data)
    except message.FormatError as error:
        refused = error
    if question is not None:
        assert data[12:].startswith(question.raw)
    elif refused is not None and refused.code is not None:
        assert len(message.refuse(data, refused.code)) == 12


@given(st.lists(LABEL, max_size=3))
def test_names_are_read_as_they_are(labels: list[bytes]):
    question = message.parse(query(labels))
    assert question.name == b".".join(labels).decode("latin-1").lower()
    assert (question.id, question.kind) == (9, message.A)


@given(st.integers(0, 100), st.integers(40, 600))
def test_an_answer_fits_and_says_when_it_was_cut(count: int, limit: int):
    question = message.parse(query([b"web"]))
    response = message.answer(question, message.NOERROR, [(message.A, b"\x7f\0\0\1")] * count, limit=limit)
    assert len(response) <= limit
    _, flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", response)
    assert (answers < count) == bool(flags & 0x0200)
    assert len(response) == 12 + len(question.raw) + 16 * answers


def test_only_the_right_response_belongs():
    question = message.parse(query([b"web"]))
    right = message.answer(question, message.NXDOMAIN)
    assert message.belongs(right, 9, question)
    assert not message.belongs(right, 8, question)
    assert not message.belongs(query([b"web"]), 9, question)  # a question, not a response
    assert not message.belongs(right.replace(b"web", b"wex"), 9, question)
    for end in range(len(right)):
        assert not message.belongs(right[:end], 9, question)


@pytest.mark.parametrize("name", ["", "a", "web.n", "a" * 100 + ".b", "..", "é"])
def test_names_are_written_within_bounds(name: str):
    raw = message.name(name)
    assert raw.endswith(b"\0")
    assert all(part <= 63 for part in raw[:1])


def test_nameservers():
    text = "# c\nnameserver 1.1.1.1\noptions x\nnameserver\nnameserver fd00::1 # x\nnameserver 3.3.3.3\n"
    text += "nameserver 4.4.4.4\n"
    assert nameservers(text) == ["1.1.1.1", "fd00::1", "3.3.3.3"]
