"""A program in a box on a real terminal: it must behave as a shell on a terminal does."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.support import tmux
from tests.support.harness import wait_until

pytestmark = [
    pytest.mark.needs("root", "overlay", "tmux", "docker-registry"),
    pytest.mark.usefixtures("leftovers_guard"),
]


@pytest.fixture
def terminal(hezi_env, tmp_path):
    with tmux.terminal(tmp_path, hezi_env.env) as opened:
        yield opened


@pytest.fixture
def shell(hezi_env, busybox_image, terminal):
    """A busybox shell in a box, with its prompt on the screen."""
    hezi_env.run("pull", "-q", busybox_image, check=True)
    terminal.type("stty -a > /dev/null; saved=$(stty -g)")
    terminal.type(tmux.words(*hezi_env.argv("run", "-it", "--rm", "-e", "PS1=inner# ", busybox_image, "sh")))
    terminal.expect("\ninner#")
    terminal.clear()
    return terminal


def leave(terminal, code=0):
    """Leave the box and see that the outer terminal is as it was."""
    terminal.type(f"exit {code}")
    terminal.expect("outer$")
    terminal.type('echo "code=$?"; [ "$(stty -g)" = "$saved" ] && echo same""mode')
    screen = terminal.expect("samemode")
    assert f"code={code}" in screen


def hezi_process(hezi_env):
    """The process id of the running `hezi run`."""
    found = [int(line.split()[0]) for line in hezi_env.processes() if re.search(r"bin/hezi run", line)]
    assert found
    return found[0]


def test_size_from_the_first_instruction_and_after_a_resize(shell):
    shell.type("tty; stty size")
    screen = shell.expect("24 80")
    assert "/dev/pts/0" in screen
    shell.resize(101, 33)
    shell.type("sleep 1; stty size")
    shell.expect("33 101")
    leave(shell)


def test_exit_code_and_the_terminal_given_back(shell):
    leave(shell, 3)


# Says that it has the terminal before a key is pressed, and again when it is continued.
LONG = """sh -c 'trap "echo go""es on" CONT; echo be""gun; while :; do sleep 0.1; done'"""


def occupy(terminal):
    terminal.type(LONG)
    terminal.expect("begun")


def test_interrupt_reaches_the_program_only(shell):
    occupy(shell)
    shell.press("C-c")
    shell.type('echo "after=$?"')
    shell.expect("after=130")
    leave(shell)


def test_job_control(shell):
    occupy(shell)
    shell.press("C-z")
    shell.expect("Stopped")
    shell.type("jobs; bg; jobs")
    shell.expect("Running")
    shell.type("kill %1; wait; echo gone")
    shell.expect("\ngone")
    leave(shell)


def test_end_of_file_ends_the_shell(shell):
    shell.press("C-d")
    shell.expect("outer$")


def test_keys_arrive_unchanged(shell):
    shell.type("stty raw -echo; echo rea''dy; dd bs=1 count=5 2>/dev/null | od -An -c; stty sane")
    shell.expect("ready")
    shell.press("C-c", "C-z", "C-\\", "C-s", "C-q")
    screen = shell.expect("021")
    assert re.search(r"003 +032 +034 +023 +021", screen)
    leave(shell)


def test_a_terminated_hezi_gives_the_terminal_back(shell, hezi_env):
    os.kill(hezi_process(hezi_env), signal.SIGTERM)
    shell.expect("outer$")
    shell.type('echo "code=$?"; [ "$(stty -g)" = "$saved" ] && echo same""mode')
    assert "code=143" in shell.expect("samemode")
    assert wait_until(lambda: not [one for one in hezi_env.processes() if "hezi run" in one])


def test_a_closed_window_ends_the_box(shell, hezi_env):
    occupy(shell)
    shell.close()
    assert wait_until(lambda: not [one for one in hezi_env.processes() if "hezi run" in one])


def test_stopped_and_continued_it_is_raw_again(shell, hezi_env):
    pid = hezi_process(hezi_env)
    os.kill(pid, signal.SIGSTOP)
    shell.expect("outer$")
    shell.clear()
    shell.type("fg")
    shell.expect("hezi run")
    occupy(shell)
    shell.press("C-c")
    shell.type('echo "after=$?"')
    shell.expect("after=130")
    leave(shell)


def test_detached_by_keys_and_attached_again(shell, hezi_env):
    shell.type("echo wait''ing; read line; echo got=$line; exit 5")
    shell.expect("waiting")
    shell.press("C-p", "C-q")
    shell.expect("outer$")
    (container,) = hezi_env.run("ps", "-q", check=True).stdout.split()
    shell.clear()
    shell.type(tmux.words(*hezi_env.argv("attach", container)))
    assert wait_until(lambda: any(" attach " in line for line in hezi_env.processes()))
    shell.type("hello")
    shell.expect("got=hello")
    shell.expect("outer$")
    shell.type("echo code=$?")
    shell.expect("code=5")
    assert hezi_env.run("ps", "-aq").stdout == ""


def test_a_shell_joins(shell, hezi_env):
    """exec -it: a second terminal, with job control, whose end is not the container's."""
    (container,) = hezi_env.run("ps", "-q", check=True).stdout.split()
    shell.press("C-p", "C-q")
    shell.expect("outer$")
    shell.clear()
    shell.type(tmux.words(*hezi_env.argv("exec", "-it", "-e", "PS1=joined# ", container, "sh")))
    shell.expect("\njoined#")
    shell.type("tty; stty size")
    shell.expect("24 80")
    occupy(shell)
    shell.press("C-c")
    shell.type("exit 4")
    shell.expect("outer$")
    shell.type("echo code=$?")
    shell.expect("code=4")
    assert hezi_env.run("ps", "-q").stdout.split() == [container]
    hezi_env.run("rm", "-f", container, check=True)


def test_progress_is_drawn_in_place(hezi_env, busybox_image, terminal):
    terminal.type(tmux.words(*hezi_env.argv("pull", busybox_image)))
    screen = terminal.expect("Status: Downloaded newer image")
    assert screen.count("Pull complete") == 1
    assert "Pulling fs layer" not in screen
    terminal.type(tmux.words(*hezi_env.argv("images")))
    terminal.expect("REPOSITORY")


@pytest.mark.needs("mmdebstrap")
def test_bash_of_a_real_debian(hezi_env, debian_image, terminal):
    terminal.type(tmux.words(*hezi_env.argv("run", "-it", "--rm", debian_image, "bash", "--norc")))
    terminal.expect("bash-5", timeout=120)
    terminal.clear()
    occupy(terminal)
    terminal.press("C-z")
    terminal.expect("Stopped")
    terminal.type("fg")
    terminal.expect("goes on")
    terminal.press("C-c")
    terminal.type('echo "after=$?"; tput cols')
    screen = terminal.expect("after=130")
    assert "job control" not in screen
    terminal.resize(123, 40)
    terminal.type("sleep 1; tput cols")
    terminal.expect("\n123")
    terminal.type("exit 3")
    terminal.expect("outer$", count=1)
    terminal.type("echo code=$?")
    terminal.expect("code=3")
