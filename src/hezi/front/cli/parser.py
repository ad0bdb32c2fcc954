"""The command-line grammar of docker: a small pflag.

Long flags take ``--name=value`` or ``--name value``; bool flags stand alone or take ``=value``. Letters may be
grouped (``-it``), and the last of a group may carry its value (``-eA=b``, ``-e=A=b``, ``-e A=b``). ``--`` ends the
flags. Without ``interspersed`` the first positional argument ends them too: what follows is the program's in the box.
"""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

HELP = Option("help", "bool", "Print usage")


class UsageError(Exception):
    """The command line is wrong.

    :ivar message: docker's words.
    :ivar argument_count: whether the number of positional arguments is what is wrong; docker treats that apart.
    """

    def __init__(self, message: str, *, argument_count: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.argument_count = argument_count


class HelpRequested(Exception):
    """``--help`` was given; ``deprecated`` when spelled ``-h``."""

    def __init__(self, *, deprecated: bool = False) -> None:
        super().__init__()
        self.deprecated = deprecated


class Parsed:
    """A command line taken apart: the flags that were given, and the positional arguments."""

    __slots__ = ("args", "values")

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.args: list[str] = []

    def given(self, name: str) -> bool:
        """Whether the flag was on the command line."""
        return name in self.values

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a bool flag."""
        return bool(self.values.get(name, default))

    def text(self, name: str) -> str | None:
        """Return a flag's text, None when it was not given."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def number(self, name: str) -> int | None:
        """Return a number, None when it was not given."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a flag that may be given several times."""
        value = self.values.get(name)
        return tuple(value) if isinstance(value, list) else ()


def parse(arguments: list[str], options: tuple[Option, ...], *, interspersed: bool = True) -> Parsed:
    """Take ``arguments`` apart.

    :raises UsageError: a flag is unknown, lacks its value, or has a wrong one.
    :raises HelpRequested: ``--help`` is among the flags (and nothing was wrong).
    """
    return _Parser(options, interspersed).parse(arguments)


class _Parser:
    def __init__(self, options: tuple[Option, ...], interspersed: bool) -> None:
        self.interspersed = interspersed
        self.long = {option.name: option for option in options}
        self.long.setdefault("help", HELP)
        self.short = {option.short: option for option in options if option.short}
        self.parsed = Parsed()
        self.rest: list[str] = []
        self.deprecated_help = False

    def parse(self, arguments: list[str]) -> Parsed:
        self.rest = arguments[::-1]  # a stack: pop() is the next argument
        while self.rest:
            word = self.rest.pop()
            if len(word) < 2 or word[0] != "-":
                self.parsed.args.append(word)
                if not self.interspersed:
                    break
            elif word == "--":
                break
            elif word[1] == "-":
                self._long(word)
            else:
                self._letters(word[1:])
        self.parsed.args.extend(self.rest[::-1])
        if self.parsed.flag("help"):
            raise HelpRequested(deprecated=self.deprecated_help)
        return self.parsed

    def _long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] == "-":
            message = f"bad flag syntax: {word}"
            raise UsageError(message)
        option = self.long.get(name)
        if option is None:
            message = f"unknown flag: --{name}"
            raise UsageError(message)
        if equals:
            self._set(option, value)
        elif option.bare is not None:
            self._set(option, option.bare)
        elif self.rest:
            self._set(option, self.rest.pop())
        else:
            message = f"flag needs an argument: {word}"
            raise UsageError(message)

    def _letters(self, letters: str) -> None:
        while letters:
            option = self.short.get(letters[0])
            if option is None:
                if letters[0] == "h":
                    self.deprecated_help = True
                    raise HelpRequested(deprecated=True)
                # Go looks at bytes: of a letter outside ASCII it names the first byte as if it were one.
                shown = chr(letters[0].encode("utf-8", "surrogateescape")[0])
                message = f"unknown shorthand flag: {values.quote(shown, chr(39))} in -{letters}"
                raise UsageError(message)
            if len(letters) > 2 and letters[1] == "=":
                self._set(option, letters[2:])
                return
            if option.bare is not None:
                self._set(option, option.bare)
                letters = letters[1:]
                continue
            if len(letters) > 1:
                self._set(option, letters[1:])
            elif self.rest:
                self._set(option, self.rest.pop())
            else:
                message = f"flag needs an argument: {values.quote(letters[0], chr(39))} in -{letters}"
                raise UsageError(message)
            return

    def _set(self, option: Option, text: str) -> None:
        if not text and option.check is values.filter_text:
            return  # as docker: an empty filter is none (``--filter "$MAYBE"``)
        reader = option.check or values.READERS.get(option.kind)
        try:
            value = reader(text) if reader else text
        except ValueError as error:
            message = f"invalid argument {values.quote(text)} for {values.quote(option.spelling)} flag: {error}"
            raise UsageError(message) from None
        if option.many:
            name = option.same or option.name
            kept = self.parsed.values.get(name)
            # pflag's stringSlice: one flag may have several values. No value of such a flag has quotes in it.
            more = [part for part in text.split(",") if text] if option.kind == "strings" else [value]
            self.parsed.values[name] = [*kept, *more] if isinstance(kept, list) else more
        else:
            self.parsed.values[option.name] = value


def check_count(path: str, verb: Verb, count: int) -> None:
    """Check the number of positional arguments.

    :param path: the command as typed, with the program's name (``hezi image ls``).
    :raises UsageError: with docker's words.
    """
    least, most = verb.least, verb.most
    if count >= least and (most is None or count <= most):
        return
    if most == 0:
        wanted = "accepts no arguments"
    elif most is None:
        wanted = f"requires at least {least} {_arguments(least)}"
    elif least == most:
        wanted = f"requires {least} {_arguments(least)}"
    elif least == 0:
        wanted = f"requires at most {most} {_arguments(most)}"
    else:
        wanted = f"requires at least {least} and at most {most} {_arguments(most)}"
    message = f"'{path}' {wanted}"
    raise UsageError(message, argument_count=True)


def _arguments(count: int) -> str:
    return "argument" if count == 1 else "arguments"


def refuse(options: tuple[Option, ...], parsed: Parsed) -> tuple[str, str] | None:
    """Return (flag, reason) for the first given flag that hezi does not do, None when all is well.

    Not part of :func:`parse`, so that a mistake anywhere on the line is named before a refusal.
    """
    for option in options:
        if option.refusal is None or option.name not in parsed.values:
            continue
        value = parsed.values[option.name]
        if value in option.harmless if not isinstance(value, list) else all(one in option.harmless for one in value):
            continue
        return option.name, option.refusal
    return None
