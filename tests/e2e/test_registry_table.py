"""Every request to a registry, answered wrongly in every way: each cell of the table tests/data/registry_faults.txt.

``python -m tests.e2e.test_registry_table`` writes the table anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import registry_faults
from tests.support.registry_faults import FAULTS, PLACES, Case
from tests.support.registry_world import SECRETS, TOKEN, World, world

pytestmark = pytest.mark.needs("root", "overlay")
# The rest is the slow suite: a step that is prime to the number of columns meets every row and every column.
_STEP = 23
CASES = list(registry_faults.cases())
# The password goes where the registry says that its token server is, as docker's protocol has it; the token never does.
_SENDS_AWAY = "then 401 from elsewhere"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "hezi") as made:
        yield made


def happens(at: World, fault: str, place: str) -> str:
    """Do what asks at a place while the answers are wrong, and then again; what came of it, in the table's words."""
    verb, one = PLACES[place].verb, FAULTS[fault]
    at.prepare(verb)
    if fault == "says nothing":
        at.impatient()
    there = at.has_tag(verb)
    at.home.goes_wrong(place, one)
    done = at.do(verb)
    assert at.home.hit, "the fault was never met"
    said = _said(done.code, done.stderr)
    if not PLACES[place].changes or one.early:
        # Nobody sees half of it: no name here, no tag there.
        assert at.has_tag(verb) == (there or (done.code == 0 and verb not in {"login", "search"}))
    told = [one for one in at.secrets_seen() if not (fault == _SENDS_AWAY and one.startswith("/token?"))]
    assert not told
    assert not any(TOKEN in seen.text() for seen in at.other.seen)
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    checked = at.run("system", "check")
    assert checked.code == 0, checked.stdout
    at.home.is_well()
    again = at.do(verb)
    assert again.code == 0, again.stderr
    assert verb in {"login", "search"} or at.has_tag(verb)
    checked = at.run("system", "check")
    assert checked.code == 0, checked.stdout
    return said


def _said(code: int, text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("hezi: ")]
    assert "Traceback" not in text
    assert "internal error" not in text
    assert len(lines) == (code != 0), text
    assert code in {0, 1}
    return registry_faults.called(lines[0]) if code else "ok"


def parameters() -> list[object]:
    return [
        pytest.param(case, id=str(case), marks=[] if number % _STEP == 0 else pytest.mark.slow)
        for number, case in enumerate(CASES)
    ]


@pytest.mark.parametrize("case", parameters())
def test_cell(at: World, case: Case) -> None:
    assert happens(at, case.fault, case.place) in case.outcome.split("/")


def test_the_table_is_whole() -> None:
    pairs = {(fault, place) for fault in FAULTS for place in PLACES if registry_faults.makes_sense(fault, place)}
    assert {(case.fault, case.place) for case in CASES} == pairs
    assert len(pairs) == len(CASES) >= 250
    names = {name.strip() for name in registry_faults.SAYS} | {"ok"}
    assert {one for case in CASES for one in case.outcome.split("/")} <= names


def write_the_table(directory: Path) -> None:
    """Write the table anew from what happens now, to be read before it is believed."""
    outcomes = {}
    for fault in FAULTS:
        for place in PLACES:
            if registry_faults.makes_sense(fault, place):
                with world(directory / f"{len(outcomes)}") as made:
                    outcomes[fault, place] = happens(made, fault, place)
    registry_faults.TABLE.write_text(registry_faults.written(outcomes))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        write_the_table(Path(place))
