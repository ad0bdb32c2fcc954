"""A program in the foreground: streams, terminal, signals, exit code."""

from __future__ import annotations

import os

from hezi.errors import COMMAND_NOT_FOUND, NOT_EXECUTABLE, Error
from hezi.front.cli import errors, terminal
from hezi.front.cli.signals import Ended, Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.callers import Streams
    from hezi.engine.containers.exec import ExecRequest, Joined
    from hezi.engine.request import RunRequest
    from hezi.engine.run import Running
    from hezi.front.cli.session import Session


def run(session: Session, request: RunRequest) -> int:
    """Start the program, stay with it, and return its exit code.

    :raises hezi.errors.Error: it could not be started.
    """
    if request.tty and request.interactive and not os.isatty(0):
        errors.line("the input device is not a TTY")
        return 1
    signals = Signals(proxy=request.sig_proxy)
    try:
        with signals, _start(session, request) as running:
            return _stay(request, running, signals)
    except Ended as ended:
        return 128 + ended.number


def detached(session: Session, request: RunRequest) -> int:
    """Start the program, print the container's id, and leave.

    :raises hezi.errors.Error: it could not be started.
    """
    from hezi.front.cli.progress import LazyReporter

    reporter = LazyReporter("none" if request.quiet else "auto", descriptor=2)
    try:
        made = session.engine.containers.run_from(request, notice=session.told, progress=reporter)
    except Error as error:
        # As docker: it was made, and may still be there.
        if error.container:
            print(error.container)
        raise
    finally:
        reporter.close()
    print(made.id)
    return 0


def attach(session: Session, name: str, *, stdin: bool, keys: str | None, proxy: bool) -> int:
    """Attach to a container that runs, and return its exit code when it has ended.

    :raises hezi.errors.Error: it does not run.
    """
    from hezi.engine.containers import api
    from hezi.engine.containers import attach as attaching

    with api.opened(session.engine.paths) as database:
        running, request = attaching.attach(session.engine.paths, database, name, _streams(), stdin=stdin, keys=keys)
    return _join(running, request, proxy=proxy, left="read escape sequence")


def start(session: Session, name: str, *, stdin: bool, keys: str | None) -> int:
    """Start a container with this terminal attached, and return its exit code.

    :raises hezi.errors.Error: it could not be started.
    """
    from hezi.engine import callers
    from hezi.engine.containers import attach as attaching

    callbacks = callers.Callbacks(session.told, None)
    running, request = attaching.start(session.engine.paths, name, _streams(), callbacks, stdin=stdin, keys=keys)
    return _join(running, request, proxy=True)


def execute(session: Session, name: str, request: ExecRequest) -> int:
    """Run a program in a container that runs, and return its exit code.

    :raises hezi.errors.Error: it does not run, or there is no such program; its codes are 126 and 127 then.
    """
    from hezi.engine.containers import api
    from hezi.engine.containers import exec as executing

    if request.tty and request.interactive and not request.detach and not os.isatty(0):
        errors.line("the input device is not a TTY")
        return 1
    signals = Signals(proxy=False)
    try:
        with signals, api.opened(session.engine.paths) as database:
            joined = executing.start(session.engine.paths, database, name, request, _streams())
    except Error as error:
        if error.kind not in {COMMAND_NOT_FOUND, NOT_EXECUTABLE}:
            raise
        errors.report(session.program, error)
        return 127 if error.kind == COMMAND_NOT_FOUND else 126
    except Ended as ended:
        return 128 + ended.number
    if request.detach:
        joined.leave()
        return 0
    return _accompany(joined, request)


def _accompany(joined: Joined, request: ExecRequest) -> int:
    """Stay with a program that joined; as with docker it goes on when this command is ended."""
    signals = Signals(proxy=False)
    try:
        with signals:
            if request.tty and request.interactive:
                with terminal.RawTerminal(0) as raw:
                    signals.attach(joined, raw, tty=True)
                    code = joined.wait()
            else:
                signals.attach(joined, None, tty=request.tty)
                code = joined.wait()
    except Ended as ended:
        return 128 + ended.number
    finally:
        joined.leave()
    if joined.detached:
        errors.line("read escape sequence")
        return 1
    return code


def _streams() -> Streams:
    from hezi.engine import callers

    return callers.Streams(0, 1, 2, terminal.size() if os.isatty(0) else None)


def _join(running: Running, request: RunRequest, *, proxy: bool, left: str = "") -> int:
    """Stay with a container that does not belong to this command: it is not ended with it.

    :param left: what to say when the detach keys were typed; then the exit code is 1, else 0.
    """
    if request.tty and request.interactive and not os.isatty(0):
        running.leave()
        errors.line("the input device is not a TTY")
        return 1
    signals = Signals(proxy=proxy)
    try:
        with signals:
            if request.tty:
                running.resize(*(terminal.size() or (0, 0)))
            code = _stay(request, running, signals)
    except Ended as ended:
        return 128 + ended.number
    finally:
        running.leave()
    if running.detached and left:
        errors.line(left)
        return 1
    return code


def _start(session: Session, request: RunRequest) -> Running:
    from hezi.front.cli.progress import LazyReporter

    reporter = LazyReporter("none" if request.quiet else "auto", descriptor=2)
    try:
        return session.engine.start(
            request,
            stdin=0 if request.interactive else None,
            console_size=terminal.size() if request.tty else None,
            notice=session.told,
            progress=reporter,
        )
    finally:
        reporter.close()


def _stay(request: RunRequest, running: Running, signals: Signals) -> int:
    if not (request.tty and request.interactive):
        signals.attach(running, None, tty=request.tty)
        return running.wait()
    with terminal.RawTerminal(0) as raw:
        signals.attach(running, raw, tty=True)
        return running.wait()
