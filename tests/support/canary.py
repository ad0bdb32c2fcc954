"""The oracle "Esc": a tree beside the one under attack that must be exactly the same afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Canary(NamedTuple):
    """A directory with one file of each kind worth attacking, and how it was."""

    path: Path
    before: dict[str, tuple[object, ...]]

    def unharmed(self) -> bool:
        """Say whether names, inodes, modes, owners, times (ctime too), contents and attributes are as before."""
        return describe(self.path) == self.before


def plant(path: Path) -> Canary:
    path.mkdir(mode=0o755)
    (path / "file").write_bytes(b"canary")
    (path / "dir").mkdir()
    (path / "dir" / "inner").write_bytes(b"canary too")
    os.symlink("file", path / "link")
    return Canary(path, describe(path))


def describe(path: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for child in [path, *sorted(path.rglob("*"))]:
        info = os.lstat(child)
        content = child.read_bytes() if child.is_file() and not child.is_symlink() else b""
        names = tuple(os.listxattr(child, follow_symlinks=False))
        found[str(child)] = (
            info.st_ino, info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_mtime_ns, info.st_ctime_ns,
            content, names,
        )  # fmt: skip
    return found
