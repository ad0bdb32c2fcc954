"""Other programs, run and waited for: the one place that imports :mod:`subprocess`.

Arguments are a list, never a shell line. With ``HEZI_DEBUG`` set, every command is written to standard error as a line
that can be pasted into a shell and run again.
"""

from __future__ import annotations

import os
import sys

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Result:
    """What a program left: its exit code (negative: killed by that signal) and what it wrote."""

    __slots__ = ("code", "stderr", "stdout")

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr


def run(
    argv: Sequence[str],
    *,
    input: bytes = b"",  # noqa: A002 - the word that subprocess and everybody else uses
    timeout: float | None = 60.0,
    env: Mapping[str, str] | None = None,
    fds: Sequence[int] = (),
) -> Result:
    """Run ``argv`` to its end and return what it wrote; a failing exit code is the caller's to judge.

    :param input: the bytes on its standard input; it never reads ours.
    :param timeout: seconds after which it is killed; None waits for ever.
    :param env: the whole environment; None means ours.
    :param fds: descriptors that it gets beside the first three, under the same numbers.
    :raises hezi.errors.Error: NOT_FOUND when the program is missing, NOT_EXECUTABLE, TIMEOUT.
    """
    # Imported here: 12 ms that nothing but a helper program is worth.
    import subprocess

    _log(argv, env)
    try:
        done = subprocess.run(  # noqa: PLW1510 - the caller judges the exit code
            list(argv),
            input=input,
            capture_output=True,
            timeout=timeout,
            env=None if env is None else dict(env),
            pass_fds=tuple(fds),
        )
    except FileNotFoundError as error:
        message = f"cannot run {argv[0]}: no such program"
        raise errors.Error(errors.NOT_FOUND, message, hint=f"install {os.path.basename(argv[0])}") from error
    except PermissionError as error:
        message = f"cannot run {argv[0]}: {error.strerror}"
        raise errors.Error(errors.NOT_EXECUTABLE, message) from error
    except subprocess.TimeoutExpired as error:
        message = f"{argv[0]} did not end within {timeout:g} seconds"
        raise errors.Error(errors.TIMEOUT, message) from error
    return Result(done.returncode, done.stdout, done.stderr)


def command_line(argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return ``argv`` as a shell line that does the same again, with the variables that differ from ours before it."""
    changed = () if env is None else sorted(item for item in env.items() if os.environ.get(item[0]) != item[1])
    words = [f"{name}={_quote(value)}" for name, value in changed]
    words.extend(_quote(word) for word in argv)
    return " ".join(words)


def _quote(word: str) -> str:
    # shlex would bring re along, which the start path does without.
    plain = word.replace("-", "").replace("_", "").replace("/", "").replace(".", "").replace(":", "").replace("=", "")
    if plain.isascii() and (plain.isalnum() or (word and not plain)):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _log(argv: Sequence[str], env: Mapping[str, str] | None) -> None:
    if os.environ.get("HEZI_DEBUG"):
        sys.stderr.write(f"+ {command_line(argv, env)}\n")
