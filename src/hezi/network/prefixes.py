"""Addresses and prefixes as numbers; the standard library's ipaddress costs 6 ms of each container's start."""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton  # noqa: PLC2701 - the socket module costs 3 ms

from hezi import errors
from hezi._util.record import NamedTuple


class Prefix(NamedTuple):
    """A block of addresses: all whose first ``length`` bits are those of ``first``."""

    family: int  # 4 or 6
    first: int
    length: int

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return 1 << (bits(self.family) - self.length)

    @property
    def last(self) -> int:
        """Its last address: the broadcast address in IPv4."""
        return self.first + self.size - 1

    def holds(self, other: Prefix) -> bool:
        """Tell whether all of ``other`` lies inside."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: Prefix) -> bool:
        """Tell whether some address lies in both."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{show(self.family, self.first)}/{self.length}"


def bits(family: int) -> int:
    """Return how long an address is."""
    return 32 if family == 4 else 128


def show(family: int, number: int) -> str:
    """Return an address as text."""
    return inet_ntop(AF_INET if family == 4 else AF_INET6, number.to_bytes(bits(family) // 8, "big"))


def address(text: str) -> tuple[int, int]:
    """Read an address: (4 or 6, number).

    :raises errors.Error: INVALID.
    """
    family = 6 if ":" in text else 4
    try:
        raw = inet_pton(AF_INET6 if family == 6 else AF_INET, text)
    except (OSError, ValueError):
        raise errors.Error(errors.INVALID, f"invalid IP address: {text}") from None
    return family, int.from_bytes(raw, "big")


def prefix(text: str, *, strict: bool = False) -> Prefix:
    """Read ``ADDRESS/LENGTH``.

    :param strict: bits behind the length are a mistake; otherwise they are dropped.
    :raises errors.Error: INVALID.
    """
    head, slash, tail = text.partition("/")
    wrong = errors.Error(errors.INVALID, f"invalid CIDR address: {text}")
    try:
        family, number = address(head)
    except errors.Error:
        raise wrong from None
    if not slash or not tail.isascii() or not tail.isdecimal() or int(tail) > bits(family):
        raise wrong
    length = int(tail)
    hidden = bits(family) - length
    first = number >> hidden << hidden
    if strict and first != number:
        raise errors.Error(errors.INVALID, f"invalid subnet {text}: it should be {show(family, first)}/{length}")
    return Prefix(family, first, length)
