"""``cgclassify``: move running processes into groups, those given or those of /etc/cgrules.conf."""

from __future__ import annotations

from hezi.front.tools.libcgroup import common, getopt, moving, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.common import Spec
    from hezi.front.tools.libcgroup.rules import Rule
    from hezi.linux.cgroup.survey import Survey

_LONG = {"group": "g", "sticky": "1", "cancel-sticky": "2", "help": "h"}
USAGE = """\
Usage: {0} [[-g] <controllers>:<path>] [--sticky | --cancel-sticky] <list of pids>
Move processes into control groups.
  -h, --help               this help
  -g <controllers>:<path>  the group; may be given several times. Without: as /etc/cgrules.conf says
  --cancel-sticky, --sticky  for a cgrulesengd (hezi has none, and needs not be told)
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, pids = getopt.parse(program, words, "g:12h", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error))
        return 2
    if any(letter == "h" for letter, _ in given):
        common.out(USAGE.format(program))
        return 0
    specs = moving.parse_specs([value for letter, value in given if letter == "g"])
    if specs is None:
        common.err("cgroup controller and path parsing failed\n")
        return common.BAD_ARGUMENTS
    if not pids and not specs:
        common.misused(program, "")
        return 2
    try:
        found = common.take()
        known = [] if specs else rules.read()
    except common.FailedError as error:
        common.err(f"Error: change of cgroup failed: {error.text}\n")
        return 1
    code = 0
    for text in pids:
        code = _move(found, specs, known, text) or code
    return code


def _move(found: Survey, specs: list[Spec], known: list[list[Rule]], text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 31:
        common.err(f"Error: {text} is not valid pid.\n")
        return 2
    pid = int(text)
    try:
        for spec in specs:
            moving.move(found, spec, pid)
        if not specs:
            moving.move_by_rules(found, known, rules.task_of(pid))
    except common.FailedError as error:
        common.err(f"Error changing group of pid {pid}: {error.text}\n")
        return 1
    except OSError as error:
        common.err(f"Error changing group of pid {pid}: {error.strerror}\n")
        return 1
    return 0
