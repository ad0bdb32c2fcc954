"""The spec as config.json: the shape that the OCI runtime specification gives it."""

from __future__ import annotations

import json

from hezi.spec import runtime as rt
from tests.kernel import boxes


def test_members_that_are_not_set_are_left_out():
    document = rt.to_json(rt.Spec(process=rt.Process(args=("true",))))
    assert set(document) == {"ociVersion", "root", "process", "mounts", "linux"}
    assert set(document["process"]) == {
        "terminal", "user", "args", "env", "cwd", "capabilities", "noNewPrivileges",
    }  # fmt: skip
    json.dumps(document)


def test_names_are_those_of_the_specification():
    spec = rt.Spec(
        process=rt.Process(
            args=("sh",),
            user=rt.User(1, 2, (3,), 0o77),
            rlimits=(rt.Rlimit("RLIMIT_NOFILE", 1, -1),),
            oom_score_adj=5,
            console_size=rt.ConsoleSize(24, 80),
            capabilities=boxes.DOCKER_SETS,
        ),
        hostname="h",
        domainname="d",
        annotations=(("a", "b"),),
        linux=rt.Linux(
            namespaces=(rt.Namespace("pid"), rt.Namespace("network", "/proc/1/ns/net")),
            devices=(rt.Device("/dev/x", "c", 1, 2, 0o600, 3, 4),),
            resources=rt.Resources(5, (rt.DeviceRule(True, "c", None, 3, "rw"),)),
            sysctl=(("net.x", "1"),),
            uid_mappings=(rt.IdMapping(0, 100000, 65536),),
            cgroups_path="/hezi/x",
            rootfs_propagation="rslave",
            seccomp={"defaultAction": "SCMP_ACT_ALLOW"},
        ),
    )
    document = rt.to_json(spec)
    assert document["process"]["user"] == {"uid": 1, "gid": 2, "additionalGids": [3], "umask": 0o77}
    assert document["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2**64 - 1}]
    assert document["process"]["consoleSize"] == {"height": 24, "width": 80}
    assert document["linux"]["namespaces"] == [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}]
    assert document["linux"]["devices"][0]["fileMode"] == 0o600
    assert document["linux"]["resources"] == {
        "pids": {"limit": 5},
        "devices": [{"allow": True, "type": "c", "minor": 3, "access": "rw"}],
    }
    assert document["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 100000, "size": 65536}]
    assert document["hostname"] == "h"
    assert document["annotations"] == {"a": "b"}
