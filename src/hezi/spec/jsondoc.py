"""Strict JSON for documents that strangers wrote.

Two readers must never see two documents in the same bytes, and no document may cost more than it is worth. Compared
with :func:`json.loads` this refuses: more bytes than ``limit``, deeper nesting than ``depth``, bytes that are not
UTF-8 (and a byte order mark), duplicate keys, NaN and the infinities, lone surrogates, numbers of thousands of digits.
Nothing but :class:`hezi.errors.Error` comes out of it: not :class:`RecursionError`, not :class:`ValueError`.
"""

from __future__ import annotations

from json import JSONDecoder

from hezi.errors import CORRUPT, Error

MAX_DEPTH = 64
_MAX_NUMBER = 400  # characters; the longest useful one is a 64-bit integer

Json = object


def loads(raw: bytes, *, limit: int, depth: int = MAX_DEPTH, what: str = "document") -> Json:
    """Parse one JSON document.

    :param limit: the most bytes the document may have.
    :param depth: the deepest nesting of arrays and objects.
    :param what: names the document in the error, as in "image config".
    :raises Error: CORRUPT.
    """
    if len(raw) > limit:
        raise _corrupt(what, f"it has {len(raw)} bytes, the limit is {limit}")
    try:
        value: Json = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _corrupt(what, f"invalid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _corrupt(what, "nested too deep") from None
    except ValueError as error:
        raise _corrupt(what, str(error)[:200].encode("unicode_escape").decode("ascii")) from None
    _check(value, depth, what, surrogates=b"\\u" in raw)
    return value


def load_object(raw: bytes, *, limit: int, depth: int = MAX_DEPTH, what: str = "document") -> dict[str, Json]:
    """Parse one JSON document that must be an object; otherwise as :func:`loads`."""
    value = loads(raw, limit=limit, depth=depth, what=what)
    if not isinstance(value, dict):
        raise _corrupt(what, f"it is {kind_of(value)}, not an object")
    return value


def dumps(value: Json) -> bytes:
    """Encode compactly and reproducibly: UTF-8, no spaces, keys in the order given."""
    from json import JSONEncoder

    encoder = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
    return encoder.encode(value).encode("utf-8")


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


_DECODER = JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)


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
