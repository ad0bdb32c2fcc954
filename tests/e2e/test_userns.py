"""--userns: containers in a user namespace of their own, whose root is nobody on the host."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from hezi import errors
from hezi.linux import idmapped
from tests.e2e.test_networks import answers
from tests.support import grants
from tests.support.grants import FIRST
from tests.support.harness import Hezi, Result, wait_until
from tests.support.networks import own_network

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "kernel:6.13")
RUN = ("run", "--network", "none")
OWNERS = "stat -c '%u:%g %n'"


class Box:
    """hezi where 1,000,000 ids from 2,000,000 on are there for containers, and an image in its store."""

    def __init__(self, hezi: Hezi, image: str) -> None:
        self.hezi, self.image = hezi, image

    def __call__(self, *args: str, check: bool = True, data: bytes = b"") -> Result:
        return self.hezi.run(*args, check=check, input=data)

    def sh(self, *options: str, script: str) -> str:
        """What a shell says in a container that is gone then."""
        return self(*RUN, "--rm", *options, self.image, "sh", "-c", script).stdout

    def long(self, name: str, *options: str, script: str = "sleep 1000") -> int:
        """Start a container that stays; gives its first process."""
        self("run", "-d", "--name", name, *options, self.image, "sh", "-c", script)
        return int(self("inspect", "-f", "{{.State.Pid}}", name).stdout)


@pytest.fixture
def box(hezi_env: Hezi, busybox_image: str, tmp_path: Path, leftovers_guard: None) -> Iterator[Box]:
    hezi_env.run("pull", "-q", busybox_image, check=True)
    with grants.granted(tmp_path):
        made = Box(hezi_env, busybox_image)
        yield made
        names = made("ps", "-aq").stdout.split()
        if names:
            made("rm", "-f", *names)


def id_map(pid: int | str, which: str = "uid") -> list[list[int]]:
    return [list(map(int, line.split())) for line in Path(f"/proc/{pid}/{which}_map").read_text().splitlines()]


def test_its_root_is_nobody_on_the_host_and_its_files_are_its_own(box: Box):
    script = f"id -u; cat /proc/self/uid_map; touch /new; {OWNERS} / /new /etc/hosts /dev /dev/null /home/ann /dev/shm"
    lines = box.sh("--userns", "auto", script=script).splitlines()
    assert lines[0] == "0"
    assert list(map(int, lines[1].split())) == [0, FIRST, 1024]
    own = ["/", "/new", "/etc/hosts", "/dev", "/dev/null"]
    assert lines[2:] == [*(f"0:0 {name}" for name in own), "1000:1000 /home/ann", "0:0 /dev/shm"]


def test_nothing_in_it_belongs_to_the_host_s_root(box: Box, tmp_path: Path):
    """Processes, by the host's /proc; files, by their owners as the host sees them through the container's root."""
    bound = tmp_path / "bound"
    bound.mkdir()
    pid = box.long("web", "--network", "none", "--userns", "auto", "--init", "-v", f"{bound}:/b", "-v", "vol:/v")
    box("exec", "-d", "web", "sleep", "999")
    groups = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    pids = next(line.split(":")[2] for line in groups if ":pids:" in line or line.startswith("0::"))
    found = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    inside = [entry for entry in found if _cgroup_of(entry, pids)]
    assert len(inside) >= 3  # init, sleep, sleep
    for entry in inside:
        ids = [line.split()[1:] for line in (entry / "status").read_text().splitlines() if line[:4] in {"Uid:", "Gid:"}]
        assert all(int(number) >= FIRST for one in ids for number in one), entry
    for name in ("", "bin/busybox", "etc/passwd", "etc/hosts", "dev", "dev/null", "dev/pts", "dev/shm", "b", "v"):
        assert os.lstat(f"/proc/{pid}/root/{name}").st_uid >= FIRST, name
    capabilities = Path(f"/proc/{pid}/ns/user").readlink()
    assert capabilities != Path("/proc/self/ns/user").readlink()
    for kind in ("uts", "ipc", "pid", "net", "mnt", "cgroup"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
    box("rm", "-f", "web")
    box("volume", "rm", "vol")


def _cgroup_of(entry: Path, group: str) -> bool:
    try:
        return any(line.endswith(group) for line in (entry / "cgroup").read_text().splitlines())
    except OSError:
        return False


def test_files_on_a_bind_mount_have_the_owners_that_they_have_on_the_disk(box: Box, tmp_path: Path):
    """The third show of the namespaces: through idmapped mounts, in both directions, and for another user too."""
    bound = tmp_path / "bound"
    bound.mkdir(mode=0o777)
    bound.chmod(0o777)
    for name, owner in (("root", 0), ("ann", 1000), ("far", 70000)):
        (bound / name).write_text(name)
        os.chown(bound / name, owner, owner)
    script = f"cd /b && {OWNERS} root ann far; echo new > new; chown 33:33 new; cat /proc/mounts"
    said = box.sh("--userns", "auto", "-v", f"{bound}:/b", script=script)
    assert said.splitlines()[:3] == ["0:0 root", "1000:1000 ann", "65534:65534 far"]
    assert any(" /b " in line and "idmapped" in line for line in said.splitlines())
    assert ((bound / "new").stat().st_uid, (bound / "new").stat().st_gid) == (33, 33)
    box.sh("--userns", "auto", "-u", "ann", "-v", f"{bound}:/b", script="echo mine > /b/ann; touch /b/own")
    assert (bound / "ann").read_text() == "mine\n"
    assert (bound / "own").stat().st_uid == 1000
    done = box(
        *RUN, "--rm", "--userns", "auto", "-u", "ann", "-v", f"{bound}:/b", box.image, "touch", "/b/root", check=False
    )
    assert done.code == 1
    assert "Permission denied" in done.stderr


def test_volumes_are_filled_and_image_mounts_seen_with_the_right_owners(box: Box):
    script = f"{OWNERS} /home/ann /home/other"
    assert box.sh("--userns", "auto", "-v", "vol:/home", script=f"{OWNERS} /home/ann; mkdir /home/other") == (
        "1000:1000 /home/ann\n"
    )
    # Another container with other ids, and one with none, see the same.
    box.long("first", "--network", "none", "--userns", "auto")
    for options in (("--userns", "auto"), ()):
        assert box.sh(*options, "-v", "vol:/home", script=script) == "1000:1000 /home/ann\n0:0 /home/other\n"
    image = f"type=image,source={box.image},target=/img"
    assert box.sh("--userns", "auto", "--mount", image, script=f"{OWNERS} /img/home/ann") == "1000:1000 /img/home/ann\n"
    box("volume", "rm", "vol")


def test_a_mount_that_cannot_be_mapped_is_named(box: Box):
    for source in ("/sys", "/proc/sys"):
        done = box(*RUN, "--rm", "--userns", "auto", "-v", f"{source}:/s", box.image, "true", check=False)
        assert done.code == 125
        assert "idmap: owners cannot be shown by other numbers on the file system there" in done.stderr
        assert f"bind 10: {source}" in done.stderr
        assert "run the container with --userns host" in done.stderr


def test_exec_cp_commit_diff_and_export_speak_of_the_ids_inside(box: Box, tmp_path: Path):
    pid = box.long(
        "web", "--network", "none", "--userns", "auto", script="mkdir /d; echo f >/d/f; chown 1000:33 /d/f; sleep 1000"
    )
    assert wait_until(lambda: "A /d/f" in box("diff", "web").stdout)
    # Standard output of another user can be opened again, as anywhere.
    assert box("exec", "-u", "ann", "web", "sh", "-c", "id -u > /dev/stdout").stdout == "1000\n"
    assert box("exec", "web", "readlink", "/proc/self/ns/user").stdout.strip() == os.readlink(f"/proc/{pid}/ns/user")
    assert box("exec", "-t", "web", "sh", "-c", f"{OWNERS} $(tty)").stdout.strip() == "0:5 /dev/pts/0"
    box("cp", "-a", "web:/d", str(tmp_path / "out"))
    assert (tmp_path / "out" / "f").stat()[4:6] == (1000, 33)
    with tarfile.open(fileobj=BytesIO(_bytes(box, "cp", "web:/d", "-"))) as archive:
        assert [(one.name, one.uid, one.gid) for one in archive] == [("d", 0, 0), ("d/f", 1000, 33)]
    box("cp", str(tmp_path / "out"), "web:/in")
    box("cp", "-a", str(tmp_path / "out"), "web:/kept")
    said = box("exec", "web", "sh", "-c", f"{OWNERS} /in/f /kept/f").stdout
    assert said == "0:0 /in/f\n1000:33 /kept/f\n"
    with tarfile.open(fileobj=BytesIO(_bytes(box, "export", "web"))) as exported:
        assert exported.getmember("d/f").uid == 1000
    box("commit", "web", "made:1")
    assert box(*RUN, "--rm", "made:1", "stat", "-c", "%u", "/d/f").stdout == "1000\n"
    assert f"{FIRST} " in box("top", "web").stdout  # as docker's, it is the host's view
    assert box("inspect", "-f", "{{.HostConfig.UsernsMode}}", "web").stdout == "auto\n"
    # Stopped, it is the same, and so it is after a start.
    box("stop", "-t", "0", "web")
    box("cp", str(tmp_path / "out"), "web:/later")
    box("start", "web")
    assert box("exec", "web", "stat", "-c", "%u", "/later/f").stdout == "0\n"
    assert id_map(box("inspect", "-f", "{{.State.Pid}}", "web").stdout.strip()) == [[0, FIRST, 1024]]


def _bytes(box: Box, *args: str) -> bytes:
    return subprocess.run(box.hezi.argv(*args), env=box.hezi.env, capture_output=True, check=True).stdout


def test_restarts_keep_ids_and_files(box: Box):
    pid = box.long(
        "web", "--network", "none", "--userns", "auto", "--restart", "always", script="echo >>/n; sleep 1000"
    )
    os.kill(pid, 9)

    def again() -> bool:
        number = int(box("inspect", "-f", "{{.State.Pid}}", "web").stdout)
        return number not in {0, pid}

    assert wait_until(again)
    assert id_map(box("inspect", "-f", "{{.State.Pid}}", "web").stdout.strip()) == [[0, FIRST, 1024]]
    assert wait_until(lambda: box("exec", "web", "stat", "-c", "%u:%s", "/n", check=False).stdout == "0:2\n")


@pytest.mark.needs("ip", "nft")
def test_networks_ports_and_names(hezi_env: Hezi, busybox_image: str, tmp_path: Path, leftovers_guard: None):
    hezi_env.run("pull", "-q", busybox_image, check=True)
    hezi_env.env["HEZI_NETWORK"] = ""
    with own_network(), grants.granted(tmp_path):
        box = Box(hezi_env, busybox_image)
        box("network", "create", "net")
        options = ("--network", "net", "-p", "127.0.0.1:18481:80", "--userns", "auto")
        health = ("--health-cmd", "test $(id -u) = 0", "--health-interval", "100ms")
        box.long("web", *options, *health, script="exec busybox httpd -f -p 80 -h /etc")
        assert wait_until(lambda: answers(18481), timeout=20)
        ask = ("run", "--rm", "--network", "net", "--userns", "auto", box.image)
        assert "172.18.0.2" in box(*ask, "busybox", "nslookup", "web").stdout
        # The network belongs to it: who has the right inside may change it.
        asked = ("run", "--rm", "--network", "net", "--userns", "auto", "--cap-add", "NET_ADMIN", box.image)
        box(*asked, "ip", "link", "set", "eth0", "down")
        assert wait_until(lambda: box("inspect", "-f", "{{.State.Health.Status}}", "web").stdout == "healthy\n")
        # A container without may join its network.
        assert "eth0" in box("run", "--rm", "--network", "container:web", box.image, "ip", "addr").stdout
        box("rm", "-f", "web")
        box("network", "rm", "net")


def test_sizes_and_mappings_are_as_asked(box: Box):
    text = "auto:size=2000,uidmapping=5:1000:3,gidmapping=7:1000"
    said = box.sh("--userns", text, script="cat /proc/self/uid_map /proc/self/gid_map")
    assert [list(map(int, line.split())) for line in said.splitlines()] == [
        [0, FIRST, 5], [5, 1000, 3], [8, FIRST + 5, 1992], [0, FIRST, 7], [7, 1000, 1], [8, FIRST + 7, 1992],
    ]  # fmt: skip
    # As many as the program's user needs; a few are enough for a box without terminals' group.
    assert box.sh("--userns", "auto", "-u", "5000", script="cat /proc/self/uid_map").split()[2] == "5001"
    assert box.sh("--userns", "auto:size=3", script="id -u; stat -c %g /dev/pts").split() == ["0", "0"]
    assert box.sh("--userns", "keep-id", script="cat /proc/self/uid_map").split() == ["0", "0", "4294967295"]
    done = box(*RUN, "--rm", "--userns", "auto:size=10", "-u", "ann", box.image, "true", check=False)
    assert done.code == 125
    assert done.stderr.splitlines() == [
        "hezi: the program's uid 1000 has no mapping in the container's user namespace",
        "  hint: give it more ids: --userns=auto:size=1001",
    ]


def test_no_two_containers_have_an_id_in_common_and_what_is_removed_is_free_again(box: Box):
    with ThreadPoolExecutor(4) as pool:
        pids = list(pool.map(lambda number: box.long(f"c{number}", "--network", "none", "--userns", "auto"), range(6)))
    for which in ("uid", "gid"):
        firsts = sorted(id_map(pid, which)[0][1] for pid in pids)
        assert firsts == [FIRST + 1024 * number for number in range(6)]
    assert len(_ranges(box)) == 6
    box("rm", "-f", "c0", "c1")
    assert len(_ranges(box)) == 4
    assert id_map(box.long("again", "--network", "none", "--userns", "auto"))[0][1] < FIRST + 6 * 1024


def _ranges(box: Box) -> list[tuple[str, int]]:
    with sqlite3.connect(box.hezi.root / "hezi.db") as connection:
        return connection.execute("SELECT container_id, uid_first FROM id_ranges").fetchall()


def test_a_killed_monitor_leaves_no_ids_taken(box: Box):
    box.long("kept", "--network", "none", "--userns", "auto")
    box.long("gone", "--rm", "--network", "none", "--userns", "auto")
    for name in ("kept", "gone"):
        identity = box("inspect", "-f", "{{.Id}}", name).stdout.strip()
        state = json.loads((box.hezi.runroot / "containers" / identity / "state.json").read_text())
        os.kill(state["monitor_pid"], 9)
        assert wait_until(lambda pid=state["monitor_pid"]: not Path(f"/proc/{pid}").exists())
    assert wait_until(lambda: box("ps", "-aq", "--no-trunc").stdout.split() == [row[0] for row in _ranges(box)])
    assert len(_ranges(box)) == 1


def test_what_cannot_be_is_refused_with_the_way_out(box: Box, tmp_path: Path):
    def refused(*options: str) -> str:
        done = box(*RUN, "--rm", *options, box.image, "true", check=False)
        assert done.code == 125
        assert not box("ps", "-aq").stdout
        return done.stderr

    assert refused("--userns", "bogus").startswith("hezi: --userns: invalid USER mode\n  hint: one of: host, auto")
    assert "invalid USER mode" in refused("--userns", "private")
    assert "is about the ids of an ordinary user" in refused("--userns", "nomap")
    assert "is about the ids of an ordinary user" in refused("--userns", "keep-id:uid=7,gid=7")
    assert "invalid size '0'" in refused("--userns", "auto:size=0")
    assert "unknown option 'sise'" in refused("--userns", "auto:sise=9")
    assert "invalid mapping '1-2'" in refused("--userns", "auto:uidmapping=1-2")
    assert "overlap" in refused("--userns", "auto:uidmapping=1:2:3,uidmapping=2:9")
    assert "privileged mode is incompatible with user namespaces." in refused("--userns", "auto", "--privileged")
    assert "cannot share the host PID namespace" in refused("--userns", "auto", "--pid", "host")
    assert "cannot share the host IPC namespace" in refused("--userns", "auto", "--ipc", "host")
    done = box("run", "--userns", "auto", "--network", "host", box.image, "true", check=False)
    assert "cannot share the host's network namespace when user namespaces are enabled" in done.stderr
    assert "of the 1000000 ids" not in refused("--userns", "auto", "--device", "/dev/null:/elsewhere")
    assert "invalid UTS mode" in refused("--uts", "private")
    box.long("other", "--network", "none")
    for option in ("pid", "network"):
        words = ("run", "--rm", "--userns", "auto", f"--{option}", "container:other", box.image, "true")
        assert f"cannot join the {option} namespace of another container when user" in box(*words, check=False).stderr


def test_without_enough_ids_nothing_is_made(hezi_env: Hezi, busybox_image: str, tmp_path: Path):
    hezi_env.run("pull", "-q", busybox_image, check=True)
    with grants.granted(tmp_path, None):
        for verb in ("create", "run"):
            done = hezi_env.run(verb, "--network", "none", "--userns", "auto", busybox_image, "true")
            assert (
                done.stderr.splitlines()[0]
                == 'hezi: no range of ids was granted to the user "containers" in /etc/subuid'
            )
            assert "| tee -a /etc/subuid /etc/subgid" in done.stderr
    with grants.granted(tmp_path, f"containers:{FIRST}:1500\n"):
        hezi_env.run("create", "--name", "one", "--userns", "auto", busybox_image, "true", check=True)
        done = hezi_env.run(*RUN, "--rm", "--userns", "auto:size=2000", busybox_image, "true")
        assert "of the 1500 ids that /etc/subuid grants" in done.stderr
        assert "no 2000 in a row are left; 0 containers have some" in done.stderr
    assert hezi_env.run("ps", "-aq").stdout.count("\n") == 1
    hezi_env.run("rm", "one", check=True)


def _refusing(error: OSError) -> Callable[..., None]:
    def refuse(*_args: object, **_options: object) -> None:
        raise error

    return refuse


def test_a_machine_that_makes_no_user_namespace_is_named(box: Box, monkeypatch: pytest.MonkeyPatch):
    """The limits themselves are the whole machine's: the kernel's answer is played."""

    for number, words, way in (
        (errno.ENOSPC, "no space left on device", "a limit is reached, here or in a user namespace above: user.max_"),
        (errno.EPERM, "operation not permitted", "user namespaces are forbidden here"),
    ):
        monkeypatch.setattr(idmapped, "namespaces", _refusing(OSError(number, os.strerror(number), "unshare")))
        with box.hezi.engine() as engine, pytest.raises(errors.Error) as caught:
            engine.run(box.image, ["true"], userns="auto", network="none")
        assert caught.value.message == f"cannot make the container's user namespace: {words}"
        assert (caught.value.hint or "").startswith(way)
    assert not _ranges(box)


def test_a_kernel_without_idmapped_layers_is_named(box: Box, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idmapped, "overlay", _refusing(OSError(errno.EINVAL, "idmap: not here")))
    with box.hezi.engine() as engine, pytest.raises(errors.Error) as caught:
        engine.run(box.image, ["true"], userns="auto", network="none")
    assert caught.value.kind == errors.UNSUPPORTED
    assert caught.value.message == "cannot show the image's layers by the container's own ids: idmap: not here"
    assert "Linux 6.13" in (caught.value.hint or "")


def test_limits_the_terminal_and_the_first_process_are_as_without(box: Box):
    options = ("--tmpfs", "/t:uid=1000,mode=700", "--read-only", "--ulimit", "nofile=99:100", "--shm-size", "1m")
    script = (
        f"{OWNERS} /t; ulimit -n; ulimit -Hn; touch /q; grep -E 'Cap(Bnd|Eff)|Seccomp:' /proc/self/status; hostname"
    )
    said = [box.sh(*options, *more, "--hostname", "h", script=f"{script} 2>&1") for more in (("--userns", "auto"), ())]
    assert said[0] == said[1]
    said = [box.sh("--init", *more, script="cat /proc/1/comm; echo $$") for more in (("--userns", "auto"), ())]
    assert said[0] == said[1]


def test_the_library(box: Box, tmp_path: Path):
    with box.hezi.engine() as engine:
        done = engine.run(box.image, ["cat", "/proc/self/uid_map"], userns="auto", network="none")
    assert list(map(int, done.stdout.split())) == [0, FIRST, 1024]


@pytest.mark.needs("podman", "runc")
def test_podman_maps_the_same_way(box: Box, tmp_path: Path):
    # podman takes no run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="hp-") as short:
        _compare_with_podman(box, tmp_path, short)


def _compare_with_podman(box: Box, tmp_path: Path, short: str) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    top = tmp_path / "podman"
    podman = [
        *("podman", "--root", str(top / "root"), "--runroot", f"{short}/r", "--tmpdir", f"{short}/t"),
        *("--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--runtime", "runc"),
        *("--events-backend", "none"),
    ]
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

    def said(*args: str) -> str:
        return subprocess.run([*podman, *args], check=True, capture_output=True, text=True, env=box.hezi.env).stdout

    said("pull", "-q", "--tls-verify=false", f"--signature-policy={policy}", box.image)
    script = f"cat /proc/self/uid_map /proc/self/gid_map; {OWNERS} / /home/ann"
    for text in ("auto", "auto:size=2000"):
        options = ("run", "--rm", "--network", "none", f"--userns={text}", *limits)
        theirs = said(*options, box.image, "sh", "-c", script)
        ours = box.sh("--userns", text, script=script)
        assert [line.split() for line in theirs.splitlines()] == [line.split() for line in ours.splitlines()]
