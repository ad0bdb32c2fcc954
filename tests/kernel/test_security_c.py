"""Classes C1 to C5: mounts, the root file system, procfs. Each attack with a twin that is legal and must work.

The oracle for an escape: a directory of the host, outside the tree, stays as it was, and nothing of it is seen inside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hezi import errors
from hezi.linux import mount
from hezi.runtime import plan
from hezi.spec import runtime as rt
from tests.kernel import boxes
from tests.support import faults

pytestmark = pytest.mark.needs("root", "overlay", "busybox")

SECRET = "of the host only"
# Starts against a racer: enough that the control below wins, few enough for every run of the suite.
ROUNDS = 25


@pytest.fixture
def room(tmp_path):
    return boxes.Room(tmp_path)


@pytest.fixture
def canary(tmp_path):
    """A directory of the host at a path that is not in the tree; checked at the end."""
    directory = tmp_path / "canary"
    directory.mkdir()
    (directory / "secret").write_text(SECRET)
    before = snapshot(directory)
    yield directory
    assert snapshot(directory) == before
    with open("/proc/self/mountinfo") as file:
        assert str(directory) not in file.read()


def snapshot(directory: Path) -> list[tuple]:
    found = []
    for path in [directory, *sorted(directory.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found.append((str(path), status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns, content))
    return found


def refused(room, *args, **members) -> errors.Error:
    with pytest.raises(errors.Error) as caught:
        room.run(*(args or ("true",)), **members)
    return caught.value


# --- C1: the destination of a mount -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["absolute", "relative", "deep"])
def test_c1_mount_points_through_links_stay_inside(room, canary, form):
    link = {"absolute": str(canary), "relative": "../" * 12 + str(canary).lstrip("/"), "deep": f"{canary}/a/b"}[form]
    (room.tree / "data").symlink_to(link)
    mounts = (*boxes.MOUNTS, rt.Mount("/data/sub", "tmpfs", "tmpfs", ("size=64k",)))
    result = room.shell(f"grep -c 'size=64k' /proc/mounts; cat {canary}/secret", mounts=mounts)
    assert result.stdout.split() == ["1"]
    assert SECRET not in result.stdout + result.stderr


def test_c1_a_file_bind_through_a_dangling_link_stays_inside(room, canary, tmp_path):
    """The legal twin too: images have /etc/resolv.conf as a dangling link and expect the file to arrive."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    (room.tree / "etc/resolv.conf").symlink_to("../run/resolve/stub.conf")
    (room.tree / "etc/hosts").symlink_to(f"{canary}/hosts")
    source = str(tmp_path / "resolv.conf")
    mounts = (
        *boxes.MOUNTS,
        rt.Mount("/etc/resolv.conf", "bind", source, ("rbind",)),
        rt.Mount("/etc/hosts", "bind", source, ("rbind",)),
    )
    result = room.shell("cat /etc/resolv.conf /run/resolve/stub.conf /etc/hosts", mounts=mounts)
    assert result.stdout.count("127.0.0.53") == 3


@pytest.mark.parametrize("cwd", ["/job", "/job/deeper/still"])
def test_c1_the_working_directory_through_a_link_stays_inside(room, canary, cwd):
    (room.tree / "job").symlink_to(canary)
    result = room.shell("pwd -P; ls", process={"cwd": cwd})
    assert result.stdout.startswith(str(canary))
    assert "secret" not in result.stdout


def test_c1_usrmerge_works(room, tmp_path):
    (room.tree / "lib").symlink_to("usr/lib")
    (room.tree / "usr/lib").mkdir()
    (room.tree / "var/run").symlink_to("/run")
    mounts = (
        *boxes.MOUNTS,
        rt.Mount("/lib/modules", "bind", str(tmp_path), ("rbind", "ro")),
        rt.Mount("/var/run/lock", "tmpfs", "tmpfs"),
    )
    result = room.shell("grep -oE ' (/usr/lib/modules|/run/lock) ' /proc/mounts", mounts=mounts)
    assert result.stdout.split() == ["/usr/lib/modules", "/run/lock"]


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_c1_a_racing_volume_cannot_redirect_a_mount(room, canary, tmp_path, kind):
    """CVE-2021-30465: a running container swaps a directory of a shared volume for a link while another starts."""
    shared = tmp_path / "shared"
    (shared / "target").mkdir(parents=True)
    (shared / "link").symlink_to(canary)
    source = tmp_path / "source"
    source.mkdir()
    inner = rt.Mount("/shared/target/sub", kind, str(source) if kind == "bind" else "tmpfs", ())
    mounts = (*boxes.MOUNTS, rt.Mount("/shared", "bind", str(shared), ("rbind",)), inner)
    with faults.exchanging(shared / "target", shared / "link"):
        started = 0
        kinds = []
        for _ in range(ROUNDS):
            try:
                result = room.shell(f"cat {canary}/secret /shared/target/secret", mounts=mounts)
                started += 1
                assert SECRET not in result.stdout
            except errors.Error as error:
                kinds.append(error.kind)
    assert errors.INTERNAL not in kinds
    assert started, "the racer kept every start from happening"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_c1_a_racing_volume_at_length(room, canary, tmp_path, kind, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROUNDS", 500)
    test_c1_a_racing_volume_cannot_redirect_a_mount(room, canary, tmp_path, kind)


@pytest.mark.parametrize("cwd", ["/shared/target", "/shared/target/made"])
def test_c1_a_racing_volume_cannot_redirect_the_working_directory(room, canary, tmp_path, cwd):
    """CVE-2026-55686, with the link coming and going."""
    shared = tmp_path / "shared"
    (shared / "target").mkdir(parents=True)
    (shared / "link").symlink_to(canary)
    mounts = (*boxes.MOUNTS, rt.Mount("/shared", "bind", str(shared), ("rbind",)))
    with faults.exchanging(shared / "target", shared / "link"):
        for _ in range(ROUNDS):
            with contextlib.suppress(errors.Error):
                assert SECRET not in room.shell("cat secret", mounts=mounts, process={"cwd": cwd}).stdout


def test_c1_the_racer_would_have_won_against_paths(canary, tmp_path):
    """The control: the same race against a mount by path does escape, so the test above proves something."""
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(canary)
    with faults.exchanging(tmp_path / "target", tmp_path / "link"):
        won = any(os.path.exists(tmp_path / "target/secret") for _ in range(5000))
    assert won


# --- C2: /dev and the other trees of ours -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_c2_a_link_in_place_of_our_trees_is_refused(room, canary, name):
    (room.tree / name).rmdir()
    (room.tree / name).symlink_to(canary)
    error = refused(room)
    assert "symbolic links" in str(error)
    assert f"/{name}" in str(error)


@pytest.mark.parametrize("name", ["dev/pts", "dev/shm", "dev/console", "dev/null", "dev/net"])
def test_c2_links_below_dev_are_covered_by_our_own(room, canary, name):
    (room.tree / name).symlink_to(canary)
    devices = (*boxes.DEVICES, rt.Device("/dev/net/tun", "c", 10, 200))
    result = room.run_on_terminal("sh", "-c", "ls -A /dev; ls -A /dev/pts /dev/shm", linux={"devices": devices})
    assert result.code == 0
    assert "secret" not in result.stdout


def test_c2_etc_as_a_link_stays_inside(room, canary, tmp_path):
    shutil.rmtree(room.tree / "etc")
    (room.tree / "etc").symlink_to(canary)
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    mounts = (*boxes.MOUNTS, rt.Mount("/etc/hosts", "bind", str(tmp_path / "hosts"), ("rbind",)))
    assert room.shell("cat /etc/hosts; ls /etc/", mounts=mounts).stdout == "127.0.0.1 localhost\nhosts\n"


def test_c2_devices_outside_dev_stay_inside(room, canary):
    (room.tree / "opt").symlink_to(canary)
    devices = (*boxes.DEVICES, rt.Device("/opt/null", "c", 1, 3))
    assert room.shell("test -c /opt/null && echo made", linux={"devices": devices}).stdout == "made\n"


def test_c2_a_missing_tree_is_made(room):
    for name in ("dev", "proc", "sys"):
        (room.tree / name).rmdir()
    assert room.shell("test -d /proc/1 && test -c /dev/null && test -d /sys/class && echo all").stdout == "all\n"


def test_c2_a_file_in_place_of_a_tree_is_refused(room):
    (room.tree / "proc").rmdir()
    (room.tree / "proc").write_text("no directory")
    assert "Not a directory" in str(refused(room))


# --- C3: masks --------------------------------------------------------------------------------------------------------


def test_c3_what_the_image_calls_dev_null_is_not_used(room, canary):
    """CVE-2025-31133: the source of the masks is the host's null device, checked by its numbers."""
    (room.tree / "dev/null").symlink_to("/proc/sys/kernel/core_pattern")
    script = """
        for file in /proc/interrupts /proc/keys /proc/timer_list; do
            test -c $file || echo $file is no device; head -c 1 $file; echo x > $file
        done
        grep -cE ' /proc/(interrupts|keys|timer_list) ' /proc/mounts
    """
    result = room.shell(script)
    assert (result.stdout, result.stderr) == ("3\n", "")


def test_c3_a_null_device_that_is_none_stops_the_start(room, tmp_path):
    """With another file at the host's /dev/null, in a mount namespace made for that."""
    script = "mount --make-rprivate / && touch $0/fake && mount --bind $0/fake /dev/null && exec $1 -m $2 $3 true"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(tmp_path), sys.executable, "tests.kernel.starter", str(room.tree)],
        env={**os.environ, "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "MaskPath" in done.stderr
    assert "not the null device" in done.stderr


@pytest.mark.parametrize("path", ["/proc/core_pattern_link", "/link"])
def test_c3_a_masked_path_that_is_a_link_is_refused_and_a_missing_one_passed_over(room, path):
    if not path.startswith("/proc"):
        (room.tree / "link").symlink_to("/etc/passwd")
        assert "symbolic links" in str(refused(room, linux={"masked_paths": (path,)}))
    else:
        assert room.run("true", linux={"masked_paths": (path, "/etc/passwd/x")}).code == 0


def test_c3_nothing_of_proc_is_writable(room):
    script = """
        files="sys/kernel/core_pattern sys/kernel/hostname sysrq-trigger sys/vm/drop_caches irq/default_smp_affinity"
        for file in $files; do
            test -e /proc/$file && (echo x > /proc/$file) 2>/dev/null && echo /proc/$file is writable
        done
        mount -o remount,rw /proc/sys 2>/dev/null && echo remounted
        true
    """
    assert room.shell(script).stdout == ""


# --- C4: the console --------------------------------------------------------------------------------------------------


def test_c4_links_where_the_terminal_is_to_be_change_nothing(room, canary):
    """CVE-2025-52565; the devpts is ours, and the slave comes from its own master."""
    (room.tree / "dev/pts").mkdir()
    (room.tree / "dev/pts/0").symlink_to(canary / "secret")
    (room.tree / "dev/console").symlink_to(canary / "secret")
    script = "tty; test -c /dev/console && test ! -L /dev/console && stat -c %t:%T /dev/console /dev/pts/0"
    result = room.run_on_terminal("sh", "-c", script)
    assert result.stdout.split() == ["/dev/pts/0", "88:0", "88:0"]


@pytest.mark.slow
def test_c4_many_terminals(room, canary):
    for _ in range(500):
        assert room.run_on_terminal("tty").stdout == "/dev/pts/0\r\n"


# --- C5: procfs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["/proc", "/proc/self/attr", "/proc/1", "/sys/../proc/sys", "/proc//self"])
def test_c5_volumes_on_proc_are_refused(room, tmp_path, destination):
    mounts = (*boxes.MOUNTS, rt.Mount(destination, "bind", str(tmp_path), ("rbind",)))
    assert "/proc" in str(refused(room, mounts=mounts))


@pytest.mark.parametrize(
    ("link", "to", "destination"),
    [
        ("attr", "/proc/self/attr", "/attr"),
        ("p", "/proc", "/p"),
        ("p", "proc", "/p/self/attr"),
        ("p", "/proc/self/task/../attr/current", "/p"),
    ],
)
def test_c5_volumes_on_proc_through_a_link_are_refused(room, tmp_path, link, to, destination):
    (room.tree / link).symlink_to(to)
    source = tmp_path / "source"
    source.mkdir()
    if destination == "/p" and to.endswith("current"):
        source = tmp_path / "source/file"
        source.write_text("")
    mounts = (*boxes.MOUNTS, rt.Mount(destination, "bind", str(source), ("rbind",)))
    error = refused(room, mounts=mounts)
    assert "inside /proc" in str(error)
    assert error.kind == errors.PERMISSION


def test_c5_the_files_that_lxcfs_replaces_may_be_mounted_on(room, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 1 kB\n")
    mounts = (*boxes.MOUNTS, rt.Mount("/proc/meminfo", "bind", str(tmp_path / "meminfo"), ("rbind",)))
    assert room.run("cat", "/proc/meminfo", mounts=mounts).stdout == "MemTotal: 1 kB\n"


def test_c5_what_is_written_to_proc_arrives(room):
    """CVE-2025-52881: read back what a redirected write would have lost."""
    process = {"oom_score_adj": 123}
    linux = {"sysctl": (("net.ipv4.ip_default_ttl", "33"), ("kernel.shmmni", "111"))}
    script = "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmni"
    assert room.shell(script, process=process, linux=linux).stdout.split() == ["123", "33", "111"]


def test_c5_nothing_but_a_procfs_goes_on_proc():
    with pytest.raises(errors.Error, match="nothing but a procfs"):
        plan.make(boxes.spec("true", mounts=(rt.Mount("/proc", "tmpfs", "tmpfs"),)))


def test_mounts_of_the_box_do_not_reach_the_host(room, tmp_path):
    """Even where the root and the volume of the host are shared."""
    shared = tmp_path / "shared"
    (shared / "sub").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        mount.mount("tmpfs", str(shared), "tmpfs")
        stack.callback(mount.umount2, str(shared))
        mount.mount(None, str(shared), None, mount.MS_SHARED)
        (shared / "sub").mkdir()
        mounts = (
            *boxes.MOUNTS,
            rt.Mount("/shared", "bind", str(shared), ("rbind",)),
            rt.Mount("/shared/sub", "tmpfs", "tmpfs"),
        )
        before = Path("/proc/self/mountinfo").read_text()
        assert room.run("true", mounts=mounts).code == 0
        assert Path("/proc/self/mountinfo").read_text() == before
