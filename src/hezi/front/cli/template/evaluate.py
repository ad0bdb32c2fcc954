"""The execution of a parsed template over values, with the errors of Go's text/template."""

from __future__ import annotations

from hezi.front.cli.template import nodes
from hezi.front.cli.template.errors import MAX_DEPTH, MAX_OUTPUT, MAX_STEPS, CallError, fail_execute
from hezi.front.cli.template.functions import FUNCTIONS, Signature
from hezi.front.cli.template.gofmt import show
from hezi.front.cli.template.lexer import quote
from hezi.front.cli.template.values import MISSING, Missing, NilPointer, Record, Strings, Struct, go_type, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NoReturn


class _Nothing:
    """No value comes from the command before."""


_NOTHING = _Nothing()


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


def execute(
    template: nodes.Template,
    value: object,
    *,
    strict: bool = False,
    functions: Mapping[str, Signature] = FUNCTIONS,
) -> str:
    """Return what ``template`` makes of ``value``.

    :param strict: a key that a map lacks is an error (docker's second try of ``inspect -f``).
    :raises TemplateError: in Go's words.
    """
    state = _State(template, functions, strict=strict)
    try:
        state.run(template.body, value)
    except RecursionError:
        fail_execute("the template is nested too deeply")
    return "".join(state.out)


class _State:
    def __init__(self, template: nodes.Template, functions: Mapping[str, Signature], *, strict: bool) -> None:
        self.template = template
        self.functions = functions
        self.strict = strict
        self.node: nodes.AnyNode = nodes.Dot(0)
        self.name = ""
        self.variables: list[tuple[str, object]] = []
        self.out: list[str] = []
        self.steps = self.length = self.depth = 0
        self.untyped = False  # whether Go would know dot's type only at run time: error texts tell

    def fail(self, text: str) -> NoReturn:
        before = self.template.source[: self.node.pos]
        column = len(before[before.rfind("\n") + 1 :].encode(errors="surrogateescape"))
        where = f":{before.count(chr(10)) + 1}:{column}"
        fail_execute(f"template: {where}: executing {quote(self.name)} at <{self.node}>: {text}")

    def count(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            self.fail(f"the template takes more than {MAX_STEPS} steps")

    def write(self, text: str) -> None:
        self.length += len(text)
        if self.length > MAX_OUTPUT:
            self.fail(f"the output is longer than {MAX_OUTPUT} characters")
        self.out.append(text)

    # Nodes.

    def run(self, body: nodes.Body, dot: object) -> None:
        """Execute a template's body, which sees ``$`` and no other variables."""
        kept, self.variables = self.variables, [("$", dot)]
        self.inside(body, dot, untyped=False)
        self.variables = kept

    def walk(self, body: nodes.Body, dot: object) -> None:
        for node in body:
            self.count()
            self.node = node
            match node:
                case nodes.Text():
                    self.write(node.text)
                case nodes.Action():
                    value = self.pipeline(node.pipe, dot)
                    if not node.pipe.declared:
                        self.node = node
                        self.write("<no value>" if isinstance(value, Missing) else show(value))
                case nodes.Control():
                    known = len(self.variables)
                    if node.keyword == "range":
                        self.loop(node, dot)
                    else:
                        self.branch(node, dot)
                    del self.variables[known:]
                case nodes.Jump():
                    raise _Break if node.keyword == "break" else _Continue
                case nodes.Call():
                    self.call_template(node, dot)

    def inside(self, body: nodes.Body, dot: object, *, untyped: bool) -> None:
        """Walk ``body`` with another dot."""
        kept, self.untyped = self.untyped, untyped
        try:
            self.walk(body, dot)
        finally:
            self.untyped = kept

    def branch(self, node: nodes.Control, dot: object) -> None:
        value = self.pipeline(node.pipe, dot)
        if truth(value):
            self.inside(
                node.body, value if node.keyword == "with" else dot, untyped=node.keyword == "if" and self.untyped
            )
        elif node.otherwise is not None:
            self.walk(node.otherwise, dot)

    def loop(self, node: nodes.Control, dot: object) -> None:
        value = self.pipeline(node.pipe, dot)
        known = len(self.variables)
        empty = True
        for key, element in self.elements(value, node):
            empty = False
            self.count()
            self.set_turn(node.pipe, key, element)
            try:
                self.inside(node.body, element, untyped=not isinstance(value, int | Strings))
            except _Continue:
                continue
            except _Break:
                break
            finally:
                del self.variables[known:]
        if empty and node.otherwise is not None:
            self.walk(node.otherwise, dot)

    def set_turn(self, pipe: nodes.Pipe, key: object, element: object) -> None:
        """Give this turn's key and element to the loop's variables."""
        for name, value in zip(reversed(pipe.declared), (element, key), strict=False):
            if pipe.assigns:
                self.assign(name, value)
            else:
                place = len(self.variables) - (1 if value is element and name == pipe.declared[-1] else 2)
                self.variables[place] = (name, value)

    def elements(self, value: object, node: nodes.Control) -> Iterable[tuple[object, object]]:
        if isinstance(value, list | tuple):
            return enumerate(value)
        if isinstance(value, dict):
            return [(key, value[key]) for key in sorted(value)]
        if isinstance(value, Missing):
            return ()
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(f"range can't iterate over {show(value)}")
        if len(node.pipe.declared) > 1:
            self.fail(f"can't use {show(value)} to iterate over more than one variable")
        return ((number, number) for number in range(value))

    def call_template(self, node: nodes.Call, dot: object) -> None:
        body = self.template.defined.get(node.name)
        if body is None:
            self.fail(f"template {quote(node.name)} not defined")
        if self.depth == MAX_DEPTH:
            self.fail(f"exceeded maximum template depth ({MAX_DEPTH})")
        value = MISSING if node.pipe is None else self.pipeline(node.pipe, dot)
        name, self.name = self.name, node.name
        self.depth += 1
        self.run(body, value)
        self.depth -= 1
        self.name = name

    # Pipelines.

    def assign(self, name: str, value: object) -> None:
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        self.fail(f"undefined variable: {name}")

    def variable(self, name: str) -> object:
        found = [value for known, value in self.variables if known == name]
        if not found:
            self.fail(f"undefined variable: {name}")
        return found[-1]

    def pipeline(self, pipe: nodes.Pipe, dot: object) -> object:
        self.node = pipe
        value: object = _NOTHING
        for command in pipe.commands:
            value = self.command(command, dot, value)
            if value is None:
                value = MISSING  # a nil inside an untyped value is no value
        for name in pipe.declared:
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables.append((name, value))
        return value

    def command(self, command: nodes.Command, dot: object, final: object) -> object:
        first, rest = command.operands[0], command.operands[1:]
        if isinstance(first, nodes.Field | nodes.Variable | nodes.Chain) and (
            not isinstance(first, nodes.Variable) or first.names
        ):
            return self.chain(first, dot, rest, final)
        if isinstance(first, nodes.Function):
            return self.function(first, command, dot, rest, final)
        if not isinstance(first, nodes.Pipe):
            self.node = first
        if rest or final is not _NOTHING:
            self.fail(f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            self.fail("nil is not a command")
        return self.operand(first, dot)

    def operand(self, node: nodes.Operand, dot: object) -> object:
        """Evaluate an operand that is given no arguments."""
        match node:
            case nodes.Pipe():
                return self.pipeline(node, dot)
            case nodes.Function():
                return self.function(node, node, dot, (), _NOTHING)
            case nodes.Field() | nodes.Chain():
                return self.chain(node, dot, (), _NOTHING)
            case nodes.Variable():
                if node.names:
                    return self.chain(node, dot, (), _NOTHING)
                self.node = node
                return self.variable(node.name)
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return None
            case nodes.Literal():
                self.node = node
                if isinstance(node.value, int) and not -(1 << 63) <= node.value < 1 << 63:
                    self.fail(f"{node.text} overflows int")
                return node.value

    # Fields and methods.

    def chain(
        self,
        node: nodes.Field | nodes.Variable | nodes.Chain,
        dot: object,
        arguments: tuple[nodes.Operand, ...],
        final: object,
    ) -> object:
        self.node = node
        if isinstance(node, nodes.Chain):
            if isinstance(node.operand, nodes.Nil):
                self.fail(f"indirection through explicit nil in {node}")
            value = self.operand(node.operand, dot)
        else:
            value = self.variable(node.name) if isinstance(node, nodes.Variable) else dot
        untyped = self.untyped and isinstance(node, nodes.Field)
        for name in node.names[:-1]:
            following = self.field(value, name, node, dot, (), _NOTHING, untyped=untyped)
            untyped = isinstance(value, dict)
            value = following
        return self.field(value, node.names[-1], node, dot, arguments, final, untyped=untyped)

    def field(
        self,
        value: object,
        name: str,
        node: nodes.AnyNode,
        dot: object,
        arguments: tuple[nodes.Operand, ...],
        final: object,
        *,
        untyped: bool,
    ) -> object:
        if isinstance(value, Missing):
            if self.strict:
                self.fail(f"nil data; no entry for key {quote(name)}")
            return MISSING
        given = bool(arguments) or final is not _NOTHING
        if value is None or isinstance(value, NilPointer):
            self.fail(f"nil pointer evaluating {go_type(value)}.{name}")
        if isinstance(value, Record):
            method = value.methods.get(name)
            if method is not None:
                return self.call(Signature(("string",), method), name, node, dot, arguments, final)
            if value.has(name):
                return self.call(Signature((), lambda: value.field(name)), name, node, dot, arguments, final)
        if isinstance(value, Struct):
            return self.struct_field(value, name, "interface {}" if untyped else value.type_name, given=given)
        if not isinstance(value, dict):
            self.fail(f"can't evaluate field {name} in type {'interface {}' if untyped else go_type(value)}")
        if given:
            self.fail(f"{name} is not a method but has arguments")
        if name not in value and self.strict:
            self.fail(f"map has no entry for key {quote(name)}")
        return value.get(name, MISSING)

    def struct_field(self, value: Struct, name: str, type_name: str, *, given: bool) -> object:
        try:
            found = value.field(name)
        except KeyError:
            self.fail(f"can't evaluate field {name} in type {type_name}")
        if given:
            self.fail(f"{name} has arguments but cannot be invoked as function")
        return found

    # Functions.

    def function(
        self,
        node: nodes.Function,
        shown: nodes.AnyNode,
        dot: object,
        arguments: tuple[nodes.Operand, ...],
        final: object,
    ) -> object:
        self.node = node
        signature = self.functions[node.name]
        if node.name in {"and", "or"}:
            return self.lazily(node.name, signature, dot, arguments, final)
        return self.call(signature, node.name, shown, dot, arguments, final)

    def check_count(self, signature: Signature, name: str, given: int, final: object) -> None:
        """Refuse the wrong number of arguments."""
        wanted = len(signature.parameters)
        count = given + (final is not _NOTHING)
        if signature.more and count < wanted - 1:
            self.fail(f"wrong number of args for {name}: want at least {wanted - 1} got {given}")
        if not signature.more and count != wanted:
            self.fail(f"wrong number of args for {name}: want {wanted} got {count}")

    def lazily(
        self, name: str, signature: Signature, dot: object, arguments: tuple[nodes.Operand, ...], final: object
    ) -> object:
        """Evaluate the arguments of and / or until one decides."""
        if not arguments and final is _NOTHING:
            self.fail(f"wrong number of args for {name}: want at least 1 got 0")
        value: object = MISSING
        for argument in arguments:
            value = self.argument(argument, "any", dot)
            if truth(value) == (name == "or"):
                return value
        return value if final is _NOTHING else final

    def call(
        self,
        signature: Signature,
        name: str,
        shown: nodes.AnyNode,
        dot: object,
        arguments: tuple[nodes.Operand, ...],
        final: object,
    ) -> object:
        self.check_count(signature, name, len(arguments), final)
        types = signature.parameters
        values = []
        for position, argument in enumerate(arguments):
            values.append(self.argument(argument, types[min(position, len(types) - 1)], dot))
        if final is not _NOTHING:
            values.append(self.checked(final, types[min(len(values), len(types) - 1)]))
        try:
            result = signature.call(*(None if isinstance(value, Missing) else value for value in values))
        except CallError as error:
            self.node = shown
            self.fail(f"error calling {name}: {error}")
        if isinstance(result, str) and len(result) > MAX_OUTPUT:
            self.fail(f"the result of {name} is longer than {MAX_OUTPUT} characters")
        return result

    def argument(self, node: nodes.Operand, kind: str, dot: object) -> object:
        """Evaluate an argument for a parameter of type ``kind``: any, string or int."""
        self.node = node
        if isinstance(node, nodes.Nil):
            if kind == "[]string":
                return Strings()
            if kind != "any":
                self.fail(f"cannot assign nil to {kind}")
            return None
        if isinstance(node, nodes.Literal) and kind != "any":
            return self.constant(node, kind)
        return self.checked(self.operand(node, dot), kind)

    def constant(self, node: nodes.Literal, kind: str) -> object:
        """Return a constant for a parameter of type string or int."""
        value = node.value
        if kind not in {"string", "int"}:
            self.fail(f"can't handle {node} for arg of type {kind}")
        if kind == "string" and isinstance(value, str):
            return value
        if kind == "string" or not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
            self.fail(f"expected {'string' if kind == 'string' else 'integer'}; found {node}")
        return int(value)

    def checked(self, value: object, kind: str) -> object:
        """Refuse a value that is not of type ``kind``."""
        if kind == "[]string" and isinstance(value, Missing):
            return Strings()
        if kind != "any" and isinstance(value, Missing):
            self.fail(f"invalid value; expected {kind}")
        if kind not in {"any", go_type(value)}:
            self.fail(f"wrong type for value; expected {kind}; got {go_type(value)}")
        return value
