"""Typed access to the fields of a parsed JSON object.

As in Go's decoders, which every other engine uses, ``null`` is the same as absent. Anything else of the wrong type is
an error that names the document and the field.
"""

from __future__ import annotations

from hezi.errors import CORRUPT, Error
from hezi.spec.digest import Digest
from hezi.spec.jsondoc import Json, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)


class Fields:
    """One JSON object, and what to call it in an error."""

    __slots__ = ("_value", "_what")

    def __init__(self, value: Json, what: str) -> None:
        """Wrap ``value``.

        :raises Error: CORRUPT, if it is not an object.
        """
        if not isinstance(value, dict):
            raise Error(CORRUPT, f"invalid {what}: it is {kind_of(value)}, not an object")
        self._value: dict[str, Json] = value
        self._what = what

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def is_null(self, key: str) -> bool:
        """Tell whether a field is absent or null."""
        return self._value.get(key) is None

    def keys(self) -> list[str]:
        """Return all keys."""
        return list(self._value)

    def fail(self, key: str, why: str) -> NoReturn:
        """Refuse the document because of one field.

        :raises Error: CORRUPT, always.
        """
        raise Error(CORRUPT, f"invalid {self._what}: field '{key}' {why}")

    def text(self, key: str, default: str = "") -> str:
        """Return a string without NUL characters: it may become an argument of a system call."""
        value = self._value.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.fail(key, f"is {kind_of(value)}, not a string")
        if "\0" in value:
            self.fail(key, "contains a NUL character")
        return value

    def integer(self, key: str, default: int = 0, *, least: int = MIN_INT64) -> int:
        """Return a 64-bit integer of at least ``least``."""
        value = self._value.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"is {'not an integer' if isinstance(value, float) else kind_of(value)}")
        if not least <= value <= MAX_INT64:
            self.fail(key, "is out of range")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; false when absent."""
        value = self._value.get(key)
        if value is not None and not isinstance(value, bool):
            self.fail(key, f"is {kind_of(value)}, not a boolean")
        return bool(value)

    def digest(self, key: str) -> Digest:
        """Return a digest; it must be there."""
        return Digest.parse(self.text(key))

    def digests(self, key: str) -> tuple[Digest, ...]:
        """Return a list of digests."""
        return tuple(Digest.parse(text) for text in self.texts(key))

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """Return a list of strings; with ``single`` also a bare string, as images of docker's first years have."""
        value = self._value.get(key)
        if single and isinstance(value, str):
            value = [value]
        texts: list[str] = []
        for item in self._array(key, value):
            if not isinstance(item, str):
                self.fail(key, f"has an element that is {kind_of(item)}, not a string")
            if "\0" in item:
                self.fail(key, "contains a NUL character")
            texts.append(item)
        return tuple(texts)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return a map of strings as pairs, in the order of the document."""
        value = self._value.get(key)
        if value is None:
            return ()
        if not isinstance(value, dict):
            self.fail(key, f"is {kind_of(value)}, not an object")
        found: list[tuple[str, str]] = []
        for name, item in value.items():
            if not isinstance(item, str):
                self.fail(key, f"has a value that is {kind_of(item)}, not a string")
            found.append((name, item))
        return tuple(found)

    def names(self, key: str) -> tuple[str, ...]:
        """Return the keys of an object whose values carry nothing, which is how Go writes a set."""
        value = self._value.get(key)
        if value is None:
            return ()
        if not isinstance(value, dict):
            self.fail(key, f"is {kind_of(value)}, not an object")
        if any("\0" in name for name in value):
            self.fail(key, "contains a NUL character")
        return tuple(value)

    def child(self, key: str) -> Fields | None:
        """Return an object, or None when absent."""
        value = self._value.get(key)
        return None if value is None else Fields(value, f"{self._what}: {key}")

    def children(self, key: str) -> tuple[Fields, ...]:
        """Return a list of objects."""
        items = self._array(key, self._value.get(key))
        return tuple(Fields(item, f"{self._what}: {key}[{number}]") for number, item in enumerate(items))

    def _array(self, key: str, value: Json) -> list[Json]:
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(key, f"is {kind_of(value)}, not an array")
        return value
