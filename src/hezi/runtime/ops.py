"""What a plan is made of: operations, each a small value that can describe itself and be executed by stage 1.

An operation is built by :mod:`hezi.runtime.plan` in the engine, travels as a plain tuple (name, fields...) through
marshal, and is executed by :mod:`hezi.runtime.stage1`. It decides nothing. Names, paths and option strings are bytes
from the start, so that nothing needs a codec once the container's root is entered.

The kinds are in ``ops_spaces`` (namespaces), ``ops_mounts``, ``ops_devices`` and ``ops_process``.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from hezi.runtime.channel import Channel

# Where an operation runs: stage 1 in the namespaces of its caller, or the container's first process.
OUTSIDE = "outside"
INSIDE = "inside"


class Context:
    """What the operations of one start share.

    :ivar fds: descriptors by name: those that came with the plan, and those operations leave for later ones.
    :ivar index: number of the operation under way, for reports.
    """

    __slots__ = ("channel", "fds", "index", "operations")

    def __init__(self, channel: Channel, operations: tuple[Operation, ...], fds: dict[str, int]) -> None:
        self.channel = channel
        self.operations = operations
        self.fds = fds
        self.index = 0

    def warn(self, text: str) -> None:
        """Tell the engine about something the container goes without."""
        self.channel.send(("warning", self.index, text))


class Operation:
    """Base of all. A kind is its class; its fields are the names in ``__slots__``, in that order."""

    __slots__: tuple[str, ...] = ()

    where: ClassVar[str] = INSIDE

    def fields(self) -> tuple[Any, ...]:
        """Give the values the constructor takes, all of them marshal can carry."""
        return tuple(getattr(self, name) for name in type(self).__slots__)

    def encode(self) -> tuple[Any, ...]:
        """Give the form that travels: (name of the kind, fields...)."""
        return (type(self).__name__, *self.fields())

    def describe(self) -> str:
        """Say in one line what it does, without the name of the kind."""
        raise NotImplementedError

    def execute(self, context: Context) -> None:
        """Do it.

        :raises OSError: the kernel's refusal, with the call in the text and the path.
        """
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"


def text(raw: bytes) -> str:
    """Show bytes to people. Only for descriptions, which are made by the engine."""
    return os.fsdecode(raw)
