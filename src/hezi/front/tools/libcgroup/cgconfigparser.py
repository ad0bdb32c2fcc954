"""``cgconfigparser``: carry out configuration files (cgconfig.conf(5))."""

from __future__ import annotations

import os

from hezi.front.tools.libcgroup import cgcreate, common, config, getopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.tools.libcgroup.owners import Rights

_LONG = {"help": "h", "load": "l", "load-directory": "L", "dperm": "d", "fperm": "f", "tperm": "s"}
USAGE = """\
Usage: {0} [-h] [-f mode] [-d mode] [-s mode] [-t <tuid>:<tgid>] [-a <agid>:<auid>] [-l FILE] [-L DIR] ...
Read configuration files and do what they say.
  -a <auid>:<agid>          owner of groups and their files, where a file names none
  -d, --dperm=mode          mode of directories, likewise
  -f, --fperm=mode          mode of files
  -h, --help                this help
  -l, --load=FILE           a file
  -L, --load-directory=DIR  all files of a directory
  -s, --tperm=mode          mode of the tasks file
  -t <tuid>:<tgid>          owner of the tasks file
"""


def main(program: str, words: list[str]) -> int:
    """Run the tool; returns the exit code."""
    try:
        given, rest = getopt.parse(program, words, "hl:L:t:a:d:f:s:", _LONG)
    except getopt.Misused as error:
        common.misused(program, str(error))
        return common.BAD_ARGUMENTS
    if any(letter == "h" for letter, _ in given):
        common.out(USAGE.format(program))
        return 0
    sources = [(letter, value) for letter, value in given if letter in "lL"]
    if not sources or rest:
        common.misused(program, "")
        return common.BAD_ARGUMENTS
    try:
        rights = cgcreate.read_rights(given)
    except ValueError as error:
        common.err(f"{program}: {error}\n")
        return common.BAD_ARGUMENTS
    files: list[str] = []
    for letter, path in sources:
        try:
            files += [path] if letter == "l" else _files(path)
        except OSError as error:
            common.err(f"{program}: cannot open {path}: {error.strerror}\n")
            return 1
    # What one file cannot have is no reason to leave out another: the exit tells of the first.
    first = 0
    for file in files:
        code, rights = _load(program, file, rights)
        first = first or code
    return first


def _files(directory: str) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.path for entry in entries if entry.is_file()]


def _load(program: str, path: str, rights: Rights) -> tuple[int, Rights]:
    """Load a file; return the exit code, and what holds for groups of the next that say nothing else."""
    try:
        found = config.read_file(path, rights)
        rights = found.rights
        config.load(found)
    except config.BadConfigError as error:
        common.err(f"{error}\n{program}; error loading {path}: failed to parse file {path}\n")
        return common.MOUNT_PATHS, rights
    except common.FailedError as error:
        common.err(f"{program}; error loading {path}: {error.text}\n")
        return error.code, rights
    except OSError as error:
        common.err(f"{program}; error loading {path}: {error.strerror}\nError: failed to open file {path}\n")
        return common.OTHER, rights
    return 0, rights
