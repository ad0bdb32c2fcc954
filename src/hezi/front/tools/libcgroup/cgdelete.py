"""``cgdelete``: remove groups; their processes go to the group above."""

from __future__ import annotations

import os

from hezi.front.tools.libcgroup import common, getopt
from hezi.linux.cgroup import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.common import Spec
    from hezi.linux.cgroup.survey import Mounted, Survey
    from hezi.linux.cgroup.tree import Node

_LONG = {"recursive": "r", "help": "h", "group": "g"}
_EBUSY, _ESRCH = 16, 3
_TRIES = 20
USAGE = """\
Usage: {0} [-h] [-r] [[-g] <controllers>:<path>] ...
Remove control groups.
  -g <controllers>:<path>  the group (-g may be left out)
  -h, --help               this help
  -r, --recursive          with all groups below it
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, rest = getopt.parse(program, words, "rhg:", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error), "--help")
        return common.BAD_ARGUMENTS
    letters = {letter for letter, _ in given}
    if "h" in letters:
        common.out(USAGE.format(program))
        return 0
    specs = []
    for text in [*(value for letter, value in given if letter == "g"), *rest]:
        spec = common.parse_spec(text)
        if spec is None:
            common.err(f"{program}: error parsing cgroup '{text}'\n")
            return common.BAD_ARGUMENTS
        if "*" in spec.controllers:
            # What is removed is named.
            common.err(f"{program}: cannot remove group '{spec.path}': {common.TEXTS[common.NOT_MOUNTED]}\n")
            return common.NOT_MOUNTED
        specs.append(spec)
    code = 0
    for spec in specs:
        code = _delete(program, spec, recursive="r" in letters) or code
    return code


def _delete(program: str, spec: Spec, *, recursive: bool) -> int:
    code = 0
    try:
        found = common.take()
        for one, _ in common.places(found, spec.controllers):
            try:
                remove(found, one, spec.path, recursive=recursive)
            except OSError as error:
                common.err(f"{program}: cannot remove group '{spec.path}': {os.strerror(error.errno or 0)}\n")
                code = common.OTHER
    except common.FailedError as error:
        common.err(f"{program}: cannot remove group '{spec.path}': {error.text}\n")
        return error.code
    return code


def remove(found: Survey, one: Mounted, path: str, *, recursive: bool) -> None:
    """Remove a group of one hierarchy, its processes going to the group above it. The top is left alone.

    :raises OSError: ENOENT; EBUSY, groups are in it.
    """
    del found
    with common.open_group(one, path) as node:
        above = node.parent()
        if above is None:
            return
        with above:
            if not recursive and node.children():
                raise OSError(_EBUSY, os.strerror(_EBUSY), node.path)
            for _ in range(_TRIES):
                for at in list(tree.walk(node)):
                    _empty(one, at, above)
                try:
                    node.remove(recursive=True)
                except OSError as error:
                    if error.errno != _EBUSY:
                        raise
                else:
                    return  # nothing was forked in it meanwhile
            node.remove(recursive=True, timeout=1.0)


def _empty(one: Mounted, at: str, above: Node) -> None:
    try:
        with tree.open_node(one.hierarchy, at) as node:
            for pid in node.processes():
                try:
                    above.add(pid)
                except ProcessLookupError:
                    continue
    except FileNotFoundError:
        return
