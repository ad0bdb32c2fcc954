"""Bytes for another program: to a descriptor, or to a file that is there whole or not at all."""

from __future__ import annotations

import os

from hezi.errors import INVALID, Error, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def write_chunks(fd: int, chunks: Iterable[bytes | memoryview]) -> None:
    """Write all chunks to a descriptor.

    :raises BrokenPipeError: nobody reads any more.
    :raises OSError: the disk is full, ...
    """
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            view = view[os.write(fd, view) :]


def write_file(path: str, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file that is complete or, when anything fails, not there; an existing one is replaced at the end.

    :raises hezi.errors.Error: docker's words for a directory that is missing or a device.
    """
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        message = f"invalid output path: stat {directory}: no such file or directory"
        raise Error(INVALID, message)
    if os.path.isdir(path):
        message = "cannot write to a directory"
        raise Error(INVALID, message)
    if os.path.exists(path) and not os.path.isfile(path):
        message = f'invalid output path: "{path}" must be a regular file: got a device'
        raise Error(INVALID, message)
    temporary = os.path.join(directory, f".hezi-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_chunks(fd, chunks)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError as error:
        doing = f"cannot write {path}"
        raise from_os_error(doing, error) from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
