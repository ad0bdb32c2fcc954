"""How failures look on a terminal, and which exit code each kind has."""

from __future__ import annotations

import sys

from hezi import errors

# What a shell expects of programs that start other programs; every other kind has the verb's own code.
_EXIT_CODES = {errors.NOT_EXECUTABLE: 126, errors.COMMAND_NOT_FOUND: 127, errors.CANCELLED: 130}


def exit_code(error: errors.Error, failure: int) -> int:
    """Return the exit code for ``error``.

    :param failure: the verb's code for failures of hezi itself: 125 for run and its like, 1 for the others.
    """
    if failure != 125 and error.kind != errors.CANCELLED:
        return failure
    return _EXIT_CODES.get(error.kind, failure)


def report(program: str, error: errors.Error) -> None:
    """Write one line saying what failed and why, and a second one saying what to do about it."""
    line(f"{program}: {_one_line(str(error))}")
    if error.hint:
        line(f"  hint: {_one_line(error.hint)}")


def line(text: str) -> None:
    """Write a line to standard error; bytes that are not text are written as they came."""
    stream = sys.stderr
    try:
        stream.write(text + "\n")
        stream.flush()
    except UnicodeEncodeError:
        stream.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        stream.flush()
    except OSError:
        pass  # nobody is listening; the exit code still speaks


def _one_line(text: str) -> str:
    # Names from images and registries end up in messages: no line breaks, no terminal control.
    return "".join(char if char.isprintable() else " " if char == "\n" else f"\\x{ord(char):02x}" for char in text)
