"""A program in the foreground: streams, terminal, signals, exit code."""

from __future__ import annotations

import os

from hezi.front.cli import errors, terminal
from hezi.front.cli.signals import Ended, Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def _start(session: Session, request: RunRequest) -> Running:
    from hezi.front.cli.progress import LazyReporter

    reporter = LazyReporter("none" if request.quiet else "auto", descriptor=2)
    try:
        return session.engine.start(
            request,
            stdin=0 if request.interactive else None,
            console_size=terminal.size() if request.tty else None,
            notice=lambda text: session.notice(f"{session.program}: {text}"),
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
