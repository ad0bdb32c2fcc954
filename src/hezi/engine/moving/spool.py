"""An archive as a file that can be read anywhere: the one that was named, or a copy without a name in the store."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from hezi import errors
from hezi._util import atomic
from hezi.image import compress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 20


@contextmanager
def opened(source: str | int, directory: str) -> Iterator[int]:
    """Give the descriptor of the uncompressed archive, which is a regular file.

    :param source: a path, or a descriptor that is read from where it stands; it is not closed.
    :param directory: where a copy is made of what is compressed or cannot be read twice.
    :raises errors.Error: it cannot be read; CORRUPT: it is compressed and damaged; NO_SPACE.
    """
    fd = open_file(source) if isinstance(source, str) else source
    try:
        info = os.fstat(fd)
        if stat.S_ISREG(info.st_mode) and os.lseek(fd, 0, os.SEEK_CUR) == 0:
            head = os.pread(fd, 8, 0)
            if compress.detect_archive(head) == compress.PLAIN:
                yield fd
                return
        copy = _copy(fd, directory)
        try:
            yield copy
        finally:
            os.close(copy)
    finally:
        if isinstance(source, str):
            os.close(fd)


def open_file(path: str) -> int:
    """Open what a user named, with docker's words when that fails.

    :raises errors.Error: there is no such file, it is a directory, ...
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        kind = errors.from_os_error("open", error).kind
        message = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise errors.Error(kind, message) from error
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        message = f"read {path}: is a directory"
        raise errors.Error(errors.INVALID, message)
    return fd


def chunks(fd: int, seen: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Yield what a descriptor has from where it stands.

    :param seen: called with the bytes read so far.
    """
    done = 0
    while True:
        try:
            chunk = os.read(fd, _CHUNK)
        except OSError as error:
            doing = "cannot read the archive"
            raise errors.from_os_error(doing, error) from error
        if not chunk:
            return
        done += len(chunk)
        if seen is not None:
            seen(done)
        yield chunk


def _copy(fd: int, directory: str) -> int:
    try:
        copy = os.open(directory, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError as error:
        doing = "cannot make room for the archive"
        raise errors.from_os_error(doing, error) from error
    try:
        for chunk in compress.decompress(chunks(fd), archive=True):
            atomic.write_all(copy, chunk)
    except OSError as error:
        os.close(copy)
        doing = "cannot store the archive while it is read"
        raise errors.from_os_error(doing, error) from error
    except BaseException:
        os.close(copy)
        raise
    return copy
