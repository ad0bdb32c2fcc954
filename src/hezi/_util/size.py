"""Sizes and durations as people write them, with docker's rules."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def human(size: int) -> str:
    """Format bytes with decimal units and at most four significant digits, as docker's SIZE column (``4.86MB``)."""
    value = float(size)
    for unit in _DECIMAL:
        if value < 1000 or unit == _DECIMAL[-1]:
            return f"{value:.4g}{unit}" if unit == "B" or value >= 1000 else f"{value:.3g}{unit}"
        value /= 1000
    return f"{size}B"


def binary(size: int) -> str:
    """Format bytes with binary units, as docker does for memory (``64MiB``)."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.4g}{unit}"
        value /= 1024
    return f"{value:.4g}PiB"


def parse_bytes(text: str, *, unit: int = 1024) -> int:
    """Return the bytes meant by ``64m``, ``1g``, ``512``, ``10kb``, ``1.5GiB`` (binary units, as docker's options).

    :param unit: what ``k`` means: 1000 for the few options that docker reads with decimal units, ``KiB`` too.
    :raises ValueError: the text is not a size, or is negative.
    """
    lowered = text.strip().lower()
    digits = lowered.rstrip("abcdefghijklmnopqrstuvwxyz ")
    suffix = lowered[len(digits) :].strip()
    for ending in ("ib", "b"):
        if len(suffix) > len(ending) and suffix.endswith(ending):
            suffix = suffix[: -len(ending)]
            break
    whole, _, fraction = digits.partition(".")
    # float() would take signs, exponents, underscores and other scripts' digits.
    if suffix not in _POWERS or not (
        whole.isascii() and whole.isdigit() and (fraction + "0").isascii() and (fraction + "0").isdigit()
    ):
        message = f"invalid size: '{text}'"
        raise ValueError(message)
    value = float(digits) * unit ** _POWERS[suffix]
    if value > 2**63 - 1:
        message = f"size out of range: '{text}'"
        raise ValueError(message)
    return int(value)
