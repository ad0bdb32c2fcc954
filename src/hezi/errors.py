"""The one error type of hezi, and the closed set of its kinds.

Everything above ``hezi.linux`` raises :class:`Error` and nothing else. ``hezi.linux`` raises :class:`OSError`, as the
kernel does. A kind is for machines (a front end maps it to an exit code), the message for people: lower case, no full
stop, saying what failed, on what, and why. The hint says what to do about it.

    kind               means
    NOT_FOUND          the named thing does not exist
    ALREADY_EXISTS     the name is taken
    INVALID            the caller's input is wrong
    PERMISSION         the kernel or a file mode forbids it
    UNAUTHORIZED       a registry wants other credentials
    UNAVAILABLE        a registry or service cannot be reached, or says 5xx
    EXHAUSTED          a rate limit (HTTP 429)
    CONFLICT           in use, or in a state that forbids it
    CORRUPT            bytes are not what their digest, size or format promises
    NO_SPACE           disk, inodes or quota are used up
    UNSUPPORTED        the kernel lacks it, or hezi does not do it (yet)
    TIMEOUT            it took longer than allowed
    CANCELLED          the user asked to stop
    NOT_EXECUTABLE     the program was found and cannot be executed (exit code 126)
    COMMAND_NOT_FOUND  the program is not there (exit code 127)
    INTERNAL           a bug in hezi
"""

from __future__ import annotations

NOT_FOUND = "not-found"
ALREADY_EXISTS = "already-exists"
INVALID = "invalid"
PERMISSION = "permission"
UNAUTHORIZED = "unauthorized"
UNAVAILABLE = "unavailable"
EXHAUSTED = "exhausted"
CONFLICT = "conflict"
CORRUPT = "corrupt"
NO_SPACE = "no-space"
UNSUPPORTED = "unsupported"
TIMEOUT = "timeout"
CANCELLED = "cancelled"
NOT_EXECUTABLE = "not-executable"
COMMAND_NOT_FOUND = "command-not-found"
INTERNAL = "internal"

KINDS = frozenset(
    {
        NOT_FOUND,
        ALREADY_EXISTS,
        INVALID,
        PERMISSION,
        UNAUTHORIZED,
        UNAVAILABLE,
        EXHAUSTED,
        CONFLICT,
        CORRUPT,
        NO_SPACE,
        UNSUPPORTED,
        TIMEOUT,
        CANCELLED,
        NOT_EXECUTABLE,
        COMMAND_NOT_FOUND,
        INTERNAL,
    }
)

# EPERM EACCES / ENOSPC EDQUOT / ENOENT / EEXIST / ENOSYS EOPNOTSUPP / ETIMEDOUT / EBUSY, as numbers: the ``errno``
# module would be one more import on the start path for seven constants that Linux will not change.
_KIND_OF_ERRNO = {
    1: PERMISSION,
    13: PERMISSION,
    28: NO_SPACE,
    122: NO_SPACE,
    2: NOT_FOUND,
    17: ALREADY_EXISTS,
    38: UNSUPPORTED,
    95: UNSUPPORTED,
    110: TIMEOUT,
    16: CONFLICT,
}


class Error(Exception):
    """What went wrong, for machines (``kind``) and for people (``message``, ``path``, ``hint``).

    :param kind: one of :data:`KINDS`.
    :param message: lower case, no full stop; what failed, on what, why.
    :param path: the file or object it happened on, when there is one.
    :param hint: what the user can do.
    :ivar container: id of the container that was made, and whose start failed; "" when it did not come to that.
    """

    container = ""

    def __init__(self, kind: str, message: str, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        if kind not in KINDS:
            kind = INTERNAL
        self.kind = kind
        self.message = message
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        text = self.message
        if self.path and self.path not in text:
            text = f"{text}: {self.path}"
        return text


def from_os_error(doing: str, error: OSError, *, hint: str | None = None) -> Error:
    """Turn an :class:`OSError` into an :class:`Error` that says what was being done.

    :param doing: the action, as in "cannot write the layer".
    """
    kind = _KIND_OF_ERRNO.get(error.errno or 0, INTERNAL)
    reason = error.strerror or str(error)
    name = error.filename
    path = name.decode(errors="replace") if isinstance(name, bytes) else name
    return Error(kind, f"{doing}: {reason}", path=path if isinstance(path, str) else None, hint=hint)
