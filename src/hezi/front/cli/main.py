"""The command ``hezi``: finds the verb, calls it, and turns its end into an exit code.

Start-up counts: only the module of the verb that was asked for is imported, and nothing here imports ``argparse``,
``re``, ``json`` or ``typing``. Linked under another name (``docker``), the program calls itself by that name.
"""

from __future__ import annotations

import os
import sys

from hezi._util import bundle
from hezi.errors import INTERNAL, Error
from hezi.front.cli import commands, errors, linked, parser
from hezi.front.cli.global_options import GLOBAL_OPTIONS
from hezi.front.cli.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hezi.front.cli.option import Verb

_LEVELS = ("panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")


# Imports make some tens of thousands of objects, none of them garbage: looking for it among them costs a millisecond.
_GARBAGE_THRESHOLD = 100_000


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; returns the exit code.

    :param arguments: program name and arguments. Without them this is the program itself: it takes ``sys.argv`` and
        leaves the process.
    """
    if arguments is not None:
        return _guarded(arguments)
    import gc

    gc.set_threshold(_GARBAGE_THRESHOLD)
    code = _guarded(sys.argv)
    bundle.renew()
    if sys.gettrace() is None and sys.getprofile() is None:
        # Taking the interpreter down in order costs 4 ms after a run, for objects that the kernel frees at once.
        # What had to be closed is closed, what had to be written is flushed.
        os._exit(code)
    return code


def _guarded(words: list[str]) -> int:
    session = Session(_program(words[0] if words else ""))
    try:
        _fill_standard_streams()
        try:
            code = _dispatch(session, words[1:])
        finally:
            session.close()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader went away (`hezi images | head -1`).
        _give_up_output()
        code = 141  # 128 + SIGPIPE, as a program that dies of it
    except Error as error:
        code = _failed(session, error)
    except OSError as error:
        _give_up_output()
        code = _failed(session, _from_os_error(error))
    except Exception as error:  # the last line of defence: no traceback reaches a user unasked
        session.failure = 125
        code = _failed(session, Error(INTERNAL, f"internal error: {type(error).__name__}: {error}"))
    _give_up_output()  # what a failed verb had printed before
    return code & 0xFF


def _fill_standard_streams() -> None:
    """Open /dev/null for each standard stream that the caller has closed.

    The next file that is opened would take its number otherwise, and a program's output would go into a database.
    """
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def _give_up_output() -> None:
    """Flush, and when that fails let the rest go nowhere: Python would complain once more when it flushes at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, 1)
        os.close(null)


def _program(name: str) -> str:
    base = os.path.basename(name)
    # `python -m hezi` has the path of __main__.py there
    return "hezi" if base in {"", "__main__.py", "-c", "-m"} else base


def _dispatch(session: Session, words: list[str]) -> int:
    linked_to = linked.NAMES.get(session.program)
    if linked_to is not None:
        return _call(session, commands.BUILT[linked_to][0], words)
    if session.program in linked.TOOLS:
        tool: Any = __import__(f"hezi.front.tools.{linked.TOOLS[session.program]}", fromlist=["main"])
        return int(tool.main(session.program, words))
    try:
        parsed = parser.parse(words, GLOBAL_OPTIONS, interspersed=False)
    except parser.UsageError as error:
        return _misused(session, error, f"{session.program} [OPTIONS] COMMAND [ARG...]")
    except parser.HelpRequested as request:
        from hezi.front.cli import pages

        if request.deprecated:
            errors.line("Flag shorthand -h has been deprecated, use --help")
        return pages.print_overview(session.program)
    code = _take_globals(session, parsed)
    if code is not None:
        return code
    if not parsed.args:
        from hezi.front.cli import pages

        return pages.print_overview(session.program, to_stderr=True)
    return _command(session, parsed.args)


def _take_globals(session: Session, parsed: parser.Parsed) -> int | None:
    refusal = parser.refuse(GLOBAL_OPTIONS, parsed)
    if refusal is not None:
        errors.line(f"{session.program}: --{refusal[0]} {refusal[1]}")
        return 1
    level = parsed.text("log-level")
    if level is not None and level.lower() not in _LEVELS:
        errors.line(f"Unable to parse logging level: {level}")
        return 1
    session.debug = parsed.flag("debug") or (level or "").lower() in {"debug", "trace"}
    session.quiet = (level or "").lower() in {"panic", "fatal", "error"}
    session.root = parsed.text("root")
    session.runroot = parsed.text("runroot")
    config = parsed.text("config")
    if config is not None:
        # Where credentials are read is docker's own variable, which child processes (credential helpers) see too.
        os.environ["DOCKER_CONFIG"] = config
    if parsed.flag("version"):
        from hezi import __version__

        print(f"{session.program.capitalize()} version {__version__}")
        return 0
    return None


def _command(session: Session, words: list[str]) -> int:
    """Find the command that ``words`` begin with and call it."""
    path, rest = commands.find(words)
    if path in commands.BUILT:
        session.path = f"{session.program} {path}"
        return _call(session, commands.BUILT[path][0], rest)
    text = commands.refusal(path) or commands.group_refusal(path)
    if text is not None:
        errors.line(f"{session.program}: {text}")
        return 1
    if path in commands.GROUPS:
        return _group(session, path, rest)
    if any(word in {"-h", "--help"} for word in words[1:]):
        from hezi.front.cli import pages

        return pages.print_overview(session.program)
    try:
        parser.parse(words[1:], GLOBAL_OPTIONS)  # docker complains about the flag first
    except parser.UsageError as error:
        return _misused(session, error, f"{session.program} [OPTIONS] COMMAND [ARG...]")
    errors.line(f"{session.program}: unknown command: {session.program} {path}")
    errors.line(f"\nRun '{session.program} --help' for more information")
    return 1


def _group(session: Session, path: str, rest: list[str]) -> int:
    from hezi.front.cli import pages

    full = f"{session.program} {path}"
    try:
        parsed = parser.parse(rest, (), interspersed=False)
    except parser.UsageError as error:
        return _misused(session, error, full)
    except parser.HelpRequested as request:
        if request.deprecated:
            print("Flag shorthand -h has been deprecated, use --help")
        return pages.print_group(session.program, path)
    if not parsed.args:
        return pages.print_group(session.program, path, to_stderr=True)
    if any(word in {"-h", "--help"} for word in parsed.args):
        return pages.print_group(session.program, path)
    try:
        parser.parse(rest, ())  # docker complains about the flag first
    except parser.UsageError as error:
        return _misused(session, error, full)
    errors.line(f"{session.program}: unknown command: {full} {parsed.args[0]}")
    errors.line(f"\nUsage:  {full}\n\nRun '{full} --help' for more information")
    return 1


def _call(session: Session, module_name: str, words: list[str]) -> int:
    module: Any = __import__(f"hezi.front.cli.verbs.{module_name}", fromlist=["VERB"])
    verb: Verb = module.VERB
    if hasattr(module, "raw"):
        return _call_raw(session, verb, module.raw, words)
    call: Callable[[Session, parser.Parsed], int] = module.call
    usage = f"{session.path} {verb.use}".rstrip()
    try:
        parsed = parser.parse(words, verb.options, interspersed=verb.interspersed)
        parser.check_count(session.path, verb, len(parsed.args))
    except parser.UsageError as error:
        return _misused(session, error, usage)
    except parser.HelpRequested as request:
        from hezi.front.cli import pages

        if request.deprecated:
            print("Flag shorthand -h has been deprecated, use --help")
        return pages.print_verb(session.program, session.path, verb)
    refusal = parser.refuse(verb.options, parsed)
    if refusal is not None:
        errors.line(f"{session.program}: --{refusal[0]} {refusal[1]}")
        return verb.failure
    session.failure = verb.failure
    return call(session, parsed)


def _call_raw(session: Session, verb: Verb, call: Callable[[Session, list[str]], int], words: list[str]) -> int:
    """Call a verb that reads its arguments as another program does; complaints are in that program's form."""
    from hezi.front.cli import getopt

    session.failure = verb.failure
    try:
        return call(session, words)
    except parser.HelpRequested:
        from hezi.front.cli import pages

        return pages.print_verb(session.program, session.path, verb)
    except getopt.Misused as error:
        errors.line(f"{session.path}: {error}\nTry '{session.path} --help' for more information.")
        return verb.failure


def _misused(session: Session, error: parser.UsageError, usage: str) -> int:
    path = session.path
    if usage.startswith(path) and " COMMAND" not in usage:
        path = usage.partition(" [OPTIONS]")[0] if path == session.program else path
    prefix = f"{session.program}: " if error.argument_count else ""
    see = "See" if error.argument_count and "at least" in error.message else "Run"
    errors.line(f"{prefix}{error.message}\n\nUsage:  {usage}\n\n{see} '{path} --help' for more information")
    return 1 if error.argument_count else 125


def _failed(session: Session, error: Error) -> int:
    if session.debug:
        import traceback

        traceback.print_exc()
    errors.report(session.program, error)
    if error.kind == INTERNAL and not session.debug:
        errors.line(f"  hint: `{session.program} --debug ...` shows where it happened")
    return errors.exit_code(error, session.failure)


def _from_os_error(error: OSError) -> Error:
    from hezi.errors import from_os_error

    return from_os_error("the system refused", error)


def run() -> None:
    """Run ``sys.argv`` and leave the interpreter with the exit code."""
    sys.exit(main())
