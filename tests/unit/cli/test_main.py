"""Failures, help, completions and start-up of the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from hezi import errors
from hezi.front.cli import completions
from hezi.front.cli import main as cli
from hezi.front.cli.session import Session

TOP = os.path.join(os.path.dirname(__file__), "../../..")


def fail_with(monkeypatch, error):
    def engine(_self):
        raise error

    monkeypatch.setattr(Session, "engine", property(engine))


@pytest.mark.parametrize(
    ("kind", "of_run", "of_images"),
    [
        (errors.NOT_FOUND, 125, 1),
        (errors.NOT_EXECUTABLE, 126, 1),
        (errors.COMMAND_NOT_FOUND, 127, 1),
        (errors.CANCELLED, 130, 130),
        (errors.NO_SPACE, 125, 1),
    ],
)
def test_exit_code_of_each_kind(kind, of_run, of_images, monkeypatch):
    fail_with(monkeypatch, errors.Error(kind, "it failed"))
    assert cli.main(["hezi", "run", "img"]) == of_run
    assert cli.main(["hezi", "images"]) == of_images


def test_an_error_is_one_line_and_a_hint(monkeypatch, capsys):
    fail_with(monkeypatch, errors.Error(errors.NOT_FOUND, "no such\nimage \x1b[31m", path="/x", hint="pull it"))
    cli.main(["/usr/bin/docker", "images"])
    assert capsys.readouterr().err == "docker: no such image \\x1b[31m: /x\n  hint: pull it\n"


def test_an_internal_error_shows_its_place_only_when_asked(monkeypatch, capsys):
    fail_with(monkeypatch, RuntimeError("oops"))
    assert cli.main(["hezi", "images"]) == 125
    said = capsys.readouterr().err
    assert said.startswith("hezi: internal error: RuntimeError: oops\n")
    assert "Traceback" not in said
    assert cli.main(["hezi", "-D", "images"]) == 125
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_is_130(monkeypatch):
    fail_with(monkeypatch, KeyboardInterrupt())
    assert cli.main(["hezi", "images"]) == 130


def test_what_was_printed_before_a_failure_is_not_lost():
    program = (
        "from hezi import errors\n"
        "from hezi.front.cli import main as cli\n"
        "from hezi.front.cli.verbs import version\n"
        "def call(session, parsed):\n"
        "    print('before')\n"
        "    raise errors.Error(errors.NOT_FOUND, 'gone')\n"
        "version.call = call\n"
        "import sys; sys.argv = ['hezi', 'version']; cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.join(TOP, "src")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "before\n", "hezi: gone\n")


def test_config_reaches_the_readers_of_credentials(monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", "/old")
    assert cli.main(["hezi", "--config", "/new", "version"]) == 0
    assert os.environ["DOCKER_CONFIG"] == "/new"


@pytest.mark.parametrize(
    "line", ["--help", "help", "help run", "run --help", "image --help", "images -h", "help image"]
)
def test_help(line, capsys):
    assert cli.main(["hezi", *line.split()]) == 0
    said = capsys.readouterr().out
    assert "Usage:  hezi" in said
    assert all(len(row) <= 110 for row in said.splitlines())


def test_every_built_command_has_a_page_with_an_example():
    for path, verb in completions.verbs().items():
        assert verb.examples, path


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_completions_are_valid_and_complete(shell, check, tmp_path, capsys):
    assert cli.main(["hezi", "completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    for option in completions.accepted(completions.verbs()["run"].options):
        assert option.name in script.read_text()
    if shutil.which(shell):
        subprocess.run([shell, check, str(script)], check=True)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hezi ru", ["run"]),
        ("hezi image l", ["load", "ls"]),
        ("hezi -D images --dig", ["--digests"]),
        ("hezi run --pul", ["--pull"]),
        ("hezi run --pull al", ["always"]),
        ("hezi --log-level info comp", ["completion"]),
        ("hezi completion z", ["zsh"]),
    ],
)
def test_bash_completes(line, wanted, tmp_path):
    script = tmp_path / "script"
    script.write_text(completions.bash("hezi", True))
    words = " ".join(f"'{word}'" for word in line.split())
    program = (
        f'. {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _hezi; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == wanted


def test_a_reader_that_goes_away_is_not_reported():
    program = f"{sys.executable} -m hezi --help | head -c 1"
    environment = {**os.environ, "PYTHONPATH": os.path.join(TOP, "src")}
    done = subprocess.run(["bash", "-c", program], capture_output=True, env=environment, check=True)
    assert done.stdout == b"U"
    assert not done.stderr


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 1), ("2>/dev/full", 0)],
)
def test_closed_and_full_streams(redirection, code):
    program = f"{sys.executable} -m hezi version {redirection}"
    environment = {**os.environ, "PYTHONPATH": os.path.join(TOP, "src")}
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code
    assert "Exception" not in done.stderr
    assert ("No space left on device" in done.stderr) == (code == 1)


def test_what_the_caller_closed_is_not_taken_by_the_next_file():
    program = (
        "import os, sys\n"
        "from hezi.front.cli import main as cli\n"
        "cli._fill_standard_streams()\n"
        "opened = os.open('/etc/passwd', os.O_RDONLY)\n"
        "os.write(2, b'%d' % opened)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.join(TOP, "src")}
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$0" <&- >&-', program],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert int(done.stderr) > 2


def test_the_generated_documents_are_up_to_date():
    done = subprocess.run(
        [sys.executable, os.path.join(TOP, "tools/gen_docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert not done.returncode, f"run tools/gen_docs.py: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("line", "allowed"), [("version", set()), ("run --foo", set()), ("--help", set()), ("build", set())]
)
def test_start_up_imports_nothing_heavy(line, allowed):
    heavy = {
        "argparse", "asyncio", "collections", "dataclasses", "enum", "inspect", "json", "logging", "pathlib", "re",
        "shutil", "socket", "sqlite3", "subprocess", "tempfile", "traceback", "typing", "ctypes", "hezi.engine.engine",
    }  # fmt: skip
    program = (
        "import sys; before = set(sys.modules); from hezi.front.cli.main import main;"
        f"main(['hezi', *{line.split()!r}]); sys.stdout.flush();"
        "print('\\n' + ' '.join(set(sys.modules) - before))"
    )
    environment = {"PYTHONPATH": os.path.join(TOP, "src")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert not heavy & set(done.stdout.splitlines()[-1].split()) - allowed
