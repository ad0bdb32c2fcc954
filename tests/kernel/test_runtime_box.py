"""A started box, seen from inside and outside, against the real kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from hezi import errors
from hezi.linux.seccomp import cache
from hezi.runtime import box as runtime_box
from hezi.runtime import plan as runtime_plan
from hezi.runtime import spawn
from hezi.runtime.plan import Options
from hezi.spec import runtime as rt
from tests.kernel import boxes
from tests.support import faults

pytestmark = pytest.mark.needs("root", "overlay", "busybox")


@pytest.fixture
def room(tmp_path):
    return boxes.Room(tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No mount, no child, no descriptor stays, whatever a test does."""
    mounts, fds, children = _mounts(), _fds(), _children(os.getpid())
    yield
    assert _mounts() == mounts
    assert _fds() == fds
    # A fixture of the session (a registry server) may be a child too; ours must all be gone, zombies included.
    assert _children(os.getpid()) <= children


def _children(pid: int) -> set[str]:
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        # /proc/PID/task/TID/children is not in every kernel.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == pid:
                found.add(name)
    return found


def _mounts() -> set[str]:
    with open("/proc/self/mountinfo") as file:
        return set(file)


def _fds() -> set[str]:
    return {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)}


def _is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}") and "/fd" not in os.readlink(f"/proc/self/fd/{fd}")


def test_namespaces_are_its_own(room):
    kinds = ("uts", "ipc", "pid", "net", "mnt", "cgroup")
    result = room.shell("for kind in " + " ".join(kinds) + "; do readlink /proc/self/ns/$kind; done")
    inside = result.stdout.split()
    outside = [os.readlink(f"/proc/self/ns/{kind}") for kind in kinds]
    assert len(inside) == len(kinds)
    assert not set(inside) & set(outside)


def test_namespaces_not_asked_for_are_shared(room):
    namespaces = tuple(map(rt.Namespace, ("mount", "pid")))
    result = room.shell(
        "readlink /proc/self/ns/net; readlink /proc/self/ns/uts", linux={"namespaces": namespaces}, hostname=None
    )
    assert result.stdout.split() == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "uts")]


def test_a_namespace_can_be_joined(room):
    with room.start(boxes.spec("sleep", "60")) as first:
        namespaces = [rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "network"]
        namespaces.append(rt.Namespace("network", f"/proc/{first.pid}/ns/net"))
        result = room.shell("readlink /proc/self/ns/net", linux={"namespaces": tuple(namespaces)})
        assert result.stdout.strip() == os.readlink(f"/proc/{first.pid}/ns/net")


def test_the_program_is_process_1_and_knows_its_name(room):
    result = room.shell("echo $$; hostname; cat /proc/sys/kernel/domainname", domainname="example.org")
    assert result.stdout.split() == ["1", "box", "example.org"]


def test_the_time_namespace(room):
    namespaces = tuple(map(rt.Namespace, (*boxes.NAMESPACES, "time")))
    result = room.shell("readlink /proc/self/ns/time", linux={"namespaces": namespaces})
    assert result.stdout.strip() != os.readlink("/proc/self/ns/time")


def test_only_three_descriptors(room):
    assert room.run("ls", "/proc/1/fd").stdout.split() == ["0", "1", "2", "3"], "3 is the listing of ls itself"
    assert room.shell("ls /proc/1/fd; true").stdout.split() == ["0", "1", "2"]
    assert room.shell("ls /proc/1/fd; true", options=Options(init=True)).stdout.split() == []
    assert room.shell("ls /proc/$$/fd; true", options=Options(init=True)).stdout.split() == ["0", "1", "2"]


def test_standard_input_is_empty_or_what_is_written(room):
    assert room.run("wc", "-c").stdout.split() == ["0"]
    assert room.run("cat", input=b"in and out").stdout == "in and out"


def test_streams_are_apart(room):
    result = room.shell("echo out; echo err >&2; exit 3")
    assert result == (3, "out\n", "err\n", [])


def test_the_loopback_interface_is_up(room):
    assert "127.0.0.1" in room.run("ip", "addr", "show", "lo").stdout


def test_environment_and_directory(room):
    process = {"env": ("PATH=/bin", "A=b=c", "EMPTY="), "cwd": "/made/for/it"}
    result = room.shell("pwd; env | sort; stat -c '%a %u' /made/for", process=process)
    lines = result.stdout.splitlines()
    assert lines[0] == "/made/for/it"
    assert {"A=b=c", "EMPTY=", "PATH=/bin"} <= set(lines)
    assert not any(line.startswith(("LC_", "LANG", "LD_LIBRARY", "HOME")) for line in lines)
    assert lines[-1] == "755 0"


def test_umask_limits_and_oom_score(room):
    process = {
        "rlimits": (rt.Rlimit("RLIMIT_NOFILE", 100, 200), rt.Rlimit("RLIMIT_CORE", -1, -1)),
        "oom_score_adj": 321,
    }
    result = room.shell("umask; ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj", process=process)
    assert result.stdout.split() == ["0022", "100", "200", "unlimited", "321"]


def test_a_limit_above_what_there_is_is_met_as_far_as_it_goes_and_said(room):
    result = room.shell("ulimit -Hn", process={"rlimits": (rt.Rlimit("RLIMIT_NOFILE", 20, 2**62),)})
    assert int(result.stdout) <= 2**30
    (warning,) = result.warnings
    assert "RLIMIT_NOFILE" in warning


def test_ids_and_groups(room):
    user = rt.User(uid=5, gid=6, additional_gids=(7, 6))
    result = room.shell("id -u; id -g; id -G; cat /proc/self/status", process={"user": user})
    assert result.stdout.split()[:2] == ["5", "6"]
    assert "\nGroups:\t6 7 \n" in result.stdout
    assert "\nUid:\t5\t5\t5\t5\n" in result.stdout


def _sets(result: boxes.Result) -> dict[str, str]:
    return dict(line.split(":\t") for line in result.stdout.splitlines() if line.startswith(("Cap", "NoNew", "Sec")))


def test_capability_sets_are_docker_s(room):
    sets = _sets(room.run("cat", "/proc/self/status"))
    assert {sets[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"00000000a80425fb"}
    assert {sets[name] for name in ("CapInh", "CapAmb")} == {"0" * 16}


def test_a_user_has_no_capabilities_but_the_bounding_set(room):
    sets = _sets(room.run("cat", "/proc/self/status", process=boxes.user(5)))
    assert {sets[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
    assert sets["CapBnd"] == "00000000a80425fb"


def test_ambient_capabilities_reach_a_user(room):
    chown = ("CAP_CHOWN",)
    process = {"user": rt.User(5, 5), "capabilities": rt.Capabilities(chown, chown, chown, chown, chown)}
    assert set(_sets(room.run("cat", "/proc/self/status", process=process)).values()) >= {"0" * 15 + "1"}


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("no_new_privileges", [False, True])
@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("user", [0, 5])
def test_docker_s_profile_lets_a_box_start(room, tmp_path, no_new_privileges, init, terminal, user):
    program, flags = cache.program(str(tmp_path / "cache"), boxes.CAPABILITIES)
    options = Options(seccomp=program, seccomp_flags=flags, init=init)
    process = {**(boxes.user(user) if user else {}), "no_new_privileges": no_new_privileges}
    script = "grep Seccomp: /proc/self/status; unshare -m true || echo no unshare; date >/dev/null && exit 6"
    run = room.run_on_terminal if terminal else room.run
    result = run("sh", "-c", script, process=process, options=options)
    assert "Seccomp:\t2" in result.stdout
    assert "no unshare" in result.stdout
    assert result.code == 6


@pytest.mark.needs("seccomp")
def test_programs_that_cannot_be_run_are_told_apart_under_docker_s_profile(room, tmp_path):
    program, flags = cache.program(str(tmp_path / "cache"), boxes.CAPABILITIES)
    for name, kind in (("nosuch", errors.COMMAND_NOT_FOUND), ("/etc", errors.NOT_EXECUTABLE)):
        with pytest.raises(errors.Error) as caught:
            room.run(name, options=Options(seccomp=program, seccomp_flags=flags))
        assert caught.value.kind == kind


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_a_filter_that_kills_everything_is_no_exit_code_of_the_program(room, no_new_privileges):
    kill = (0x06).to_bytes(2, "little") + b"\0\0" + (0x80000000).to_bytes(4, "little")
    with pytest.raises(errors.Error, match="killed by signal 31"):
        room.run("true", options=Options(seccomp=kill), process={"no_new_privileges": no_new_privileges})


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_the_filter_is_on(room, no_new_privileges):
    options = Options(seccomp=ALLOW_ALL)
    process = {"no_new_privileges": no_new_privileges}
    sets = _sets(room.run("cat", "/proc/self/status", process=process, options=options))
    assert sets["Seccomp"] == "2"
    assert sets["NoNewPrivs"] == str(int(no_new_privileges))


# BPF_RET | BPF_K, SECCOMP_RET_ALLOW
ALLOW_ALL = (0x06).to_bytes(2, "little") + b"\0\0" + (0x7FFF0000).to_bytes(4, "little")


def test_mounts_are_docker_s(room):
    table = [line.split()[:4] for line in room.run("cat", "/proc/mounts").stdout.splitlines()]
    options = {path: set(words.split(",")) for _, path, _, words in table}
    types = {path: fstype for _, path, fstype, _ in table}
    assert types["/"] == "overlay"
    assert options["/proc"] >= {"rw", "nosuid", "nodev", "noexec"}
    assert types["/dev"] == "tmpfs"
    assert options["/dev"] >= {"rw", "nosuid", "mode=755", "size=65536k"}
    assert options["/dev/pts"] >= {"gid=5", "mode=620", "ptmxmode=666", "nosuid", "noexec"}
    assert options["/sys"] >= {"ro", "nosuid", "nodev", "noexec"}
    assert types["/dev/mqueue"] == "mqueue"
    assert types["/dev/shm"] == "tmpfs"
    assert options["/proc/sys"] >= {"ro"}


def test_the_host_s_mounts_are_gone(room):
    inside = room.run("cat", "/proc/self/mountinfo").stdout
    assert "ext4" not in inside
    assert " - overlay " in inside.splitlines()[0]


def test_what_is_masked_and_what_is_read_only(room):
    script = """
        echo x > /proc/sys/kernel/domainname && echo sys is writable
        echo b > /proc/sysrq-trigger && echo sysrq is writable
        for file in interrupts keys timer_list kcore; do
            test -e /proc/$file && test "$(head -c 1 /proc/$file | wc -c)" != 0 && echo $file is readable
        done
        ls -A /sys/firmware /proc/acpi 2>/dev/null | grep -v :
        mkdir /sys/firmware/x && echo firmware is writable
        true
    """
    assert room.shell(script).stdout.strip() == ""


def test_masks_cannot_be_taken_away(room):
    assert room.shell("umount /proc/keys || umount /sys/firmware || mount -o remount,rw /proc/sys").code != 0


def test_devices(room):
    script = "cd /dev; for node in null zero full random urandom tty; do stat -c '%n %t:%T %a' $node; done"
    assert room.shell(script).stdout.split("\n")[:6] == [
        "null 1:3 666",
        "zero 1:5 666",
        "full 1:7 666",
        "random 1:8 666",
        "urandom 1:9 666",
        "tty 5:0 666",
    ]
    links = room.shell("cd /dev; for link in ptmx fd stdin stdout stderr; do readlink $link; done").stdout.split()
    assert links == ["pts/ptmx", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]
    assert room.shell("echo x > /dev/null && head -c 3 /dev/zero | wc -c").stdout.split() == ["3"]


def test_more_devices(room):
    more = (rt.Device("/dev/net/tun", "c", 10, 200, 0o640, 3, 4), rt.Device("/opt/null", "c", 1, 3, 0o600))
    script = "stat -c '%t:%T %a %u %g' /dev/net/tun /opt/null"
    result = room.shell(script, linux={"devices": (*boxes.DEVICES, *more)})
    assert result.stdout.split("\n")[:2] == ["a:c8 640 3 4", "1:3 600 0 0"]


def test_sysctls_are_set_in_the_box_only(room):
    with open("/proc/sys/net/ipv4/ip_default_ttl") as file:
        before = file.read()
    result = room.run(
        "cat", "/proc/sys/net/ipv4/ip_default_ttl", linux={"sysctl": (("net.ipv4.ip_default_ttl", "77"),)}
    )
    assert result.stdout == "77\n"
    with open("/proc/sys/net/ipv4/ip_default_ttl") as file:
        assert file.read() == before


def test_a_read_only_root(room):
    root = rt.Root(readonly=True)
    script = "touch /x; touch /tmp/x; touch /dev/shm/y && pwd"
    result = room.shell(script, root=root, process={"cwd": "/srv/made"})
    assert result.stderr.count("Read-only file system") == 2
    assert result.stdout == "/srv/made\n"


def test_binds_and_their_words(room, tmp_path):
    data = tmp_path / "data"
    (data / "below").mkdir(parents=True)
    (data / "file").write_text("from outside")
    mounts = (
        *boxes.MOUNTS,
        rt.Mount("/data", "bind", str(data), ("rbind", "rprivate")),
        rt.Mount("/ro", "bind", str(data), ("rbind", "ro")),
        rt.Mount("/etc/one file", "bind", str(data / "file"), ("bind", "ro", "noexec")),
        rt.Mount("/some/tmp", "tmpfs", "tmpfs", ("size=64k", "mode=0700", "noexec")),
        rt.Mount("/tmp", "tmpfs", "tmpfs", ("nosuid",)),
    )
    script = """
        cat /data/file '/etc/one file'; echo new > /data/new; echo no > /ro/new
        stat -c %a /some/tmp /tmp; grep -E ' /(some/tmp|ro|etc/one.040file) ' /proc/mounts
    """
    result = room.shell(script, mounts=mounts)
    assert result.stdout.startswith("from outsidefrom outside")
    assert (data / "new").read_text() == "new\n"
    assert "Read-only" in result.stderr
    assert "outside700\n1777\n" in result.stdout
    assert "noexec,relatime,size=64k,mode=700" in result.stdout


def test_a_read_only_bind_is_so_all_the_way_down(room, tmp_path):
    below = tmp_path / "data/below"
    below.mkdir(parents=True)
    from hezi.linux import mount

    mount.mount("tmpfs", str(below), "tmpfs")
    try:
        mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", str(tmp_path / "data"), ("rbind", "rro")))
        assert "Read-only" in room.shell("touch /data/below/x", mounts=mounts).stderr
        mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", str(tmp_path / "data"), ("rbind", "ro")))
        result = room.shell("touch /data/below/x && touch /data/x", mounts=mounts)
        assert "Read-only" in result.stderr
        assert (below / "x").exists()
    finally:
        mount.umount2(str(below))


@pytest.mark.parametrize(("word", "arrives"), [("rslave", True), ("rprivate", False)])
def test_propagation_of_volumes(room, tmp_path, word, arrives):
    from hezi.linux import mount

    data = tmp_path / "data"
    data.mkdir()
    mount.mount("tmpfs", str(data), "tmpfs")
    mount.mount(None, str(data), None, mount.MS_SHARED)
    try:
        (data / "later").mkdir()
        mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", str(data), ("rbind", word)))
        with room.start(boxes.spec("cat", mounts=mounts), stdin=True) as running:
            mount.mount("tmpfs", str(data / "later"), "tmpfs")
            with open(f"/proc/{running.pid}/mountinfo") as file:
                assert (" /data/later " in file.read()) is arrives
            mount.umount2(str(data / "later"))
    finally:
        mount.umount2(str(data))


@pytest.mark.needs("strace")
def test_a_kernel_without_mount_setattr(room):
    """Linux 5.10 and 5.11, played by strace: everything that is to be read-only still is."""
    script = """
        for path in /sys /proc/sys /volume / /etc/hosts; do touch $path/x 2>/dev/null && echo $path is writable; done
        grep -cE ' (/sys|/proc/sys|/volume|/etc/hosts) [a-z0-9]+ ro[, ]' /proc/mounts; grep /volume /proc/self/mountinfo
    """
    (room.directory / "volume").mkdir()
    (room.directory / "hosts").write_text("")
    done = subprocess.run(
        [
            *faults.failing("mount_setattr", "ENOSYS"),
            *(sys.executable, "-m", "tests.kernel.starter", str(room.tree), "sh", "-c", script),
        ],
        env={
            **os.environ,
            "PYTHONPATH": "src:.",
            "STARTER": "--read-only",
            "STARTER_BINDS": f"{room.directory}/volume:/volume {room.directory}/hosts:/etc/hosts",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "writable" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[1] == "4", done.stdout + done.stderr
    assert "shared:" not in lines[2]
    assert ",nosuid," in lines[2] or " ro,nosuid" in lines[2]


def test_a_missing_source_is_said(room):
    mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", "/does/not/exist", ("rbind",)))
    with pytest.raises(errors.Error, match="OpenSource") as caught:
        room.run("true", mounts=mounts)
    assert caught.value.kind == errors.NOT_FOUND
    assert caught.value.path == "/does/not/exist"


@pytest.mark.parametrize(("source", "destination"), [("directory", "/etc/passwd"), ("file", "/etc")])
def test_a_directory_on_a_file_or_a_file_on_a_directory(room, tmp_path, source, destination):
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("")
    mounts = (*boxes.MOUNTS, rt.Mount(destination, "bind", str(tmp_path / source), ("rbind",)))
    with pytest.raises(errors.Error, match="AttachMount") as caught:
        room.run("true", mounts=mounts)
    assert caught.value.kind == errors.INVALID
    assert "a directory cannot be mounted on a file" in str(caught.value.hint)


def test_an_error_names_the_operation_and_what_the_kernel_said(room):
    mounts = (*boxes.MOUNTS, rt.Mount("/x", "tmpfs", "tmpfs", ("nonsense=1",)))
    with pytest.raises(errors.Error, match=r"MountFilesystem .*tmpfs on /x.*nonsense") as caught:
        room.run("true", mounts=mounts)
    assert "nonsense" in str(caught.value)


@pytest.mark.parametrize(
    ("program", "kind", "text"),
    [
        ("nosuch", errors.COMMAND_NOT_FOUND, 'exec: "nosuch": executable file not found in $PATH'),
        ("/no/such", errors.COMMAND_NOT_FOUND, 'exec: "/no/such": no such file or directory'),
        ("/etc", errors.NOT_EXECUTABLE, 'exec: "/etc": is a directory'),
        ("/etc/passwd", errors.NOT_EXECUTABLE, 'exec: "/etc/passwd": permission denied'),
        ("/etc/passwd/x", errors.COMMAND_NOT_FOUND, 'exec: "/etc/passwd/x": not a directory'),
        ("/garbage", errors.NOT_EXECUTABLE, 'exec: "/garbage": exec format error'),
        ("/script", errors.NOT_EXECUTABLE, 'exec: "/script": its interpreter or dynamic loader is missing'),
        ("passwd", errors.COMMAND_NOT_FOUND, 'exec: "passwd": executable file not found in $PATH'),
    ],
)
@pytest.mark.parametrize("init", [False, True])
def test_programs_that_cannot_be_run(room, program, kind, text, init):
    for name, content in (("garbage", "\x01\x02"), ("script", "#!/no/such/shell\n")):
        (room.tree / name).write_text(content)
        (room.tree / name).chmod(0o755)
    (room.tree / "bin/passwd").write_text("not executable")
    with pytest.raises(errors.Error) as caught:
        room.run(program, options=Options(init=init))
    assert (caught.value.kind, str(caught.value)) == (kind, text)


def test_the_search_goes_on_where_a_directory_or_no_program_is(room):
    (room.tree / "usr/local/bin/id").mkdir()
    (room.tree / "usr/bin/id").write_text("#!/bin/sh\necho not executable\n")
    assert room.run("id", "-u").stdout == "0\n"


def test_a_user_cannot_run_what_only_root_can(room):
    (room.tree / "bin/own").write_text("#!/bin/sh\necho ran\n")
    (room.tree / "bin/own").chmod(0o700)
    assert room.run("/bin/own").stdout == "ran\n"
    with pytest.raises(errors.Error, match="permission denied"):
        room.run("/bin/own", process=boxes.user(5))


def test_a_directory_the_user_could_not_enter_by_himself(room):
    # As with Docker: root goes there, and the program is there.
    (room.tree / "closed").mkdir(mode=0o700)
    assert room.run("pwd", process={**boxes.user(5), "cwd": "/closed"}).stdout == "/closed\n"
    assert room.run("ls", process={**boxes.user(5), "cwd": "/closed"}).code == 1


def test_signals_start_with_their_defaults(room):
    status = room.run("cat", "/proc/self/status").stdout
    masks = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    assert {masks[name] for name in ("SigBlk", "SigIgn", "SigCgt")} == {"0" * 16}


@pytest.mark.parametrize("init", [False, True])
def test_how_it_ends(room, init):
    options = Options(init=init)
    assert room.shell("exit 7", options=options).code == 7
    result = room.shell("kill -TERM $$; sleep 5", options=options)
    # Process 1 itself gets no signal from inside that it does not handle.
    assert result.code == (128 + signal.SIGTERM if init else 0) or not init
    with room.start(boxes.spec("sleep", "60"), options) as running:
        assert running.wait(timeout=0.05) is None
        assert running.signal(signal.SIGKILL)
        status = running.wait(timeout=5)
        assert status == runtime_box.ExitStatus(137, 9)
        assert running.wait() == status
        assert not running.signal(signal.SIGTERM)


def test_init_forwards_and_reaps(room):
    script = "trap 'echo got it; exit 5' USR1; (sleep 0.01 &); echo ready; while :; do sleep 0.05; done"
    with room.start(boxes.spec("sh", "-c", script), Options(init=True)) as running:
        assert os.read(running.stdout, 100) == b"ready\n"
        time.sleep(0.2)
        children = _children(running.pid)
        assert len(children) == 1, "the orphan was reaped"
        running.signal(signal.SIGUSR1)
        status = running.wait(timeout=5)
        assert status is not None
        assert status.code == 5
        assert os.read(running.stdout, 100) == b"got it\n"


def test_init_says_nothing_of_the_host(room):
    result = room.shell("ps; cat /proc/1/cmdline /proc/1/comm", options=Options(init=True))
    assert "hezi-init" in result.stdout.splitlines()[1]
    # The area of the arguments is cut off behind the name where CAP_SYS_RESOURCE allows, and empty there anyhow.
    assert result.stdout.replace("\0", "").endswith("hezi-inithezi-init\n")
    assert "python" not in result.stdout
    assert "/" not in result.stdout.splitlines()[1]


def test_init_is_confined_as_the_program_is(room):
    options = Options(init=True, seccomp=ALLOW_ALL)
    with room.start(boxes.spec("sleep", "60", process=boxes.user(5)), options) as running:
        with open(f"/proc/{running.pid}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert status["Seccomp"] == "2"
        assert status["CapBnd"] == "00000000a80425fb"
        assert status["Uid"].split() == ["5"] * 4
        assert os.listdir(f"/proc/{running.pid}/fd") == []


def test_a_terminal(room):
    script = "tty; stty size; stty -a | grep -o 'isig'; test -t 0 && test -t 2 && echo all; ls -l /dev/console"
    result = room.run_on_terminal("sh", "-c", script, size=(31, 117))
    lines = result.stdout.split("\r\n")
    assert lines[0] == "/dev/pts/0"
    assert lines[1] == "31 117"
    assert lines[2:4] == ["isig", "all"]
    assert "136,   0" in lines[4]
    assert result.code == 0


@pytest.mark.parametrize("init", [False, True])
def test_the_terminal_controls(room, init):
    with room.start(
        boxes.spec(
            "sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; sleep 20; :", process={"terminal": True}
        ),
        Options(init=init),
    ) as running:
        assert os.read(running.master, 100) == b"ready\r\n"
        time.sleep(0.2)  # until the shell waits for its child: what comes before, it looks at only afterwards
        os.write(running.master, b"\x03")
        status = running.wait(timeout=5)
        assert status is not None
        assert status.code == 9


def test_the_size_is_there_before_the_program(room):
    for rows in range(20, 30):
        assert room.run_on_terminal("stty", "size", size=(rows, 99)).stdout == f"{rows} 99\r\n"


def test_a_terminal_for_a_user(room):
    result = room.run_on_terminal("sh", "-c", "echo hi > /dev/tty; stat -c '%u %a' $(tty)", process=boxes.user(5))
    assert result.stdout.split() == ["hi", "5", "620"]


def test_streams_belong_to_the_user(room):
    result = room.shell("echo again > /dev/stdout; echo and > /dev/stderr", process=boxes.user(5))
    assert (result.stdout, result.stderr) == ("again\n", "and\n")


def test_giving_up_before_the_start():
    with spawn.spawn() as stage:
        assert os.path.exists(f"/proc/{stage.pid}")
    stage.close()


def test_a_start_that_fails_in_the_middle_leaves_nothing(room):
    (room.tree / "etc/afile").write_text("")
    for bad in (
        {"mounts": (*boxes.MOUNTS, rt.Mount("/etc/afile/x", "tmpfs", "tmpfs"))},
        {"process": {"cwd": "/etc/passwd"}},
        {"linux": {"devices": (*boxes.DEVICES, rt.Device("/etc/passwd", "c", 1, 3))}},
        {"linux": {"sysctl": (("net.ipv4.nothing_of_that_name", "1"),)}},
        {"hostname": "x" * 100},
    ):
        with pytest.raises(errors.Error):
            room.run("true", **bad)


class BrokenCgroup:
    """A cgroup that cannot be joined."""

    cgroup_fd = None

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def add(self, pid: int) -> None:
        raise PermissionError(13, "write: Permission denied", "cgroup.procs")

    def join_fds(self, *, v2: bool) -> list[int]:
        return [self.descriptor]

    def kill(self) -> None:
        pass


@pytest.mark.parametrize("late", [False, True])
def test_a_cgroup_that_cannot_be_joined_ends_the_start(room, late):
    unwritable = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with pytest.raises(errors.Error, match=r"Permission denied|CloneInit .* Bad file descriptor"):
            room.start(boxes.spec("true"), cgroup=BrokenCgroup(unwritable), join_late=late)
    finally:
        os.close(unwritable)


@pytest.mark.parametrize("signalled", [0.0, 0.004, 0.008, 0.012, 0.016, 0.02, 0.024])
def test_an_interrupted_start_leaves_nothing(room, signalled):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            _interrupted(room, signalled)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _interrupted(room, after: float) -> None:
    stage = spawn.spawn()
    root = room.root()
    try:
        wanted = runtime_plan.make(boxes.spec("sleep", "1000"))
        signal.setitimer(signal.ITIMER_REAL, after or 0.0001)
        with runtime_box.start(stage, wanted, root) as running:
            running.wait(timeout=20)
    finally:
        os.close(root)
        stage.close()


def test_what_the_parent_s_streams_and_descriptors_are_is_unknown_inside(room):
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        assert room.shell("ls /proc/$$/fd; true").stdout.split() == ["0", "1", "2"]
    finally:
        os.close(reading)
        os.close(writing)


def test_a_thread_may_start_boxes_beside_others(room):
    import threading

    codes = []
    threads = [
        threading.Thread(
            target=lambda number=number: codes.append(
                boxes.Room(room.directory / str(number)).shell(f"exit {number}").code
            )
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0, 1, 2, 3]
