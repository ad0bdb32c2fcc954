"""``lssubsys``: the controllers of each hierarchy, its number and its mount points.

One line for each hierarchy with controllers. Where libcgroup's own stops at the first controller that is on no v1
hierarchy, this goes on; the controllers of v2 are a line of their own, hierarchy number 0. With ``-a`` those that are
mounted nowhere come first, a line each.
"""

from __future__ import annotations

from hezi.front.tools.libcgroup import common, getopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.survey import Mounted, Survey

_LONG = {"help": "h", "mount-points": "m", "all-mount-points": "M", "all": "a", "hierarchies": "i"}
# As getopt lists the possibilities.
_ORDER = {name: _LONG[name] for name in ("help", "mount-points", "all-mount-points", "all", "hierarchies")}
USAGE = """\
Usage: {0} [-i] [-m] [-M] [controller] [...]
   or: {0} [-a] [-i] [-m] [-M]
List the controllers of each hierarchy, or of the hierarchies of the given controllers.
  -a, --all               controllers that are mounted nowhere too, first
  -h, --help              this help
  -i, --hierarchies       the number of each hierarchy (0 is v2)
  -m, --mount-points      where each is mounted
  -M, --all-mount-points  every place where each is mounted
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, wanted = getopt.parse(program, words, "mMhai", _ORDER)
    except getopt.Misused as error:
        common.misused(program, str(error))
        return common.BAD_ARGUMENTS
    letters = {letter for letter, _ in given}
    if "h" in letters:
        common.out(USAGE.format(program))
        return 0
    try:
        found = common.take()
    except common.FailedError as error:
        common.err(f"{program}: {error.text}\n")
        return error.code
    return _list(found, letters, set(wanted))


def _list(found: Survey, letters: set[str], wanted: set[str]) -> int:
    if "a" in letters:
        common.out("".join(f"{name}\n" for name in found.unmounted))
    listed: list[Mounted] = []
    for controller in found.controllers:
        one = found.carrying(controller.name)
        if one is None or one in listed or not ("a" in letters or not wanted or controller.name in wanted):
            continue
        listed.append(one)
    for one in listed:
        names = ",".join(found.ordered(one))
        if "M" in letters:
            common.out("".join(f"{names} {point}\n" for point in one.mount_points))
        elif "m" in letters:
            common.out(f"{names} {one.mount_points[0]}\n")
        elif "i" in letters:
            common.out(f"{names} {one.number}\n")
        else:
            common.out(f"{names}\n")
    return 0
