"""What can go wrong with a template, and how much of it is allowed."""

from __future__ import annotations

from hezi.errors import INVALID, Error

MAX_DEPTH = 60  # templates in templates, parentheses in parentheses, blocks in blocks
MAX_STEPS = 2_000_000  # nodes and turns of loops: some seconds
MAX_OUTPUT = 64 << 20  # characters
MAX_SOURCE = 1 << 20  # characters


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class TemplateError(Error):
    """A template cannot be parsed or executed; the message is in docker's words.

    :ivar phase: "parse" or "execute": `inspect` exits with 64 for the first and 1 for the second.
    """

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(INVALID, message)
        self.phase = phase

    def prefixed(self, prefix: str) -> TemplateError:
        """Return the error with ``prefix`` and a colon before its message."""
        return TemplateError(self.phase, f"{prefix}: {self.message}")


class CallError(Exception):
    """A function refuses its arguments; the evaluator says where."""


def refuse(text: str) -> NoReturn:
    """Refuse the arguments of a function.

    :raises CallError: always.
    """
    raise CallError(text)


def fail_parse(text: str) -> NoReturn:
    """Give up parsing.

    :raises TemplateError: always.
    """
    phase = "parse"
    raise TemplateError(phase, text)


def fail_execute(text: str) -> NoReturn:
    """Give up executing.

    :raises TemplateError: always.
    """
    phase = "execute"
    raise TemplateError(phase, text)
