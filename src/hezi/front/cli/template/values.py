"""What a template sees: plain Python values, plus what Go tells apart and Python does not.

``None`` is a nil inside an untyped value (a JSON null), `MISSING` is "no value" (a key that a map lacks), `NilPointer`
is a typed nil. A dict is a map (sorted), a `Struct` is a struct (ordered), a `Record` is a line of a listing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_SECOND = 1_000_000_000


class Missing:
    """The type of `MISSING`."""

    __slots__ = ()


MISSING = Missing()


class NilPointer:
    """A pointer to nothing: an optional struct or number that is not there."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str = "*struct {}") -> None:
        self.type_name = type_name


class Number(str):
    """A number of a JSON document read without a schema: printed as it was written, no number for comparisons."""

    __slots__ = ()


class Char(int):
    """One byte of a string, made by ``index``."""

    __slots__ = ()


class Int64(int):
    """A number of a type that has its width in its name."""

    __slots__ = ()


class Duration(int):
    """Nanoseconds, printed as ``1m30s``."""

    __slots__ = ()

    def __str__(self) -> str:
        count, sign = abs(self), "-" if self < 0 else ""
        if not count:
            return "0s"
        if count < _SECOND:
            places, name = (6, "ms") if count >= 1_000_000 else (3, "µs") if count >= 1_000 else (0, "ns")
            return sign + _decimal(count, places) + name
        minutes, rest = divmod(count, 60 * _SECOND)
        hours, minutes = divmod(minutes, 60)
        head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
        return sign + head + _decimal(rest, 9) + "s"


def _decimal(count: int, places: int) -> str:
    whole, part = divmod(count, 10**places)
    return f"{whole}.{part:0{places}d}".rstrip("0") if part else str(whole)


class Time(str):
    """A moment as JSON has it (RFC 3339), printed as Go prints one."""

    __slots__ = ()

    def __str__(self) -> str:
        date, _, rest = self.partition("T")
        if not rest:
            return str.__str__(self)
        clock, zone = (rest[:-1], "Z") if rest.endswith("Z") else (rest[:-6], rest[-6:])
        return f"{date} {clock} " + (
            "+0000 UTC" if zone == "Z" else zone.replace(":", "") + " " + zone.replace(":", "")
        )


class Strings(list[str]):
    """A list known to hold strings, made by ``split``."""

    __slots__ = ()


class NilList(Strings):
    """A list that is not there: empty, and null in JSON."""

    __slots__ = ()


class NilMap(dict[str, object]):
    """A map that is not there: empty, and null in JSON."""

    __slots__ = ()


class Texts(dict[str, object]):
    """A map known to hold strings: ``index`` gives an empty one for a missing key."""

    __slots__ = ()


class NilTexts(NilMap, Texts):
    """A map of strings that is not there."""

    __slots__ = ()


class Struct:
    """Named values in an order.

    :param type_name: what error messages call it (Go's name).
    :param aliases: names a template may use -> names in ``fields``.
    :param unseen: fields that JSON leaves out.
    :param text: how it is printed, if not as a struct.
    :param escapes: whether ``json`` writes ``<``, ``>`` and ``&`` as escapes.
    """

    __slots__ = ("aliases", "escapes", "fields", "text", "type_name", "unseen")

    def __init__(
        self,
        fields: Mapping[str, object],
        type_name: str = "struct {}",
        aliases: Mapping[str, str] | None = None,
        *,
        unseen: frozenset[str] = frozenset(),
        text: str | None = None,
        escapes: bool = False,
    ) -> None:
        self.fields = fields
        self.type_name = type_name
        self.aliases = aliases or {}
        self.unseen = unseen
        self.text = text
        self.escapes = escapes

    def field(self, name: str) -> object:
        """Return the value that templates know as ``name``; KeyError when there is none."""
        alias = self.aliases.get(name)
        if alias is None:
            if name in self.aliases.values():  # known to templates by another name only
                raise KeyError(name)
            return self.fields[name]
        return self.fields[alias]


class Record:
    """One line of a listing: its columns by name, and functions such as ps's ``.Label "key"``.

    :param fields: column -> value; a callable without parameters is asked when the column is (for what costs).
    :param methods: name -> function of strings.
    :param type_name: what error messages call it (Go's name).
    """

    __slots__ = ("fields", "methods", "type_name")

    def __init__(
        self,
        fields: Mapping[str, object],
        methods: Mapping[str, Callable[[str], object]] | None = None,
        type_name: str = "*formatter.Context",
    ) -> None:
        self.fields = fields
        self.methods = methods or {}
        self.type_name = type_name

    def has(self, name: str) -> bool:
        """Say whether there is such a column."""
        return name in self.fields

    def field(self, name: str) -> object:
        """Return a column's value; KeyError when there is no such column."""
        value = self.fields[name]
        return value() if callable(value) else value


class Headers(Record):
    """The titles of a table's columns: those unknown have no value."""

    __slots__ = ()

    def __init__(self, titles: Mapping[str, str], methods: Mapping[str, Callable[[str], object]]) -> None:
        super().__init__(titles, methods, "formatter.SubHeaderContext")

    def has(self, name: str) -> bool:
        """Say yes: a map's missing keys are no errors."""
        return name not in self.methods

    def field(self, name: str) -> object:
        """Return a column's title."""
        return self.fields.get(name, MISSING)


def go_type(value: object) -> str:  # noqa: PLR0911  a table of types
    """Return Go's name of the type of ``value``, for error messages and ``%T``."""
    if isinstance(value, Struct | Record | NilPointer):
        return value.type_name
    if isinstance(value, Duration | Time):
        return "time." + type(value).__name__
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Char):
        return "uint8"
    if isinstance(value, int):
        return "int64" if isinstance(value, Int64) else "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, Number):
        return "json.Number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Strings):
        return "[]string"
    if isinstance(value, list | tuple):
        return "[]interface {}"
    if isinstance(value, dict):
        return "map[string]interface {}"
    return "interface {}"


def truth(value: object) -> bool:
    """Say whether ``value`` counts as true: neither nil nor zero nor empty; structs always do."""
    if isinstance(value, NilPointer | Missing):
        return False
    if isinstance(value, Struct | Record):
        return True
    return bool(value)
