from __future__ import annotations

import shlex
import sys

import pytest

from hezi import errors
from hezi._util import proc


def test_output_and_exit_code_come_back():
    program = "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)"
    result = proc.run([sys.executable, "-c", program], input=b"in")
    assert (result.code, result.stdout, result.stderr) == (3, b"in\n", b"no\n")


def test_a_signal_is_a_negative_code():
    result = proc.run(["sh", "-c", "kill -TERM $$"])
    assert result.code == -15


def test_stdin_is_never_ours():
    assert proc.run(["cat"]).stdout == b""


def test_missing_program_is_named():
    with pytest.raises(errors.Error, match="cannot run no-such-program") as caught:
        proc.run(["no-such-program", "x"])
    assert caught.value.kind == errors.NOT_FOUND
    assert caught.value.hint == "install no-such-program"


def test_program_that_may_not_be_executed(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(errors.Error) as caught:
        proc.run([str(tmp_path / "text")])
    assert caught.value.kind == errors.NOT_EXECUTABLE


def test_time_out_kills_and_says_so():
    with pytest.raises(errors.Error, match=r"sleep did not end within 0\.05 seconds") as caught:
        proc.run(["sleep", "10"], timeout=0.05)
    assert caught.value.kind == errors.TIMEOUT


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "", "$HOME", "a=b", "--flag=x/y", "*", "\n", "ü"])
def test_command_line_can_be_run_again(word: str):
    assert shlex.split(proc.command_line(["printf", "%s", word])) == ["printf", "%s", word]


def test_command_line_has_the_changed_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAME", "1")
    assert proc.command_line(["x"], {"SAME": "1", "NEW": "a b"}) == "NEW='a b' x"


def test_debug_prints_the_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("HEZI_DEBUG", "1")
    proc.run(["true", "a b"])
    assert capsys.readouterr().err == "+ true 'a b'\n"
