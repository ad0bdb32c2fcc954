"""``-e``, ``--env-file``, ``--label``, ``--label-file``, ``--annotation``: lists of NAME=value."""

from __future__ import annotations

import os

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_FILE = 8 << 20
_BLANKS = " \t\v\f\r\n\x85\xa0"


def parse_env(text: str, host: Mapping[str, str]) -> tuple[str, str | None]:
    """Read ``-e NAME=value``, or ``-e NAME`` for the caller's value; None removes the image's value.

    :raises errors.Error: the name is empty.
    """
    name, equals, value = text.partition("=")
    if not name:
        message = f"invalid environment variable: {text}"
        raise errors.Error(errors.INVALID, message)
    _check_nul("environment variable", text)
    return (name, value) if equals else (name, host.get(name))


def read_env_file(path: str, host: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Read ``--env-file``: leading blanks stripped, quotes kept, ``#`` a comment only as the first character.

    :raises errors.Error: it cannot be read, or a name holds a blank, or is empty.
    """
    pairs = []
    for line in _lines(path):
        name, equals, value = line.partition("=")
        if not name:
            raise errors.Error(errors.INVALID, f"invalid env file ({path}): no variable name on line '{line}'")
        if any(blank in name for blank in _BLANKS):
            raise errors.Error(errors.INVALID, f"invalid env file ({path}): variable '{name}' contains whitespaces")
        if equals:
            pairs.append((name, value))
        elif name in host:
            # Docker: a bare name that the caller has not set is passed over, it does not remove the image's.
            pairs.append((name, host[name]))
    return [*pairs]


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except OSError as error:
        message = f"open {path}: {(error.strerror or 'error').lower()}"
        raise errors.Error(errors.INVALID, message, path=path) from error
    if len(raw) > _MAX_FILE:
        message = f"{path} is larger than {_MAX_FILE >> 20} MiB"
        raise errors.Error(errors.INVALID, message, path=path)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        number = next(n for n, line in enumerate(raw.split(b"\n"), 1) if not _is_utf8(line))
        message = f"invalid utf8 bytes at line {number} of {path}"
        raise errors.Error(errors.INVALID, message, path=path) from None
    _check_nul(path, text)
    stripped = (line.removesuffix("\r").lstrip(_BLANKS) for line in text.split("\n"))
    return [line for line in stripped if line and not line.startswith("#")]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def merge_env(
    image: Sequence[str], flags: Sequence[tuple[str, str | None]], first: Sequence[tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Merge environments: ``first`` are hezi's own, then the image's, then the flags'; later wins, order is kept.

    :returns: name -> (value, origin), origin being ``default``, ``image`` or ``flag``.
    :raises errors.Error: an entry of the image is not NAME=value (it must never be completed from the host).
    """
    merged = {name: (value, "default") for name, value in first}
    for entry in image:
        name, equals, value = entry.partition("=")
        if not name or not equals or "\0" in entry:
            message = f"the image's environment entry {entry[:80]!r} is not NAME=value"
            raise errors.Error(errors.CORRUPT, message)
        merged[name] = (value, "image")
    for name, given in flags:
        if given is None:
            merged.pop(name, None)
        else:
            merged[name] = (given, "flag")
    return merged


def parse_label(text: str) -> tuple[str, str]:
    """Read ``--label NAME[=value]``."""
    name, _, value = text.partition("=")
    if not name:
        message = f"invalid label '{text}': empty name"
        raise errors.Error(errors.INVALID, message)
    _check_nul("label", text)
    return name, value


def read_label_file(path: str) -> list[tuple[str, str]]:
    """Read ``--label-file``: as an env file; a bare name, which nobody has a value for, is passed over as by docker."""
    pairs = []
    for line in _lines(path):
        name, equals, value = line.partition("=")
        if not name:
            message = f"invalid label file ({path}): no variable name on line '{line}'"
            raise errors.Error(errors.INVALID, message)
        if any(blank in name for blank in _BLANKS):
            message = f"invalid label file ({path}): variable '{name}' contains whitespaces"
            raise errors.Error(errors.INVALID, message)
        if equals:
            pairs.append((name, value))
    return pairs


def parse_annotation(text: str) -> tuple[str, str]:
    """Read ``--annotation NAME=value``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        message = f'invalid argument "{text}" for "--annotation" flag: invalid annotation: \'{text}\''
        raise errors.Error(errors.INVALID, message)
    _check_nul("annotation", text)
    return name, value


def host_environment() -> Mapping[str, str]:
    """Return the caller's environment."""
    return os.environ


def _check_nul(what: str, text: str) -> None:
    if "\0" in text:
        message = f"the {what} holds a NUL byte"
        raise errors.Error(errors.INVALID, message)
