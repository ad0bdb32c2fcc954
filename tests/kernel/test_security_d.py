"""Classes D1 to D6 and D9: the start of the process: its executable, descriptors, ids, capabilities, sizes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hezi import errors
from hezi.runtime import interpreter, spawn, targets
from hezi.runtime.plan import Options
from hezi.spec import runtime as rt
from tests.kernel import boxes
from tests.support import needs

pytestmark = pytest.mark.needs("root", "overlay", "busybox")


@pytest.fixture
def room(tmp_path):
    return boxes.Room(tmp_path)


@pytest.fixture
def interpreter_unchanged():
    path = interpreter.real_path()
    before = hashlib.sha256(Path(path).read_bytes()).digest(), os.stat(path).st_mtime_ns
    yield path
    assert (hashlib.sha256(Path(path).read_bytes()).digest(), os.stat(path).st_mtime_ns) == before


def wait_until_ready(stage: spawn.Stage1) -> None:
    message, _ = stage.channel.receive()
    assert message == ("ready",)


# --- D1: the executable -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["overlay", "memory"])
def test_d1_the_executable_of_stage_1_cannot_be_written(monkeypatch, interpreter_unchanged, way):
    """CVE-2019-5736: an attacker opens /proc/PID/exe while it is ours and writes when it is not executed any more."""
    if way == "memory":

        def no_overlay(path: str) -> int:
            raise OSError(errno.ENODEV, "fsopen: no such device")

        monkeypatch.setattr(interpreter, "_overlay", no_overlay)
    with spawn.spawn() as stage:
        wait_until_ready(stage)
        exe = f"/proc/{stage.pid}/exe"
        assert not os.path.samefile(exe, interpreter_unchanged)
        held = os.open(exe, os.O_PATH | os.O_CLOEXEC)
        with pytest.raises(OSError, match=r"Text file busy|Read-only file system|not permitted"):
            os.open(exe, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match=r"Read-only file system|not permitted"):
            _write(f"/proc/self/fd/{held}")
        with pytest.raises(OSError, match=r"Read-only file system|not permitted"):
            os.truncate(f"/proc/self/fd/{held}", 0)
    finally:
        os.close(held)


def test_d1_the_program_may_be_the_executable_of_stage_1(room, interpreter_unchanged):
    (room.tree / "evil").write_text("#!/proc/self/exe\nimport os; os.open('/proc/self/exe', os.O_WRONLY)\n")
    (room.tree / "evil").chmod(0o755)
    (room.tree / "bin/linked").symlink_to("/proc/self/exe")
    for program in ("/evil", "linked"):
        try:
            code = room.run(program).code
        except errors.Error as error:
            code = {errors.NOT_EXECUTABLE: 126, errors.COMMAND_NOT_FOUND: 127}.get(error.kind, 0)
        assert code != 0, "it found no Python in the box"


def test_d1_process_1_of_init_is_closed_to_the_box(room):
    script = """
        for name in exe mem root cwd maps environ fd/0 map_files; do
            cat /proc/1/$name >/dev/null 2>&1 && echo $name can be read
            test -z "$(ls /proc/1/$name/ 2>/dev/null)" || echo $name can be listed
            (echo x > /proc/1/$name) 2>/dev/null && echo $name can be written
        done
        readlink /proc/1/exe
    """
    assert room.shell(script, options=Options(init=True)).stdout == ""


def test_d1_stage_1_is_not_dumpable():
    with spawn.spawn() as stage:
        wait_until_ready(stage)
        # The files of a process that is not dumpable belong to root, whoever it runs as; as root only this shows it:
        assert _as_nobody(f"cat /proc/{stage.pid}/environ").returncode != 0


def _as_nobody(script: str) -> subprocess.CompletedProcess[bytes]:
    setpriv = needs.find_tool("setpriv")
    assert setpriv
    argv = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script]
    return subprocess.run(argv, capture_output=True, check=False)


def _write(path: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, b"#!/bin/sh\n")
    finally:
        os.close(fd)


# --- D2: descriptors and the working directory ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [*range(3, 41)])
def test_d2_a_working_directory_that_is_a_descriptor_is_refused(number):
    """As the operation resolves it, without a start for each; the next test does it for real."""
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    extra = [os.dup(root) for _ in range(40)]
    try:
        with pytest.raises(OSError, match="symbolic links"):
            os.close(targets.look_up(root, b"/proc/self/fd/%d" % number, os.O_DIRECTORY))
    finally:
        for fd in (root, *extra):
            os.close(fd)


@pytest.mark.parametrize(
    "cwd", ["/proc/self/fd/3", "/proc/self/fd/7", "/proc/self/cwd", "/proc/1/root", "/link", "/link/x"]
)
def test_d2_working_directories_that_leave_the_box_are_refused(room, cwd):
    (room.tree / "link").symlink_to("/proc/self/fd/7")
    with pytest.raises(errors.Error):
        room.run("pwd", process={"cwd": cwd})


def test_d2_a_working_directory_in_proc_that_is_one_works(room):
    assert room.run("pwd", process={"cwd": "/proc/self/task"}).stdout.startswith("/proc/")


def test_d2_no_descriptor_of_the_caller_gets_in(room, tmp_path):
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        script = "for fd in /proc/[0-9]*/fd/*; do echo $fd $(readlink $fd); done"
        lines = room.shell(script).stdout.splitlines()
        assert lines
        for line in lines:
            path, _, target = line.partition(" ")
            assert target.startswith(("pipe:", "/dev/null", "/proc/")) or not target, line
            assert int(path.rpartition("/")[2]) <= 3 or target.startswith("/proc/") or not target, line
    finally:
        os.close(secret)


# --- D3, D4, D5: ids, capabilities, groups ----------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [0, 1, 65534, 2**31, 2**32 - 2])
def test_d3_numbers_are_what_they_say(room, uid):
    members = boxes.user(uid, uid) if uid else {}
    assert room.run("id", "-u", process=members).stdout.strip() == str(uid)


@pytest.mark.parametrize("uid", [-1, 2**32 - 1, 2**32, 2**64])
def test_d3_numbers_that_are_none_are_refused_and_never_root(room, uid):
    with pytest.raises(errors.Error, match="is not between"):
        room.run("id", "-u", process={"user": rt.User(uid)})


ALL = tuple(f"CAP_{name}" for name in ("CHOWN", "SYS_ADMIN", "NET_ADMIN"))


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        ({}, {"Inh": 0, "Prm": 0xA80425FB, "Eff": 0xA80425FB, "Bnd": 0xA80425FB, "Amb": 0}),
        (boxes.user(5), {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": 0xA80425FB, "Amb": 0}),
        # Permitted without ambient is lost at execve, for a user other than root.
        (
            {"user": rt.User(5, 5), "capabilities": boxes.DOCKER_SETS},
            {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": 0xA80425FB, "Amb": 0},
        ),
        ({"capabilities": rt.Capabilities()}, {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": 0, "Amb": 0}),
        (
            {"capabilities": rt.Capabilities(ALL, ALL, (), ALL, ())},
            {"Inh": 0, "Prm": 0x201001, "Eff": 0x201001, "Bnd": 0x201001, "Amb": 0},
        ),
        (
            {"user": rt.User(5, 5), "capabilities": rt.Capabilities(ALL, ALL, ALL[:1], ALL, ALL[:1])},
            {"Inh": 1, "Prm": 1, "Eff": 1, "Bnd": 0x201001, "Amb": 1},
        ),
    ],
)
@pytest.mark.parametrize("init", [False, True])
def test_d4_the_five_sets(room, process, expected, init):
    status = room.run("cat", "/proc/self/status", process=process, options=Options(init=init)).stdout
    sets = {name: int(value, 16) for name, value in re.findall(r"^Cap(\w+):\s*(\w+)$", status, re.MULTILINE)}
    assert sets == expected


def test_d4_a_set_user_id_program_gets_no_more_than_the_bounding_set(room):
    (room.tree / "opt").mkdir()
    (room.tree / "opt/busybox").write_bytes((room.tree / "bin/busybox").read_bytes())
    (room.tree / "opt/busybox").chmod(0o4755)
    process = {"user": rt.User(5, 5), "capabilities": rt.Capabilities(bounding=("CAP_CHOWN",))}
    assert (
        "CapBnd:\t" + "0" * 15 + "1\n" in room.run("/opt/busybox", "cat", "/proc/self/status", process=process).stdout
    )
    status = room.run("/opt/busybox", "cat", "/proc/self/status", process={**process, "no_new_privileges": True}).stdout
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t5\t5\t5\t5" in status


@pytest.mark.parametrize("groups", [(), (5,), (6, 7, 2**31)])
def test_d5_groups_are_those_given_and_no_others(room, groups):
    os.setgroups([4242])
    try:
        status = room.run("cat", "/proc/self/status", process=boxes.user(5, 5, *groups)).stdout
    finally:
        os.setgroups([])
    (found,) = re.findall(r"^Groups:\t([\d ]*)$", status, re.MULTILINE)
    assert [int(number) for number in found.split()] == sorted(groups)


def test_d5_a_group_denied_by_mode_stays_denied(room):
    (room.tree / "denied").write_text("not for group 77")
    (room.tree / "denied").chmod(0o604)
    os.chown(room.tree / "denied", 0, 77)
    assert "denied" in room.run("cat", "/denied", process=boxes.user(5, 5, 77)).stderr
    assert room.run("cat", "/denied", process=boxes.user(5, 5)).stdout == "not for group 77"


# --- D6: sizes; D9: the caller's terminal -----------------------------------------------------------------------------


def test_d6_long_arguments_and_environments_arrive_whole(room):
    argument = "x" * 70_000
    environment = (*boxes.ENVIRONMENT, *(f"V{number}={'y' * 1000}" for number in range(500)))
    result = room.shell(f"echo ${{#1}} $V499 | wc -c; : {argument}", process={"env": environment})
    assert result.stdout.strip().isdigit()
    lengths = room.run("sh", "-c", "echo ${#0} ${#V499}", argument, process={"env": environment}).stdout
    assert lengths.split() == ["70000", "1000"]


def test_d6_more_than_the_kernel_takes_is_said(room):
    with pytest.raises(errors.Error, match="rgument list too long") as caught:
        room.run("echo", "x" * 200_000)
    assert caught.value.kind == errors.NOT_EXECUTABLE


def test_d6_many_mounts_and_masks(room):
    mounts = (*boxes.MOUNTS, *(rt.Mount(f"/many/{number}", "tmpfs", "tmpfs", ("size=4k",)) for number in range(200)))
    result = room.shell("grep -c ' /many/' /proc/mounts", mounts=mounts)
    assert result.stdout.strip() == "200"


def test_d9_the_box_has_no_terminal_of_the_caller(room):
    assert room.shell("(echo x > /dev/tty) 2>&1; cat /proc/self/stat | cut -d' ' -f7", linux={}).stdout.count("0") >= 0
    status = room.run("awk", "{print $7}", "/proc/self/stat")
    assert status.stdout.strip() == "0", "no controlling terminal"


# --- R3: nothing of the host is executed, opened or looked up inside -------------------------------------------------

POISON = (
    "etc/ld.so.preload",
    "etc/ld.so.cache",
    "etc/nsswitch.conf",
    "etc/localtime",
    "etc/python3/sitecustomize.py",
    "lib/x86_64-linux-gnu/libnss_files.so.2",
    "lib/x86_64-linux-gnu/libc.so.6",
    "usr/lib/locale/locale-archive",
    "usr/lib/python3.11/encodings/__init__.py",
    "usr/lib/python3.11/traceback.py",
    "usr/lib/python3.11/linecache.py",
    "usr/lib/python3/dist-packages/hezi/__init__.py",
)


@pytest.mark.needs("strace")
@pytest.mark.parametrize("way", ["", "--init"])
@pytest.mark.parametrize("program", [("true",), ("nosuch",), ("/etc/passwd",)])
def test_nothing_is_opened_inside_but_the_program(room, tmp_path, way, program):
    for name in POISON:
        path = room.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("poison")
    trace = tmp_path / "trace"
    subprocess.run(
        [
            *("strace", "-ff", "-qq", "-o", str(trace), "-s", "200", "-e", "trace=%file,%process,pivot_root,fchdir"),
            *(sys.executable, "-m", "tests.kernel.starter", str(room.tree), *program),
        ],
        env={**os.environ, "PYTHONPATH": "src:.", "STARTER": way},
        capture_output=True,
        timeout=120,
        check=False,
    )
    seen = [call for file in tmp_path.glob("trace.*") for call in _calls_inside(file.read_text().splitlines())]
    looks = {"newfstatat", "stat", "statx"}
    # Only a program that could not be executed is looked at, by its own name, to say why.
    assert all(program[0] in line for name, line in seen if name in looks)
    allowed = {"umount2", "chdir", "execve", "getcwd", "exit_group", "clone", "fork", "vfork", "wait4", "kill"}
    assert [call for call in seen if call[0] not in allowed | looks] == []
    assert {name for name, _ in seen} >= {"umount2", "chdir", "execve"}


def _calls_inside(lines: list[str], host: str = "python") -> list[tuple[str, str]]:
    """Return what one process did between entering the box and becoming the program.

    :param host: what only processes have in their lines that are outside of the box.
    """
    entered = next((index for index, line in enumerate(lines) if line.startswith("pivot_root(")), None)
    if entered is None and any("python" in line or host in line or "CLONE_NEWNS" in line for line in lines):
        return []  # the engine, the monitor, or stage 1, which clones the first process
    inside = []
    for line in lines[0 if entered is None else entered + 1 :]:
        name = line.partition("(")[0]
        inside.append((name, line))
        if name == "execve" and line.endswith("= 0"):
            break
    return [(name, line) for name, line in inside if re.fullmatch(r"\w+", name)]


# --- what is left when the engine dies --------------------------------------------------------------------------------


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _start(room: boxes.Room, *args: str, way: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kernel.starter", str(room.tree), *args],
        env={**os.environ, "PYTHONPATH": "src:.", "STARTER": way},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("way", ["", "--init"])
@pytest.mark.parametrize("user", ["", "--user"])
def test_the_box_dies_with_its_starter(room, way, user):
    """Also after the change of ids, which disarms the kernel's death signal."""
    starter = _start(room, "sleep", "1000", way=way + user)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert _alive(pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)


def test_a_starter_killed_at_any_time_leaves_nothing(room):
    marker = "31415.926"
    before = Path("/proc/self/mountinfo").read_text()
    for step in range(24):
        starter = _start(room, "sleep", marker)
        time.sleep(0.02 + step * 0.006)
        starter.kill()
        starter.wait()
        assert starter.stdout is not None
        starter.stdout.close()
    deadline = time.monotonic() + 5
    while _left(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _left(marker) == []
    assert Path("/proc/self/mountinfo").read_text() == before


def _left(marker: str) -> list[str]:
    """Find the box's program, and any process that is on the way to become it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            orphan = (entry / "stat").read_text().rpartition(")")[2].split()[1] == "1"
        except OSError:
            continue
        if marker.encode() in command or (b"hezi.runtime.stage1" in command and orphan):
            found.append(f"{entry.name} {command!r}")
    return found
