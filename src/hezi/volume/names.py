"""Names of volumes."""

from __future__ import annotations

from hezi import errors

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LETTERS = _FIRST | frozenset("_.-")
_RULE = (
    'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. '
    "If you intended to pass a host directory, use absolute path"
)


def check_name(name: str) -> str:
    """Return ``name`` when a volume may be called so: it becomes a directory name, so nothing else may pass.

    :raises errors.Error: docker's texts.
    """
    if not name or len(name) > 255 or name[0] not in _FIRST or not set(name) <= _LETTERS:
        message = f'create {name}: "{name}" {_RULE}'
        raise errors.Error(errors.INVALID, message)
    if len(name) == 1:
        message = f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        raise errors.Error(errors.INVALID, message)
    return name
