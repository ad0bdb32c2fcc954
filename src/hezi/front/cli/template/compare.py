"""eq, lt and the rest: values of one kind compare, others are errors."""

from __future__ import annotations

from hezi.front.cli.template.errors import refuse
from hezi.front.cli.template.gofmt import show, sprintf
from hezi.front.cli.template.values import Missing, NilPointer, go_type

_NIL = None | Missing | NilPointer


def _kind(value: object) -> str:
    for name, kind in (("bool", bool), ("int", int), ("float", float), ("string", str)):
        if isinstance(value, kind):
            return name
    return ""


def equal(one: object, *others: object) -> bool:
    """Say whether ``one`` equals any of ``others``.

    :raises CallError: they cannot be compared.
    """
    if not others:
        refuse("missing argument for comparison")
    return any(_same(one, other) for other in others)


def _same(one: object, other: object) -> bool:
    kind, other_kind = _kind(one), _kind(other)
    if kind != other_kind:
        if one is None or other is None:
            return False
        refuse("incompatible types for comparison")
    if kind:
        return one == other
    if isinstance(one, _NIL) or isinstance(other, _NIL):
        return isinstance(one, _NIL) and isinstance(other, _NIL)
    if type(one) is not type(other) and not (isinstance(one, list | tuple) and isinstance(other, list | tuple)):
        refuse(
            f"non-comparable types {sprintf('%s', [one])}: {go_type(one)}, {go_type(other)}: {show(other)}",
        )
    if isinstance(other, list | tuple | dict):
        refuse(f"non-comparable type {sprintf('%s', [other])}: {go_type(other)}")
    return one is other


def less(one: object, other: object) -> bool:
    """Say whether ``one`` comes before ``other``.

    :raises CallError: they have no order, or not one in common.
    """
    kind, other_kind = _kind(one), _kind(other)
    if not kind or not other_kind or kind == other_kind == "bool":
        refuse("invalid type for comparison")
    if kind != other_kind:
        refuse("incompatible types for comparison")
    return bool(one < other)  # type: ignore[operator]  # both are numbers of one kind, or strings
