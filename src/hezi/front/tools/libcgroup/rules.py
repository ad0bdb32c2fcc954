"""/etc/cgrules.conf (cgrules.conf(5)): which group a user's processes belong to, the first line that fits.

A line is ``user[:process] controllers destination [options]``; the user may be ``@group``, ``*``, or ``%`` for one more
line of the user above. In the destination ``%u %U %g %G %p %P`` stand for names and numbers of user, group and process.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.front.tools.libcgroup import common

FILE = "/etc/cgrules.conf"
_MAX_BYTES = 1 << 20


class Rule(NamedTuple):
    """One line; ``user`` as it stands there."""

    user: str
    process: str
    controllers: tuple[str, ...]
    destination: str
    ignore: bool = False


class Task(NamedTuple):
    """Who a rule is to fit: numbers, and the program's path or name."""

    pid: int
    uid: int
    gid: int
    program: str


def read(path: str = FILE) -> list[list[Rule]]:
    """Read the file: the rules, each with its ``%`` lines.

    :raises common.FailedError: it is not there, or has a line of another form.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_MAX_BYTES)
    except OSError:
        raise common.FailedError(common.PARSE_FAIL) from None
    rules: list[list[Rule]] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) not in {3, 4} or (words[0] == "%" and not rules) or words[3:] not in ([], ["ignore"]):
            raise common.FailedError(common.PARSE_FAIL)
        user, _, process = words[0].partition(":")
        controllers = tuple(word for word in words[1].split(",") if word)
        rule = Rule(user, process, controllers, words[2], len(words) == 4 and words[3] == "ignore")
        if user == "%":
            rules[-1].append(rule)
        else:
            rules.append([rule])
    return rules


def fitting(rules: list[list[Rule]], task: Task) -> list[Rule]:
    """The rules for a task; none if no line fits, or the first that does says ``ignore``."""
    for block in rules:
        if _fits_user(block[0].user, task) and _fits_process(block[0].process, task):
            return [] if block[0].ignore else block
    return []


def _fits_user(user: str, task: Task) -> bool:
    if user == "*":
        return True
    if not user.startswith("@"):
        return user in {_user_name(task.uid), str(task.uid)}
    import grp

    try:
        group = grp.getgrnam(user[1:])
    except KeyError:
        return False
    return group.gr_gid == task.gid or _user_name(task.uid) in group.gr_mem


def _fits_process(process: str, task: Task) -> bool:
    if not process:
        return True
    if process.endswith("*"):
        return task.program.startswith(process[:-1]) or os.path.basename(task.program).startswith(process[:-1])
    return process in {task.program, os.path.basename(task.program)}


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def destination(rule: Rule, task: Task) -> str:
    """The path of a rule with what its letters stand for; ``\\%`` is a plain one."""
    letters = {
        "u": _user_name(task.uid),
        "U": str(task.uid),
        "g": _group_name(task.gid),
        "G": str(task.gid),
        "p": os.path.basename(task.program) or str(task.pid),
        "P": str(task.pid),
    }
    out, rest = "", rule.destination
    while rest:
        if rest[0] == "\\" and rest[1:2] == "%":
            out, rest = out + "%", rest[2:]
        elif rest[0] == "%" and rest[1:2] in letters and rest[1:2]:
            # A name with a slash would lead elsewhere.
            out, rest = out + letters[rest[1]].replace("/", "_"), rest[2:]
        else:
            out, rest = out + rest[0], rest[1:]
    return out


def task_of(pid: int) -> Task:
    """Look a process up.

    :raises OSError: it is gone.
    """
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="surrogateescape") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        program = status["Name"]
    return Task(pid, int(status["Uid"].split()[1]), int(status["Gid"].split()[1]), program)
