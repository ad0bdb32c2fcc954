"""From tokens to a tree, with the errors of Go's text/template/parse."""

from __future__ import annotations

from hezi.front.cli.template import nodes
from hezi.front.cli.template.errors import MAX_SOURCE, fail_parse
from hezi.front.cli.template.lexer import LEFT, RIGHT, Token, quote, tokens
from hezi.front.cli.template.literals import character, number, unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import NoReturn

_OPERANDS = frozenset({
    "bool", "charconst", ".", "field", "identifier", "number", "nil", "string", "variable", "(",
})  # fmt: skip
_CONSTANT = nodes.Literal | nodes.Dot | nodes.Nil


class _End(str):
    """What closed a list of nodes: ``{{end}}`` or ``{{else}}``."""

    __slots__ = ()


def parse(source: str, functions: Container[str]) -> nodes.Template:
    """Parse a template.

    :param functions: the names that may be called.
    :raises TemplateError: in Go's words.
    """
    if len(source) > MAX_SOURCE:
        fail_parse(f"the template is longer than {MAX_SOURCE} characters")
    try:
        return _Parser(source, functions).template()
    except RecursionError:
        fail_parse("the template is nested too deeply")


class _Parser:
    def __init__(self, source: str, functions: Container[str]) -> None:
        self.source = source
        self.functions = functions
        self.tokens = tokens(source)
        self.at = 0
        self.read = 0  # tokens looked at: errors give the line of the last one
        self.variables = ["$"]
        self.loops = 0
        self.action_line = 0
        self.defined: dict[str, nodes.Body] = {}

    def fail(self, text: str) -> NoReturn:
        line = self.tokens[max(self.read - 1, 0)].line
        fail_parse(f"template: :{line}: {text}")

    def unexpected(self, token: Token, context: str) -> NoReturn:
        if token.kind != "error":
            self.fail(f"unexpected {token} in {context}")
        started = ""
        if self.action_line not in {0, token.line}:
            started = f" in action started at :{self.action_line}"
            if token.text.endswith(" action"):
                started = started.removeprefix(" in action")
        self.fail(f"{token}{started}")

    # Tokens.

    def peek(self) -> Token:
        token = self.tokens[min(self.at, len(self.tokens) - 1)]
        self.read = max(self.read, min(self.at, len(self.tokens) - 1) + 1)
        return token

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def peek_word(self) -> Token:
        while self.peek().kind == "space":
            self.at += 1
        return self.peek()

    def next_word(self) -> Token:
        token = self.peek_word()
        self.at += 1
        return token

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_word()
        if token.kind != kind:
            self.unexpected(token, context)
        return token

    # Lists of nodes.

    def template(self) -> nodes.Template:
        body: list[nodes.Node] = []
        while self.peek().kind != "eof":
            start = self.at
            if self.next().kind == "{" and self.next_word().kind == "define":
                self.define()
                continue
            self.at = start
            node = self.text_or_action()
            if isinstance(node, _End):
                self.fail(f"unexpected {node}")
            body.append(node)
        return nodes.Template(self.source, tuple(body), self.defined)

    def define(self) -> None:
        context = "define clause"
        name = self.unquoted(self.expect("string", context))
        self.expect("}", context)
        self.definition(name, context)

    def definition(self, name: str, context: str) -> None:
        """Parse the body of a define or block up to its end, with variables of its own."""
        kept, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body, end = self.items()
        if end != "{{end}}":
            self.fail(f"unexpected {end} in {context}")
        self.variables, self.loops = kept, loops
        if not _is_empty(self.defined.get(name, ())):
            if not _is_empty(body):
                self.fail(f"template: multiple definition of template {quote(name)}")
            return
        self.defined[name] = body

    def unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            self.fail(str(error))

    def items(self) -> tuple[nodes.Body, _End]:
        body: list[nodes.Node] = []
        while True:
            if self.peek_word().kind == "eof":
                self.fail("unexpected EOF")
            node = self.text_or_action()
            if isinstance(node, _End):
                return tuple(body), node
            body.append(node)

    def text_or_action(self) -> nodes.Node | _End:
        token = self.next_word()
        if token.kind == "text":
            return nodes.Text(token.pos, token.text)
        if token.kind != "{":
            self.unexpected(token, "input")
        self.action_line = token.line
        try:
            return self.action()
        finally:
            self.action_line = 0

    # Actions.

    def action(self) -> nodes.Node | _End:
        token = self.next_word()
        if token.kind in {"if", "with", "range"}:
            return self.control(token.kind)
        if token.kind in {"break", "continue"}:
            return self.jump(token)
        if token.kind == "block":
            return self.block()
        if token.kind == "template":
            return self.call()
        if token.kind == "else":
            if self.peek_word().kind not in {"if", "with"}:
                self.expect("}", "else")
            return _End("{{else}}")
        if token.kind == "end":
            self.expect("}", "end")
            return _End("{{end}}")
        self.at -= 1
        return nodes.Action(self.peek().pos, self.pipeline("command", "}"))

    def control(self, keyword: str) -> nodes.Control:
        known = len(self.variables)
        pipe = self.pipeline(keyword, "}")
        self.loops += keyword == "range"
        body, end = self.items()
        self.loops -= keyword == "range"
        otherwise: nodes.Body | None = None
        if end == "{{else}}":
            following = self.peek().kind
            if following == keyword != "range":  # {{else if}} needs only one {{end}}
                self.next()
                otherwise = (self.control(keyword),)
            else:
                otherwise, end = self.items()
                if end != "{{end}}":
                    self.fail(f"expected end; found {end}")
        del self.variables[known:]
        return nodes.Control(pipe.pos, keyword, pipe, body, otherwise)

    def jump(self, token: Token) -> nodes.Jump:
        shown = LEFT + token.kind + RIGHT
        following = self.next_word()
        if following.kind != "}":
            self.unexpected(following, shown)
        if not self.loops:
            self.fail(f"{shown} outside {{{{range}}}}")
        return nodes.Jump(token.pos, token.kind)

    def template_name(self, context: str) -> tuple[Token, str]:
        token = self.next_word()
        if token.kind != "string":
            self.unexpected(token, context)
        return token, self.unquoted(token)

    def block(self) -> nodes.Call:
        context = "block clause"
        token, name = self.template_name(context)
        pipe = self.pipeline(context, "}")
        self.definition(name, context)
        return nodes.Call(token.pos, name, quote(name), pipe)

    def call(self) -> nodes.Call:
        context = "template clause"
        token, name = self.template_name(context)
        if self.next_word().kind == "}":
            return nodes.Call(token.pos, name, quote(name), None)
        self.at -= 1
        return nodes.Call(token.pos, name, quote(name), self.pipeline(context, "}"))

    # Pipelines.

    def pipeline(self, context: str, end: str) -> nodes.Pipe:
        pos = self.peek_word().pos
        declared, assigns = self.declarations(context)
        commands: list[nodes.Command] = []
        while (token := self.next_word()).kind != end:
            if token.kind not in _OPERANDS:
                self.unexpected(token, context)
            self.at -= 1
            commands.append(self.command())
        if not commands:
            self.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], _CONSTANT):
                self.fail(f"non executable command in pipeline stage {stage}")
        return nodes.Pipe(pos, tuple(declared), assigns, tuple(commands))

    def declarations(self, context: str) -> tuple[list[str], bool]:
        """Read ``$x :=``, ``$x =`` or, after range, ``$i, $x :=``; anything else is left where it is."""
        declared: list[str] = []
        while (variable := self.peek_word()).kind == "variable":
            start = self.at
            self.next()
            sign = self.peek_word()
            if sign.kind not in {":=", "=", ","}:
                self.at = start
                break
            self.next()
            declared.append(variable.text)
            self.variables.append(variable.text)
            if sign.kind != ",":
                return declared, sign.kind == "="
            if context != "range" or len(declared) > 1:
                self.fail(f"too many declarations in {context}")
            if self.peek_word().kind not in {"variable", "}", ")"}:
                self.fail("range can only initialize variables")
        return declared, False

    def command(self) -> nodes.Command:
        pos = self.peek_word().pos
        operands: list[nodes.Operand] = []
        while True:
            self.peek_word()
            operand = self.operand()
            if operand is not None:
                operands.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in {"}", ")"}:
                self.at -= 1
            elif token.kind != "|":
                self.unexpected(token, "operand")
            break
        if not operands:
            self.fail("empty command")
        return nodes.Command(pos, tuple(operands))

    def operand(self) -> nodes.Operand | None:
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        pos = self.peek().pos
        names: list[str] = []
        while self.peek().kind == "field":
            names.append(self.next().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(pos, (*node.names, *names))
        if isinstance(node, nodes.Variable):
            return nodes.Variable(pos, node.name, (*node.names, *names))
        if isinstance(node, _CONSTANT):
            self.fail(f"unexpected . after term {quote(str(node))}")
        return nodes.Chain(pos, node, tuple(names))

    def term(self) -> nodes.Operand | None:
        token = self.next_word()
        if token.kind == "error":
            self.unexpected(token, "")
        match token.kind:
            case "identifier":
                if token.text not in self.functions:
                    self.fail(f"function {quote(token.text)} not defined")
                return nodes.Function(token.pos, token.text)
            case ".":
                return nodes.Dot(token.pos)
            case "nil":
                return nodes.Nil(token.pos)
            case "variable":
                if token.text not in self.variables:
                    self.fail(f"undefined variable {quote(token.text)}")
                return nodes.Variable(token.pos, token.text, ())
            case "field":
                return nodes.Field(token.pos, (token.text[1:],))
            case "(":
                return self.pipeline("parenthesized pipeline", ")")
            case "bool" | "string" | "number" | "charconst":
                return nodes.Literal(token.pos, token.text, self.constant(token))
            case _:
                self.at -= 1
                return None

    def constant(self, token: Token) -> bool | int | float | str:
        if token.kind == "bool":
            return token.text == "true"
        if token.kind == "string":
            return self.unquoted(token)
        if token.kind == "charconst":
            try:
                return character(token.text)
            except ValueError as error:
                self.fail(str(error))
        value = number(token.text)
        if value is None:
            self.fail(f"illegal number syntax: {quote(token.text)}")
        if isinstance(value, float) and token.text.lstrip("+-").isdecimal():
            self.fail(f"integer overflow: {quote(token.text)}")
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
            self.fail(f"integer overflow: {quote(token.text)}")
        return value


def _is_empty(body: nodes.Body) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in body)
