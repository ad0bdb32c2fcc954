"""The caller's side of a run: descriptors or functions for the bytes, and whom to tell."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.engine.results import NoticeCallback, ProgressCallback


class Streams(NamedTuple):
    """The caller's descriptors, which stay the caller's; or functions that take the bytes.

    :ivar tied: the container is killed when the caller's process ends, however that ends.
    """

    stdin: int | None = None
    stdout: int | Callable[[bytes], None] = 1
    stderr: int | Callable[[bytes], None] = 2
    console_size: tuple[int, int] | None = None
    data: bytes = b""
    tied: bool = False


class Callbacks(NamedTuple):
    """Whom to tell."""

    notice: NoticeCallback | None = None
    progress: ProgressCallback | None = None

    def tell(self, text: str) -> None:
        """Give a line to whoever wants it."""
        if self.notice is not None:
            self.notice(text)
