"""The same bundle run by us and by runc or crun: what the program sees must be equal where both can do it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from hezi.linux.cgroup import layout
from hezi.runtime.plan import Options
from hezi.spec import runtime as rt
from tests.kernel import boxes
from tests.support import needs

pytestmark = pytest.mark.needs("root", "overlay", "busybox")

# runc 1.1 and crun 1.8 know config.json up to this version.
VERSION = "1.0.2"
ANY_DEVICE = rt.Resources(devices=(rt.DeviceRule(True),))


def _prefix(name: str) -> tuple[str, ...]:
    """crun refuses a host with both cgroup versions: it is shown one without the v2 tree."""
    host = layout.detect()
    if name != "crun" or host.kind != "hybrid" or host.v2 is None:
        return ()
    return ("unshare", "--mount", "sh", "-c", 'umount -l "$0" && exec "$@"', host.v2.mount_point)


class Peer:
    """runc or crun on a bundle made of the same tree and the same spec."""

    def __init__(self, name: str, directory, tree) -> None:
        self.name = name
        self.directory = directory
        self.tree = tree

    def run(self, spec: rt.Spec) -> boxes.Result:
        bundle = self.directory / "bundle"
        bundle.mkdir(exist_ok=True)
        spec = spec._replace(
            root=rt.Root(str(self.tree), spec.root.readonly), linux=spec.linux._replace(resources=ANY_DEVICE)
        )
        document = {**rt.to_json(spec), "ociVersion": VERSION}
        (bundle / "config.json").write_text(json.dumps(document))
        program = needs.find_tool(self.name)
        assert program
        done = subprocess.run(
            [
                *_prefix(self.name),
                program,
                "--root",
                str(self.directory / "state"),
                "run",
                "--bundle",
                str(bundle),
                f"hezi-{self.name}",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return boxes.Result(done.returncode, done.stdout, done.stderr, [])


@pytest.fixture
def room(tmp_path):
    return boxes.Room(tmp_path)


@pytest.fixture(
    params=[
        pytest.param("runc", marks=pytest.mark.needs("runc")),
        pytest.param("crun", marks=pytest.mark.needs("crun", "unshare")),
    ]
)
def peer(request, tmp_path, room):
    return Peer(request.param, tmp_path, room.tree)


def both(room, peer, *args: str, **members) -> tuple[boxes.Result, boxes.Result]:
    spec = boxes.spec(*args, **members)
    return room.run_spec(spec), peer.run(spec)


def _status(text: str) -> dict[str, str]:
    wanted = r"^(Cap\w+|NoNewPrivs|Seccomp|Sig(?:Blk|Ign|Cgt)|Uid|Gid|Groups|Umask|NSpid|Threads):\s*(.*?)\s*$"
    found = dict(re.findall(wanted, text, re.MULTILINE))
    # What posix_spawn(3) of glibc starts, as make does with a test run, has the C library's own signals 32 and 33
    # ignored; a peer passes that on, we set every signal to its default.
    found["SigIgn"] = f"{int(found['SigIgn'], 16) & ~(3 << 31):016x}"
    return found


@pytest.mark.parametrize(
    "process",
    [
        {},
        {"no_new_privileges": True},
        boxes.user(5, 6, 7),
        {"user": rt.User(5, 5), "capabilities": boxes.DOCKER_SETS},
        {"capabilities": rt.Capabilities()},
    ],
)
def test_status_of_the_process(room, peer, process):
    ours, theirs = both(room, peer, "cat", "/proc/self/status", process=process)
    assert theirs.code == 0, theirs.stderr
    assert _status(ours.stdout) == _status(theirs.stdout)


def _table(text: str) -> dict[str, tuple]:
    """Read mountinfo: by mount point its type, its options and, of proc and devpts, the root within the file system."""
    table = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point, options, *_ = before.split()
        fstype, _source, super_options = after.split()
        masked = fstype in {"devtmpfs", "tmpfs"} and point.startswith(("/proc/", "/sys/"))
        # Null devices come from the host's devtmpfs or the container's tmpfs; the empty directories differ in options.
        kept = {"mask"} if masked else set(options.split(","))
        sizes = {word for word in super_options.split(",") if word.startswith(("mode", "gid", "ptmx", "size"))}
        table[point] = ("mask",) if masked else (fstype, root, frozenset(kept), frozenset(sizes))
    del table["/"]
    return table


@pytest.mark.parametrize("readonly", [False, True])
def test_table_of_mounts(room, peer, tmp_path, readonly):
    (tmp_path / "volume").mkdir()
    mounts = (
        *boxes.MOUNTS,
        rt.Mount("/volume", "bind", str(tmp_path / "volume"), ("rbind", "rprivate", "ro")),
        rt.Mount("/run", "tmpfs", "tmpfs", ("nosuid", "noexec", "size=1m", "mode=755")),
    )
    # runc and crun make the mount points in the tree itself; then both find them.
    ours, theirs = both(room, peer, "cat", "/proc/self/mountinfo", mounts=mounts, root=rt.Root(readonly=readonly))
    assert theirs.code == 0, theirs.stderr
    ours_table, theirs_table = _table(ours.stdout), _table(theirs.stdout)
    if peer.name == "crun":
        # Its read-only paths lose nosuid, nodev and noexec of the procfs they are part of.
        for path in set(boxes.READONLY) & theirs_table.keys():
            assert "ro" in theirs_table[path][2]
            theirs_table[path] = ours_table[path]
    assert ours_table == theirs_table


def test_environment_directory_limits_and_names(room, peer):
    script = "env | sort; pwd; ulimit -Sn -Hn; ulimit -c; umask; hostname; cat /proc/self/oom_score_adj; ls -l /dev"
    process = {
        "cwd": "/root",
        "rlimits": (rt.Rlimit("RLIMIT_NOFILE", 100, 200), rt.Rlimit("RLIMIT_CORE", -1, -1)),
        "oom_score_adj": 77,
    }
    ours, theirs = both(room, peer, "sh", "-c", script, process=process)
    assert theirs.code == 0, theirs.stderr
    assert _lines(ours.stdout) == _lines(theirs.stdout)


def _lines(text: str) -> list[str]:
    # Without dates; and whether /dev/core dangles is said by a link or by none.
    undated = re.sub(r"\w+ +\d+ +\d\d:\d\d", "", text)
    return [line for line in undated.splitlines() if not line.endswith("core -> /proc/kcore")]


@pytest.mark.parametrize("script", ["exit 0", "exit 7", "exit 255", "kill -9 $$; exit 3", "sh -c 'kill -SEGV $$'"])
def test_exit_codes(room, peer, script):
    ours, theirs = both(room, peer, "sh", "-c", script)
    assert ours.code == theirs.code


def test_descriptors(room, peer):
    ours, theirs = both(room, peer, "sh", "-c", "ls /proc/1/fd; true")
    assert ours.stdout == theirs.stdout


def test_the_spec_of_a_box_with_everything_is_accepted(room, peer):
    spec = boxes.spec("true", linux={"sysctl": (("net.ipv4.ip_default_ttl", "9"),)}, annotations=(("a", "b"),))
    assert room.run_spec(spec, options=Options()).code == 0
    assert peer.run(spec).code == 0
