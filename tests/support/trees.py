"""Comparing two trees by everything that a layer can say about a file."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import NamedTuple

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class File(NamedTuple):
    """``links`` is the first name, in sorted order, of the names in this tree that are the same inode."""

    kind: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    content: str
    device: int
    xattrs: tuple[tuple[str, bytes], ...]
    links: str


def snapshot(root_fd: int) -> dict[str, File]:
    """Describe every file below a directory; names are relative, the root itself is ``.``."""
    found: dict[str, tuple[os.stat_result, str, tuple[tuple[str, bytes], ...]]] = {}
    stack = [(".", os.open(".", DIRECTORY, dir_fd=root_fd))]
    while stack:
        path, fd = stack.pop()
        found[path] = (os.fstat(fd), "", _xattrs(fd))
        for name in os.listdir(fd):
            child = name if path == "." else f"{path}/{name}"
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                stack.append((child, os.open(name, DIRECTORY, dir_fd=fd)))
            elif stat.S_ISLNK(info.st_mode):
                found[child] = (info, os.readlink(name, dir_fd=fd), ())
            elif stat.S_ISREG(info.st_mode):
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                with open(opened, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                    found[child] = (info, f"{info.st_size} {content}", _xattrs(opened))
            else:
                found[child] = (info, "", ())
        os.close(fd)
    first: dict[int, str] = {}
    for path in sorted(found):
        info = found[path][0]
        if not stat.S_ISDIR(info.st_mode):
            first.setdefault(info.st_ino, path)
    return {
        path: File(
            stat.filemode(info.st_mode)[0], stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns,
            content, info.st_rdev, xattrs, first.get(info.st_ino, path),
        )
        for path, (info, content, xattrs) in found.items()
    }  # fmt: skip


def _xattrs(fd: int) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, os.getxattr(fd, name)) for name in sorted(os.listxattr(fd)) if "overlay." not in name)


def differences(ours: dict[str, File], theirs: dict[str, File], *, fresh: int = 0) -> list[str]:
    """Return one line for each difference.

    :param fresh: times at or after this (nanoseconds) are the moment of unpacking, and equal.
    """
    lines = [f"only ours: {path}" for path in sorted(ours.keys() - theirs.keys())]
    lines += [f"only theirs: {path}" for path in sorted(theirs.keys() - ours.keys())]
    for path in sorted(ours.keys() & theirs.keys()):
        mine, other = ours[path], theirs[path]
        if fresh and mine.mtime_ns >= fresh and other.mtime_ns >= fresh:
            mine = mine._replace(mtime_ns=other.mtime_ns)
        for field, left, right in zip(File._fields, mine, other, strict=True):
            if left != right:
                lines.append(f"{path}: {field}: ours {left!r}, theirs {right!r}")
    return lines
