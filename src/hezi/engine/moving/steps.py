"""A pull, push or load whose steps are iterated over instead of being called back with.

>>> with engine.images.pulling("busybox") as steps:     # doctest: +SKIP
...     for step in steps:
...         print(step.id, step.status)
>>> steps.result.digest                                  # doctest: +SKIP
"""

from __future__ import annotations

import queue
import threading
from typing import Generic, TypeVar

from hezi.errors import CANCELLED, CONFLICT, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from hezi.engine.results import Progress, ProgressCallback

_WAITING = 1000
Result = TypeVar("Result")


class Steps(Generic[Result]):
    """Iterate over it for the steps; an error of the work is raised where the steps end.

    The work is done in a thread of its own and waits for a reader who is slow. Leaving the ``with`` block early, or
    :meth:`close`, cancels it: what was transferred is kept for the next try.
    """

    def __init__(self, work: Callable[[ProgressCallback], Result]) -> None:
        self._work = work
        self._steps: queue.Queue[Progress | None] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def result(self) -> Result:
        """What the work gave, once all steps were read.

        :raises hezi.Error: it failed, or has not ended.
        """
        if self._error is not None:
            raise self._error
        if not self._results:
            message = "the work has not ended: its steps are to be read first"
            raise Error(CONFLICT, message)
        return self._results[0]

    def __iter__(self) -> Iterator[Progress]:
        """Yield the steps.

        :raises hezi.Error: the work failed.
        """
        while True:
            step = self._steps.get()
            if step is None:
                self._thread.join()
                if self._error is not None:
                    raise self._error
                return
            yield step

    def close(self) -> None:
        """Cancel the work if it has not ended, and wait for it."""
        self._stopped.set()
        while self._thread.is_alive():
            # It may wait for room before it can notice.
            try:
                self._steps.get(timeout=0.1)
            except queue.Empty:
                continue
        self._thread.join()

    def __enter__(self) -> Steps[Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._take))
        except BaseException as error:
            self._error = error
        finally:
            if not self._stopped.is_set():
                self._steps.put(None)

    def _take(self, step: Progress) -> None:
        if self._stopped.is_set():
            raise Error(CANCELLED, "cancelled by the reader of its steps")
        self._steps.put(step)
