"""``lscgroup``: all groups of all hierarchies with controllers, or those below given ones.

A group that was asked for is printed with a slash behind it, one that is not there is left out, and of several
controllers the first that is mounted decides: as libcgroup does it. Groups that go meanwhile are left out.
"""

from __future__ import annotations

import os

from hezi.front.tools.libcgroup import common, getopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.common import Spec
    from hezi.linux.cgroup.survey import Mounted, Survey

_GONE = {2, 19}  # ENOENT, ENODEV
USAGE = """\
Usage: {0} [-h] [[-g] <controllers>:<path>] [...]
List all control groups, or those at and below the given ones.
  -g <controllers>:<path>  a group to begin at (-g may be left out)
  -h, --help               this help
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, rest = getopt.parse(program, words, "hg:", {"help": "h", "group": "g"})
    except getopt.Misused as error:
        common.misused(program, str(error))
        return 1
    texts = [value for letter, value in given if letter == "g"] + rest
    if any(letter == "h" for letter, _ in given):
        common.out(USAGE.format(program))
        return 0
    specs: list[Spec] = []
    for text in texts:
        spec = common.parse_spec(text)
        if spec is None:
            common.err(f"{program}: cgroup controller and path parsing failed ({text})\n")
            return common.BAD_ARGUMENTS
        specs.append(spec)
    try:
        found = common.take()
    except common.FailedError as error:
        common.err(f"cgroups can't be listed: {error.text}\n")
        return error.code
    if not specs:
        for one in found.hierarchies:
            if one.hierarchy.controllers:
                _show(found, one, "")
        return 0
    return _show_some(program, found, specs)


def _show_some(program: str, found: Survey, specs: list[Spec]) -> int:
    code = 0
    for spec in specs:
        carriers = [found.carrying(word) for word in spec.controllers]
        one = next((one for one in found.hierarchies if one in carriers), None)
        if one is None:
            code = common.FAIL
            name = f"{spec.controllers[0]}..:{spec.path}"
            common.err(f"{program}: cannot find group {name}: {common.TEXTS[code]}\n")
            continue
        _show(found, one, spec.path)
    return code


def _show(found: Survey, one: Mounted, path: str) -> None:
    try:
        below = common.clean(path).rstrip("/")
    except OSError:
        return
    names = ",".join(found.ordered(one)) or one.title
    base = one.hierarchy.mount_point
    lines: list[str] = []
    if os.path.isdir(base + below):
        lines.append(f"{names}:{below}/\n")
        _collect(base, below, f"{names}:", lines)
    common.out("".join(lines))


def _collect(base: str, at: str, prefix: str, lines: list[str]) -> None:
    """Add a line for each group below ``at``, parents first.

    A directory has two links more than directories in it: most groups have none, and need not be read.
    """
    stack = [at]
    while stack:
        here = stack.pop()
        if here != at:
            lines.append(f"{prefix}{here}\n")
        try:
            if os.stat(base + here).st_nlink == 2:
                continue
            with os.scandir(base + here) as entries:
                below = [f"{here}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            if error.errno in _GONE:
                continue
            raise
        stack.extend(reversed(below))
