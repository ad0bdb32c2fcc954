"""The seccomp filter of a program: which one, and compiled; apart from other policy, since ``exec`` needs no more."""

from __future__ import annotations

import os

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.parse_security import Security
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest

_MAX_PROFILE = 1 << 20


def choose(request: RunRequest, security: Security) -> str:
    """Return which filter is wanted: ``default``, ``unconfined``, or the path of a profile."""
    wanted = security.seccomp
    if wanted is None:
        return "unconfined" if request.privileged else "default"
    return "default" if wanted == "builtin" else wanted


def load(choice: str, bounding: tuple[str, ...], paths: Paths) -> tuple[bytes | None, int]:
    """Return the compiled filter and its flags, None for no filter.

    :param choice: ``default``, ``unconfined`` or the path of a profile.
    :param bounding: the capabilities that the profile's conditions ask for.
    :raises errors.Error: the profile cannot be read or is wrong.
    """
    if choice == "unconfined":
        return None, 0
    from hezi.linux.seccomp import cache

    profile = None if choice == "default" else _profile(choice)
    found = cache.program(f"{paths.cache}/seccomp", bounding, profile)
    return found.program, found.flags


def _profile(path: str) -> bytes:
    doing = f"opening seccomp profile ({path}) failed: open {path}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            raw = os.read(fd, _MAX_PROFILE + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise errors.Error(errors.INVALID, f"{doing}: {(error.strerror or '').lower()}") from error
    if len(raw) > _MAX_PROFILE:
        raise errors.Error(errors.INVALID, f"{doing}: larger than 1 MiB")
    return raw
