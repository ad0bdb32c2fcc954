"""The run path: from a request to a running box, and what is undone when a step fails."""

from __future__ import annotations

from typing import NamedTuple

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.results import NoticeCallback, ProgressCallback


class Streams(NamedTuple):
    """The caller's descriptors, which stay the caller's."""

    stdin: int | None = None
    stdout: int = 1
    stderr: int = 2
    console_size: tuple[int, int] | None = None


class Callbacks(NamedTuple):
    """Whom to tell."""

    notice: NoticeCallback | None = None
    progress: ProgressCallback | None = None


class Running:
    """A program in its box. A context manager: leaving it kills what still runs and removes what ``--rm`` promises."""

    __slots__ = ("id",)

    def __init__(self, container_id: str) -> None:
        self.id = container_id

    def wait(self, *, timeout: float | None = None) -> int:
        """Move the bytes until the program has ended, and return its exit code (128+n for a signal).

        Python signal handlers run meanwhile; they may call :meth:`signal` and :meth:`resize`.

        :param timeout: seconds; then kind ``timeout`` is raised and the program still runs.
        """
        raise _not_yet()

    def signal(self, number: int) -> None:
        """Send a signal to the program; one that has ended is no error."""
        raise _not_yet()

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the pseudo-terminal; without one nothing happens."""
        raise _not_yet()

    def close(self) -> None:
        """Kill what still runs, and clean up."""

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(paths: Paths, request: RunRequest, streams: Streams, callbacks: Callbacks) -> Running:
    """See :meth:`hezi.engine.engine.Engine.start`."""
    raise _not_yet()


def plan_lines(paths: Paths, request: RunRequest, callbacks: Callbacks) -> list[str]:
    """See :meth:`hezi.engine.engine.Engine.plan`."""
    raise _not_yet()


def _not_yet() -> errors.Error:
    return errors.Error(errors.UNSUPPORTED, "running comes with the next commit")
