"""When things go wrong: one clear line, exit code 125, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.support.faults import failing
from tests.support.harness import Hezi, wait_until

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]

BAD: list[tuple[tuple[str, ...], str]] = [
    (("-u", "nobody2"), "unable to find user nobody2: no matching entries in passwd file"),
    (("-u", "ann:nogroup"), "unable to find group nogroup"),
    (("-u", "4294967295"), "uids and gids must be in range"),
    (("--group-add", "nogroup"), "unable to find group nogroup"),
    (("-v", "/tmp:/proc"), "cannot be mounted because it is inside /proc"),
    (("-v", "/tmp:/proc/sys"), "cannot be mounted because it is inside /proc"),
    (("-v", "/tmp:/x", "-v", "/usr:/x"), "duplicate mount point: /x"),
    (("-v", "/tmp:/"), "destination can't be '/'"),
    (("-v", "/tmp:rel"), "mount path must be absolute"),
    (("-v", "/tmp:/x:rshared"), "is not a shared mount"),
    (("-v", "../x/:/y:ro:z"), "too many colons"),
    (("-v", "a/b:/y"), "includes invalid characters for a local volume name"),
    (("--mount", "type=bind,source=/no/such,target=/x"), "bind source path does not exist: /no/such"),
    (("--mount", "type=npipe,source=/no,target=/x"), "npipe"),
    (("--tmpfs", "/x:a=b"), "invalid tmpfs option"),
    (("--tmpfs", "/x:size=1x"), "size"),
    (("--device", "/no/such"), "error gathering device information"),
    (("--device", "/etc/passwd"), "not a device node"),
    (("--device", "/tmp"), "a directory of devices must be in /dev"),
    (("--security-opt", "seccomp=/no/such"), "opening seccomp profile"),
    (("--security-opt", "seccomp=/etc/passwd"), "seccomp profile"),
    (("--security-opt", "bogus=1"), "invalid --security-opt"),
    (("--security-opt", "no-new-privileges=maybe"), "invalid --security-opt"),
    (("--security-opt", "systempaths=foo"), "invalid --security-opt"),
    (("--cap-add", "bogus"), 'unknown capability: "CAP_BOGUS"'),
    (("--cap-drop", "CAP_ALL"), 'unknown capability: "CAP_ALL"'),
    (("--sysctl", "kernel.core_pattern=x"), "is not allowed"),
    (("--sysctl", "net.no.such=1"), "net.no.such"),
    (("--pid", "container:x"), "No such container: x"),
    (("--pid", "bogus"), "--pid: invalid PID mode"),
    (("--ipc", "container:x"), "No such container: x"),
    (("--ipc", "bogus"), "invalid IPC mode"),
    (("--uts", "host", "-h", "x"), "conflicting options: hostname and the UTS mode"),
    (("--userns", "private"), "invalid USER mode"),
    (("--cgroupns", "bogus"), "invalid CGROUP mode"),
    (("--network", "mine"), "network mine not found"),
    (("-w", "relative"), "needs to be an absolute path"),
    (("--stop-signal", "BOGUS"), "invalid signal"),
    (("--oom-score-adj", "1001"), "range for oom score adj"),
    (("-h", "a b"), "invalid hostname"),
    (("--name", "a/b"), "invalid container name"),
    (("--cgroup-parent", "/../x"), "invalid cgroup parent"),
    (("--env-file", "/no/such"), "no such file or directory"),
    (("--platform", "linux/arm64"), "does not match the specified platform"),
]


@pytest.mark.parametrize(("options", "text"), BAD, ids=[" ".join(options) for options, _ in BAD])
def test_wrong_options(hezi_env: Hezi, busybox_image: str, options: tuple[str, ...], text: str) -> None:
    network = () if "--network" in options else ("--network", "none")
    done = hezi_env.run("run", "--rm", *network, *options, busybox_image, "echo", "ran")
    assert done.code == 125
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list((hezi_env.root / "containers").glob("*"))


def test_a_program_that_is_not_there(hezi_env: Hezi, busybox_image: str) -> None:
    assert hezi_env.run("run", "--rm", "--network", "none", busybox_image, "no-such-program").code == 127
    assert not list((hezi_env.root / "containers").iterdir())


def test_no_root(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.directory.chmod(0o777)
    for path in (hezi_env.directory, *hezi_env.directory.parents):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    done = hezi_env.run(
        "run", "--rm", busybox_image, "true", prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    )
    assert done.code == 125
    assert "needs root" in done.stderr
    assert "hint" in done.stderr


CALLS = [
    "fsopen",
    "fsmount",
    "open_tree",
    "move_mount",
    "mount_setattr",
    "pivot_root",
    "seccomp",
    "setresuid",
    "capset",
]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("call", CALLS)
def test_a_system_call_that_fails(hezi_env: Hezi, busybox_image: str, call: str) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    done = hezi_env.run(
        "run", "--rm", "--network", "none", busybox_image, "echo", "ran", prefix=failing(call, "EPERM", when="1+")
    )
    assert "Traceback" not in done.stderr
    assert done.code == 125 or "ran" in done.stdout
    assert not list((hezi_env.root / "containers").glob("*"))


def _running(hezi: Hezi, image: str) -> subprocess.Popen[bytes]:
    process = hezi.popen("run", "--rm", "--network", "none", image, "sh", "-c", "echo up; exec sleep 1000")
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def test_the_container_of_a_killed_command_goes_on(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    process = _running(hezi_env, busybox_image)
    process.kill()
    process.communicate()
    (container,) = hezi_env.run("ps", "-q", check=True).stdout.split()
    assert hezi_env.run("ps", "--format", "{{.State}}").stdout == "running\n"
    assert hezi_env.run("stop", "-t", "0", container).stdout == f"{container}\n"
    # It was started with --rm, and that is kept by its monitor.
    assert hezi_env.run("ps", "-aq").stdout == ""
    assert not list((hezi_env.root / "containers").iterdir())


def test_the_container_of_a_killed_monitor_is_dead_and_the_next_command_sweeps(
    hezi_env: Hezi, busybox_image: str
) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    process = _running(hezi_env, busybox_image)
    (monitor,) = [int(line.split()[0]) for line in hezi_env.processes() if "hezi-monitor" in line]
    os.kill(monitor, signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == 125
    assert wait_until(lambda: not hezi_env.processes())
    assert hezi_env.run("run", "--rm", "--network", "none", busybox_image, "echo", "next").stdout == "next\n"
    assert not list((hezi_env.root / "containers").iterdir())


@pytest.mark.parametrize(
    "delay", [0.02, 0.1, 0.2, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.04, 0.06, 0.08, 0.12, 0.15))]
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment(hezi_env: Hezi, busybox_image: str, delay: float, number: int) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    process = hezi_env.popen("run", "--rm", "--network", "none", "-v", "/anon", busybox_image, "true")
    time.sleep(delay)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert wait_until(lambda: not hezi_env.processes())
    assert hezi_env.run("run", "--rm", "--network", "none", busybox_image, "echo", "next").stdout == "next\n"
    assert not list((hezi_env.root / "containers").iterdir())
    assert not list((hezi_env.root / "volumes").glob("*"))


def test_signals_reach_the_program(hezi_env: Hezi, busybox_image: str) -> None:
    script = "trap 'echo got; exit 33' TERM; echo up; while :; do sleep 0.05; done"
    process = hezi_env.popen("run", "--rm", "--network", "none", busybox_image, "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    assert process.communicate(timeout=20)[0] == b"got\n"
    assert process.returncode == 33


def test_eight_at_a_time(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    codes: list[int] = []

    def work(number: int) -> None:
        done = hezi_env.run("run", "--rm", "--network", "none", busybox_image, "sh", "-c", f"exit {number}")
        codes.append(done.code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == list(range(8))


def test_reader_that_goes_away(hezi_env: Hezi, busybox_image: str) -> None:
    process = hezi_env.popen("run", "--rm", "--network", "none", busybox_image, "yes")
    assert process.stdout is not None
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    process.wait(timeout=20)
    assert process.returncode != 0


def test_full_disk(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.root.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", hezi_env.root], check=True)
    try:
        done = hezi_env.run("run", "--rm", "--network", "none", busybox_image, "true")
        if done.code == 0:
            filler = hezi_env.root / "filler"
            subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False)
            done = hezi_env.run("run", "--rm", "--network", "none", "-v", "x:/home", busybox_image, "true")
        assert done.code in {0, 125}
        assert "Traceback" not in done.stderr
        (hezi_env.root / "filler").unlink(missing_ok=True)
        assert hezi_env.run("images").code == 0
    finally:
        subprocess.run(["umount", hezi_env.root], check=True)


@pytest.mark.parametrize("kind", ["fifo", "link", "sparse"])
def test_hostile_passwd(hezi_env: Hezi, busybox_image: str, tmp_path: Path, kind: str) -> None:
    """Class E3: the image's account files are read with limits, and never another file instead."""
    made = hezi_env.run("pull", busybox_image, check=True)
    assert made.code == 0
    (layer,) = [path for path in (hezi_env.root / "layers").iterdir() if not path.name.startswith(".")]
    passwd = layer / "diff/etc/passwd"
    passwd.unlink()
    if kind == "fifo":
        os.mkfifo(passwd)
    elif kind == "link":
        passwd.symlink_to("/../../../../../../../etc/passwd")
    else:
        with passwd.open("wb") as file:
            file.truncate(10 << 30)
    start = time.monotonic()
    done = hezi_env.run("run", "--rm", "--network", "none", "-u", "root", busybox_image, "true")
    assert time.monotonic() - start < 10
    assert done.code == 125
    assert "passwd" in done.stderr


def test_nobody_else_gets_to_what_images_and_containers_hold(hezi_env: Hezi, busybox_image: str) -> None:
    """Class C9: the store's root and the run root are closed, whatever modes are below."""
    process = _running(hezi_env, busybox_image)
    try:
        for path in (hezi_env.root, hezi_env.runroot):
            assert path.stat().st_mode & 0o077 == 0
            # Even where all above is open to everybody.
            script = f"ls {path} 2>/dev/null; cat {path}/hezi.db 2>/dev/null; cd {path} 2>/dev/null && echo in"
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script]
            assert subprocess.run(prefix, capture_output=True, check=False).stdout == b""
    finally:
        (container,) = hezi_env.run("ps", "-q", check=True).stdout.split()
        hezi_env.run("rm", "-f", container, check=True)
        process.communicate()


def test_a_strict_umask_changes_nothing_inside(hezi_env: Hezi, busybox_image: str, tmp_path: Path) -> None:
    done = hezi_env.run(
        *("run", "--rm", "-q", "--network", "none", "-u", "ann", "-v", "/data", "-w", "/job/dir", busybox_image),
        *("sh", "-c", "stat -c '%a' / /etc/hosts /etc/resolv.conf /data /job /dev /tmp; umask; cat /etc/hostname"),
        prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"),
    )
    assert done.stdout.split()[:8] == ["755", "644", "644", "755", "755", "755", "1777", "0022"]
    assert done.code == 0
