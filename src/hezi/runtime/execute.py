"""Executing a plan: the part that stage 1 and a monitor's children have in common."""

from __future__ import annotations

import os

from hezi.linux import title
from hezi.runtime import ops, ops_devices, ops_join, ops_mounts, ops_outside, ops_process, ops_sources, ops_spaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from hezi.runtime.channel import Channel

_MODULES = (ops_spaces, ops_mounts, ops_sources, ops_devices, ops_process, ops_join, ops_outside)
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


def run(channel: Channel, encoded: tuple[tuple[Any, ...], ...], fds: dict[str, int]) -> NoReturn:
    """Execute the operations. The last one does not return; CloneInit and RunInit go on in a child."""
    if any(name == ops_process.RunInit.__name__ for name, *_ in encoded):
        # The paths of the host that we were called with are nothing for the box, which sees us as its process 1.
        title.set_title("hezi-init")
    context = ops.Context(channel, decode(encoded), fds)
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
