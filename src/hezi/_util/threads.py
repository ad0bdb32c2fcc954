"""Threads that do not outlive the call that started them."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence


@contextmanager
def joined(threads: Sequence[threading.Thread], fail: Callable[[BaseException], None]) -> Iterator[None]:
    """End a block only when those of the threads that it started have ended.

    :param fail: told what ends the block early; it makes the threads end soon. Ctrl-C comes this way as well: nothing
        is to be written or sent behind the back of a caller who has been told of a failure.
    """
    try:
        yield
    except BaseException as error:
        fail(error)
        raise
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
