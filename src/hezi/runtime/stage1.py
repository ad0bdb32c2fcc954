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
from hezi.linux import prctl
from hezi.runtime import execute, signals
from hezi.runtime.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_FAILED = 1


def main(number: int, monitored: bool = False) -> NoReturn:
    """Serve one start over the socket with descriptor ``number``; never returns.

    :param monitored: become the container's monitor, whose child stage 1 is then.
    """
    if number > 3:
        _fd.close_range(3, number - 1)
    _fd.close_range(number + 1, _fd.LAST_FD)
    os.set_inheritable(number, False)
    # The engine decides what an interrupt means; a KeyboardInterrupt in here would only be one more way to end.
    signals.default(signals.SIGINT)
    channel = Channel(_socket.socket(fileno=number))
    prctl.set_dumpable(value=False)
    if monitored:
        from hezi.runtime import monitor

        monitor.main(channel)
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
    execute.run(channel, encoded, dict(zip(names, fds, strict=True)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
