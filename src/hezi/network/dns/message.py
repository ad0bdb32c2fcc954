"""DNS messages (RFC 1035), as much as a server for a handful of names needs, of which strangers send the other half."""

from __future__ import annotations

from struct import Struct

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

A, PTR, AAAA, ANY = 1, 12, 28, 255
IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)

_HEADER = Struct("!HHHHHH")  # id, flags, and the numbers of questions, answers, authorities, additionals
_QUESTION = Struct("!HH")
_RECORD = Struct("!HHHIH")  # a pointer to the name, type, class, time to live, length
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE = 0x7800
_NAME_AT = 0xC000 | _HEADER.size  # a pointer to the name of the question
_LONGEST_LABEL, _LONGEST_NAME = 63, 255
UDP_SIZE = 512
TTL = 600  # docker's


class FormatError(ValueError):
    """No DNS query; ``code`` is what to answer, None for nothing at all."""

    def __init__(self, code: int | None) -> None:
        super().__init__("no DNS query")
        self.code = code


class Question(NamedTuple):
    """What is asked: the name in lower case without its last dot; ``raw`` is the section as it came."""

    id: int
    flags: int
    name: str
    kind: int
    raw: bytes


def parse(data: bytes) -> Question:
    """Read a query with one question.

    Pointers are refused: nobody needs them there, and they are what parsers have been led in circles with.

    :raises FormatError: it is none.
    """
    if len(data) < _HEADER.size:
        raise FormatError(None)
    number, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if flags & _QR:
        # An answer: to answer that would have two servers talk to each other for ever.
        raise FormatError(None)
    if flags & _OPCODE:
        raise FormatError(NOTIMP)
    if questions != 1 or answers:
        raise FormatError(FORMERR)
    labels = []
    at = _HEADER.size
    while True:
        if at >= len(data) or at - _HEADER.size > _LONGEST_NAME:
            raise FormatError(FORMERR)
        length = data[at]
        at += 1
        if length == 0:
            break
        if length > _LONGEST_LABEL or at + length >= len(data):
            raise FormatError(FORMERR)
        labels.append(data[at : at + length])
        at += length
    if at + _QUESTION.size > len(data):
        raise FormatError(FORMERR)
    kind, space = _QUESTION.unpack_from(data, at)
    if space not in {IN, 255}:
        raise FormatError(REFUSED)
    name = b".".join(labels).decode("latin-1").lower()
    return Question(number, flags, name, kind, data[_HEADER.size : at + _QUESTION.size])


def answer(question: Question, code: int, values: Sequence[tuple[int, bytes]] = (), *, limit: int = 0xFFFF) -> bytes:
    """Return the response.

    :param values: (type, data) of each record; those that do not fit into ``limit`` bytes are left out and TC is set.
    """
    room = limit - _HEADER.size - len(question.raw)
    parts = []
    cut = False
    for kind, value in values:
        record = _RECORD.pack(_NAME_AT, kind, IN, TTL, len(value)) + value
        if len(record) > room:
            cut = True
            break
        room -= len(record)
        parts.append(record)
    flags = _QR | _RA | (question.flags & (_RD | _OPCODE)) | code | (_TC if cut else 0)
    return _HEADER.pack(question.id, flags, 1, len(parts), 0, 0) + question.raw + b"".join(parts)


def refuse(data: bytes, code: int) -> bytes:
    """Return the response to what could not be read."""
    number, flags = _HEADER.unpack_from(data)[:2]
    return _HEADER.pack(number, _QR | (flags & (_RD | _OPCODE)) | code, 0, 0, 0, 0)


def belongs(response: bytes, number: int, question: Question) -> bool:
    """Tell whether a server's response is one to this question, asked under this number."""
    if len(response) < _HEADER.size + len(question.raw):
        return False
    found, flags, questions = _HEADER.unpack_from(response)[:3]
    if found != number or not flags & _QR or questions != 1:
        return False
    raw = response[_HEADER.size : _HEADER.size + len(question.raw)]
    return raw.lower() == question.raw.lower()


def numbered(data: bytes, number: int) -> bytes:
    """Return a message under another number."""
    return number.to_bytes(2, "big") + data[2:]


def name(text: str) -> bytes:
    """Return a name as labels; those that are too long are cut."""
    labels = [label.encode("latin-1", "replace")[:_LONGEST_LABEL] for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
