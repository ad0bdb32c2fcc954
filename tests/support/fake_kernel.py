"""A kernel that records what it is asked and does nothing: for testing the order and arguments of calls without root.

It stands in for functions of ``hezi.linux`` modules::

    def test_bind(monkeypatch):
        kernel = FakeKernel(monkeypatch)
        kernel.replace(mount, "open_tree", "move_mount")
        kernel.fail("move_mount", nth=2, number=errno.EBUSY)
        ...
        assert kernel.names() == ["open_tree", "move_mount", "open_tree", "move_mount"]

A replaced function gives what :meth:`FakeKernel.returns` was told. Otherwise one that gives an ``int`` gives a number
nobody has open, never the same twice, and any other gives None; a call with arguments that the real function does not
take is a TypeError, so that the fake cannot agree to what the kernel's module would refuse.
"""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable
from typing import NamedTuple

import pytest

_FIRST_FD = 100_000


class Call(NamedTuple):
    """One recorded call; ``args`` holds all arguments by name, defaults included."""

    name: str
    args: dict[str, object]


class FakeKernel:
    """Records calls, answers them, and fails them on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self._monkeypatch = monkeypatch
        self._failures: dict[tuple[str, int], int] = {}
        self._answers: dict[str, list[object]] = {}
        self._next_fd = _FIRST_FD

    def replace(self, module: types.ModuleType, *names: str) -> None:
        """Stand in for these functions of ``module`` until the test ends."""
        for name in names:
            self._monkeypatch.setattr(module, name, self._stand_in(name, getattr(module, name)))

    def fail(self, name: str, *, number: int, nth: int = 1) -> None:
        """Let the ``nth`` call of a function (the first is 1) raise OSError with errno ``number``."""
        assert nth >= 1
        self._failures[name, nth] = number

    def returns(self, name: str, *values: object) -> None:
        """Let a function give these values in turn, the last one for ever."""
        self._answers[name] = list(values)

    def names(self) -> list[str]:
        """Give the names of the functions called, in order."""
        return [call.name for call in self.calls]

    def of(self, name: str) -> list[dict[str, object]]:
        """Give the arguments of each call of one function, in order."""
        return [call.args for call in self.calls if call.name == name]

    def _stand_in(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        signature = inspect.signature(real)

        def stand_in(*args: object, **kwargs: object) -> object:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            self.calls.append(Call(name, dict(bound.arguments)))
            number = self._failures.get((name, len(self.of(name))))
            if number is not None:
                raise OSError(number, f"{name}: {os.strerror(number)}", _path_of(bound.arguments))
            return self._answer(name, signature)

        return stand_in

    def _answer(self, name: str, signature: inspect.Signature) -> object:
        answers = self._answers.get(name)
        if answers is not None:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if signature.return_annotation in {"int", int}:
            self._next_fd += 1
            return self._next_fd
        return None


def _path_of(arguments: dict[str, object]) -> str | None:
    for value in arguments.values():
        if isinstance(value, (str, bytes)) and value:
            return os.fsdecode(value)
    return None
