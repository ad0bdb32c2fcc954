"""``cgget``: read values of groups."""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.front.tools.libcgroup import common, getopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.getopt import Given
    from hezi.linux.cgroup.survey import Survey

_LONG = {"variable": "r", "help": "h", "all": "a", "values-only": "v"}
_EINVAL = 22
USAGE = """\
Usage: {0} [-nv] [-r <name>] [-g <controllers>] [-a] <path> ...
   or: {0} [-nv] [-r <name>] -g <controllers>:<path> ...
Print values of control groups.
  -a, --all                all values of all controllers
  -g <controllers>         all values of these controllers
  -g <controllers>:<path>  the same, of this group
  -h, --help               this help
  -n                       no line with the name of the group
  -r, --variable <name>    one value; may be given several times
  -v, --values-only        values without their names
"""


class Wish(NamedTuple):
    """What to print of one group: single values, or all of some controllers."""

    group: str
    names: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, groups = getopt.parse(program, words, "r:hnvg:a", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error))
        return 1
    letters = {letter for letter, _ in given}
    if "h" in letters:
        common.out(USAGE.format(program))
        return 0
    try:
        wishes = _wishes(common.take(), given, groups)
        if isinstance(wishes, int):
            common.misused(program, "")
            return wishes
        found = common.take()
        singles = [(wish.group, [(name, _value(found, wish.group, name)) for name in wish.names]) for wish in wishes]
    except common.FailedError as error:
        common.err(f"{error.text}\n")
        return error.code
    code = 0
    for wish, (group, values) in zip(wishes, singles, strict=True):
        try:
            shown = values or _values(found, wish)
        except common.FailedError as error:
            # One that is not there keeps none of the others from being shown, and has its place in the output.
            common.err(f"{error.text}\n")
            code, shown = code or error.code, []
        _print(group, shown, headers="n" not in letters, names="v" not in letters)
    return code


def _wishes(found: Survey, given: Given, groups: list[str]) -> list[Wish] | int:
    """What is asked for; the exit code if the command line makes no sense."""
    names = tuple(value for letter, value in given if letter == "r")
    for name in names:
        if "." not in name:
            raise common.FailedError(common.INVALID, f"cgget: error parsing parameter name\n '{name}'")
    wishes: list[Wish] = []
    controllers: list[str] = []
    for text in (value for letter, value in given if letter == "g"):
        words, colon, path = text.partition(":")
        listed = [word for word in words.split(",") if word]
        if not listed:
            return common.BAD_ARGUMENTS
        if path or (colon and not groups):
            # Without any path it is the top.
            wishes.append(Wish(path, (), tuple(listed)))
        else:
            controllers += listed
    everything = any(letter == "a" for letter, _ in given)
    if names and (wishes or controllers or everything):
        return 1
    if (wishes and groups) or ((names or controllers) and not groups):
        return common.BAD_ARGUMENTS
    if everything or (not names and not controllers):
        controllers += [name for one in found.hierarchies for name in found.ordered(one)]
    if everything and wishes:
        wishes = [wish._replace(controllers=(*wish.controllers, *controllers)) for wish in wishes]
    wishes += [Wish(group, names, () if names else tuple(controllers)) for group in groups]
    if everything and not wishes:
        return [Wish("", (), tuple(controllers))]
    return wishes if given or wishes else 1


def _values(found: Survey, wish: Wish) -> list[tuple[str, str]]:
    values: list[tuple[str, str]] = []
    there, mounted = False, False
    for controller in dict.fromkeys(wish.controllers):
        one = found.carrying(controller)
        if one is None:
            continue
        mounted = True
        try:
            with common.open_group(one, wish.group) as node:
                there = True
                values += common.values(node, [controller])
        except OSError:
            continue
    if not mounted:
        raise common.FailedError(
            common.NOT_MOUNTED, f"cgget: cannot find controller '{wish.controllers[0]}' in group '{wish.group}'"
        )
    if not there:
        raise common.FailedError(common.NOT_EXIST, f"cgget: cannot find group '{wish.group}'")
    return values


def _value(found: Survey, group: str, name: str) -> str:
    controller = name.partition(".")[0]
    one = found.v2 if controller == "cgroup" else found.carrying(controller)
    if one is None:
        raise common.FailedError(common.OTHER, f"cgget: cannot find controller '{controller}' in group '{group}'")
    try:
        with common.open_group(one, group) as node:
            if "/" in name:
                raise FileNotFoundError(2, os.strerror(2))
            return node.read(name)
    except OSError as error:
        if error.errno == _EINVAL:
            return ""  # one that is there to be written only
        raise common.FailedError(common.OTHER, f"variable file read failed {os.strerror(error.errno or 0)}") from None


def _print(group: str, values: list[tuple[str, str]], *, headers: bool, names: bool) -> None:
    lines = [f"{group}:\n"] if headers else []
    for name, value in values:
        lines.append(f"{name}: {common.lines_of(value)}\n" if names else f"{common.lines_of(value)}\n")
    if headers:
        lines.append("\n")
    common.out("".join(lines))
