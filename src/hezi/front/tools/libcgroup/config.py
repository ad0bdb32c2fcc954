"""cgconfig.conf(5) read and carried out: hierarchies to mount, groups to make, owners, values.

::

    file      = { section }
    section   = ( "mount" | "namespace" ) "{" word "=" word ";" { word "=" word ";" } "}"
              | ( "group" word | "template" word | "default" ) "{" { perm | controller } "}"
    perm      = "perm" "{" { ( "task" | "admin" ) "{" { word "=" word ";" } "}" } "}"
    controller = word "{" { word "=" word ";" } "}"

Words may stand in double quotes, over several lines too. A line that begins with # is a comment.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from hezi._util.record import NamedTuple
from hezi.front.tools.libcgroup import cgset, common, owners
from hezi.linux.cgroup import mounting, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.front.tools.libcgroup.owners import Rights
    from hezi.linux.cgroup.survey import Mounted, Survey

_MAX_BYTES = 16 << 20
_MARKS = "{}=;"


class Group(NamedTuple):
    """A group to be made: controller -> values in the order of the file."""

    name: str
    rights: Rights
    controllers: list[tuple[str, list[tuple[str, str]]]]


class Config(NamedTuple):
    """A file: (controller or ``name=...``, path) of mounts, and groups in its order.

    :ivar rights: its ``default`` section's, which hold in the files that are loaded after it too.
    :ivar namespaces: controller -> the group below which all of the file's are.
    """

    mounts: list[tuple[str, str]]
    groups: list[Group]
    rights: Rights
    namespaces: dict[str, str]


class BadConfigError(Exception):
    """The file is not as it should be; the text begins with the number of the line."""


class _Word(NamedTuple):
    text: str
    line: int
    quoted: bool = False


def _words(text: str) -> list[_Word]:
    """Take the text apart."""
    words: list[_Word] = []
    at, line = 0, 1
    while at < len(text):
        letter = text[at]
        if letter == "#" and not text[:at].rpartition("\n")[2].strip():
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif letter.isspace():
            line += letter == "\n"
            at += 1
        elif letter in _MARKS:
            words.append(_Word(letter, line))
            at += 1
        elif letter == '"':
            end = text.find('"', at + 1)
            if end < 0:
                message = f"error at line number {line}: a quote is not closed"
                raise BadConfigError(message)
            words.append(_Word(text[at + 1 : end], line, quoted=True))
            line += text.count("\n", at, end)
            at = end + 1
        else:
            end = at
            while end < len(text) and not text[end].isspace() and text[end] not in _MARKS + '"':
                end += 1
            words.append(_Word(text[at:end], line))
            at = end
    return words


class _Reader:
    def __init__(self, text: str, rights: Rights) -> None:
        self.words = _words(text)[::-1]
        self.line = 1
        self.rights = rights
        self.config = Config([], [], rights, {})

    def next(self, expected: str = "") -> str:
        """The next word; a certain mark if ``expected``, else none."""
        if not self.words:
            message = f"error at line number {self.line}: the file ends too early"
            raise BadConfigError(message)
        word = self.words.pop()
        self.line = word.line
        is_mark = not word.quoted and word.text in _MARKS
        if (expected and (word.text != expected or not is_mark)) or (not expected and is_mark):
            message = f"error at line number {word.line} at {word.text}: syntax error"
            raise BadConfigError(message)
        return word.text

    def closes(self) -> bool:
        """Whether a closing brace is next; it is taken then."""
        if self.words and self.words[-1].text == "}" and not self.words[-1].quoted:
            self.words.pop()
            return True
        return False

    def read(self) -> Config:
        while self.words:
            kind = self.next()
            if kind == "mount":
                self.config.mounts.extend(self.some_pairs())
            elif kind == "namespace":
                for name, path in self.some_pairs():
                    if name in self.config.namespaces:
                        raise common.FailedError(common.NAMESPACE_PATHS)
                    self.config.namespaces[name] = path
            elif kind == "group":
                self.config.groups.append(self.group(self.next(), self.rights))
            elif kind == "default":
                self.rights = self.group("", self.rights).rights
            elif kind == "template":
                self.group(self.next(), self.rights)  # for rules, which make their groups by themselves
            else:
                message = f"error at line number {self.line} at {kind}: syntax error"
                raise BadConfigError(message)
        return self.config._replace(rights=self.rights)

    def some_pairs(self) -> list[tuple[str, str]]:
        found = self.pairs()
        if not found:
            message = f"error at line number {self.line} at }}: syntax error"
            raise BadConfigError(message)
        return found

    def pairs(self) -> list[tuple[str, str]]:
        self.next("{")
        found = []
        while not self.closes():
            name = self.next()
            self.next("=")
            found.append((name, self.next()))
            self.next(";")
        return found

    def group(self, name: str, rights: Rights) -> Group:
        self.next("{")
        controllers = []
        if self.closes():
            message = f"error at line number {self.line} at }}: syntax error"
            raise BadConfigError(message)
        while not self.closes():
            word = self.next()
            if word == "perm":
                rights = self.perm(rights)
            else:
                controllers.append((word, self.pairs()))
        return Group(name, rights, controllers)

    def perm(self, rights: Rights) -> Rights:
        self.next("{")
        while not self.closes():
            kind = self.next()
            if kind not in {"task", "admin"}:
                message = f"error at line number {self.line} at {kind}: syntax error"
                raise BadConfigError(message)
            for name, value in self.pairs():
                rights = self._one_right(rights, kind, name, value)
        return rights

    def _one_right(self, rights: Rights, kind: str, name: str, value: str) -> Rights:
        name = name.removeprefix("t") if kind == "task" else name.removeprefix("a")
        user, group = rights.tasks if kind == "task" else rights.admin
        try:
            if name in {"uid", "gid"}:
                user = owners.parse_user(value) if name == "uid" else user
                group = owners.parse_group(value) if name == "gid" else group
                both = (user, group)
                return rights._replace(tasks=both) if kind == "task" else rights._replace(admin=both)
            if name == "fperm" and kind == "task":
                return rights._replace(tasks_mode=owners.parse_mode(value))
            if name == "fperm":
                return rights._replace(file_mode=owners.parse_mode(value))
            if name == "dperm" and kind == "admin":
                return rights._replace(directory_mode=owners.parse_mode(value))
        except ValueError as error:
            message = f"error at line number {self.line}: {error}"
            raise BadConfigError(message) from None
        message = f"error at line number {self.line} at {name}: syntax error"
        raise BadConfigError(message)


def read(text: str, rights: Rights) -> Config:
    """Read a file.

    :param rights: for groups that say nothing else.
    :raises BadConfigError: with the line.
    """
    return _Reader(text, rights).read()


def read_file(path: str, rights: Rights) -> Config:
    """Read a file by its name.

    :raises OSError: it cannot be read.
    :raises BadConfigError: with the line.
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return read(file.read(_MAX_BYTES), rights)


def load(config: Config) -> None:
    """Mount what is not mounted there yet, make the groups and write the values.

    :raises common.FailedError: something could not be done; the mounts and groups that this made are gone again.
    """
    if config.mounts and config.namespaces:
        raise common.FailedError(common.MOUNT_NAMESPACE)
    with ExitStack() as undo:
        _mount(config.mounts, undo)
        found = common.take()
        if any(found.carrying(name) is None for name in config.namespaces):
            raise common.FailedError(common.NAMESPACE_CONTROLLER)
        for group in config.groups:
            _make(found, group, config.namespaces, undo)
        undo.pop_all()


def _make(found: Survey, group: Group, namespaces: Mapping[str, str], undo: ExitStack) -> None:
    paths = {name: common.clean(f"{namespaces.get(name, '')}/{group.name}") for name, _ in group.controllers}
    for name, path in paths.items():
        one = found.carrying(name)
        if one is None:
            raise common.FailedError(common.NOT_MOUNTED)
        if path == "/":
            continue
        listed = [name] if name in one.hierarchy.controllers else []
        try:
            there = os.path.isdir(one.hierarchy.mount_point + path)
            with tree.make(one.hierarchy, path, controllers=listed, exist_ok=True) as node:
                if not there:
                    undo.callback(_remove, one, path)
                owners.apply(node, group.rights)
        except OSError as error:
            raise common.FailedError(common.OTHER, os.strerror(error.errno or 0)) from None
    for controller, pairs in group.controllers:
        for name, value in pairs:
            _check_place(found, controller, name)
            for line in value.splitlines() if name.startswith("devices.") else [value]:
                cgset.write(found, paths[controller], name, line.strip())


def _check_place(found: Survey, controller: str, name: str) -> None:
    """A value of another hierarchy is not the section's.

    :raises common.FailedError: it is.
    """
    carrier = found.carrying(name.partition(".")[0])
    if carrier is not None and carrier is not found.carrying(controller):
        raise common.FailedError(common.NO_VALUE)


def _remove(one: Mounted, path: str) -> None:
    with suppress(OSError), common.open_group(one, path) as node:
        node.remove()


def _mount(mounts: list[tuple[str, str]], undo: ExitStack) -> None:
    """Controllers with the same path go on one hierarchy."""
    by_path: dict[str, list[str]] = {}
    for name, path in mounts:
        by_path.setdefault(os.path.abspath(path), []).append(name)
    for path, names in by_path.items():
        found = common.take()
        there = [one for one in found.hierarchies if path in one.mount_points]
        if there and all(found.carrying(name) is there[0] for name in names):
            continue
        controllers = [name for name in names if not name.startswith("name=")]
        named = [name.removeprefix("name=") for name in names if name.startswith("name=")]
        try:
            os.makedirs(path, 0o755, exist_ok=True)
        except OSError as error:
            raise common.FailedError(common.OTHER, f"{path}: {error.strerror}") from None
        try:
            mounting.mount(path, controllers, named[0] if named else "")
        except OSError as error:
            reason = f"{common.TEXTS[common.MOUNT_FAIL]}: cannot mount {','.join(names)} to {path}: {error.strerror}"
            raise common.FailedError(common.MOUNT_FAIL, reason) from None
        undo.callback(_unmount, path)


def _unmount(path: str) -> None:
    with suppress(OSError):
        mounting.unmount(path)
