"""A template taken apart into tokens, as Go's text/template/parse does it."""

from __future__ import annotations

from hezi._util.record import NamedTuple

SPACES = " \t\r\n"
LEFT, RIGHT = "{{", "}}"
KEYWORDS = frozenset({
    "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
})  # fmt: skip
_DIGITS = {"x": "0123456789abcdefABCDEF_", "o": "01234567_", "b": "01_"}
_WORD_ENDS = SPACES + ".,|:()"


class Token(NamedTuple):
    """A piece of a template: its kind, position in characters, text and line (from 1).

    Kinds are: text { } ( ) | := = , (any other character: char) space string number charconst variable field
    identifier bool . eof error, and the keywords.
    """

    kind: str
    pos: int
    text: str
    line: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind in KEYWORDS or self.kind == ".":
            return f"<{self.text}>"
        return f"{quote(self.text[:10])}..." if len(self.text.encode()) > 10 else quote(self.text)


def quote(text: str, *, plain: bool = False) -> str:
    """Quote ``text`` as Go's %q does.

    :param plain: escape all that is not ASCII.
    """
    names = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    names |= {"\\": "\\\\", '"': '\\"'}
    out = []
    for char in text:
        code = ord(char)
        if char in names:
            out.append(names[char])
        elif char.isprintable() and (char.isascii() or not plain):
            out.append(char)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def named(char: str) -> str:
    """Show a character as Go's %#U does: ``U+0040 '@'``."""
    if not char:
        return "U+FFFFFFFFFFFFFFFF"
    return f"U+{ord(char):04X} '{char}'" if char.isprintable() else f"U+{ord(char):04X}"


class _Refused(Exception):
    """The text is no template from here on."""


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``; the last one is an eof or an error."""
    lexer = _Lexer(text)
    try:
        lexer.run()
    except _Refused as refused:
        lexer.out.append(Token("error", lexer.start, str(refused), lexer.line))
    return lexer.out


def is_word(char: str) -> bool:
    """Say whether ``char`` can be a part of a name."""
    return char == "_" or char.isalpha() or char.isdecimal()


class _Lexer:
    __slots__ = ("depth", "line", "out", "pos", "start", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = self.start = self.depth = 0
        self.line = 1
        self.out: list[Token] = []

    def run(self) -> None:
        while (found := self.text.find(LEFT, self.pos)) >= 0:
            trimmed = self.text[found + 2 : found + 3] == "-" and self.text[found + 3 : found + 4] in tuple(SPACES)
            plain = self.text[self.pos : found]
            if trimmed:
                plain = plain.rstrip(SPACES)
            self.pos += len(plain)
            if plain:
                self.emit("text")
            self.skip_to(found)
            self.pos = found + 2
            if self.text.startswith("/*", found + (4 if trimmed else 2)):
                self.comment(found + (4 if trimmed else 2))
                continue
            self.emit("{")
            self.pos += 2 if trimmed else 0
            self.skip_to(self.pos)
            self.action()
        self.pos = len(self.text)
        if self.pos > self.start:
            self.emit("text")
        self.emit("eof")

    def emit(self, kind: str) -> None:
        text = self.text[self.start : self.pos]
        self.out.append(Token(kind, self.start, text, self.line))
        self.skip_to(self.pos)

    def skip_to(self, pos: int) -> None:
        self.line += self.text.count("\n", self.start, pos)
        self.start = self.pos = pos

    def at_end(self) -> tuple[bool, bool]:
        """Return whether an action ends here, and whether with a trim marker."""
        if self.text.startswith(RIGHT, self.pos):
            return True, False
        marker = self.text[self.pos : self.pos + 1] in tuple(SPACES) and self.text.startswith("-" + RIGHT, self.pos + 1)
        return marker, marker

    def end_action(self, *, trimmed: bool) -> None:
        if trimmed:
            self.skip_to(self.pos + 2)
        self.pos += len(RIGHT)
        self.emit("}")
        if trimmed:
            self.skip_spaces()

    def skip_spaces(self) -> None:
        pos = self.pos
        while self.text[pos : pos + 1] in tuple(SPACES):
            pos += 1
        self.skip_to(pos)

    def comment(self, start: int) -> None:
        end = self.text.find("*/", start + 2)
        if end < 0:
            msg = "unclosed comment"
            raise _Refused(msg)
        self.pos = end + 2
        ends, trimmed = self.at_end()
        if not ends:
            msg = "comment ends before closing delimiter"
            raise _Refused(msg)
        self.skip_to(self.pos + (4 if trimmed else 2))
        if trimmed:
            self.skip_spaces()

    def action(self) -> None:
        self.depth = 0
        while True:
            ends, trimmed = self.at_end()
            if ends and self.depth:
                msg = "unclosed left paren"
                raise _Refused(msg)
            if ends:
                return self.end_action(trimmed=trimmed)
            self.one()

    def one(self) -> None:
        """Read one token inside an action."""
        char = self.text[self.pos : self.pos + 1]
        following = self.text[self.pos + 1 : self.pos + 2]
        if not char:
            msg = "unclosed action"
            raise _Refused(msg)
        if char in SPACES:
            self.spaces()
        elif char in "\"'":
            self.quoted(char)
        elif char == "`":
            self.raw()
        elif char == "$" or (char == "." and following and not ("0" <= following <= "9")):
            self.name_after(char)
        elif char in "+-." or "0" <= char <= "9":
            self.number()
        elif is_word(char):
            self.word()
        else:
            self.sign(char, following)

    def sign(self, char: str, following: str) -> None:
        self.pos += 1
        if char == ":":
            self.pos += 1
            if following != "=":
                msg = "expected :="
                raise _Refused(msg)
            return self.emit(":=")
        if char in "()":
            self.depth += 1 if char == "(" else -1
            if self.depth < 0:
                msg = "unexpected right paren"
                raise _Refused(msg)
        if not (char.isascii() and char.isprintable()):
            raise _Refused("unrecognized character in action: " + named(char))
        return self.emit(char if char in "()|=," else "char")

    def spaces(self) -> None:
        while self.text[self.pos : self.pos + 1] in tuple(SPACES):
            if self.at_end()[1]:
                break  # this blank belongs to the trim marker
            self.pos += 1
        self.emit("space")

    def quoted(self, mark: str) -> None:
        self.pos += 1
        while (char := self.text[self.pos : self.pos + 1]) != mark:
            self.pos += 1
            if char == "\\":
                char = self.text[self.pos : self.pos + 1]
                self.pos += 1
            if char in {"", "\n"}:
                msg = "unterminated quoted string" if mark == '"' else "unterminated character constant"
                raise _Refused(msg)
        self.pos += 1
        self.emit("string" if mark == '"' else "charconst")

    def raw(self) -> None:
        end = self.text.find("`", self.pos + 1)
        if end < 0:
            msg = "unterminated raw quoted string"
            raise _Refused(msg)
        self.pos = end + 1
        self.emit("string")

    def skip_word(self) -> None:
        while is_word(self.text[self.pos : self.pos + 1]):
            self.pos += 1

    def check_word_end(self) -> None:
        char = self.text[self.pos : self.pos + 1]
        if char and char not in _WORD_ENDS and not self.text.startswith(RIGHT, self.pos):
            raise _Refused("bad character " + named(char))

    def name_after(self, mark: str) -> None:
        """Read ``.Name``, ``.``, ``$name`` or ``$``."""
        self.pos += 1
        self.skip_word()
        self.check_word_end()
        alone = self.pos == self.start + 1
        self.emit("variable" if mark == "$" else "." if alone else "field")

    def word(self) -> None:
        self.skip_word()
        self.check_word_end()
        word = self.text[self.start : self.pos]
        self.emit(word if word in KEYWORDS else "bool" if word in {"true", "false"} else "identifier")

    def accept(self, chars: str) -> bool:
        char = self.text[self.pos : self.pos + 1]
        if char and char in chars:
            self.pos += 1
            return True
        return False

    def accept_all(self, chars: str) -> None:
        while self.accept(chars):
            pass

    def number(self) -> None:
        """Read a number loosely: the parser looks closer. ``1+2i`` would be a complex one, which are not done here."""
        self.scan_number()
        if self.text[self.pos : self.pos + 1] in {"+", "-"}:
            self.scan_number()
            raise _Refused("bad number syntax: " + quote(self.text[self.start : self.pos]))
        self.emit("number")

    def scan_number(self) -> None:
        self.accept("+-")
        digits = "0123456789_"
        if self.accept("0"):
            base = self.text[self.pos : self.pos + 1].lower()
            if base in _DIGITS:
                self.pos += 1
                digits = _DIGITS[base]
        self.accept_all(digits)
        if self.accept("."):
            self.accept_all(digits)
        exponent = "eE" if len(digits) == 11 else "pP" if len(digits) > 11 else ""
        if exponent and self.accept(exponent):
            self.accept("+-")
            self.accept_all("0123456789_")
        self.accept("i")
        if is_word(self.text[self.pos : self.pos + 1]):
            self.pos += 1
            raise _Refused("bad number syntax: " + quote(self.text[self.start : self.pos]))
