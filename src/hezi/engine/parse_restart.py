"""``--restart``: text to :class:`~hezi.runtime.monitor_start.RestartPolicy`, with docker's rules and docker's words."""

from __future__ import annotations

from hezi import errors
from hezi.runtime.monitor_start import RestartPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.request import RunRequest

_NEVER = ("", "no")
# A Go int; more digits than that are not read at all.
_MOST_TRIES = 2**63 - 1


def parse_restart(text: str) -> RestartPolicy:
    """Read ``no``, ``on-failure[:TRIES]``, ``always`` or ``unless-stopped``; an empty text is ``no``.

    :raises errors.Error: there is no such policy, or it takes no number.
    """
    name, tries = _form(text)
    if name == "on-failure":
        if tries < 0:
            raise errors.Error(errors.INVALID, "maximum retry count cannot be negative")
    elif name not in {"", "no", "always", "unless-stopped"}:
        raise errors.Error(errors.INVALID, f"invalid restart policy '{name}'")
    elif tries:
        text = f"maximum retry count cannot be used with restart policy '{name}'"
        raise errors.Error(errors.INVALID, text)
    return RestartPolicy(name or "no", tries)


def _form(text: str) -> tuple[str, int]:
    name, colon, count = text.partition(":")
    if colon and not name:
        raise errors.Error(errors.INVALID, "invalid restart policy format: no policy provided before colon")
    return name, _tries(count)


def check_form(request: RunRequest) -> None:
    """Look at what needs no knowledge of policies.

    :raises errors.Error: it has not the form of one, or ``--rm``, which leaves nothing to start again, is there.
    """
    name, _ = _form(request.restart or "")
    if request.remove and name not in _NEVER:
        raise errors.Error(errors.INVALID, "conflicting options: cannot specify both --restart and --rm")


def _tries(count: str) -> int:
    if not count:
        return 0
    digits = count[1:] if count[0] in "+-" else count
    # int() would take blanks, underscores and other scripts' digits.
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or int(digits) > _MOST_TRIES:
        text = "invalid restart policy format: maximum retry count must be an integer"
        raise errors.Error(errors.INVALID, text)
    return int(count)


def policy(request: RunRequest) -> RestartPolicy:
    """Return the policy of a request.

    :raises errors.Error: as :func:`parse_restart`; or ``--rm``, which leaves nothing to start again, was given too.
    """
    check_form(request)
    return parse_restart(request.restart or "")
