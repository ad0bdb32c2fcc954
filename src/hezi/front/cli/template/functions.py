"""The functions a template may call: Go's own, and docker's."""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.front.cli.template import gofmt, gojson
from hezi.front.cli.template.compare import equal, less
from hezi.front.cli.template.errors import MAX_OUTPUT, refuse
from hezi.front.cli.template.gofmt import sprint, sprintf
from hezi.front.cli.template.values import Char, NilPointer, Number, Strings, Texts, go_type, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Signature(NamedTuple):
    """What a function takes: the types of its parameters, the last repeated if ``more``; "any" takes everything."""

    parameters: tuple[str, ...]
    call: Callable[..., object]
    more: bool = False


# Indexing.


def _position(index: object, size: int) -> int:
    if index is None:
        refuse("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        refuse("cannot index slice/array with type " + go_type(index))
    if not 0 <= index <= size:
        refuse(f"index out of range: {index}")
    return index


def _index(item: object, *indexes: object) -> object:
    if item is None:
        refuse("index of untyped nil")
    for index in indexes:
        item = _element(item, index)
    return item


def _element(item: object, index: object) -> object:
    if item is None or isinstance(item, NilPointer):
        refuse("index of nil pointer")
    if isinstance(item, dict):
        if index is None:
            refuse("value is nil; should be of type string")
        if not isinstance(index, str) or isinstance(index, Number):
            refuse(f"value has type {go_type(index)}; should be string")
        return item.get(index, "" if isinstance(item, Texts) else None)
    if isinstance(item, str):
        data = item.encode(errors="surrogateescape")
        if (at := _position(index, len(data))) == len(data):
            refuse("reflect: string index out of range")
        return Char(data[at])
    if not isinstance(item, list | tuple):
        refuse("can't index item of type " + go_type(item))
    if (at := _position(index, len(item))) == len(item):
        refuse("reflect: slice index out of range")
    return item[at]


def _slice(item: object, *indexes: object) -> object:
    if item is None:
        refuse("slice of untyped nil")
    if len(indexes) > 3:
        refuse(f"too many slice indexes: {len(indexes)}")
    if isinstance(item, str):
        if len(indexes) == 3:
            refuse("cannot 3-index slice a string")
        data = item.encode(errors="surrogateescape")
        first, last = _bounds(len(data), indexes)
        return data[first:last].decode(errors="surrogateescape")
    if not isinstance(item, list | tuple):
        refuse("can't slice item of type " + go_type(item))
    first, last = _bounds(len(item), indexes)
    return item[first:last]


def _bounds(size: int, indexes: tuple[object, ...]) -> tuple[int, int]:
    bounds = [0, size]
    places = [_position(index, size) for index in indexes]
    bounds[: len(places[:2])] = places[:2]
    if bounds[0] > bounds[1]:
        refuse(f"invalid slice index: {bounds[0]} > {bounds[1]}")
    if len(places) == 3 and bounds[1] > places[2]:
        refuse(f"invalid slice index: {bounds[1]} > {places[2]}")
    return bounds[0], bounds[1]


def _len(item: object) -> int:
    if item is None:
        refuse("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(item, NilPointer):
        refuse("len of nil pointer")
    if isinstance(item, str):
        return len(item.encode(errors="surrogateescape"))
    if not isinstance(item, list | tuple | dict):
        refuse("len of type " + go_type(item).removeprefix("*"))
    return len(item)


# Text.


def _text(values: tuple[object, ...]) -> str:
    """Join for an escaping function: what is no value says so."""
    return sprint(["<no value>" if value is None else value for value in values])


_HTML = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})


def _html(*values: object) -> str:
    return _text(values).translate(_HTML)


def _js(*values: object) -> str:
    table = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(table.get(char) or (char if char.isprintable() else f"\\u{ord(char):04X}") for char in _text(values))


def _urlquery(*values: object) -> str:
    safe = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
    data = _text(values).encode(errors="surrogateescape")
    return "".join(chr(byte) if byte in safe else "+" if byte == 0x20 else f"%{byte:02X}" for byte in data)


def _println(*values: object) -> str:
    return " ".join(map(gofmt.show, values)) + "\n"


def _join(values: Strings, separator: str) -> str:
    if len(values) * len(separator) > MAX_OUTPUT:
        refuse(f"the result would be longer than {MAX_OUTPUT} characters")
    return separator.join(values)


def _split(text: str, separator: str) -> Strings:
    return Strings(text.split(separator) if separator else list(text))


def _cased(text: str, change: Callable[[str], str]) -> str:
    """Change the case of each character that stays one character, as Go does."""
    return "".join(new if len(new := change(char)) == 1 else char for char in text)


def _title(text: str) -> str:
    out: list[str] = []
    previous = " "
    for char in text:
        starts = previous.isspace() or not (previous.isalnum() or previous == "_" or not previous.isascii())
        out.append(_cased(char, str.title) if starts else char)
        previous = char
    return "".join(out)


def _pad(text: str, before: int, after: int) -> str:
    if not text:
        return text
    if before < 0 or after < 0:
        refuse("strings: negative Repeat count")
    if before + after > MAX_OUTPUT:
        refuse(f"the result would be longer than {MAX_OUTPUT} characters")
    return " " * before + text + " " * after


def _truncate(text: str, length: int) -> str:
    data = text.encode(errors="surrogateescape")
    if len(data) < length:
        return text
    if length < 0:
        refuse(f"runtime error: slice bounds out of range [:{length}]")
    return data[:length].decode(errors="surrogateescape")


def _call(value: object, *_: object) -> object:
    refuse("call of nil" if value is None else f"non-function of type {go_type(value)}")


_GO = {
    "and": Signature(("any",), lambda *values: values[-1], more=True),  # evaluated by the evaluator, like or
    "or": Signature(("any",), lambda *values: values[-1], more=True),
    "not": Signature(("any",), lambda value: not truth(value)),
    "len": Signature(("any",), _len),
    "index": Signature(("any", "any"), _index, more=True),
    "slice": Signature(("any", "any"), _slice, more=True),
    "print": Signature(("any",), lambda *values: sprint(list(values)), more=True),
    "printf": Signature(("string", "any"), lambda text, *values: sprintf(text, list(values)), more=True),
    "println": Signature(("any",), _println, more=True),
    "html": Signature(("any",), _html, more=True),
    "js": Signature(("any",), _js, more=True),
    "urlquery": Signature(("any",), _urlquery, more=True),
    "call": Signature(("any", "any"), _call, more=True),
    "eq": Signature(("any", "any"), equal, more=True),
    "ne": Signature(("any", "any"), lambda one, other: not equal(one, other)),
    "lt": Signature(("any", "any"), less),
    "le": Signature(("any", "any"), lambda one, other: less(one, other) or equal(one, other)),
    "gt": Signature(("any", "any"), lambda one, other: not (less(one, other) or equal(one, other))),
    "ge": Signature(("any", "any"), lambda one, other: not less(one, other)),
}
_DOCKER = {
    "json": Signature(("any",), gojson.encode),
    "split": Signature(("string", "string"), _split),
    "join": Signature(("[]string", "string"), _join),
    "title": Signature(("string",), _title),
    "lower": Signature(("string",), lambda text: _cased(text, str.lower)),
    "upper": Signature(("string",), lambda text: _cased(text, str.upper)),
    "pad": Signature(("string", "int", "int"), _pad),
    "truncate": Signature(("string", "int"), _truncate),
}
FUNCTIONS = _GO | _DOCKER
# In the header of a table, docker's functions leave the names of the columns alone.
HEADER_FUNCTIONS = FUNCTIONS | {
    "json": Signature(("string",), lambda text: text),
    "title": Signature(("string",), lambda text: text),
    "lower": Signature(("string",), lambda text: text),
    "upper": Signature(("string",), lambda text: text),
    "truncate": Signature(("string", "int"), lambda text, _: text),
    "join": Signature(("string", "string"), lambda text, _: text),
    "split": Signature(("string", "string"), lambda text, _: text),
}
