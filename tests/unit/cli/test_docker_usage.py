"""hezi takes a command line apart as docker does: 340 recorded lines, texts and exit codes."""

from __future__ import annotations

import json
import os

import pytest

from hezi.errors import UNAVAILABLE, Error
from hezi.front.cli import main as cli
from hezi.front.cli.session import Session

DATA = os.path.join(os.path.dirname(__file__), "../../data/docker-usage-28.2.json")
with open(DATA, encoding="utf-8") as file:
    RECORDS = json.load(file)
REJECTED = [record for record in RECORDS if not record.get("accepted")]
ACCEPTED = [record["args"] for record in RECORDS if record.get("accepted")]
# Lines that docker's daemon or help would answer in words of their own; the code and the gist must be the same.
GIST = "invalid reference format"


def words(record):
    return " ".join(record["args"] if isinstance(record, dict) else record) or "(empty)"


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch):
    def engine(_self):
        raise Error(UNAVAILABLE, "the engine was reached")

    monkeypatch.setattr(Session, "engine", property(engine))


@pytest.mark.parametrize("record", REJECTED, ids=words)
@pytest.mark.parametrize("program", ["hezi", "docker"])
def test_a_wrong_line_gets_dockers_words_and_code(record, program, capsys):
    code = cli.main([f"/usr/bin/{program}", *record["args"]])
    said = capsys.readouterr()
    wanted = record["stderr"].replace("docker", program).replace("\nSRun ", "\nRun ")
    assert code == record["code"]
    if "Usage:" in wanted or "unknown command" in wanted:
        assert said.err == wanted
        assert not said.out
    else:
        first = wanted.splitlines()[0].removeprefix(f"{program}: ")
        assert (GIST if GIST in first else first) in said.err.splitlines()[0]


@pytest.mark.parametrize("args", ACCEPTED, ids=words)
def test_a_line_that_docker_accepts_is_no_misuse(args, capsys):
    code = cli.main(["hezi", *args])
    said = capsys.readouterr().err
    assert "Usage:" not in said
    assert "internal error" not in said
    if code:
        assert "the engine was reached" in said or "not built yet" in said or "is refused" in said
