"""The tree a template is parsed into. ``str()`` of a node is its text as error messages show it."""

from __future__ import annotations

from hezi._util.record import NamedTuple


class Dot(NamedTuple):
    pos: int

    def __str__(self) -> str:
        return "."


class Nil(NamedTuple):
    pos: int

    def __str__(self) -> str:
        return "nil"


class Literal(NamedTuple):
    """A constant: bool, int, float or str, and how it was spelled."""

    pos: int
    text: str
    value: bool | int | float | str

    def __str__(self) -> str:
        return self.text


class Field(NamedTuple):
    pos: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


class Variable(NamedTuple):
    pos: int
    name: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


class Function(NamedTuple):
    pos: int
    name: str

    def __str__(self) -> str:
        return self.name


class Chain(NamedTuple):
    """Fields of what an operand gives: ``(pipeline).A.B``."""

    pos: int
    operand: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        operand = f"({self.operand})" if isinstance(self.operand, Pipe) else str(self.operand)
        return ".".join((operand, *self.names))


class Command(NamedTuple):
    pos: int
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Pipe) else str(part) for part in self.operands)


class Pipe(NamedTuple):
    pos: int
    declared: tuple[str, ...]
    assigns: bool
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        names = ", ".join(self.declared) + (" = " if self.assigns else " := ") if self.declared else ""
        return names + " | ".join(map(str, self.commands))


Operand = Dot | Nil | Literal | Field | Variable | Function | Chain | Pipe


class Text(NamedTuple):
    pos: int
    text: str

    def __str__(self) -> str:
        return self.text


class Action(NamedTuple):
    pos: int
    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


class Control(NamedTuple):
    """An if, with or range."""

    pos: int
    keyword: str
    pipe: Pipe
    body: Body
    otherwise: Body | None

    def __str__(self) -> str:
        otherwise = "" if self.otherwise is None else "{{else}}" + "".join(map(str, self.otherwise))
        return f"{{{{{self.keyword} {self.pipe}}}}}{''.join(map(str, self.body))}{otherwise}{{{{end}}}}"


class Jump(NamedTuple):
    """A break or continue."""

    pos: int
    keyword: str

    def __str__(self) -> str:
        return f"{{{{{self.keyword}}}}}"


class Call(NamedTuple):
    """``{{template "name" pipeline}}``, and what is left of a ``{{block}}``."""

    pos: int
    name: str
    quoted: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f"{{{{template {self.quoted}{'' if self.pipe is None else f' {self.pipe}'}}}}}"


Node = Text | Action | Control | Jump | Call
Body = tuple[Node, ...]


class Template(NamedTuple):
    """A parsed text: its own body and those it defines, by name."""

    source: str
    body: Body
    defined: dict[str, Body]


AnyNode = Operand | Command | Node
