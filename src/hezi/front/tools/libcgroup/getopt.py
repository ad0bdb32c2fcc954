"""getopt_long(3) of the GNU C library, with its messages: options anywhere, long ones abbreviated.

The standard library's would import gettext, and says something else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    # letter, value ("" without one)
    Given = list[tuple[str, str]]


class Misused(Exception):
    """The command line is wrong; the text is getopt's."""


def parse(
    program: str, words: list[str], letters: str, long: Mapping[str, str], *, first_ends: bool = False
) -> tuple[Given, list[str]]:
    """Take a command line apart.

    :param letters: as for getopt(3): ``a`` or, with a value, ``g:``.
    :param long: long name -> its letter, which says whether there is a value.
    :param first_ends: the first argument that is no option ends them (POSIX); else they may stand anywhere.
    :raises Misused: with the text for standard error.
    """
    given: Given = []
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return given, rest + queue
        if word.startswith("--"):
            given.append(_long(program, word, letters, long, queue))
        elif len(word) > 1 and word[0] == "-":
            _short(program, word[1:], letters, queue, given)
        elif first_ends:
            return given, [word, *queue]
        else:
            rest.append(word)
        if given and given[-1][0] == "h":
            break  # help is given at once, whatever follows
    return given, rest


def _takes(letters: str, letter: str) -> bool:
    at = letters.find(letter)
    return letters[at + 1 : at + 2] == ":"


def _long(program: str, word: str, letters: str, long: Mapping[str, str], queue: list[str]) -> tuple[str, str]:
    name, equals, value = word[2:].partition("=")
    found = [one for one in long if one.startswith(name)]
    if name in long:
        found = [name]
    if not found:
        message = f"{program}: unrecognized option '--{name}'"
        raise Misused(message)
    if len({long[one] for one in found}) > 1:
        listed = " ".join(f"'--{one}'" for one in found)
        message = f"{program}: option '--{name}' is ambiguous; possibilities: {listed}"
        raise Misused(message)
    letter = long[found[0]]
    if not _takes(letters, letter):
        if equals:
            message = f"{program}: option '--{found[0]}' doesn't allow an argument"
            raise Misused(message)
        return letter, ""
    if equals:
        return letter, value
    if not queue:
        message = f"{program}: option '--{found[0]}' requires an argument"
        raise Misused(message)
    return letter, queue.pop(0)


def _short(program: str, cluster: str, letters: str, queue: list[str], given: Given) -> None:
    while cluster:
        letter, cluster = cluster[0], cluster[1:]
        # A capital in `letters` that no letter on a command line can be stands for a long option alone.
        if letter == ":" or letter not in letters.replace(":", "") or letter.isdigit():
            message = f"{program}: invalid option -- '{letter}'"
            raise Misused(message)
        if not _takes(letters, letter):
            given.append((letter, ""))
            if letter == "h":
                return
            continue
        if not cluster and not queue:
            message = f"{program}: option requires an argument -- '{letter}'"
            raise Misused(message)
        given.append((letter, cluster or queue.pop(0)))
        return
