"""The first step of a start: the monitor's interpreter starts on another processor while this one imports and reads.

Nothing is imported here that is not needed for that.
"""

from __future__ import annotations

from hezi.engine import rights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.callers import Callbacks, Streams
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.run import Running


def start(paths: Paths, request: RunRequest, io: Streams, callbacks: Callbacks) -> Running:
    """See :meth:`hezi.engine.engine.Engine.start`."""
    rights.check()
    from hezi.runtime import spawn

    with spawn.spawn(monitored=True) as stage:
        from hezi.engine import run

        return run.start(paths, request, io, callbacks, stage)


def detached(paths: Paths, request: RunRequest, callbacks: Callbacks) -> str:
    """Start a container that nobody is attached to; gives its id."""
    rights.check()
    from hezi.runtime import spawn

    with spawn.spawn(monitored=True) as stage:
        from hezi.engine import run

        return run.detached(paths, request, callbacks, stage)
