"""The file of events: a line of JSON each, written by engines and monitors at the same time, bounded.

    events     the current one
    events.1   the one before, replaced when the current one is full

A line is one write(2) to a file open for appending, so that lines of several writers do not mix. Whoever finds the file
full renames it, holding a lock on it, so that of several only one does. Nothing that happens here fails a command: with
the disk full an event is not recorded.
"""

from __future__ import annotations

import os

MOST_BYTES = 4 << 20


def write(path: str, line: bytes) -> None:
    """Append a line.

    :param line: with its newline.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return
    try:
        os.write(fd, line)
        if os.fstat(fd).st_size > MOST_BYTES:
            _rotate(fd, path)
    except OSError:
        return
    finally:
        os.close(fd)


def _rotate(fd: int, path: str) -> None:
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # Another one may have been faster: then the name is that of a new file.
    if os.path.samestat(os.fstat(fd), os.stat(path)):
        os.rename(path, f"{path}.1")
