"""Users and groups of an image: ``-u``, ``--group-add`` and the image's USER, resolved in its own passwd and group.

Resolving is pure; only :func:`read_lines` touches the image, by descriptor and with limits, because a file of an image
may be a FIFO, a device, a link to the host or endless (CVE-2024-9676, CVE-2026-47262). Two rules where engines have
failed: digits are a number and never a name (CVE-2026-46680), and an error is an error, never "then root".
"""

from __future__ import annotations

import os
import stat

from hezi import errors
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_BYTES = 1 << 20
MAX_LINES = 10_000
MAX_ID = 2**32 - 2  # 2**32 - 1 is "no change" to setuid(2)
MAX_GIVEN_ID = 2**31 - 1  # what docker and runc take on the command line and in an image's USER
MAX_GROUPS = 65_536  # NGROUPS_MAX of limits.h


class Account(NamedTuple):
    """Who the program is.

    :ivar groups: all supplementary groups, the primary one always among them: a group that files deny must not get
        lost (CVE-2022-36109).
    :ivar home: from passwd, ``/`` when that has no entry.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class _User(NamedTuple):
    name: str
    uid: int | None
    gid: int | None
    home: str


def read_lines(root_fd: int, path: str) -> list[str]:
    """Return the lines of a small text file of an image; a missing file has none.

    :param root_fd: the image's root directory.
    :raises errors.Error: it is no regular file, or too large.
    """
    from hezi.linux import fd as linux_fd

    try:
        fd = linux_fd.open_in_root(root_fd, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        doing = f"cannot read the image's /{path}"
        raise errors.from_os_error(doing, error) from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise errors.Error(errors.CORRUPT, f"the image's /{path} is not a regular file")
        raw = _read_limited(fd)
    finally:
        os.close(fd)
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    if len(raw) > MAX_BYTES or len(lines) > MAX_LINES:
        raise errors.Error(errors.CORRUPT, f"the image's /{path} is larger than 1 MiB or {MAX_LINES} lines")
    return lines


def _read_limited(fd: int) -> bytes:
    raw = b""
    while len(raw) <= MAX_BYTES:
        chunk = os.read(fd, MAX_BYTES + 1 - len(raw))
        if not chunk:
            break
        raw += chunk
    return raw


def resolve(user: str, group_add: Sequence[str], passwd: Sequence[str], group: Sequence[str]) -> Account:
    """Return the account of ``user``.

    :param user: ``NAME|UID[:GROUP|GID]``; empty parts are the default (root, or the user's own groups).
    :param passwd: lines of the image's /etc/passwd.
    :param group: lines of the image's /etc/group.
    :raises errors.Error: unknown name or number out of range (``invalid``), a damaged entry (``corrupt``).
    """
    name, colon, group_name = user.partition(":")
    if ":" in group_name or "\0" in user or "\n" in user:
        raise errors.Error(errors.INVALID, f"invalid user '{user}': expected NAME|UID[:GROUP|GID]")
    groups = list(_groups(group))
    account = _find_user(name, passwd)
    gid, extra = account.gid or 0, []
    if colon and group_name:
        gid = _group_id(group_name, groups)
    elif account.name:
        extra = _memberships(account.name, groups)
    extra.extend(_group_id(wanted, groups) for wanted in group_add)
    ids = tuple(dict.fromkeys([gid, *extra]))
    if len(ids) > MAX_GROUPS:
        raise errors.Error(errors.INVALID, f"user '{user}' is in {len(ids)} groups, the limit is {MAX_GROUPS}")
    return Account(account.uid or 0, gid, ids, account.home)


def _find_user(name: str, passwd: Iterable[str]) -> _User:
    uid = _number(name) if name else 0
    if uid is not None:
        for entry in _users(passwd):
            if entry.uid == uid:
                if entry.gid is None:
                    raise errors.Error(errors.CORRUPT, f"the image's passwd entry of uid {uid} has no valid group")
                return entry
        return _User("", uid, 0, "/")
    for entry in _users(passwd):
        if entry.name == name:
            if entry.uid is None or entry.gid is None:
                raise errors.Error(errors.CORRUPT, f"the image's passwd entry of user {name} has no valid ids")
            return entry
    raise errors.Error(errors.INVALID, f"unable to find user {name}: no matching entries in passwd file")


def _group_id(name: str, groups: Iterable[tuple[str, int | None, list[str]]]) -> int:
    number = _number(name)
    if number is not None:
        return number
    for entry, gid, _ in groups:
        if entry == name and name:
            if gid is None:
                raise errors.Error(errors.CORRUPT, f"the image's group entry of {name} has no valid id")
            return gid
    raise errors.Error(errors.INVALID, f"unable to find group {name}: no matching entries in group file")


def _memberships(name: str, groups: Iterable[tuple[str, int | None, list[str]]]) -> list[int]:
    found = []
    for entry, gid, members in groups:
        if name in members:
            if gid is None:
                raise errors.Error(errors.CORRUPT, f"the image's group entry of {entry} has no valid id")
            found.append(gid)
    return found


def _number(text: str) -> int | None:
    """Return the id when the text is digits (or is a negative number, which is out of range), else None."""
    digits = text.removeprefix("-")
    if not digits or not digits.isascii() or not digits.isdigit():
        return None
    value = int(digits) if len(digits) <= 20 else MAX_GIVEN_ID + 1
    if digits != text or value > MAX_GIVEN_ID:
        raise errors.Error(errors.INVALID, f"uids and gids must be in range 0-{MAX_GIVEN_ID}: '{text[:40]}'")
    return value


def _file_number(text: str) -> int | None:
    """The id in a field of passwd or group; None when it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > MAX_ID:
        return None
    return int(text)


def _users(lines: Iterable[str]) -> Iterable[_User]:
    for line in lines:
        fields = line.strip().split(":")
        # "+" and "-" begin lines that ask for NIS, which is nothing of the image's.
        if len(fields) < 4 or not fields[0] or fields[0][0] in "#+-":
            continue
        home = fields[5] if len(fields) > 5 and fields[5] else "/"
        yield _User(fields[0], _file_number(fields[2]), _file_number(fields[3]), home)


def _groups(lines: Iterable[str]) -> Iterable[tuple[str, int | None, list[str]]]:
    for line in lines:
        fields = line.strip().split(":")
        if len(fields) < 3 or not fields[0] or fields[0][0] in "#+-":
            continue
        members = fields[3].split(",") if len(fields) > 3 else []
        yield fields[0], _file_number(fields[2]), members
