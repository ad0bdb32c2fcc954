"""``cgset``: write values into groups, or copy those of another."""

from __future__ import annotations

from hezi.front.tools.libcgroup import common, getopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.survey import Mounted, Survey

_LONG = {"variable": "r", "help": "h", "copy-from": "1", "rule": "r"}
USAGE = """\
Usage: {0} [-r <name=value>] <cgroup_path> ...
   or: {0} --copy-from <source_cgroup_path> <cgroup_path> ...
Write values into control groups.
  -r, --variable <name=value>       what to write; may be given several times
  --copy-from <source_cgroup_path>  the group whose values are to be copied
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, groups = getopt.parse(program, words, "r:h1:", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error), "--help")
        return common.BAD_ARGUMENTS
    letters = {letter for letter, _ in given}
    if "h" in letters:
        common.out(USAGE.format(program))
        return 0
    if letters == {"r", "1"} or sum(letter == "1" for letter, _ in given) > 1:
        common.misused(program, "", "--help")
        return common.BAD_ARGUMENTS
    if not groups:
        usage = f"Usage is {program} -r <name=value> <relative path to cgroup>"
        common.err(f"{usage}\n" if "1" not in letters else f"{program}: no cgroup specified\n")
        return common.BAD_ARGUMENTS
    if not letters:
        common.err(f"{program}: no name-value pair was set\n")
        return common.BAD_ARGUMENTS
    try:
        pairs = _pairs([value for letter, value in given if letter == "r"])
    except ValueError as error:
        common.err(f"{program}: {error}\n")
        return common.BAD_ARGUMENTS
    try:
        found = common.take()
        if "1" in letters:
            pairs = _values_of(found, dict(given)["1"])
        else:
            _all_have_a_place(found, pairs)
        for group in groups:
            _set(found, group, pairs, copied="1" in letters)
    except common.FailedError as error:
        common.err(f"{program}: {error.text} \n")
        return error.code
    return 0


def _pairs(texts: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value or "." not in name:
            message = f"wrong parameter of option -r: {text}"
            raise ValueError(message)
        pairs.append((name, value))
    return pairs


def _values_of(found: Survey, group: str) -> list[tuple[str, str]]:
    """All values of a group that can be written as well as read."""
    pairs: list[tuple[str, str]] = []
    there = False
    for one in found.hierarchies:
        try:
            with common.open_group(one, group) as node:
                there = True
                writable = [name for name in node.files() if node.mode(name) & 0o600 == 0o600]
                for name, value in common.values(node, found.ordered(one)):
                    if name in writable:
                        pairs.append((name, value.rstrip("\n")))
        except OSError:
            continue
    if not there:
        raise common.FailedError(common.NOT_EXIST, f"cgroup {group} error: {common.TEXTS[common.NOT_EXIST]}")
    return pairs


def _set(found: Survey, group: str, pairs: list[tuple[str, str]], *, copied: bool) -> None:
    written = False
    for name, value in pairs:
        try:
            write(found, group, name, value)
        except common.FailedError as error:
            # A copy has what can be had: some files take only what cannot be read from them.
            if not copied:
                raise common.FailedError(error.code, f"cgroup modify error: {error.text}") from None
        else:
            written = True
    if copied and not written:
        raise common.FailedError(common.NOT_EXIST, f"cgroup {group} error: {common.TEXTS[common.NOT_EXIST]}")


def write(found: Survey, group: str, name: str, value: str) -> None:
    """Write one value.

    :raises common.FailedError: no such controller, group or file; the kernel refuses.
    """
    one = _place(found, name)
    if one is None:
        raise common.FailedError(common.NOT_MOUNTED)
    if "/" in name:
        raise common.FailedError(common.NO_VALUE)
    try:
        with common.open_group(one, group) as node:
            node.write(name, value)
    except FileNotFoundError:
        raise common.FailedError(common.NO_VALUE) from None
    except OSError as error:
        import os

        raise common.FailedError(common.OTHER, os.strerror(error.errno or 0)) from None


def _all_have_a_place(found: Survey, pairs: list[tuple[str, str]]) -> None:
    """Complain before anything is written."""
    if any(_place(found, name) is None for name, _ in pairs):
        raise common.FailedError(common.NOT_MOUNTED, f"cgroup modify error: {common.TEXTS[common.NOT_MOUNTED]}")


def _place(found: Survey, name: str) -> Mounted | None:
    """The hierarchy that a file of this name is in."""
    return found.carrying(name.partition(".")[0]) or (found.v2 if name.startswith("cgroup.") else None)
