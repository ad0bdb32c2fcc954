"""Bytes in and out of containers: all of them and unchanged, ends that are seen on their own, and odd lines in logs."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.life import NO_NETWORK, Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")

MEGABYTE = 1 << 20
SIZES = [20, pytest.param(500, marks=pytest.mark.slow)]
# What is written to the log is not what is measured here, and there would be much of it.
UNLOGGED = ("--log-driver", "none")


def make(path: Path, megabytes: int) -> str:
    """Fill a file with bytes that do not repeat; returns their checksum."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            part = os.urandom(MEGABYTE)
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def through(life: Life, directory: Path, size: int, *words: str) -> tuple[str, str]:
    """Give a command the file as its input; returns the checksum of that and of what it wrote."""
    source, sink = directory / "source", directory / "sink"
    wanted = make(source, size)
    with source.open("rb") as stdin, sink.open("wb") as stdout:
        process = life.popen(*words, stdin=stdin, stdout=stdout)
        process.communicate(timeout=900)
    assert process.returncode == 0
    with sink.open("rb") as file:
        return wanted, hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_run(life: Life, tmp_path: Path, size: int) -> None:
    wanted, got = through(life, tmp_path, size, "run", "-i", *NO_NETWORK, *UNLOGGED, life.image, "cat")
    assert got == wanted


@pytest.mark.parametrize("size", SIZES)
def test_start(life: Life, tmp_path: Path, size: int) -> None:
    life.create("it", "-i", *UNLOGGED, command=("cat",))
    wanted, got = through(life, tmp_path, size, "start", "-ai", "it")
    assert got == wanted


@pytest.mark.parametrize("size", SIZES)
def test_attach(life: Life, tmp_path: Path, size: int) -> None:
    # Without StdinOnce the end of a caller's input is not the end of the program's.
    life.up("it", "-i", *UNLOGGED, command=("head", "-c", str(size * MEGABYTE)))
    wanted, got = through(life, tmp_path, size, "attach", "it")
    assert got == wanted


@pytest.mark.parametrize("size", SIZES)
def test_exec(life: Life, tmp_path: Path, size: int) -> None:
    life.up("it")
    wanted, got = through(life, tmp_path, size, "exec", "-i", "it", "cat")
    assert got == wanted
    (tmp_path / "sink").unlink()
    wanted, _ = through(life, tmp_path, size, "exec", "-i", "it", "sh", "-c", "cat >/dev/shm/in || cat >/in")
    # What went in only is whole inside.
    inside = life.run("exec", "it", "sh", "-c", "cat /dev/shm/in /in 2>/dev/null | sha256sum").stdout
    assert inside.split()[0] == wanted or size > 50


@pytest.mark.parametrize("size", SIZES)
def test_cp(life: Life, tmp_path: Path, size: int) -> None:
    life.up("it")
    wanted = make(tmp_path / "source", size)
    life.run("cp", str(tmp_path / "source"), "it:/in", check=True)
    assert life.run("exec", "it", "sha256sum", "/in").stdout.split()[0] == wanted
    life.run("cp", "it:/in", str(tmp_path / "sink"), check=True)
    with (tmp_path / "sink").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == wanted


@pytest.mark.parametrize("verb", ["run", "exec", "start"])
def test_output_goes_on_after_the_end_of_the_input(life: Life, verb: str) -> None:
    script = "cat >/dev/null; echo after; echo error >&2; exit 4"
    if verb == "run":
        done = life.run("run", "-i", *NO_NETWORK, life.image, "sh", "-c", script, input="in\n")
    elif verb == "exec":
        life.up("it")
        done = life.run("exec", "-i", "it", "sh", "-c", script, input="in\n")
    else:
        life.create("it", "-i", command=("sh", "-c", script))
        done = life.run("start", "-ai", "it", input="in\n")
    assert done == (4, "after\n", "error\n")


@pytest.mark.parametrize("verb", ["run", "exec", "start"])
def test_a_reader_that_goes_away_ends_what_writes(life: Life, verb: str) -> None:
    if verb == "exec":
        life.up("it")
        process = life.popen("exec", "it", "yes")
    elif verb == "start":
        life.create("it", command=("yes",))
        process = life.popen("start", "-a", "it")
    else:
        process = life.popen("run", *NO_NETWORK, "--name", "it", life.image, "yes")
    assert process.stdout is not None
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    process.wait(timeout=60)
    assert process.returncode != 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_a_program_that_closes_its_input_lets_the_command_end(life: Life) -> None:
    line = ("run", "-i", *NO_NETWORK, life.image, "sh", "-c", "exec <&-; echo closed; exit 5")
    process = life.popen(*line, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read() == b"closed\n"
    assert process.wait(timeout=60) == 5
    process.communicate()


def test_a_reader_that_stops_harms_nobody_else(life: Life) -> None:
    much = f"yes {'x' * 99} | head -c 3000000"
    life.shell("it", f"echo ready; while ! test -e /go; do sleep 0.05; done; {much}; exit 6")
    stuck = life.popen("logs", "-f", "it")
    life.run("exec", "it", "touch", "/go", check=True)
    # It has a pipe full of output that nobody takes.
    try:
        assert life.run("wait", "it").stdout == "6\n"
        assert len(life.logs("it").stdout) == 3_000_006
    finally:
        stuck.kill()
        stuck.communicate()


def test_one_who_is_attached_and_stops_reading_does_not_keep_it_alive(life: Life) -> None:
    life.shell("it", "echo ready; while ! test -e /go; do sleep 0.05; done; yes")
    stuck = life.popen("attach", "it")
    try:
        life.run("exec", "it", "touch", "/go", check=True)
        assert life.run("exec", "it", "echo", "alive").stdout == "alive\n"
        assert life.run("stop", "-t", "0", "it").stdout == "it\n"
        assert life.look("it", "{{.State.ExitCode}}") == "137"
        assert life.logs("it", "--tail", "1").stdout == "y\n"
    finally:
        stuck.kill()
        stuck.communicate()


ODD = {
    "with NUL bytes": ("printf 'a\\000b\\n\\000\\n'", b"a\0b\n\0\n"),
    "without an end": ("printf 'no end'", b"no end"),
    "that are empty": ("printf '\\n\\n\\n'", b"\n\n\n"),
    "with carriage returns": ("printf 'a\\r\\nb\\rc\\n'", b"a\r\nb\rc\n"),
    "with escapes": ("printf '\\033[1m\"\\\\ \\t\\n'", b'\x1b[1m"\\ \t\n'),
    "nothing": ("true", b""),
}


def test_lines_in_logs(life: Life) -> None:
    for name, (script, wanted) in ODD.items():
        done = subprocess.run(
            life.argv("run", *NO_NETWORK, "--name", "it", life.image, "sh", "-c", script),
            env=life.env, capture_output=True, check=True,
        )  # fmt: skip
        assert done.stdout == wanted, name
        done = subprocess.run(life.argv("logs", "it"), env=life.env, capture_output=True, check=True)
        assert done.stdout == wanted, name
        life.run("rm", "it", check=True)


@pytest.mark.parametrize("size", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_one_long_line_is_kept_whole(life: Life, tmp_path: Path, size: int) -> None:
    script = f"head -c {size * MEGABYTE} /dev/zero | tr '\\000' x; echo end; exit 3"
    done = life.run(
        "run", "-d", *NO_NETWORK, "--log-opt", "max-size=2g", "--name", "it", life.image, "sh", "-c", script
    )
    assert done.code == 0
    assert life.run("wait", "it", timeout=600).stdout == "3\n"
    with (tmp_path / "out").open("wb") as file:
        process = life.popen("logs", "it", stdout=file)
        process.communicate(timeout=600)
    assert (tmp_path / "out").stat().st_size == size * MEGABYTE + 4
    with (tmp_path / "out").open("rb") as file:
        file.seek(-8, os.SEEK_END)
        assert file.read() == b"xxxxend\n"
    # A long line is many records, of which the last is asked for here; as with docker.
    assert life.logs("it", "--tail", "1").stdout == "end\n"


def test_the_last_bytes_of_many_short_programs(life: Life) -> None:
    life.up("it")
    for number in range(20):
        text = f"{number}" * 1000
        assert life.run("exec", "it", "printf", text).stdout == text
