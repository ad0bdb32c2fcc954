"""Immutable records with named fields, and protocols, without importing ``typing``.

To the type checker they are :class:`typing.NamedTuple` and :class:`typing.Protocol`. At run time ``typing`` alone would
be a tenth of what it costs to start a container, and a class of its named tuples, which compiles each annotation, costs
six of these (docs/adr/0003).
"""

from __future__ import annotations

# What collections.namedtuple reads its fields with: importing collections for it would cost 1.5 ms.
from _collections import _tuplegetter  # type: ignore[import-not-found]  # noqa: PLC2701 - private, hence without stubs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FunctionType
    from typing import Any, NamedTuple, Protocol, Self

__all__ = ["NamedTuple", "Protocol"]

_new = tuple.__new__

# Constructors by number of fields, for as many as most records have. Their parameters are renamed, which is fifty times
# faster than compiling new ones.
_CONSTRUCTORS: tuple[Callable[..., Any], ...] = (
    lambda _cls: _new(_cls, ()),
    lambda _cls, a: _new(_cls, (a,)),
    lambda _cls, a, b: _new(_cls, (a, b)),
    lambda _cls, a, b, c: _new(_cls, (a, b, c)),
    lambda _cls, a, b, c, d: _new(_cls, (a, b, c, d)),
    lambda _cls, a, b, c, d, e: _new(_cls, (a, b, c, d, e)),
    lambda _cls, a, b, c, d, e, f: _new(_cls, (a, b, c, d, e, f)),
    lambda _cls, a, b, c, d, e, f, g: _new(_cls, (a, b, c, d, e, f, g)),
    lambda _cls, a, b, c, d, e, f, g, h: _new(_cls, (a, b, c, d, e, f, g, h)),
    lambda _cls, a, b, c, d, e, f, g, h, i: _new(_cls, (a, b, c, d, e, f, g, h, i)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j: _new(_cls, (a, b, c, d, e, f, g, h, i, j)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r)
    ),
)

# As in typing: to define one of these would break the record.
_RESERVED = frozenset({
    "__getnewargs__", "__init__", "__new__", "__slots__", "_asdict", "_field_defaults", "_fields", "_make", "_replace",
})  # fmt: skip


def _constructor(fields: tuple[str, ...]) -> FunctionType:
    template: Any
    if len(fields) < len(_CONSTRUCTORS):
        template = _CONSTRUCTORS[len(fields)]
    else:
        names = ", ".join(f"_{number}" for number in range(len(fields)))
        template = eval(f"lambda _cls, {names}: _new(_cls, ({names},))")  # noqa: S307 - nothing but numbers in it
    code = template.__code__.replace(co_varnames=("_cls", *fields), co_name="__new__")
    made: FunctionType = type(template)(code, {"_new": _new, "__builtins__": {}}, "__new__")
    return made


class _Record(tuple[object, ...]):
    """The methods of every record, the same as those of :func:`collections.namedtuple`."""

    __slots__ = ()

    _fields: tuple[str, ...] = ()

    @classmethod
    def _make(cls, values: Iterable[object]) -> Self:
        made = _new(cls, values)
        if len(made) != len(cls._fields):
            message = f"Expected {len(cls._fields)} arguments, got {len(made)}"
            raise TypeError(message)
        return made

    def _replace(self, /, **changes: object) -> Self:
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            message = f"Got unexpected field names: {list(changes)!r}"
            raise ValueError(message)
        return made

    __replace__ = _replace

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{self.__class__.__name__}({values})"

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)


def _defaults(name: str, fields: tuple[str, ...], namespace: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for field in fields:
        if field.startswith("_"):
            message = f"Field names cannot start with an underscore: {field!r}"
            raise ValueError(message)
        if field in namespace:
            defaults[field] = namespace[field]
        elif defaults:
            message = f"{name}: field {field} without a default follows field {[*defaults][-1]} with one"
            raise TypeError(message)
    return defaults


class _Maker(type):
    """Turns the body of a class into a record. The record itself is of type ``type``, and has no such base."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        if len(bases) > 1:
            message = f"{name}: a record has no other base class"
            raise TypeError(message)
        wrong = sorted(_RESERVED & namespace.keys())
        if wrong:
            message = f"Cannot overwrite NamedTuple attribute {wrong[0]}"
            raise AttributeError(message)
        annotations = namespace.get("__annotations__", {})
        fields = tuple(annotations)
        defaults = _defaults(name, fields, namespace)
        constructor = _constructor(fields)
        constructor.__annotations__ = annotations
        constructor.__defaults__ = tuple(defaults.values())
        constructor.__qualname__ = f"{namespace['__qualname__']}.__new__"
        body = {
            **namespace,
            "__doc__": namespace.get("__doc__") or f"{name}({', '.join(fields)})",
            "__match_args__": fields,
            "__new__": constructor,
            "__orig_bases__": bases,
            "__slots__": (),
            "_field_defaults": defaults,
            "_fields": fields,
        }
        for number, field in enumerate(fields):
            body[field] = _tuplegetter(number, f"Alias for field number {number}")
        return type(name, (_Record,), body)


if not TYPE_CHECKING:

    class NamedTuple(metaclass=_Maker):
        """Base class of records: annotated names are the fields; those with a default come last."""

    class Protocol:
        """Base class of protocols, which nobody inherits from or asks at run time."""

        __slots__ = ()
