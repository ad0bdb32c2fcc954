"""``hezi run`` against a real registry: what docker's users rely on, seen from inside and from outside."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import Hezi, Result

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]


def run(hezi: Hezi, *args: str, **options: object) -> Result:
    return hezi.run("run", "--rm", "-q", "--network", "none", *args, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("true",), 0),
        (("false",), 1),
        (("sh", "-c", "exit 42"), 42),
        (("sh", "-c", "exit 255"), 255),
        (("sh", "-c", "sh -c 'kill -9 $$'; exit $?"), 137),
        (("sh", "-c", "sh -c 'kill -TERM $$'; exit $?"), 143),
        (("no-such-program",), 127),
        (("/bin/no-such",), 127),
        (("/etc/passwd",), 126),
        (("/etc",), 126),
        (("/etc/passwd/x",), 127),
    ],
)
def test_exit_codes(hezi_env: Hezi, busybox_image: str, args: tuple[str, ...], code: int) -> None:
    done = run(hezi_env, busybox_image, *args)
    assert done.code == code
    # What the engine says is one line; what the program says is the program's.
    assert len(done.stderr.splitlines()) <= (1 if code in {126, 127} else 20)


def test_killed_by_a_signal(hezi_env: Hezi, busybox_image: str) -> None:
    with hezi_env.engine() as engine:
        from hezi.engine.request import RunRequest

        hezi_env.run("pull", busybox_image, check=True)
        request = RunRequest(busybox_image, ("sleep", "100"), remove=True, network="none")
        with engine.start(request) as running:
            running.signal(9)
            assert running.wait(timeout=20) == 137


def test_streams_are_exact_and_separate(hezi_env: Hezi, busybox_image: str) -> None:
    done = run(hezi_env, busybox_image, "sh", "-c", "printf 'o\\0ut'; printf err >&2")
    assert (done.stdout, done.stderr) == ("o\0ut", "err")


def test_ten_megabytes_in_and_out(hezi_env: Hezi, busybox_image: str) -> None:
    data = os.urandom(10 << 20)
    done = subprocess.run(
        hezi_env.argv("run", "--rm", "-i", "--network", "none", busybox_image, "cat"),
        input=data,
        capture_output=True,
        env=hezi_env.env,
        check=True,
    )
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_input(hezi_env: Hezi, busybox_image: str) -> None:
    assert run(hezi_env, "-i", busybox_image, "cat", input="typed").stdout == "typed"
    # Without -i the program's input is empty, whatever the caller's holds.
    assert run(hezi_env, busybox_image, "cat", input="typed").stdout == ""
    assert run(hezi_env, busybox_image, "readlink", "/proc/self/fd/0").stdout == "/dev/null\n"


def test_descriptors_are_0_1_and_2(hezi_env: Hezi, busybox_image: str) -> None:
    done = run(hezi_env, busybox_image, "sh", "-c", "for f in /proc/self/fd/*; do echo ${f##*/}; done")
    assert done.stdout.split()[:3] == ["0", "1", "2"]
    assert done.stdout.split()[3:] in ([], ["3"], ["10"])  # what the shell itself opened to look


def test_namespaces_differ_from_the_hosts(hezi_env: Hezi, busybox_image: str) -> None:
    names = ("uts", "ipc", "pid", "net", "mnt", "cgroup")
    script = "".join(f"readlink /proc/self/ns/{name};" for name in names)
    own = [os.readlink(f"/proc/self/ns/{name}") for name in names]
    for inside, outside in zip(run(hezi_env, busybox_image, "sh", "-c", script).stdout.split(), own, strict=True):
        assert inside != outside
    host = ("--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host", "--network", "host")
    done = hezi_env.run("run", "--rm", *host, busybox_image, "sh", "-c", script)
    shared = dict(zip(names, zip(done.stdout.split(), own, strict=True), strict=True))
    assert shared.pop("mnt")[0] != os.readlink("/proc/self/ns/mnt")
    assert all(inside == outside for inside, outside in shared.values())


def test_environment(hezi_env: Hezi, busybox_image: str, tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text('# comment\n  LEADING=kept value \nQUOTED="q"\nFROM_HOST\nNOT_SET\nX=#no comment\n\n')
    done = run(
        hezi_env,
        *("--env-file", str(env_file), "-e", "A=1", "-e", "B", "-e", "UNSET", "-h", "box"),
        *(busybox_image, "env"),
        env={"FROM_HOST": "host", "B": "b"},
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert found.pop("PATH")
    assert found == {
        "HOSTNAME": "box",
        "LEADING": "kept value ",
        "QUOTED": '"q"',
        "FROM_HOST": "host",
        "X": "#no comment",
        "A": "1",
        "B": "b",
        "HOME": "/root",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "0 0 0 /root"),
        (("-u", "ann"), "1000 1000 1000 29 /home/ann"),
        (("-u", "1000"), "1000 1000 1000 29 /home/ann"),
        (("-u", "1000:33"), "1000 33 33 /home/ann"),
        (("-u", "4242"), "4242 0 0 /"),
        (("-u", "4242:4243", "--group-add", "audio", "--group-add", "7"), "4242 4243 4243 29 7 /"),
    ],
)
def test_users(hezi_env: Hezi, busybox_image: str, options: tuple[str, ...], expected: str) -> None:
    script = "set -- $(grep -E '^(Uid|Gid)' /proc/self/status | cut -f2) $(sed -n 's/^Groups:\\t//p' /proc/self/status)"
    done = run(hezi_env, *options, busybox_image, "sh", "-c", f'{script}; echo "$@ $HOME"')
    found = done.stdout.split()
    wanted = expected.split()
    assert found[:2] == wanted[:2]
    assert found[-1] == wanted[-1]
    assert sorted(found[2:-1]) == sorted(wanted[2:-1])


def test_capability_sets(hezi_env: Hezi, busybox_image: str) -> None:
    def sets(*options: str) -> dict[str, str]:
        done = run(hezi_env, *options, busybox_image, "grep", "^Cap", "/proc/self/status", check=True)
        return {line[3:6]: line.split()[1].lstrip("0") for line in done.stdout.splitlines()}

    docker = "a80425fb"
    assert sets() == {"Inh": "", "Prm": docker, "Eff": docker, "Bnd": docker, "Amb": ""}
    assert sets("-u", "ann") == {"Inh": "", "Prm": "", "Eff": "", "Bnd": docker, "Amb": ""}
    assert sets("--cap-drop", "ALL")["Bnd"] == ""
    assert sets("--cap-drop", "all", "--cap-add", "net_admin")["Eff"] == "1000"
    assert sets("--cap-add", "CAP_NET_ADMIN")["Eff"] == "a80435fb"
    assert sets("--cap-drop", "chown")["Eff"] == "a80425fa"


def test_read_only_and_tmpfs(hezi_env: Hezi, busybox_image: str) -> None:
    script = "touch /x 2>/dev/null || echo ro; touch /run/y && echo rw; touch /tmp/z 2>/dev/null || echo ro"
    done = run(hezi_env, "--read-only", "--tmpfs", "/run:size=64k,mode=755", busybox_image, "sh", "-c", script)
    assert done.stdout.split() == ["ro", "rw", "ro"]


def test_bind_mounts(hezi_env: Hezi, busybox_image: str, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/file").write_text("host")
    script = "cat /d/file; touch /d/new && echo written; touch /r/new 2>/dev/null || echo readonly"
    done = run(
        hezi_env,
        *("-v", f"{tmp_path}/dir:/d", "-v", f"{tmp_path}/dir:/r:ro", "-v", f"{tmp_path}/made/here:/m"),
        *("--mount", f"type=bind,source={tmp_path}/dir/file,target=/one,readonly"),
        *(busybox_image, "sh", "-c", f"{script}; cat /one"),
    )
    assert done.stdout == "hostwritten\nreadonly\nhost"
    assert (tmp_path / "dir/new").exists()
    assert (tmp_path / "made/here").is_dir()


def test_named_volume_keeps_and_is_filled_from_the_image(hezi_env: Hezi, busybox_image: str) -> None:
    done = run(hezi_env, "-v", "data:/home", busybox_image, "sh", "-c", "stat -c '%n %u' /home/*; echo new >/home/new")
    assert done.stdout == "/home/ann 1000\n"
    assert run(hezi_env, "-v", "data:/x", busybox_image, "cat", "/x/new").stdout == "new\n"
    assert (hezi_env.root / "volumes/data/_data/ann").stat().st_uid == 1000
    assert (hezi_env.root / "volumes").stat().st_mode & 0o777 == 0o700


def test_anonymous_volumes_go_with_the_container(hezi_env: Hezi, busybox_image: str) -> None:
    done = run(hezi_env, "-v", "/anon", "--mount", "target=/b", busybox_image, "sh", "-c", "echo a >/anon/f; mount")
    assert " on /anon " in done.stdout
    assert " on /b " in done.stdout
    assert not [name for name in os.listdir(hezi_env.root / "volumes") if len(name) == 64]


def test_names_inside(hezi_env: Hezi, busybox_image: str) -> None:
    script = "hostname; cat /etc/hostname /proc/sys/kernel/domainname; head -1 /etc/hosts"
    done = run(hezi_env, "-h", "box", "--domainname", "example", busybox_image, "sh", "-c", script)
    assert done.stdout == "box\nbox\nexample\n127.0.0.1\tlocalhost\n"


def test_devices_limits_and_sysctls(hezi_env: Hezi, busybox_image: str) -> None:
    script = "stat -c '%t %T' /dev/mine; cat /proc/sys/kernel/msgmax; ulimit -n; df /dev/shm | tail -1"
    done = run(
        hezi_env,
        *("--device", "/dev/null:/dev/mine:r", "--sysctl", "kernel.msgmax=4096", "--ulimit", "nofile=100:200"),
        *("--shm-size", "1m", busybox_image, "sh", "-c", script),
    )
    numbers, msgmax, nofile, shm = done.stdout.splitlines()
    assert (numbers, msgmax, nofile, shm.split()[1]) == ("1 3", "4096", "100", "1024")
    assert Path("/proc/sys/kernel/msgmax").read_text() != "4096\n"


def test_working_directory_is_made(hezi_env: Hezi, busybox_image: str) -> None:
    assert run(hezi_env, "-w", "/new/dir", busybox_image, "pwd").stdout == "/new/dir\n"


def test_entrypoint(hezi_env: Hezi, busybox_image: str) -> None:
    assert run(hezi_env, "--entrypoint", "echo", busybox_image, "a", "b").stdout == "a b\n"
    done = run(hezi_env, "--entrypoint", "", busybox_image)
    assert (done.code, "no command specified" in done.stderr) == (125, True)


def test_init_reaps(hezi_env: Hezi, busybox_image: str) -> None:
    script = "sh -c 'sleep 0.1 & exit 0'; sleep 0.4; ps -o stat | grep -c Z; exit 5"
    done = run(hezi_env, "--init", busybox_image, "sh", "-c", script)
    assert (done.stdout, done.code) == ("0\n", 5)


def test_cidfile(hezi_env: Hezi, busybox_image: str, tmp_path: Path) -> None:
    path = tmp_path / "cid"
    assert run(hezi_env, "--cidfile", str(path), busybox_image, "hostname").stdout.strip() == path.read_text()[:12]
    done = run(hezi_env, "--cidfile", str(path), busybox_image, "true")
    assert (done.code, "container ID file found" in done.stderr) == (125, True)


def test_plan_starts_nothing(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.run("pull", busybox_image, check=True)
    done = hezi_env.run("run", "--plan", "--rm", "-v", "vol:/v", "-v", "/no/such:/x", busybox_image, "echo", "hi")
    assert done.code == 0
    assert "PivotRoot" in done.stdout
    assert "[flag -v]" in done.stdout
    assert "hi" not in done.stdout.splitlines()
    assert not (hezi_env.root / "volumes").exists()
    assert not Path("/no/such").exists()
    assert not list((hezi_env.root / "containers").iterdir())
