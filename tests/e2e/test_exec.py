"""exec where docker is no judge: callers and containers that end meanwhile, and containers that are hostile."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.life import Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")


def test_the_end_of_its_caller_is_not_its_own(life: Life) -> None:
    life.up("it")
    script = "echo begun; while ! test -e /go; do sleep 0.05; done; echo done >/done"
    process = life.popen("exec", "it", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.communicate()
    life.run("exec", "it", "touch", "/go", check=True)
    wait = "while ! test -e /done; do sleep 0.05; done; cat /done"
    assert life.run("exec", "it", "sh", "-c", wait).stdout == "done\n"


def test_signals_reach_it(life: Life) -> None:
    life.up("it")
    script = "trap 'echo got; exit 33' TERM; echo up; while :; do sleep 0.05; done"
    process = life.popen("exec", "it", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    assert process.wait(timeout=30) in {33, 143}
    process.communicate()


def test_many_at_once_have_their_own_codes_and_outputs(life: Life) -> None:
    life.up("it")
    found = {}

    def one(number: int) -> None:
        found[number] = life.run("exec", "it", "sh", "-c", f"echo {number}; exit {number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: (r.code, r.stdout) for n, r in found.items()} == {n: (n, f"{n}\n") for n in range(12)}


def test_the_end_of_the_container_ends_it(life: Life) -> None:
    life.up("it")
    processes = [life.popen("exec", "it", "sh", "-c", "echo up; sleep 1000") for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
    life.run("kill", "it", check=True)
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 137


def test_a_child_that_keeps_the_output_does_not_keep_the_command(life: Life) -> None:
    """Class E5: 'exec' with a program in the background ends with its own program."""
    life.up("it")
    for _ in range(5):
        assert life.run("exec", "it", "sh", "-c", "sleep 1000 & echo begun", timeout=30) == (0, "begun\n", "")
    assert life.look("it", "{{.State.Status}}") == "running"


@pytest.mark.parametrize("cwd", ["/proc/self/fd/3", "/proc/self/fd/7", "/proc/self/fd/9", "/proc/self/fd"])
def test_d2_a_working_directory_by_descriptor_shows_nothing_of_the_host(life: Life, cwd: str) -> None:
    life.up("it")
    done = life.run("exec", "-w", cwd, "it", "sh", "-c", "cat ../../../etc/hostname; ls -d ../../../../home/*")
    assert "ann" in done.stdout or done.code != 0
    host = {f"/home/{name}" for name in os.listdir("/home")} - {"/home/ann"}
    assert not host & set(done.stdout.split())


def test_d2_no_descriptor_of_the_host_gets_in(life: Life, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    fd = os.open(secret, os.O_RDONLY)
    try:
        life.up("it")
        words = [*life.argv("exec", "it", "sh", "-c", "for f in /proc/[0-9]*/fd/*; do readlink $f; done; true")]
        done = subprocess.run(words, env=life.env, pass_fds=(fd,), capture_output=True, text=True, check=True)
    finally:
        os.close(fd)
    found = {re.sub(r"\[\d+\]", "", line) for line in done.stdout.splitlines()}
    assert {line for line in found if not re.fullmatch(r"pipe:|/dev/null|/proc/.*|/|anon_inode:.*", line)} == set()


D3 = {
    "0": "0:0",
    "ann": "1000:1000",
    "1000": "1000:1000",
    "1000:33": "1000:33",
    "2147483647": "2147483647:0",
    "2147483648": None,
    "4294967294": None,
    ":33": "0:33",
    "ann:www": "1000:33",
    "4294967295": None,
    "4294967296": None,
    "-1": None,
    "1e3": None,
    "0x0": None,
    "nobody": None,
    "ann:nogroup": None,
    "99999999999999999999": None,
}


def test_d3_users_are_who_they_say_and_never_root_by_mistake(life: Life) -> None:
    life.up("it", "-u", "33")
    for user, expected in D3.items():
        done = life.run("exec", "-u", user, "it", "sh", "-c", "echo $(id -u):$(id -g)")
        if expected is None:
            assert (done.stdout, done.code != 0) == ("", True), user
        else:
            assert done.stdout.strip() == expected, (user, done)


@pytest.mark.parametrize(
    ("flags", "user", "effective"),
    [
        ((), "root", "00000000a80425fb"),
        ((), "ann", "0000000000000000"),
        (("--cap-drop", "ALL"), "root", "0000000000000000"),
        (("--cap-drop", "ALL", "--cap-add", "CHOWN"), "root", "0000000000000001"),
        (("--cap-drop", "ALL", "--cap-add", "CHOWN"), "ann", "0000000000000000"),
    ],
)
def test_d4_the_five_sets(life: Life, flags: tuple[str, ...], user: str, effective: str) -> None:
    life.up("it", *flags)
    done = life.run("exec", "-u", user, "it", "grep", "^Cap", "/proc/self/status", check=True)
    sets = dict(line.split(":\t") for line in done.stdout.splitlines())
    assert (sets["CapInh"], sets["CapAmb"]) == ("0" * 16, "0" * 16)
    assert (sets["CapPrm"], sets["CapEff"]) == (effective, effective)
    assert life.run("exec", "it", "grep", "^Seccomp:", "/proc/self/status").stdout == "Seccomp:\t2\n"


@pytest.mark.parametrize(("user", "groups"), [("root", "0"), ("ann", "1000 29"), ("www", "33"), ("1000:33", "33")])
def test_d5_groups_are_those_of_the_user_and_no_others(life: Life, user: str, groups: str) -> None:
    life.up("it")
    assert life.run("exec", "-u", user, "it", "id", "-G").stdout.split() == groups.split()


@pytest.mark.parametrize("kind", ["fifo", "link", "device", "huge", "newline"])
def test_e3_hostile_account_files(life: Life, kind: str) -> None:
    """exec looks users up in files that the container may have replaced."""
    life.up("it", "--cap-add", "MKNOD")
    make = {
        "fifo": "mkfifo() { busybox mkfifo $1; }; rm /etc/passwd; mkfifo /etc/passwd",
        "link": "ln -sf /../../../../../../../../etc/shadow /etc/passwd",
        "device": "rm /etc/passwd; mknod /etc/passwd c 1 5",
        "huge": "dd if=/dev/zero of=/etc/passwd bs=1 seek=10G count=0",
        "newline": "printf 'evil\\nroot::0:0' >>/etc/passwd",
    }[kind]
    life.run("exec", "it", "sh", "-c", make, check=True)
    done = life.run("exec", "-u", "ann", "it", "id", "-u", timeout=30)
    assert "Traceback" not in done.stderr
    assert (done.code, done.stdout) == (0, "1000\n") or (done.code != 0 and done.stdout == "")
    assert life.run("exec", "-u", "1000", "it", "/bin/busybox", "id", "-u", timeout=30).stdout in {"1000\n", ""}
    done = life.run("exec", "-u", "0", "it", "true", timeout=30)
    assert done.code == 0 or (done.code == 126 and "/etc/passwd" in done.stderr)


@pytest.mark.needs("strace")
def test_e2_nothing_of_the_container_is_executed_or_imported(life: Life, tmp_path: Path) -> None:
    life.up("it")
    plant = (
        "mkdir -p /usr/lib/python3/encodings /lib; for f in /usr/lib/python3/sitecustomize.py /lib/libnss_files.so.2 "
    )
    plant += "/etc/nsswitch.conf /etc/ld.so.preload /usr/lib/python3/encodings/__init__.py; do echo poison >$f; done"
    life.run("exec", "it", "sh", "-c", plant, check=True)
    trace = tmp_path / "trace"
    prefix = ("strace", "-ff", "-qq", "-s", "200", "-o", str(trace), "-e", "trace=execve,openat,openat2,open")
    done = life.run("exec", "-u", "ann", "it", "true", prefix=prefix)
    assert done.code == 0, done.stderr
    lines = [line for file in tmp_path.glob("trace.*") for line in file.read_text(errors="replace").splitlines()]
    assert lines
    inside = re.compile(r"RESOLVE_IN_ROOT")
    names = {match[1] for line in lines if inside.search(line) and (match := re.search(r'"([^"]*)"', line))}
    assert names <= {"etc/passwd", "/etc/passwd", "etc/group", "/etc/group"}, names


def test_e7_what_joins_is_under_the_containers_limits(life: Life) -> None:
    made = life.up("it", "--pids-limit", "30")
    done = life.run("exec", "it", "cat", "/proc/self/cgroup", check=True)
    assert made not in done.stdout  # a namespace of its own: the container's group is the root it sees
    burst = "n=0; while test $n -lt 60; do sleep 100 & n=$((n+1)); done; wait"
    done = life.run("exec", "it", "sh", "-c", burst, timeout=60)
    assert done.code != 0
    assert "fork" in done.stderr or "Resource temporarily unavailable" in done.stderr
