"""Stage 1: the bare process that turns itself into the container's program, operation by operation.

Executed by :mod:`hezi.runtime.spawn` in a sealed copy of the interpreter with ``-I -S``: single-threaded, an empty
environment, no site, and only the modules a test allows. It receives a plan, executes it and decides nothing. Whatever
fails goes to the engine as numbers and text; nothing is printed, and no traceback looks for source files, since names
may mean the image's files by then.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
import sys

from hezi.linux import fd as _fd
from hezi.linux import prctl, title
from hezi.runtime import ops, ops_devices, ops_mounts, ops_process, ops_spaces, signals
from hezi.runtime.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_MODULES = (ops_spaces, ops_mounts, ops_devices, ops_process)
_FAILED = 1


def kinds() -> dict[str, type[ops.Operation]]:
    """Give every kind of operation by its name."""
    return {
        name: value
        for module in _MODULES
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, ops.Operation) and value.__module__ == module.__name__
    }


def decode(encoded: tuple[tuple[Any, ...], ...]) -> tuple[ops.Operation, ...]:
    """Build the operations of a plan from the form that travels."""
    known = kinds()
    return tuple(known[name](*fields) for name, *fields in encoded)


def main(number: int) -> NoReturn:
    """Serve one start over the socket with descriptor ``number``; never returns."""
    if number > 3:
        _fd.close_range(3, number - 1)
    _fd.close_range(number + 1, _fd.LAST_FD)
    os.set_inheritable(number, False)
    # The engine decides what an interrupt means; a KeyboardInterrupt in here would only be one more way to end.
    signals.default(signals.SIGINT)
    channel = Channel(_socket.socket(fileno=number))
    prctl.set_dumpable(value=False)
    prctl.set_pdeathsig(signals.SIGKILL)
    try:
        # EPIPE when the engine died before the death signal was armed.
        channel.send(("ready",))
        message, fds = channel.receive()
    except OSError:
        os._exit(_FAILED)
    if message is None:
        os._exit(0)  # not needed after all
    _, encoded, names = message
    if any(name == ops_process.RunInit.__name__ for name, *_ in encoded):
        # The paths of the host that we were called with are nothing for the box, which sees us as its process 1.
        title.set_title("hezi-init")
    _run(ops.Context(channel, decode(encoded), dict(zip(names, fds, strict=True))))


def _run(context: ops.Context) -> NoReturn:
    """Execute the operations. The last one does not return; CloneInit and RunInit go on in a child."""
    try:
        for index, operation in enumerate(context.operations):
            context.index = index
            operation.execute(context)
    except OSError as error:
        _report(context, error.errno or 0, error.strerror or str(error), error.filename)
    except BaseException as error:  # the process ends here whatever it was, and must say why
        _report(context, 0, f"{type(error).__name__}: {error}", None)
    os._exit(_FAILED)


def _report(context: ops.Context, number: int, text: str, path: object) -> None:
    where = path if isinstance(path, str | bytes) else None
    try:
        context.channel.send(("failed", context.index, number, text, where))
    except OSError:
        return  # the engine is gone, or the filter forbids it; the exit code is all there is


if __name__ == "__main__":
    main(int(sys.argv[1]))
