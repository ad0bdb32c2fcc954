"""``hezi cgroup``: groups named as ``[CONTROLLERS:]PATH``, looked at and changed by words instead of files.

Without controllers a group is meant in every hierarchy that has it (to be made: in every hierarchy).
"""

from __future__ import annotations

import sys
from contextlib import suppress

from hezi._util.record import NamedTuple
from hezi.errors import CONFLICT, INVALID, NOT_FOUND, PERMISSION, UNSUPPORTED, Error, from_os_error
from hezi.linux.cgroup import survey, translate, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hezi.front.tools.table import Line
    from hezi.linux.cgroup.survey import Mounted, Survey

_KINDS = {1: PERMISSION, 2: NOT_FOUND, 13: PERMISSION, 16: CONFLICT, 22: INVALID, 34: INVALID, 95: UNSUPPORTED}


class Name(NamedTuple):
    """A group as it is written: controllers, and the path in their hierarchies."""

    controllers: tuple[str, ...]
    path: str


def parse(text: str) -> Name:
    """Read ``cpu,memory:/a/b`` or ``/a/b``.

    :raises Error: INVALID.
    """
    controllers, colon, path = text.partition(":")
    if not colon or "/" in controllers:
        controllers, path = "", text
    parts = [part for part in path.split("/") if part]
    if not path or {".", ".."} & set(parts):
        message = f"no name of a control group: {text!r}"
        raise Error(INVALID, message, hint="it is [CONTROLLERS:]PATH, as in /jobs/one or cpu,memory:/jobs/one")
    return Name(tuple(word for word in controllers.split(",") if word), "/" + "/".join(parts))


def hierarchies(found: Survey, name: Name) -> list[Mounted]:
    """The hierarchies that a name is about.

    :raises Error: NOT_FOUND, a controller is mounted nowhere.
    """
    if not name.controllers:
        return list(found.hierarchies)
    chosen: list[Mounted] = []
    for controller in name.controllers:
        one = found.carrying(controller)
        if one is None:
            message = f"controller {controller} is on no mounted hierarchy"
            raise Error(NOT_FOUND, message, hint="`hezi cgroup ls -a` lists them all")
        if one not in chosen:
            chosen.append(one)
    return chosen


def existing(found: Survey, name: Name) -> list[Mounted]:
    """The hierarchies that a name is about and that have the group.

    :raises Error: NOT_FOUND, none has.
    """
    there = []
    for one in hierarchies(found, name):
        with suppress(OSError), tree.open_node(one.hierarchy, name.path):
            there.append(one)
    if not there:
        message = f"there is no control group {name.path}"
        raise Error(NOT_FOUND, message, hint="`hezi cgroup tree` lists them")
    return there


def refused(doing: str, error: OSError) -> Error:
    """Say what the kernel refused; the rule that was broken is in the text of the error."""
    made = from_os_error(doing, error)
    return Error(_KINDS.get(error.errno or 0, made.kind), made.message, path=made.path)


# --- looking --------------------------------------------------------------------------------------------------------


def list_hierarchies(*, everything: bool) -> list[tuple[str, ...]]:
    """Rows of a table: version, number, controllers, where, options, number of groups."""
    found = survey.take()
    rows: list[tuple[str, ...]] = [("VERSION", "NUMBER", "CONTROLLERS", "MOUNTED ON", "GROUPS", "OPTIONS")]
    for one in found.hierarchies:
        with tree.top(one.hierarchy) as top:
            count = sum(1 for _ in tree.walk(top))
        names = ",".join(found.ordered(one)) or (f"name={one.hierarchy.name}" if one.hierarchy.name else "-")
        for point in one.mount_points:
            rows.append((  # noqa: PERF401 - one comprehension of all this would be no shorter
                f"v{one.hierarchy.version}", str(one.number), names, point, str(count), ",".join(one.options) or "-"
            ))  # fmt: skip
    if everything:
        rows += [("-", "-", name, "-", "-", "-") for name in found.unmounted]
    return rows


WHOLE = ("GROUP", "CONTAINER", "PROCESSES", "CONTROLLERS")


def draw(text: str, containers: Mapping[str, str], *, whole: bool = False) -> list[Line]:
    """The groups as a tree, each once however many hierarchies it is in.

    :param text: where to begin, "" for the top.
    :param containers: path of a container's group -> its name.
    :param whole: lines of four cells, those of ``WHOLE``, with whole paths, for programs.
    :raises Error: NOT_FOUND.
    """
    from hezi.front.tools.table import Line

    found = survey.take()
    name = parse(text or "/")
    seen: dict[str, list[Mounted]] = {}
    for one in existing(found, name):
        with tree.open_node(one.hierarchy, name.path) as top:
            for at in tree.walk(top):
                seen.setdefault(at, []).append(one)
    lines: dict[str, Line] = {}
    roots: list[Line] = []
    for at in sorted(seen, key=lambda at: at.split("/")):
        above, _, base = at.rpartition("/")
        title = base if lines and base else at
        container = containers.get(at)
        names = (at, container) if whole else (f"{title}  [container {container}]" if container else title,)
        where = ",".join(sorted({_short(one) for one in seen[at]}))
        lines[at] = Line((*names, str(_processes(seen[at], at)), where))
        parent = lines.get(above or "/") if at != name.path else None
        (parent.below if parent else roots).append(lines[at])
    return roots


def _short(one: Mounted) -> str:
    return one.title if one.hierarchy.controllers or one.hierarchy.version == 1 else "v2"


def _processes(places: Sequence[Mounted], at: str) -> int:
    """How many processes are in it, in the hierarchy where it has most."""
    counts = [0]
    for one in places:
        with suppress(OSError), tree.open_node(one.hierarchy, at) as node:
            counts.append(len(node.processes()))
    return max(counts)


def get(text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Values of a group, by either version's names; all of them without names.

    :raises Error: NOT_FOUND, there is no such group or value.
    """
    found, name = survey.take(), parse(text)
    places = existing(found, name)
    if not names:
        return _all_values(places, name.path)
    values = []
    for wanted in names:
        for one in places:
            with tree.open_node(one.hierarchy, name.path) as node, suppress(FileNotFoundError):
                values.append((wanted, translate.read(node, wanted)))
                break
        else:
            message = f"control group {name.path} has no {wanted}"
            raise Error(NOT_FOUND, message, hint="`hezi cgroup get GROUP` lists what it has")
    return values


def _all_values(places: Sequence[Mounted], path: str) -> list[tuple[str, str]]:
    values: list[tuple[str, str]] = []
    for one in places:
        with tree.open_node(one.hierarchy, path) as node:
            for file in node.files():
                if "." in file and node.mode(file) & 0o400 and file not in dict(values):
                    with suppress(OSError):
                        values.append((file, node.read(file).rstrip("\n")))
    return values


# --- changing -------------------------------------------------------------------------------------------------------


def create(text: str) -> None:
    """Make a group; on v2 the groups above hand on the controllers that were named.

    :raises Error: with the rule that was broken.
    """
    found, name = survey.take(), parse(text)
    for one in hierarchies(found, name):
        wanted = [word for word in name.controllers if word in one.hierarchy.controllers]
        try:
            tree.make(one.hierarchy, name.path, controllers=wanted, exist_ok=True).close()
        except OSError as error:
            doing = f"cannot make control group {name.path}"
            raise refused(doing, error) from error


def assign(text: str, pairs: Sequence[str]) -> None:
    """Write values, ``NAME=VALUE``, by either version's names.

    :raises Error: there is none such, or the kernel refuses.
    """
    found, name = survey.take(), parse(text)
    places = existing(found, name)
    for pair in pairs:
        wanted, equals, value = pair.partition("=")
        if not equals or not wanted or not value or "/" in wanted:
            message = f"{pair!r} is not NAME=VALUE"
            raise Error(INVALID, message)
        if not any(_assigned(one, name.path, wanted, value) for one in places):
            message = f"control group {name.path} has no {wanted}"
            raise Error(NOT_FOUND, message, hint="`hezi cgroup get GROUP` lists what it has")


def _assigned(one: Mounted, path: str, name: str, value: str) -> bool:
    try:
        with tree.open_node(one.hierarchy, path) as node:
            translate.write(node, name, value)
    except FileNotFoundError:
        return False
    except OSError as error:
        from hezi.linux.cgroup import rules

        doing = f"cannot set {name} of {path}"
        raise refused(doing, rules.broken(error, rules.SET, "write")) from error
    return True


def move(text: str, pids: Sequence[str]) -> None:
    """Move processes into a group.

    :raises Error: no such group or process, or the kernel refuses, with the rule.
    """
    found, name = survey.take(), parse(text)
    # All are looked at before one is moved. 0 would be ourselves.
    wrong = next((pid for pid in pids if not (pid.isascii() and pid.isdigit() and 0 < int(pid) < 1 << 31)), None)
    if wrong is not None:
        message = f"no number of a process: {wrong!r}"
        raise Error(INVALID, message)
    for one in existing(found, name):
        with tree.open_node(one.hierarchy, name.path) as node:
            for pid in pids:
                try:
                    node.add(int(pid))
                except ProcessLookupError:
                    message = f"there is no process {pid}"
                    raise Error(NOT_FOUND, message) from None
                except OSError as error:
                    doing = f"cannot move process {pid} to {name.path}"
                    raise refused(doing, error) from error


def execute(text: str, command: Sequence[str]) -> int:
    """Run a program in a group, in place of this one; returns only when that cannot be done: 126 or 127."""
    import os

    move(text, [str(os.getpid())])
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - a program is what the user asks for
    except OSError as error:
        sys.stderr.write(f"hezi: cannot execute {command[0]}: {os.strerror(error.errno or 0)}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126


def remove(text: str, *, recursive: bool, kill: bool) -> None:
    """Remove a group.

    :param kill: its processes first; without, they keep it.
    :raises Error: CONFLICT, processes or groups are in it; NOT_FOUND.
    """
    found, name = survey.take(), parse(text)
    for one in existing(found, name):
        with tree.open_node(one.hierarchy, name.path) as node:
            try:
                if kill:
                    node.kill()
                node.remove(recursive=recursive, timeout=5.0 if kill else 0.0)
            except OSError as error:
                doing = f"cannot remove control group {name.path}"
                raise refused(doing, error) from error


def load(paths: Sequence[str]) -> None:
    """Carry out configuration files, one after the other, to the first that fails.

    :raises Error: which file, and what is wrong with it.
    """
    from hezi.front.tools.libcgroup import common, config, owners

    rights = owners.Rights()
    for path in paths:
        try:
            wanted = config.read_file(path, rights)
            config.load(wanted)
        except (config.BadConfigError, common.FailedError) as error:
            message = f"cannot load {path}: {error}"
            raise Error(INVALID, message) from None
        except OSError as error:
            doing = f"cannot load {path}"
            raise refused(doing, error) from error
        rights = wanted.rights


def snapshot(controllers: Sequence[str]) -> int:
    """Print all groups as such a file; returns the exit code.

    :raises Error: NOT_FOUND, a controller is mounted nowhere.
    """
    from hezi.front.tools.libcgroup import cgsnapshot

    hierarchies(survey.take(), Name(tuple(controllers), "/"))
    return cgsnapshot.main("hezi cgroup snapshot", ["-s", "--", *controllers])


def mount(target: str, controllers: str, name: str, *, v2: bool) -> None:
    """Mount a hierarchy.

    :raises Error: with the rule that was broken.
    """
    from hezi.linux.cgroup import mounting

    words = [word for word in controllers.split(",") if word]
    if v2 and (words or name):
        message = "the v2 hierarchy has no name, and its controllers are those that no v1 hierarchy has"
        raise Error(INVALID, message)
    try:
        mounting.mount(target, words, name, version=2 if v2 else 1)
    except OSError as error:
        doing = "cannot mount the hierarchy"
        raise refused(doing, error) from error


def unmount(target: str) -> None:
    """Unmount a hierarchy.

    :raises Error: it is none, or busy.
    """
    from hezi.linux.cgroup import mounting

    if not any(target in one.mount_points for one in survey.take().hierarchies):
        message = f"no hierarchy is mounted on {target}"
        raise Error(NOT_FOUND, message)
    try:
        mounting.unmount(target)
    except OSError as error:
        doing = f"cannot unmount {target}"
        raise refused(doing, error) from error


def path_of(pid: int) -> str:
    """The group of a process in the hierarchy where it is deepest, which for a container is its own.

    :raises Error: NOT_FOUND, it is gone.
    """
    found = survey.take()
    try:
        paths = [tree.path_in(one.hierarchy, pid) for one in found.hierarchies]
    except OSError as error:
        message = f"there is no process {pid}"
        raise Error(NOT_FOUND, message) from error
    return max((path for path in paths if path), key=lambda path: path.count("/") if path != "/" else 0, default="/")
