"""Work whose steps are iterated over."""

from __future__ import annotations

import threading

import pytest

from hezi.engine.moving.steps import Steps
from hezi.engine.results import Progress
from hezi.errors import CANCELLED, CONFLICT, NOT_FOUND, Error


def test_steps_and_then_the_result() -> None:
    def work(progress):
        for number in range(3000):  # more than may wait
            progress(Progress("layer", "Downloading", number))
        return "done"

    with Steps(work) as steps:
        assert [step.current for step in steps] == list(range(3000))
        assert steps.result == "done"


def test_an_error_comes_where_the_steps_end() -> None:
    def work(progress):
        progress(Progress("layer", "Waiting"))
        raise Error(NOT_FOUND, "gone")

    steps = Steps(work)
    seen = []
    with pytest.raises(Error, match="gone"):
        seen.extend(step.status for step in steps)
    with pytest.raises(Error, match="gone"):
        _ = steps.result
    steps.close()


def test_a_reader_who_leaves_cancels_the_work() -> None:
    ended: list[str] = []

    def work(progress):
        try:
            while True:
                progress(Progress("layer", "Downloading"))
        except Error as error:
            ended.append(error.kind)
            raise

    with Steps(work) as steps:
        next(iter(steps))
    assert ended == [CANCELLED]


def test_the_result_before_the_end_is_refused() -> None:
    go = threading.Event()
    steps = Steps(lambda progress: go.wait(10))
    with pytest.raises(Error) as caught:
        _ = steps.result
    assert caught.value.kind == CONFLICT
    go.set()
    assert list(steps) == []
    assert steps.result is True
