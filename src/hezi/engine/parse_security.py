"""``--security-opt``, ``--cap-add`` and ``--cap-drop``: closed sets; unknown values are refused, never defaulted."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Security(NamedTuple):
    """What ``--security-opt`` said.

    :ivar seccomp: None for the default, ``unconfined``, ``builtin``, or the path of a profile.
    """

    no_new_privileges: bool = False
    seccomp: str | None = None
    systempaths_unconfined: bool = False
    writable_cgroups: bool = False


_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def parse_security_opts(options: Iterable[str], lsms: tuple[str, ...] = ()) -> Security:
    """Read all ``--security-opt``.

    :param lsms: security modules of the running kernel (``apparmor``, ``selinux``).
    :raises errors.Error: unknown (``invalid``), or of a module that hezi does not drive yet (``unsupported``).
    """
    found = Security()
    for option in options:
        key, value = split(option)
        if key == "no-new-privileges":
            if value is not None and value not in _TRUE and value not in _FALSE:
                raise invalid(option)
            found = found._replace(no_new_privileges=value is None or value in _TRUE)
        elif key == "seccomp" and value:
            found = found._replace(seccomp=value)
        elif option == "systempaths=unconfined":
            found = found._replace(systempaths_unconfined=True)
        elif key == "writable-cgroups" and (value in _TRUE or value in _FALSE):
            found = found._replace(writable_cgroups=value in _TRUE)
        elif key in {"apparmor", "label"} and value:
            _check_lsm(key, value, option, lsms)
        else:
            raise invalid(option)
    return found


def split(option: str) -> tuple[str, str | None]:
    """Split at ``=``, else at ``:`` (docker's older form)."""
    for separator in "=:":
        key, found, value = option.partition(separator)
        if found:
            return key, value
    return option, None


def _check_lsm(key: str, value: str, option: str, lsms: tuple[str, ...]) -> None:
    off, module = ("unconfined", "apparmor") if key == "apparmor" else ("disable", "selinux")
    if value == off:
        return
    reason = f"this kernel runs without {module}" if module not in lsms else f"hezi does not set {module} profiles yet"
    message = f'--security-opt "{option}" cannot be met: {reason}'
    raise errors.Error(errors.UNSUPPORTED, message, hint=f"{key}={off} is what is in force here")


def invalid(option: str) -> errors.Error:
    """Return the complaint about an option that is none."""
    return errors.Error(errors.INVALID, f'invalid --security-opt: "{option}"')


def parse_capability(text: str, option: str, known: Iterable[str]) -> str:
    """Return ``ALL`` or the full upper-case name (``CAP_CHOWN``) of ``chown``, ``CAP_CHOWN``, ``all``.

    :param option: ``CapAdd`` or ``CapDrop``, for docker's text.
    """
    name = text.upper()
    if name == "ALL":
        return name
    if not name.startswith("CAP_"):
        name = f"CAP_{name}"
    if name not in known:
        message = f'invalid {option}: unknown capability: "{name}"'
        raise errors.Error(errors.INVALID, message)
    return name


def choose_capabilities(
    add: Iterable[str], drop: Iterable[str], *, default: tuple[str, ...], everything: tuple[str, ...], privileged: bool
) -> tuple[str, ...]:
    """Return the bounding set, in the order of ``everything``.

    Docker's rules, with one difference: ``--cap-drop`` holds with ``--privileged`` too (docker ignores it there).

    :param add: names as :func:`parse_capability` gives them, as ``drop``.
    :param everything: what this process itself may give (its own bounding set).
    :raises errors.Error: a capability is asked for that hezi itself does not have.
    """
    adds, drops = set(add), set(drop)
    missing = [name for name in sorted(adds - {"ALL"}) if name not in everything]
    if missing:
        message = f"cannot give {missing[0]}: hezi itself runs without it"
        raise errors.Error(errors.PERMISSION, message)
    if privileged or "ALL" in adds:
        chosen = set(everything) - (drops - adds)
        if "ALL" in drops and "ALL" not in adds:
            chosen = adds
    elif "ALL" in drops:
        chosen = adds
    else:
        chosen = (set(default) - drops) | adds
    return tuple(name for name in everything if name in chosen)
