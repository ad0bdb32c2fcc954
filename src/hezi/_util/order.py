"""The order in which people count: x2 before x10."""

from __future__ import annotations

_DIGITS = "0123456789"


def natural(text: str) -> tuple[tuple[int, int, int], ...]:
    """Return the key to sort by: runs of digits are numbers and come first, all else is compared letter by letter.

    As github.com/fvbommel/sortorder, by which docker sorts.
    """
    found = []
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and text[end] in _DIGITS:
            end += 1
        if end > at:
            # Of equal numbers the shorter one comes first.
            found.append((0, int(text[at:end]), end - at))
            at = end
        else:
            found.append((1, ord(text[at]), 0))
            at += 1
    return tuple(found)
