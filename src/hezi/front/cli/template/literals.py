"""Go's literals: strings, characters and numbers."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|(\\)|([^\\]+)", re.DOTALL
)
_SIMPLE = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_INTEGER = re.compile(
    r"[+-]?(?:(?P<x>0[xX](?:_?[0-9a-fA-F])+)|(?P<o>0[oO](?:_?[0-7])+)|(?P<b>0[bB](?:_?[01])+)"
    r"|(?P<old>0(?:_?[0-7])+)|(?P<d>0|[1-9](?:_?[0-9])*))\Z"
)
_FLOAT = re.compile(r"[+-]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?\Z")
_BASES = {"x": 16, "o": 8, "b": 2, "old": 8, "d": 10}


def unquote(text: str) -> str:
    """Return the string that a quoted or raw literal stands for.

    :raises ValueError: it is not a valid literal.
    """
    inner = text[1:-1]
    if text[0] == "`":
        return inner.replace("\r", "")
    out = bytearray()
    for simple, hexed, short, long, octal, bad, plain in _ESCAPE.findall(inner):
        code = int(short or long or "0", 16)
        if bad or (simple and simple == ("'" if text[0] == '"' else '"')) or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            msg = "invalid syntax"
            raise ValueError(msg)
        if octal and int(octal, 8) > 255:
            msg = "invalid syntax"
            raise ValueError(msg)
        if hexed or octal:
            out.append(int(hexed, 16) if hexed else int(octal, 8))
        else:
            out += (_SIMPLE[simple] if simple else chr(code) if short or long else plain).encode(
                errors="surrogateescape"
            )
    return out.decode(errors="surrogateescape")


def character(text: str) -> int:
    """Return the code of a character constant.

    :raises ValueError: it is not a valid one.
    """
    first = _ESCAPE.match(text, 1, len(text) - 1)
    escaped = first is not None and first[0][0] == "\\"
    unit = "" if first is None else first[0] if escaped else first[0][0]
    char = unquote(f"'{unit}'")
    if not char:
        msg = "invalid syntax"
        raise ValueError(msg)
    if len(text) > len(unit) + 2:
        msg = f"malformed character constant: {text}"
        raise ValueError(msg)
    if escaped and (unit[1] == "x" or unit[1].isdecimal()):  # a character here, a byte in strings
        return int(unit[1:].lstrip("x"), 16 if unit[1] == "x" else 8)
    return ord(char)


def integer(text: str) -> int | None:
    """Return the integer written in Go's way (``0x1F``, ``0b1``, ``017``, ``1_000``), None when it is none."""
    match = _INTEGER.match(text)
    if match is None:
        return None
    base = _BASES[match.lastgroup or "d"]
    return int(text.replace("_", "").lower(), base) if base != 8 else _octal(text.replace("_", "").lower())


def _octal(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    return sign * int(digits.replace("o", ""), 8)


def number(text: str) -> int | float | None:
    """Return the number that ``text`` spells, None when it spells none."""
    whole = integer(text)
    if whole is not None:
        return whole
    if not _FLOAT.match(text):
        lowered = text.lower()
        if "0x" in lowered and "p" in lowered:
            try:
                return float.fromhex(text.replace("_", ""))
            except ValueError:
                return None
        return None
    value = float(text.replace("_", ""))
    return value if value not in {float("inf"), float("-inf")} else None
