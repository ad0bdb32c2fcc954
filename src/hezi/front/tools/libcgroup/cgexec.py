"""``cgexec``: run a program in groups, those given or those of /etc/cgrules.conf."""

from __future__ import annotations

import os

from hezi.front.tools.libcgroup import common, getopt, moving, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.common import Spec

_LONG = {"group": "g", "sticky": "1", "help": "h"}
_ENOENT = 2
USAGE = """\
Usage: {0} [-h] [-g <controllers>:<path>] [--sticky] command [arguments] ...
Run a program in control groups.
  -g <controllers>:<path>  the group; may be given several times. Without: as /etc/cgrules.conf says
  -h, --help               this help
  --sticky                 tell a cgrulesengd to leave it there (hezi has none, and needs not be told)
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns only with an exit code of its own."""
    try:
        given, command = getopt.parse(program, words, "+g:1h", _LONG, first_ends=True)
    except getopt.Misused as error:
        common.misused(program, str(error), "--help")
        return 1
    if any(letter == "h" for letter, _ in given):
        common.out(USAGE.format(program))
        return 0
    specs = moving.parse_specs([value for letter, value in given if letter == "g"])
    if specs is None:
        common.err("cgroup controller and path parsing failed\n")
        return common.BAD_ARGUMENTS
    if not command:
        common.misused(program, "", "--help")
        return 1
    try:
        _join(specs, command[0])
    except common.FailedError as error:
        common.err(f"cgroup change of group failed: {error.text}\n")
        return error.code
    try:
        if not command[0]:
            raise FileNotFoundError(_ENOENT, os.strerror(_ENOENT))
        os.execvp(command[0], command)  # noqa: S606 - a program is what the user asks for
    except OSError as error:
        common.err(f"{program}: {command[0]}: {os.strerror(error.errno or 0)}\n")
    return common.BAD_ARGUMENTS


def _join(specs: list[Spec], name: str) -> None:
    found = common.take()
    for spec in specs:
        moving.move(found, spec, os.getpid())
    if not specs:
        known = rules.read()
        moving.move_by_rules(found, known, rules.Task(os.getpid(), os.geteuid(), os.getegid(), name))
