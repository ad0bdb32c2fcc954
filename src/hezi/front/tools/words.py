"""Reading what people type for numbers, users and signals, with util-linux's words for what is wrong."""

from __future__ import annotations

from hezi.errors import INVALID, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAX_ID = 2**32 - 1
MOST_PID = 2**31 - 1
MOST_INODE = 2**64 - 1


def wrong(text: str) -> NoReturn:
    """Refuse what was typed.

    :raises Error: INVALID.
    """
    raise Error(INVALID, text)


def number(text: str, what: str, most: int | None = None) -> int:
    """Read a decimal number that may have a sign, and blanks in front, as strtol(3) does."""
    bare = text.lstrip(" \t\n\v\f\r")
    digits = bare[1:] if bare[:1] in {"-", "+"} else bare
    if not (digits.isascii() and digits.isdigit()):
        wrong(f"{what}: '{text}'")
    if most is not None and not -most - 1 <= int(bare) <= most:
        wrong(f"{what}: '{text}': Numerical result out of range")
    return int(bare)


def number_or_id(text: str, what: str) -> int:
    """Read a user or group id in digits."""
    value = number(text, what)
    if not 0 <= value < MAX_ID:
        wrong(f"{what}: '{text}'")
    return value


def user(text: str) -> int:
    """Read a user's name or number."""
    import pwd

    try:
        return pwd.getpwnam(text).pw_uid
    except KeyError:
        return number_or_id(text, "failed to parse uid")


def group(text: str) -> int:
    """Read a group's name or number."""
    import grp

    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        return number_or_id(text, "failed to parse gid")


def signal_number(text: str) -> int:
    """Read SIGTERM, TERM or 15."""
    import signal

    name = text.upper()
    if name.isdigit() and 0 < int(name) < signal.NSIG:
        return int(name)
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        wrong(f"unknown signal: {text}")


def user_name(uid: int) -> str:
    """Return a user's name, or the number for one without."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
