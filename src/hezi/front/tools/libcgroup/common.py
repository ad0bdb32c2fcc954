"""What the tools have in common: ``<controllers>:<path>``, the library's exit codes, groups by either."""

from __future__ import annotations

import sys

from hezi._util.record import NamedTuple
from hezi.linux.cgroup import survey, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hezi.linux.cgroup.survey import Mounted, Survey
    from hezi.linux.cgroup.tree import Node

# Errors of libcgroup begin at 50000 (libcgroup/error.h); a program's exit code is the rest modulo 256.
NOT_EXIST, NOT_MOUNTED, INVALID, FAIL, NO_VALUE, OTHER = 82, 84, 91, 93, 95, 96
PARSE_FAIL, MOUNT_FAIL, MOUNT_PATHS = 99, 101, 104
NAMESPACE_PATHS, NAMESPACE_CONTROLLER, MOUNT_NAMESPACE = 105, 106, 107
BAD_ARGUMENTS = 255
TEXTS = {
    NOT_EXIST: "Cgroup does not exist",
    NOT_MOUNTED: "Cgroup one of the needed subsystems is not mounted",
    FAIL: "Cgroup operation failed",
    NO_VALUE: "Cgroup, requested group parameter does not exist",
    PARSE_FAIL: "Cgroup parsing failed",
    MOUNT_FAIL: "Cgroup mounting failed",
    NAMESPACE_PATHS: "Have multiple paths for the same namespace",
    NAMESPACE_CONTROLLER: "Controller in namespace does not exist",
    MOUNT_NAMESPACE: "Either mount or namespace keyword has to be specified in the configuration file, not both",
}
_ENOENT = 2


class FailedError(Exception):
    """An operation failed.

    :ivar text: the library's, without the program's name.
    :ivar code: for the exit.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or TEXTS[code])
        self.text = text or TEXTS[code]
        self.code = code


class Spec(NamedTuple):
    """``cpu,memory:/path``; the controllers may be ``*``."""

    controllers: tuple[str, ...]
    path: str


def out(text: str) -> None:
    """Write to standard output."""
    sys.stdout.write(text)


def err(text: str) -> None:
    """Write to standard error."""
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()


def misused(program: str, text: str, option: str = "-h") -> None:
    """Write what is wrong with the command line and where to read more."""
    err(f"{text}\n" if text else "")
    err(f"Wrong input parameters, try {program} {option}' for more information.\n")


def parse_spec(text: str) -> Spec | None:
    """Read ``<controllers>:<path>``; None if it is none."""
    controllers, colon, path = text.partition(":")
    words = tuple(word for word in controllers.split(",") if word)
    return Spec(words, path) if colon and words and path else None


def places(found: Survey, controllers: Iterable[str]) -> list[tuple[Mounted, list[str]]]:
    """The hierarchies that controllers are on, each with those of them, in the order given.

    ``*`` is all controllers of v1, or of v2 on a host without v1: making v2 hand on what nobody named would keep it
    from being mounted as v1.

    :raises FailedError: one is mounted nowhere.
    """
    words = list(controllers)
    if "*" in words:
        words = _all(found)
    grouped: list[tuple[Mounted, list[str]]] = []
    for word in words:
        one = found.carrying(word)
        if one is None:
            raise FailedError(NOT_MOUNTED)
        for known, names in grouped:
            if known is one:
                names.append(word)
                break
        else:
            grouped.append((one, [word]))
    return grouped


def _all(found: Survey) -> list[str]:
    v1 = [name for one in found.hierarchies if one.hierarchy.version == 1 for name in found.ordered(one)]
    return v1 or [name for one in found.hierarchies for name in found.ordered(one)]


def clean(path: str) -> str:
    """Bring a path to ``/a/b``; slashes may be missing or too many, and ``.`` is where one is.

    :raises OSError: ENOENT, with ``..`` in it: it would lead elsewhere.
    """
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise FileNotFoundError(_ENOENT, "No such file or directory", path)
    return "/" + "/".join(parts)


def open_group(one: Mounted, path: str) -> Node:
    """Open a group.

    :raises OSError: ENOENT.
    """
    return tree.open_node(one.hierarchy, clean(path))


def lines_of(text: str) -> str:
    """A value of several lines as the tools print it: continued with a tab."""
    return text.removesuffix("\n").replace("\n", "\n\t")


def values(node: Node, controllers: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values of all files of controllers, in the kernel's order for each controller."""
    names = node.files()
    found = []
    for controller in controllers:
        found += [(name, readable(node, name)) for name in names if name.startswith(f"{controller}.")]
    return found


def readable(node: Node, name: str) -> str:
    """The value of a file; "" for one that refuses, as those do that are there to be written only."""
    try:
        return node.read(name)
    except OSError:
        return ""


def take() -> Survey:
    """Look at the hierarchies.

    :raises FailedError: none is mounted.
    """
    found = survey.take()
    if not found.hierarchies:
        raise FailedError(80 + 1, "Cgroup is not mounted")
    return found
