"""Values as Go's package fmt prints them: ``%v`` for actions and print, all verbs for printf."""

from __future__ import annotations

import math
import re

from hezi._util.record import NamedTuple
from hezi.front.cli.template.lexer import quote
from hezi.front.cli.template.values import Char, Duration, Missing, NilPointer, Record, Struct, Time, go_type

_DIRECTIVE = re.compile(r"%([-+# 0]*)(\*|[0-9]*)(?:(\.)(\*|[0-9]*))?(?:\[([0-9]+)\])?(.?)", re.DOTALL)
_MAX_WIDTH = 1_000_000
_MAX_DEPTH = 100
_NIL = None | Missing | NilPointer


class _Directive(NamedTuple):
    flags: str
    width: int | None
    precision: int | None
    verb: str

    def padded(self, text: str, *, zeros: bool = False) -> str:
        """Fill up to the width: right with "-", left otherwise, with zeros after the sign for numbers."""
        if self.width is None or len(text) >= self.width:
            return text
        if "-" in self.flags:
            return text.ljust(self.width)
        if zeros and "0" in self.flags:
            sign = text[:1] if text[:1] in {"-", "+", " "} else ""
            return sign + text[len(sign) :].rjust(self.width - len(sign), "0")
        return text.rjust(self.width, "0" if "0" in self.flags else " ")

    def plain(self) -> bool:
        return not self.flags and self.width is None and self.precision is None


_BASES = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PLAIN = _Directive("", None, None, "v")


def show(value: object) -> str:
    """Return ``value`` as Go's %v."""
    return _one(_PLAIN, value)


def sprint(values: list[object]) -> str:
    """Join as fmt.Sprint: a blank between two values neither of which is a string."""
    out = ""
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            out += " "
        out += show(value)
    return out


def sprintf(text: str, values: list[object]) -> str:
    """Format as fmt.Sprintf, mistakes included (``%!d(string=x)``)."""
    arguments = _Arguments(values)
    out, at = [], 0
    for match in _DIRECTIVE.finditer(text):
        out.append(text[at : match.start()])
        at = match.end()
        if any(len(size) > 7 or int(size) > _MAX_WIDTH for size in match.group(2, 4) if size and size != "*"):
            out.append("%!(NOVERB)")  # as Go, which reads no further
            at = len(text)
            break
        out.append(_directive(match, arguments))
    out.append(text[at:])
    if (extra := values[arguments.used :]) and not arguments.chosen:
        shown = [go_type(value) + "=" + show(value) if value is not None else "<nil>" for value in extra]
        out.append(f"%!(EXTRA {', '.join(shown)})")
    return "".join(out)


class _Arguments:
    __slots__ = ("chosen", "used", "values")

    def __init__(self, values: list[object]) -> None:
        self.values = values
        self.used = 0
        self.chosen = False  # whether some were asked for by number

    def take(self) -> object:
        self.used += 1
        return self.values[self.used - 1]


def _directive(match: re.Match[str], arguments: _Arguments) -> str:
    flags, width_text, dot, precision_text, number, verb = match.groups()
    notes = ""
    width, bad = _size(width_text, arguments)
    notes += "%!(BADWIDTH)" if bad else ""
    if width is not None and width < 0:
        flags, width = flags + "-", -width
    precision, bad = _size(precision_text, arguments) if dot else (None, False)
    notes += "%!(BADPREC)" if bad or (precision or 0) < 0 else ""
    if dot and precision is None and not bad:
        precision = 0
    if not verb:
        return notes + "%!(NOVERB)"
    if verb == "%":
        return notes + "%"
    if number:
        arguments.chosen = True
        if not 0 < int(number[:9]) <= len(arguments.values):
            return f"{notes}%!{verb}(BADINDEX)"
        arguments.used = int(number) - 1
    if arguments.used >= len(arguments.values):
        return f"{notes}%!{verb}(MISSING)"
    if "-" in flags:
        flags = flags.replace("0", "")
    if precision is not None and precision < 0:
        precision = None
    how = _Directive(flags, width, precision, verb)
    if verb == "v":  # other flags: with names of fields, and in Go's syntax
        how = how._replace(flags=flags.replace("+", "&").replace("#", "@"))
    return notes + _one(how, arguments.take())


def _size(text: str | None, arguments: _Arguments) -> tuple[int | None, bool]:
    """Return a width or precision, and whether it is a bad one."""
    if not text:
        return None, False
    if text == "*":
        if arguments.used >= len(arguments.values):
            return None, True
        value = arguments.take()
        good = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_WIDTH
        return (int(value), False) if good and isinstance(value, int) else (None, True)
    return int(text), False


def _one(how: _Directive, value: object, depth: int = 0) -> str:
    if how.verb == "T":
        return how.padded("<nil>") if value is None else _string(how._replace(verb="s"), go_type(value))
    if isinstance(value, _NIL):
        return _nil(how, value, depth)
    if isinstance(value, Duration | Time) and how.verb in "vs":
        return _string(how, str(value))
    if isinstance(value, bool):
        return how.padded("true" if value else "false") if how.verb in "tv" else _bad(how, value)
    if isinstance(value, int):
        return _integer(how, value)
    if isinstance(value, float):
        return _float(how, value)
    if isinstance(value, str):
        return _string(how, value)
    return _many(how, value, depth + 1) if depth < _MAX_DEPTH else "..."


def _nil(how: _Directive, value: object, depth: int) -> str:
    if depth:
        return "interface {}(nil)" if "@" in how.flags else "<nil>"
    return how.padded("<nil>") if how.verb == "v" else _bad(how, value)


def _bad(how: _Directive, value: object) -> str:
    """Show that the verb does not fit the value, which is then shown by %v with the same flags."""
    if value is None or isinstance(value, Missing):
        return f"%!{how.verb}(<nil>)"
    return f"%!{how.verb}({go_type(value)}={_one(how._replace(verb='v'), value)})"


def _many(how: _Directive, value: object, depth: int) -> str:
    """Show a list, map or struct, its elements each by the directive."""
    if isinstance(value, Struct) and value.text is not None:
        return _string(how, value.text)
    if isinstance(value, Struct | Record):
        values = [value.field(name) for name in value.fields] if isinstance(value, Record) else value.fields.values()
        parts = [(name, _one(how, item, depth)) for name, item in zip(value.fields, values, strict=True)]
        named = how.verb == "v" and ("&" in how.flags or "@" in how.flags)
        return "{" + " ".join(f"{name}:{text}" if named else text for name, text in parts) + "}"
    if isinstance(value, dict):
        pairs = (_one(how, key, depth) + ":" + _one(how, value[key], depth) for key in sorted(value))
        return go_type(value) + "{" + ", ".join(pairs) + "}" if "@" in how.flags else "map[" + " ".join(pairs) + "]"
    if not isinstance(value, list | tuple):
        return str(value)
    if "@" in how.flags:
        return go_type(value) + "{" + ", ".join(_one(how, item, depth) for item in value) + "}"
    return "[" + " ".join(_one(how, item, depth) for item in value) + "]"


def _string(how: _Directive, value: str) -> str:
    text = value if how.precision is None else value[: how.precision]
    match how.verb:
        case "v" if "@" in how.flags:
            return how.padded(quote(text))
        case "s" | "v":
            return how.padded(text)
        case "q":
            raw = "#" in how.flags and "`" not in text and text.isprintable()
            return how.padded(f"`{text}`" if raw else quote(text, plain="+" in how.flags))
        case "x" | "X":
            data = value.encode(errors="surrogateescape")[: how.precision]
            mark = "0x" if "#" in how.flags and data else ""
            text = mark + (data.hex(" ").replace(" ", " " + mark) if " " in how.flags else data.hex())
            return how.padded(text if how.verb == "x" else text.upper())
        case _:
            return _bad(how, value)


def _integer(how: _Directive, value: int) -> str:
    if how.verb in {"c", "q", "U"}:
        return how.padded(_char(how, value))
    if how.verb not in _BASES:
        return _bad(how, value)
    if "@" in how.flags and isinstance(value, Char):
        how = how._replace(flags="#", verb="x")
    sign = "-" if value < 0 else "+" if "+" in how.flags else " " if " " in how.flags else ""
    text = format(abs(value), _BASES[how.verb])
    if how.precision is not None:
        text = text.rjust(how.precision, "0") if how.precision or value else ""
    elif "0" in how.flags and how.width is not None:
        text = text.rjust(how.width - len(sign), "0")
    if "#" in how.flags and not (how.verb in {"o", "O"} and text.startswith("0")):
        text = {"b": "0b", "o": "0", "O": "0", "x": "0x", "X": "0X"}.get(how.verb, "") + text
    if how.verb == "O":
        text = "0o" + text
    return how._replace(flags=how.flags.replace("0", "")).padded(sign + text)


def _char(how: _Directive, value: int) -> str:
    good = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    char = chr(value) if good else "\ufffd"
    if how.verb == "c":
        return char
    if how.verb == "U":
        return f"U+{value & (1 << 64) - 1:04X}" + (f" '{char}'" if "#" in how.flags and char.isprintable() else "")
    quoted = quote(char)[1:-1].replace('\\"', '"')
    return f"'{quoted}'" if char != "'" else "'\\''"


def _float(how: _Directive, value: float) -> str:
    verb = how.verb
    if verb not in "vgGeEfF":
        return _bad(how, value)
    if math.isnan(value) or math.isinf(value):
        text = "NaN" if math.isnan(value) else "Inf" if "+" not in how.flags and value > 0 else f"{value:+}".title()
        text = "+Inf" if text == "Inf" else text
        return how._replace(flags=how.flags.replace("0", "")).padded(text)
    if verb in "eEfF":
        precision = 6 if how.precision is None else how.precision
        text = f"{abs(value):.{precision}{verb}}"
    elif how.precision is None:
        text = shortest(abs(value))
    else:
        text = f"{abs(value):{'#' if '#' in how.flags else ''}.{how.precision or 1}g}"
    if verb == "G":
        text = text.upper()
    negative = math.copysign(1, value) < 0
    sign = "-" if negative else "+" if "+" in how.flags else " " if " " in how.flags else ""
    return how.padded(sign + text, zeros=True)


def digits(value: float) -> tuple[str, int]:
    """Return the shortest digits of a positive ``value`` that read back the same, and the exponent of the first."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    together = (whole + fraction).lstrip("0")
    lost = len(whole + fraction) - len(together)
    return together.rstrip("0") or "0", (len(whole) - 1 - lost + int(exponent or 0)) if together else 0


def shortest(value: float, limit: int = 6) -> str:
    """Write a positive float in the fewest digits; with an exponent under 1e-4 and from 10**``limit`` on."""
    figures, exponent = digits(value)
    if -4 <= exponent < limit:
        if exponent < 0:
            return "0." + "0" * (-exponent - 1) + figures
        whole = figures[: exponent + 1].ljust(exponent + 1, "0")
        return whole + ("." + figures[exponent + 1 :] if len(figures) > exponent + 1 else "")
    return figures[0] + ("." + figures[1:] if len(figures) > 1 else "") + f"e{exponent:+03d}"
