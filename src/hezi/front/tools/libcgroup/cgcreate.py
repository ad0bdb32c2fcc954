"""``cgcreate``: make groups, with owners and modes."""

from __future__ import annotations

from hezi.front.tools.libcgroup import common, getopt, owners
from hezi.linux.cgroup import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.common import Spec
    from hezi.front.tools.libcgroup.getopt import Given
    from hezi.linux.cgroup.survey import Survey

_LONG = {"help": "h", "group": "g", "dperm": "d", "fperm": "f", "tperm": "s"}
USAGE = """\
Usage: {0} [-h] [-f mode] [-d mode] [-s mode] [-t <tuid>:<tgid>] [-a <agid>:<auid>] -g <controllers>:<path> [-g ...]
Make control groups, with those above that are missing.
  -a <auid>:<agid>         owner of the group and its files
  -d, --dperm=mode         mode of the directory
  -f, --fperm=mode         mode of the files
  -g <controllers>:<path>  the group; may be given several times
  -h, --help               this help
  -s, --tperm=mode         mode of the tasks file
  -t <tuid>:<tgid>         owner of the tasks file
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, rest = getopt.parse(program, words, "a:t:g:hd:f:s:", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error))
        return common.BAD_ARGUMENTS
    if any(letter == "h" for letter, _ in given):
        common.out(USAGE.format(program))
        return 0
    specs = []
    for text in (value for letter, value in given if letter == "g"):
        spec = common.parse_spec(text)
        if spec is None:
            common.err(f"{program}: cgroup controller and path parsing failed ({text})\n")
            return common.BAD_ARGUMENTS
        specs.append(spec)
    if rest:
        common.err(f"{program}: wrong arguments ({rest[0]})\n")
        return common.BAD_ARGUMENTS
    if not specs:
        common.misused(program, "")
        return common.BAD_ARGUMENTS
    try:
        rights = read_rights(given)
    except ValueError as error:
        common.err(f"{program}: {error}\n")
        return common.BAD_ARGUMENTS
    return _make_all(program, specs, rights)


def read_rights(given: Given) -> owners.Rights:
    """Read ``-a -t -d -f -s``.

    :raises ValueError: no such user, no mode.
    """
    values = dict(given)
    # Each of several is looked at, and the last one counts.
    modes = {letter: owners.parse_mode(value) for letter, value in given if letter in "dfs"}
    return owners.Rights(
        owners.parse_owner(values.get("a", "")),
        owners.parse_owner(values.get("t", "")),
        modes.get("d"),
        modes.get("f"),
        modes.get("s"),
    )


def _make_all(program: str, specs: list[Spec], rights: owners.Rights) -> int:
    try:
        found = common.take()
        for spec in specs:
            try:
                make(found, spec, rights)
            except OSError as error:
                raise common.FailedError(common.OTHER, f"can't create cgroup {spec.path}: {error.strerror}") from None
            except common.FailedError as error:
                raise common.FailedError(error.code, f"can't create cgroup {spec.path}: {error.text}") from None
    except common.FailedError as error:
        common.err(f"{program}: {error.text}\n")
        return error.code
    return 0


def make(found: Survey, spec: Spec, rights: owners.Rights) -> None:
    """Make one group in the hierarchies of its controllers; one that is there gets the rights.

    :raises OSError: the kernel refuses.
    :raises common.FailedError: a controller is mounted nowhere.
    """
    path = common.clean(spec.path)
    for one, controllers in common.places(found, spec.controllers):
        if path == "/":
            continue
        with tree.make(one.hierarchy, path, controllers=controllers, exist_ok=True) as node:
            owners.apply(node, rights)
