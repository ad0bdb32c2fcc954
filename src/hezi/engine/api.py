"""``Engine.run``: the run path with the streams in memory, for programs that call hezi as a library."""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hezi.engine.paths import Paths
    from hezi.engine.results import RunResult


def run(
    paths: Paths,
    image: str,
    command: Sequence[str],
    data: bytes | None,
    timeout: float | None,
    options: Mapping[str, object],
) -> RunResult:
    """See :meth:`hezi.engine.engine.Engine.run`."""
    raise errors.Error(errors.UNSUPPORTED, "running comes with the next commit")
