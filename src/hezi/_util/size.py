"""Sizes and durations as people write them, with docker's rules."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


def human(size: int) -> str:
    """Format bytes with decimal units and at most four significant digits, as docker's SIZE column (``4.86MB``)."""
    value = float(size)
    for unit in _DECIMAL:
        if value < 1000 or unit == _DECIMAL[-1]:
            return f"{value:.4g}{unit}" if unit == "B" or value >= 1000 else f"{value:.3g}{unit}"
        value /= 1000
    return f"{size}B"


def parse_bytes(text: str) -> int:
    """Return the bytes meant by ``64m``, ``1g``, ``512``, ``10kb``, ``1.5GiB`` (binary units, as docker's options).

    :raises ValueError: the text is not a size, or is negative.
    """
    lowered = text.strip().lower()
    digits = lowered.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = lowered[len(digits) :].strip()
    for ending in ("ib", "b"):
        if len(unit) > len(ending) and unit.endswith(ending):
            unit = unit[: -len(ending)]
            break
    whole, _, fraction = digits.partition(".")
    # float() would take signs, exponents, underscores and other scripts' digits.
    if unit not in _BINARY_UNITS or not (
        whole.isascii() and whole.isdigit() and (fraction + "0").isascii() and (fraction + "0").isdigit()
    ):
        message = f"invalid size: '{text}'"
        raise ValueError(message)
    value = float(digits) * _BINARY_UNITS[unit]
    if value > 2**63 - 1:
        message = f"size out of range: '{text}'"
        raise ValueError(message)
    return int(value)
