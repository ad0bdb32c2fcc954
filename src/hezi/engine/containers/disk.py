"""How much a container has written."""

from __future__ import annotations

import os
from stat import S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths


def written(paths: Paths, container_id: str) -> int:
    """Return the bytes in the files of a container's own layer; 0 when it is not there (any more).

    The tree belongs to the container: it is walked by descriptors, and no link in it is followed.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    try:
        for _, _, files, fd in os.fwalk(f"{paths.containers}/{container_id}/upper", follow_symlinks=False):
            for name in files:
                try:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except OSError:
                    continue
                if info.st_nlink > 1:
                    if (info.st_dev, info.st_ino) in seen:
                        continue
                    seen.add((info.st_dev, info.st_ino))
                total += info.st_size if S_ISREG(info.st_mode) else 0
    except OSError:
        # It runs, and has removed what we were about to enter.
        return total
    return total
