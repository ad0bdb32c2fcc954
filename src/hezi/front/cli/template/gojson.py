"""JSON as Go's encoding/json writes it: compact, maps sorted, structs in their order."""

from __future__ import annotations

import math

from hezi.front.cli.template.gofmt import digits
from hezi.front.cli.template.values import Missing, NilList, NilMap, NilPointer, Number, Record, Struct

_NAMES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ALWAYS = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | _NAMES | {"\u2028": "\\u2028", "\u2029": "\\u2029"}
_PLAIN = str.maketrans(_ALWAYS)
_FOR_HTML = str.maketrans(_ALWAYS | {char: f"\\u{ord(char):04x}" for char in "<>&"})
_MAX_DEPTH = 100


def encode(value: object, *, escapes: bool = False, depth: int = 0) -> str:
    """Return the JSON text of ``value``.

    :param escapes: write ``<``, ``>`` and ``&`` as ``\\u003c`` and so on, as the listings of docker do.
    """
    if isinstance(value, str):
        return str.__str__(value) if isinstance(value, Number) else _string(str.__str__(value), escapes=escapes)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__str__(int(value))
    if isinstance(value, float):
        return _float(value)
    if value is None or isinstance(value, Missing | NilPointer | NilList | NilMap) or depth > _MAX_DEPTH:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ",".join(encode(item, escapes=escapes, depth=depth + 1) for item in value) + "]"
    if isinstance(value, Struct):
        escapes = escapes or value.escapes
        pairs = [(name, item) for name, item in value.fields.items() if name not in value.unseen]
    elif isinstance(value, Record):
        escapes = True
        pairs = [(name, value.field(name)) for name in sorted(value.fields)]
    elif isinstance(value, dict):
        pairs = sorted(value.items())
    else:
        return _string(str(value), escapes=escapes)
    return "{" + ",".join(_string(k, escapes=escapes) + ":" + encode(v, escapes=escapes, depth=depth + 1)
                          for k, v in pairs) + "}"  # fmt: skip


def indent(value: object, margin: str = "") -> str:
    """Return the JSON text of ``value`` with four blanks for each level, as ``inspect`` prints it."""
    inner = margin + "    "
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(inner + indent(item, inner) for item in value) + f"\n{margin}]"
    if isinstance(value, Struct) and value.fields:
        lines = (f"{inner}{encode(name)}: {indent(item, inner)}" for name, item in value.fields.items())
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    return encode(value)


def _string(text: str, *, escapes: bool) -> str:
    clean = text.encode(errors="surrogateescape").decode(errors="replace")
    return '"' + clean.translate(_FOR_HTML if escapes else _PLAIN) + '"'


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "null"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    figures, exponent = digits(abs(value))
    sign = "-" if value < 0 else ""
    if -6 <= exponent < 21:
        point = exponent + 1
        if point <= 0:
            return sign + "0." + "0" * -point + figures
        whole = figures[:point].ljust(point, "0")
        return sign + whole + ("." + figures[point:] if len(figures) > point else "")
    return f"{sign}{figures[0]}{'.' + figures[1:] if len(figures) > 1 else ''}e{'+' if exponent > 0 else ''}{exponent}"
