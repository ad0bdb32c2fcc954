"""What a container started by ``hezi run`` may do: seen from inside, with nothing between."""

from __future__ import annotations

import os

import pytest

from hezi.linux.cgroup import layout
from tests.support.harness import Hezi

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "seccomp", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]


def inside(hezi: Hezi, image: str, script: str, *options: str) -> list[str]:
    done = hezi.run("run", "--rm", "--network", "none", *options, image, "sh", "-c", script, check=True)
    return done.stdout.splitlines()


def test_filter_and_limits_are_on(hezi_env: Hezi, busybox_image: str) -> None:
    lines = inside(hezi_env, busybox_image, "grep Seccomp: /proc/self/status; cut -d: -f3 /proc/self/cgroup | sort -u")
    assert lines == ["Seccomp:\t2", "/"]
    for option, expected in [("seccomp=unconfined", "0"), ("seccomp=builtin", "2")]:
        lines = inside(hezi_env, busybox_image, "grep Seccomp: /proc/self/status", "--security-opt", option)
        assert lines == [f"Seccomp:\t{expected}"]


def test_pids_limit_is_what_was_asked_for(hezi_env: Hezi, busybox_image: str) -> None:
    carrier = layout.detect().carrying("pids")
    if carrier is None:
        pytest.fail("no pids controller on this machine")
    place = "/sys/fs/cgroup/pids.max" if layout.detect().kind == "v2" else "/sys/fs/cgroup/pids/pids.max"
    assert inside(hezi_env, busybox_image, f"cat {place}") == ["2048"]
    assert inside(hezi_env, busybox_image, f"cat {place}", "--pids-limit", "7") == ["7"]
    bomb = "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2 & done"
    done = hezi_env.run("run", "--rm", "--network", "none", "--pids-limit", "5", busybox_image, "sh", "-c", bomb)
    assert done.code == 2
    assert "can't fork" in done.stderr


@pytest.mark.parametrize("options", [(), ("--cgroupns", "host")])
def test_no_cgroup_file_can_be_written(hezi_env: Hezi, busybox_image: str, options: tuple[str, ...]) -> None:
    """C6: every file and every directory of what is mounted at /sys/fs/cgroup."""
    script = """
        find /sys/fs/cgroup -type f | while read f; do echo 0 2>/dev/null >"$f" && echo "wrote $f"; done
        find /sys/fs/cgroup -type d | while read d; do mkdir "$d/x" 2>/dev/null && echo "made $d/x"; done
        find /sys/fs/cgroup -type f | wc -l
        find /sys/fs/cgroup -name release_agent | wc -l
    """
    files, agents = inside(hezi_env, busybox_image, script, *options)
    assert int(files) > 10
    assert agents == "0"


def test_devices_other_than_the_containers_own_are_out_of_reach(hezi_env: Hezi, busybox_image: str) -> None:
    script = """
        mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem
        mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk
        mknod /tmp/null c 1 3 && echo x >/tmp/null && echo null
        head -c 4 /dev/urandom | wc -c
    """
    done = hezi_env.run("run", "--rm", "--network", "none", busybox_image, "sh", "-c", script)
    assert done.stdout.split() == ["null", "4"]
    assert done.stderr.count("Operation not permitted") == 2


def test_a_profile_of_ones_own(hezi_env: Hezi, busybox_image: str, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "profile.json")
    rule = '{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}'
    for text, expected in [
        (f'{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}', "Disk quota exceeded"),
        ('{"defaultAction": "SCMP_ACT_ALOW"}', "SCMP_ACT_ALOW"),
        ('{"defaultAction": "SCMP_ACT_ALLOW", "syscals": []}', "syscals"),
        ("not a profile", "not JSON"),
    ]:
        with open(path, "w") as file:
            file.write(text)
        options = ("--security-opt", f"seccomp={path}", "--network", "none")
        done = hezi_env.run("run", "--rm", *options, busybox_image, "mkdir", "/x")
        assert done.code == (1 if "ERRNO" in text else 125)
        assert expected in done.stderr
