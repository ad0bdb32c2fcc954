"""Strict JSON for documents that strangers wrote.

Two readers must never see two documents in the same bytes, and no document may cost more than it is worth. Compared
with :func:`json.loads` this refuses: more bytes than ``limit``, deeper nesting than ``depth``, bytes that are not
UTF-8 (and a byte order mark), duplicate keys, NaN and the infinities, lone surrogates, numbers of thousands of digits.
Nothing but :class:`hezi.errors.Error` comes out of it: not :class:`RecursionError`, not :class:`ValueError`.

The work is done by the C half of the ``json`` module. Its Python half compiles regular expressions for the case that
there is no C, which every start of a container would pay for (docs/adr/0003).
"""

from __future__ import annotations

from hezi.errors import CORRUPT, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

MAX_DEPTH = 64
_MAX_NUMBER = 400  # characters; the longest useful one is a 64-bit integer

Json = object


def loads(raw: bytes, *, limit: int, depth: int = MAX_DEPTH, what: str = "document", ours: bool = False) -> Json:
    """Parse one JSON document.

    :param limit: the most bytes the document may have.
    :param depth: the deepest nesting of arrays and objects.
    :param what: names the document in the error, as in "image config".
    :param ours: we have written it: its depth is not looked at, nor are lone surrogates, by which :func:`dumps` carries
        bytes that are not UTF-8.
    :raises Error: CORRUPT.
    """
    if len(raw) > limit:
        raise _corrupt(what, f"it has {len(raw)} bytes, the limit is {limit}")
    try:
        value = _decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _corrupt(what, f"invalid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _corrupt(what, "nested too deep") from None
    except ValueError as error:
        raise _corrupt(what, str(error)[:200].encode("unicode_escape").decode("ascii")) from None
    if not ours:
        _check(value, depth, what, surrogates=b"\\u" in raw)
    return value


def load_object(
    raw: bytes, *, limit: int, depth: int = MAX_DEPTH, what: str = "document", ours: bool = False
) -> dict[str, Json]:
    """Parse one JSON document that must be an object; otherwise as :func:`loads`."""
    value = loads(raw, limit=limit, depth=depth, what=what, ours=ours)
    if not isinstance(value, dict):
        raise _corrupt(what, f"it is {kind_of(value)}, not an object")
    return value


def dumps(value: Json, *, escaped: bool = False) -> bytes:
    """Encode compactly and reproducibly: UTF-8, no spaces, keys in the order given.

    :param escaped: everything but ASCII as escapes: they carry lone surrogates too, by which Python's strings hold
        bytes that are not UTF-8.
    """
    return "".join(_encoder(escaped)(value, 0)).encode("utf-8")


def kind_of(value: Json) -> str:
    """Return what JSON calls the type of ``value``, for error messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                message = f"duplicate key {key[:80]!r}"
                raise ValueError(message)
            seen.add(key)
    return result


def _integer(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        message = f"a number of {len(text)} digits"
        raise ValueError(message)
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= _MAX_NUMBER else float("inf")
    if value in {float("inf"), float("-inf")}:
        message = "a number out of range"
        raise ValueError(message)
    return value


def _constant(text: str) -> Json:
    message = f"{text} is not JSON"
    raise ValueError(message)


class _Rules:
    """What the scanner asks its decoder for."""

    strict = True
    array_hook = None  # Python 3.15
    object_hook = None
    object_pairs_hook = staticmethod(_unique)
    parse_int = staticmethod(_integer)
    parse_float = staticmethod(_float)
    parse_constant = staticmethod(_constant)


def _scanner() -> Callable[[str, int], tuple[Json, int]]:
    try:
        from _json import make_scanner  # noqa: PLC2701 - see above

        rules: Any = _Rules  # to the stubs only a scanner is one
        return make_scanner(rules)
    except (ImportError, AttributeError):  # a Python with other insides
        from json import JSONDecoder

        decoder = JSONDecoder(
            object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
        return decoder.raw_decode


def _encoder(escaped: bool) -> Callable[[Json, int], Iterable[str]]:
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder  # noqa: PLC2701 - see above

        text = encode_basestring_ascii if escaped else encode_basestring
        return make_encoder(None, _refuse, text, None, ":", ",", False, False, False)
    except (ImportError, TypeError):  # a Python with other insides
        from json import JSONEncoder

        encoder = JSONEncoder(ensure_ascii=escaped, check_circular=False, allow_nan=False, separators=(",", ":"))
        return lambda value, _level: encoder.iterencode(value)


def _refuse(value: object) -> NoReturn:
    message = f"{type(value).__name__} is not JSON"
    raise TypeError(message)


_scan = _scanner()
_SPACE = " \t\n\r"


def _decode(text: str) -> Json:
    """Parse one value with nothing but white space around it.

    :raises ValueError: with the texts of :class:`json.JSONDecodeError`.
    """
    try:
        value, end = _scan(text, len(text) - len(text.lstrip(_SPACE)))
        if not text[end:].strip(_SPACE):
            return value
        why, where = "Extra data", len(text) - len(text[end:].lstrip(_SPACE))
    except StopIteration as stop:
        why, where = "Expecting value", stop.value
    from json import JSONDecodeError

    raise JSONDecodeError(why, text, where)


def _check(value: Json, depth: int, what: str, *, surrogates: bool) -> None:
    """Walk the parsed tree level by level; with ``surrogates`` look at every string as well."""
    level: list[Json] = [value]
    while level:
        containers = False
        deeper: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                containers = True
                deeper.extend(item.values())
                if surrogates:
                    deeper.extend(item)
            elif isinstance(item, list):
                containers = True
                deeper.extend(item)
            elif surrogates and isinstance(item, str):
                _check_text(item, what)
        depth -= containers
        if depth < 0:
            raise _corrupt(what, "nested too deep")
        level = deeper


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _corrupt(what, "a string with half a surrogate pair") from None


def _corrupt(what: str, why: str) -> Error:
    return Error(CORRUPT, f"invalid {what}: {why}")
