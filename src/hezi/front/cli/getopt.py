"""The command-line grammar of util-linux and its kin: getopt_long(3) over a verb's table.

Long flags may be cut to what is still unique; letters may be grouped; an optional value is attached (``--mount=FILE``)
or not there. What was given is returned in its order, because with these programs the last one counts, or all do.
"""

from __future__ import annotations

from hezi.errors import UNSUPPORTED, Error
from hezi.front.cli.parser import HelpRequested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.option import Option

    Given = list[tuple[str, str | None]]


class Misused(Exception):
    """The command line is wrong; the text is what getopt_long(3) prints behind the program's name."""


class Grammar:
    """How one program reads its arguments.

    :param permute: whether flags may follow the first positional argument; they may not where that is a program with
        flags of its own.
    :param attached: letters whose optional value is attached to the letter (``-m/proc/1/ns/mnt``); the others' never.
    :param needed: letters whose value must follow although that of the long flag is optional.
    :param newer: long flags that came late: a beginning which they share with an older flag goes on meaning that one,
        as in the scripts of before.
    """

    __slots__ = ("attached", "long", "needed", "newer", "options", "permute", "short")

    def __init__(
        self,
        options: tuple[Option, ...],
        *,
        permute: bool = True,
        attached: str = "",
        needed: str = "",
        newer: tuple[str, ...] = (),
    ) -> None:
        self.options = options
        self.permute = permute
        self.attached = attached
        self.needed = needed
        self.newer = newer
        self.long = {option.name: option for option in options}
        self.short = {option.short: option for option in options if option.short}

    def parse(self, words: list[str]) -> tuple[Given, list[str]]:
        """Return the flags as (long name, value) pairs, and the positional arguments.

        ``--version`` ends the reading: what follows it is not looked at.

        :raises Misused: a flag is unknown or ambiguous, lacks its value, or has one too many.
        :raises HelpRequested: ``--help`` or ``-h``.
        :raises hezi.errors.Error: UNSUPPORTED for a flag that is refused, once nothing else is wrong.
        """
        given: Given = []
        plain: list[str] = []
        rest = words[::-1]
        while rest:
            word = rest.pop()
            if word == "--":
                break
            if len(word) < 2 or word[0] != "-":
                plain.append(word)
                if not self.permute:
                    break
            elif word[1] == "-":
                self._long(word, rest, given)
            else:
                self._letters(word[1:], rest, given)
            if _ends(given):
                return given, []
        self._refuse(given)
        return given, plain + rest[::-1]

    def _refuse(self, given: Given) -> None:
        names = {name for name, _ in given}
        for option in self.options:
            if option.refusal is not None and option.name in names:
                message = f"--{option.name} {option.refusal}"
                raise Error(UNSUPPORTED, message)

    def _long(self, word: str, rest: list[str], given: Given) -> None:
        name, equals, value = word[2:].partition("=")
        option = self._find(name, word)
        if option is None:
            raise HelpRequested
        if option.kind == "bool":
            if equals and option.refusal is None:
                message = f"option '--{option.name}' doesn't allow an argument"
                raise Misused(message)
            given.append((option.name, None))
        elif equals:
            given.append((option.name, value))
        elif option.bare is not None:
            given.append((option.name, None))
        elif rest:
            given.append((option.name, rest.pop()))
        else:
            message = f"option '--{option.name}' requires an argument"
            raise Misused(message)

    def _find(self, name: str, word: str) -> Option | None:
        """Return the option of that name or of which it is the beginning; None for help."""
        if name == "help":
            return None
        if name in self.long:
            return self.long[name]
        fits = [option for option in self.options if option.name.startswith(name)]
        fits = [option for option in fits if option.name not in self.newer] or fits
        if len(fits) == 1 and not "help".startswith(name):
            return fits[0]
        if not fits and name and "help".startswith(name):
            return None
        if not fits:
            message = f"unrecognized option '{word}'"
            raise Misused(message)
        names = " ".join(f"'--{option.name}'" for option in fits)
        message = f"option '{word}' is ambiguous; possibilities: {names}"
        raise Misused(message)

    def _letters(self, letters: str, rest: list[str], given: Given) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == "h" and "h" not in self.short:
                raise HelpRequested
            option = self.short.get(letter)
            if option is None:
                message = f"invalid option -- '{letter}'"
                raise Misused(message)
            if option.kind == "bool":
                given.append((option.name, None))
                if _ends(given):
                    return
            elif option.bare is not None and letter not in self.needed:
                taken = letter in self.attached and letters
                given.append((option.name, letters if taken else None))
                if taken:
                    return
            elif letters or rest:
                given.append((option.name, letters or rest.pop()))
                return
            else:
                message = f"option requires an argument -- '{letter}'"
                raise Misused(message)


def _ends(given: Given) -> bool:
    return bool(given) and given[-1][0] == "version"
