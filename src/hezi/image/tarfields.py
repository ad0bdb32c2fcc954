"""The fields of a tar header: numbers, PAX records and sparse maps, each with its limits.

Everything here comes from whoever made the image. Each number is bounded before it is used, and nothing is read
that the format does not allow: int() alone would take signs, blanks and underscores.

Sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format" and
"Storing Sparse Files".
"""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAX_INT64 = 2**63 - 1
# Beyond the year 30000 on either side; the file system clamps to what it can store.
_MAX_SECONDS = 2**40

SparseMap = tuple[tuple[int, int], ...]


def refuse(message: str) -> NoReturn:
    """Raise the error for a layer whose archive breaks the format or a limit.

    :raises hezi.errors.Error: CORRUPT.
    """
    message = f"layer is not a valid archive: {message}"
    raise errors.Error(errors.CORRUPT, message)


def number(field: bytes) -> int:
    """Return the value of a numeric header field: octal text, or GNU's base-256 when the top bit is set.

    :raises hezi.errors.Error: CORRUPT: neither, or beyond 64 bits.
    """
    text = field.strip(b" \0")
    if text.isdigit():
        try:
            return int(text, 8)
        except ValueError:
            pass
    elif not text:
        return 0
    elif field[0] & 0x80:
        return _base256(field)
    else:
        # A NUL ends the number; some writers leave rubbish behind it.
        head = text.partition(b"\0")[0].strip(b" ")
        if head.isdigit() and not head.strip(b"01234567"):
            return int(head, 8)
    refuse(f"{field[:16]!r} is not a number")


def _base256(field: bytes) -> int:
    """Two's complement, big-endian; the marker is the top bit, the next one the sign."""
    value = int.from_bytes(field, "big") & ((1 << (len(field) * 8 - 1)) - 1)
    if field[0] & 0x40:
        value -= 1 << (len(field) * 8 - 1)
    if not -MAX_INT64 <= value <= MAX_INT64:
        refuse("a number has more than 64 bits")
    return value


def decimal(text: bytes) -> int:
    """Return a non-negative decimal number of a PAX record.

    :raises hezi.errors.Error: CORRUPT: it is none, or beyond 63 bits.
    """
    if not text.isdigit() or len(text) > 19 or (value := int(text)) > MAX_INT64:
        refuse(f"{text[:24]!r} is not a number")
    return value


def timestamp(text: bytes) -> int:
    """Return nanoseconds for a PAX time: seconds with an optional fraction, possibly negative.

    :raises hezi.errors.Error: CORRUPT: it is none.
    """
    negative = text.startswith(b"-")
    seconds, _, fraction = text[negative:].partition(b".")
    if not seconds.isdigit() or (fraction and not fraction.isdigit()) or len(seconds) > 19:
        refuse(f"{text[:24]!r} is not a time")
    value = min(int(seconds), _MAX_SECONDS) * 1_000_000_000 + int((fraction + b"000000000")[:9])
    return -value if negative else value


def seconds_to_ns(seconds: int) -> int:
    """Return nanoseconds, clamped to what every file system call takes."""
    return max(-_MAX_SECONDS, min(seconds, _MAX_SECONDS)) * 1_000_000_000


def pax_records(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the records of a PAX header in order: ``"LENGTH KEY=VALUE\\n"`` repeated.

    :raises hezi.errors.Error: CORRUPT: a length is wrong, a key is empty, or a name holds NUL.
    """
    records: list[tuple[bytes, bytes]] = []
    pos = 0
    end = len(data)
    while pos < end:
        blank = data.find(b" ", pos, pos + 20)
        digits = data[pos:blank]
        if blank < 0 or not digits.isdigit():
            refuse("a PAX record has no length")
        stop = pos + int(digits)
        if stop > end or stop <= blank + 1 or data[stop - 1] != 10:
            refuse("a PAX record has a wrong length")
        key, equals, value = data[blank + 1 : stop - 1].partition(b"=")
        if not equals or not key or b"\0" in key:
            refuse("a PAX record has no key")
        records.append((key, value))
        pos = stop
    return records


def sparse_map(numbers: list[int], real_size: int, stored: int) -> SparseMap:
    """Return (offset, length) pairs from a flat list, checked: ascending, inside the file, adding up to the data.

    :param real_size: size in bytes of the file with its holes.
    :param stored: bytes of data in the archive.
    :raises hezi.errors.Error: CORRUPT.
    """
    if len(numbers) % 2:
        refuse("a sparse map is cut off")
    pairs: list[tuple[int, int]] = []
    at = total = 0
    for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < at or length < 0 or offset + length > real_size:
            refuse("a sparse map leaves its file or overlaps itself")
        at = offset + length
        total += length
        if length:
            pairs.append((offset, length))
    if total != stored:
        refuse("a sparse map does not match the stored data")
    return tuple(pairs)


def old_gnu_sparse(block: bytes, start: int, count: int) -> list[int]:
    """Return the flat offset/length list of ``count`` 24-byte slots at ``start``; an empty slot ends it."""
    numbers: list[int] = []
    for slot in range(start, start + 24 * count, 24):
        if block[slot] == 0:
            break
        numbers.append(number(block[slot : slot + 12]))
        numbers.append(number(block[slot + 12 : slot + 24]))
    return numbers
