"""Compiled filters, kept on disk. The run path sees only this: neither the compiler nor JSON is imported on a hit.

An entry is named by a digest of all that goes into a program and starts with a digest of all that is in it; an entry
that is cut, changed or written for something else is compiled again. Only a directory that nobody else can write is
believed, since whoever can write there decides what a container may do.
"""

from __future__ import annotations

import os
import stat
from _blake2 import blake2b  # noqa: PLC2701 - what hashlib.blake2b is, without the 3 ms of loading OpenSSL

from hezi._util import atomic
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

# Change it whenever the same profile compiles to something else, be it by code or by tables.
COMPILER_VERSION = 1

_MAGIC = b"hezi-seccomp-1\n"
_DIGEST_SIZE = 32
# A host uses a handful. With more, something makes a new profile for each container, and none is asked for again.
_MAX_ENTRIES = 100
_MAX_ENTRY = len(_MAGIC) + _DIGEST_SIZE + 4 + 4096 * 8


class Filter(NamedTuple):
    """What :func:`hezi.linux.seccomp.load.install` takes."""

    program: bytes
    flags: int


def default_profile() -> bytes:
    """The profile for containers that ask for none: Docker's, as a JSON document.

    :raises OSError: the file is missing from the installation.
    """
    return _read(os.path.join(os.path.dirname(__file__), "default.json"), 1 << 20)


def program(directory: str, capabilities: Collection[str], profile: bytes | None = None) -> Filter:
    """The filter of a profile on this machine, from the cache in ``directory`` or compiled into it.

    :param directory: made with mode 0700 if missing. One that others can write, or on a full or read-only disk, is
        not used: then every call compiles.
    :param capabilities: the bounding set the process will have (``CAP_...``)
    :param profile: Docker's JSON; None for the default profile
    :raises hezi.errors.Error: the profile is not valid or asks for what is not supported.
    """
    system = os.uname()
    kernel = _version(system.release)
    raw = default_profile() if profile is None else profile
    key = _key(raw, capabilities, system.machine, kernel)
    directory_fd = _open_private(directory)
    try:
        found = _load(directory_fd, key)
        if found is None:
            found = _compile(raw, capabilities, system.machine, kernel)
            _store(directory_fd, key, found)
        return found
    finally:
        if directory_fd >= 0:
            os.close(directory_fd)


def _version(release: str) -> tuple[int, int]:
    """Major and minor of uname's release: ``6.18.44-generic`` -> (6, 18)."""
    major, _, rest = release.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return int(major), int(digits or 0)


def _key(raw: bytes, capabilities: Collection[str], machine: str, kernel: tuple[int, int]) -> str:
    parts = [str(COMPILER_VERSION), machine, f"{kernel[0]}.{kernel[1]}", ",".join(sorted(set(capabilities)))]
    return blake2b("\n".join(parts).encode() + b"\n\n" + raw, digest_size=_DIGEST_SIZE).hexdigest()


def _open_private(directory: str) -> int:
    """A descriptor of the directory, -1 if it cannot be had or believed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            fd = os.open(directory, flags)
        except FileNotFoundError:
            atomic.make_private_dir(directory)
            fd = os.open(directory, flags)
    except OSError:
        return -1
    info = os.fstat(fd)
    if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        os.close(fd)
        return -1
    return fd


def _read(name: str, limit: int, dir_fd: int | None = None) -> bytes:
    """A whole file, at most ``limit`` bytes of it."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=dir_fd)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)


def _load(directory_fd: int, key: str) -> Filter | None:
    if directory_fd < 0:
        return None
    try:
        entry = _read(key, _MAX_ENTRY + 1, directory_fd)
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST_SIZE
    body = entry[head:]
    whole = len(entry) <= _MAX_ENTRY and len(body) > 4 and len(body) % 8 == 4
    if not whole or entry[:head] != _MAGIC + _digest(key, body):
        return None
    return Filter(body[4:], int.from_bytes(body[:4], "little"))


def _store(directory_fd: int, key: str, found: Filter) -> None:
    if directory_fd < 0:
        return
    body = found.flags.to_bytes(4, "little") + found.program
    try:
        # Not synced: after a power failure a torn entry fails its digest and is compiled again.
        atomic.write_file(directory_fd, key, _MAGIC + _digest(key, body) + body, sync=False)
        others = [name for name in os.listdir(directory_fd) if name != key]
        if len(others) >= _MAX_ENTRIES:
            for name in others:
                os.unlink(name, dir_fd=directory_fd)
    except OSError:
        # A full or read-only disk costs a compilation each time; it must not stop a container.
        return


def _digest(key: str, body: bytes) -> bytes:
    return blake2b(key.encode() + body, digest_size=_DIGEST_SIZE).digest()


def _compile(raw: bytes, capabilities: Collection[str], machine: str, kernel: tuple[int, int]) -> Filter:
    from hezi.errors import INVALID, Error
    from hezi.linux.seccomp import compiler, profile

    resolved = profile.resolve(raw, capabilities=capabilities, machine=machine, kernel=kernel)
    try:
        return Filter(compiler.compile_profile(resolved), resolved.flags)
    except ValueError as exception:
        message = f"seccomp profile: {exception}"
        raise Error(INVALID, message, hint="merge rules that say the same") from exception
