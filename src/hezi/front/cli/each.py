"""Doing one thing to each of several named ones: a failure is told and does not stop the others."""

from __future__ import annotations

from hezi.errors import Error
from hezi.front.cli import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.front.cli.session import Session


def each(session: Session, names: Iterable[str], act: Callable[[str], object], *, missing_ok: bool = False) -> int:
    """Call ``act`` for each name and print the name, as docker does; return the exit code.

    :param missing_ok: something that is not there is told, and no failure.
    """
    code = 0
    for name in names:
        try:
            act(name)
        except Error as error:
            errors.report(session.program, error)
            if not (missing_ok and error.kind == "not-found"):
                code = 1
            continue
        print(name)
    return code
