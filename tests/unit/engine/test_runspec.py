"""Policy as a whole: requests, images and hosts in, runtime specifications out; no root, no kernel."""

from __future__ import annotations

from typing import Any

import pytest

from hezi import errors
from hezi.engine import defaults, runspec
from hezi.engine.accounts import Account
from hezi.engine.facts import HostFacts
from hezi.engine.request import RunRequest
from hezi.spec.image import ContainerConfig

ID = "0123456789abcdef" * 4
HOST = HostFacts("x86_64", "machine", defaults.KNOWN_CAPABILITIES, (), 2, "/cwd", {"FROM_HOST": "h"})
ROOT = Account(0, 0, (0,), "/root")
ANN = Account(1000, 1000, (1000, 29), "/home/ann")
IMAGE = ContainerConfig(env=("PATH=/image",), cmd=("default",), entrypoint=None)


def build(
    image: ContainerConfig = IMAGE, account: Account = ROOT, host: HostFacts = HOST, **options: Any
) -> runspec.Blueprint:
    request = RunRequest("image", **options)
    decided = runspec.draft(request, image, host, ID)
    names = (f"anonymous{number}" for number in range(100))
    place = runspec.Place(ID, f"/c/{ID}", lambda name: f"/v/{name}/_data", lambda: next(names))
    return runspec.build(request, image, account, host, decided, place)


@pytest.mark.parametrize(
    ("image", "options", "args"),
    [
        (ContainerConfig(cmd=("a", "b")), {}, ("a", "b")),
        (ContainerConfig(cmd=("a", "b")), {"command": ("c",)}, ("c",)),
        (ContainerConfig(cmd=("a",), entrypoint=("e", "f")), {}, ("e", "f", "a")),
        (ContainerConfig(cmd=("a",), entrypoint=("e",)), {"command": ("c", "d")}, ("e", "c", "d")),
        (ContainerConfig(cmd=("a",), entrypoint=("e",)), {"entrypoint": "x"}, ("x",)),
        (ContainerConfig(cmd=("a",), entrypoint=("e",)), {"entrypoint": "x", "command": ("c",)}, ("x", "c")),
        (ContainerConfig(cmd=("a",), entrypoint=("e",)), {"entrypoint": "", "command": ("c",)}, ("c",)),
    ],
)
def test_command(image: ContainerConfig, options: dict[str, Any], args: tuple[str, ...]) -> None:
    assert build(image, **options).spec.process.args == args


@pytest.mark.parametrize(
    ("image", "options"),
    [(ContainerConfig(), {}), (ContainerConfig(cmd=("a",), entrypoint=("e",)), {"entrypoint": ""})],
)
def test_nothing_to_run(image: ContainerConfig, options: dict[str, Any]) -> None:
    with pytest.raises(errors.Error, match="no command specified"):
        build(image, **options)


def test_environment_and_origins() -> None:
    made = build(tty=True, env=("A=1", "FROM_HOST"), account=ANN)
    assert made.spec.process.env == (
        "PATH=/image",
        f"HOSTNAME={ID[:12]}",
        "TERM=xterm",
        "A=1",
        "FROM_HOST=h",
        "HOME=/home/ann",
    )
    assert made.origins["env:PATH"] == "image"
    assert made.origins["env:A"] == "flag"
    assert made.origins["env:TERM"] == "default"
    assert not any(entry.startswith("TERM") for entry in build().spec.process.env)


def test_non_root_has_nothing_it_may_use_at_once() -> None:
    sets = build(account=ANN).spec.process.capabilities
    assert sets.bounding
    assert (sets.effective, sets.permitted, sets.inheritable, sets.ambient) == ((), (), (), ())
    sets = build(account=ANN, privileged=True).spec.process.capabilities
    assert sets.bounding == defaults.KNOWN_CAPABILITIES
    assert (sets.effective, sets.permitted, sets.inheritable, sets.ambient) == ((), (), (), ())


def test_privileged() -> None:
    linux = build(privileged=True).spec.linux
    assert linux.masked_paths == linux.readonly_paths == ()
    assert [rule.allow for rule in linux.resources.devices] == [True]
    assert build(privileged=True).seccomp == "unconfined"
    assert build(privileged=True, security_opt=("seccomp=builtin",)).seccomp == "default"
    assert build().seccomp == "default"
    assert build(security_opt=("seccomp=unconfined",)).seccomp == "unconfined"
    assert build().spec.linux.masked_paths
    assert build(security_opt=("systempaths=unconfined",)).spec.linux.masked_paths == ()


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, set()),
        # There already, and joined.
        ({"network": "bridge"}, {"network"}),
        ({"network": "mine"}, {"network"}),
        ({"network": "container:x"}, {"network"}),
        ({"network": "host"}, {"network"}),
        ({"pid": "host"}, {"pid"}),
        ({"ipc": "host"}, {"ipc"}),
        ({"ipc": "none"}, set()),
        ({"uts": "host"}, {"uts"}),
        ({"cgroupns": "host"}, {"cgroup"}),
        ({"userns": "host"}, set()),
        ({"privileged": True}, set()),
    ],
)
def test_namespaces(options: dict[str, Any], missing: set[str]) -> None:
    found = {space.type for space in build(**{"network": "none", **options}).spec.linux.namespaces}
    assert found == {"mount", "uts", "ipc", "pid", "network", "cgroup"} - missing


@pytest.mark.parametrize("value", ["bogus", "HOST", " host", "host ", "0", "container:", "\0", "private\n", "ns:/x"])
@pytest.mark.parametrize("name", ["network", "pid", "ipc", "uts", "userns", "cgroupns"])
def test_junk_modes_are_refused(name: str, value: str) -> None:
    """Class D8: an unknown value never means "the host's", nor "none"."""
    if name == "network" and value.isalnum():
        # The name of a network, which is looked for, and is not there.
        assert build(network=value).draft.modes.network == "bridge"
        return
    with pytest.raises(errors.Error):
        build(**{name: value})


@pytest.mark.parametrize(
    ("options", "namespace"),
    [
        ({"network": "host", "sysctl": ("net.ipv4.ip_forward=1",)}, "network"),
        ({"ipc": "host", "sysctl": ("kernel.shmmax=1",)}, "ipc"),
    ],
)
def test_sysctls_of_shared_namespaces_are_refused(options: dict[str, Any], namespace: str) -> None:
    with pytest.raises(errors.Error, match=f"host.* {namespace}"):
        build(**options)


def test_sysctl_defaults_only_with_a_network_of_its_own() -> None:
    assert build().spec.linux.sysctl == defaults.SYSCTLS
    assert build(network="host").spec.linux.sysctl == ()
    assert ("net.ipv4.ip_unprivileged_port_start", "9") in build(
        sysctl=("net.ipv4.ip_unprivileged_port_start=9",)
    ).spec.linux.sysctl


def test_hostname() -> None:
    assert build().spec.hostname == ID[:12]
    assert build(hostname="box").spec.hostname == "box"
    assert build(network="host").spec.hostname == "machine"
    assert build(uts="host").spec.hostname is None
    for name in ("a b", "x" * 65, "a\nb", "é", "a/b", "$(x)"):
        with pytest.raises(errors.Error, match="invalid hostname"):
            build(hostname=name)


def mounts(**options: Any) -> dict[str, Any]:
    return {mount.destination: mount for mount in build(**options).spec.mounts}


def test_mounts() -> None:
    found = mounts(volume=("/a/b:/deep/er", "vol:/deep", "/anon"), tmpfs=("/t:exec,size=1m",))
    assert found["/deep/er"].source == "/a/b"
    assert found["/deep"].source == "/v/vol/_data"
    assert found["/anon"].source == "/v/anonymous0/_data"
    assert set(found["/t"].options) == {"exec", "size=1m", "nosuid", "nodev"}
    order = list(found)
    assert order.index("/deep") < order.index("/deep/er")
    assert order.index("/proc") < order.index("/deep")
    assert found["/etc/hosts"].source == f"/c/{ID}/hosts"
    assert mounts(volume=("/mine:/etc/hosts",))["/etc/hosts"].source == "/mine"
    assert "/dev/shm" not in mounts(ipc="none")
    assert mounts(ipc="host")["/dev/shm"].type == "bind"
    assert "size=1048576" in mounts(shm_size="1m")["/dev/shm"].options


@pytest.mark.parametrize(
    "path",
    [
        *("/proc", "/proc/sys", "/proc/self/attr", "/proc/1/../sys", "//proc", "/./proc/", "/x/../proc"),
        *("/proc/sysrq-trigger", "/dev", "/dev/", "/", "/..", "rel", ""),
    ],
)
def test_places_that_are_not_to_be_had(path: str) -> None:
    """Class C5, whoever asks: the user or the image."""
    for options in ({"volume": (f"/a:{path}",)}, {"tmpfs": (path,)}):
        with pytest.raises(errors.Error):
            build(**options)
    with pytest.raises(errors.Error):
        build(ContainerConfig(cmd=("a",), volumes=(path,)))


def test_image_volumes() -> None:
    image = ContainerConfig(cmd=("a",), volumes=("/data", "/logs/"))
    made = build(image, volume=("mine:/data",))
    assert [(use.name, use.destination, use.anonymous) for use in made.mounts.volumes] == [
        ("mine", "/data", False),
        ("anonymous0", "/logs", True),
    ]
    assert made.origins["mount:/logs"] == "image"
    assert made.origins["mount:/data"] == "flag -v"


def test_an_image_never_selects_anything_of_the_host() -> None:
    """Class D10: labels, annotations and the like of an image are data."""
    image = ContainerConfig(
        cmd=("a",),
        env=("LD_PRELOAD=/x", "FROM_HOST_NOT=1"),
        labels=(
            ("io.hezi.privileged", "true"),
            ("org.systemd.property.x", "1"),
            ("cdi.k8s.io/x", "nvidia.com/gpu=all"),
        ),
        stop_signal="SIGQUIT",
    )
    made, plain = build(image), build()
    assert made.spec.linux == plain.spec.linux
    assert made.spec.annotations == ()
    assert made.spec.mounts == plain.spec.mounts
    assert made.spec.process.capabilities == plain.spec.process.capabilities
    assert not any("FROM_HOST=" in entry for entry in made.spec.process.env)
    assert made.draft.stop_signal == 3


def test_limits() -> None:
    assert build().spec.linux.resources.pids_limit == defaults.PIDS_LIMIT
    assert build(pids_limit=-1).spec.linux.resources.pids_limit is None
    assert build(pids_limit=5).spec.linux.resources.pids_limit == 5
    (limit,) = build(ulimit=("nofile=5", "nofile=6:7")).spec.process.rlimits
    assert tuple(limit) == ("RLIMIT_NOFILE", 6, 7)
    assert build().spec.linux.cgroups_path == f"/hezi/{ID}"
    assert build(cgroup_parent="/a/b").spec.linux.cgroups_path == f"/a/b/{ID}"
    for parent in ("../x", "/a/../b", "a//b", "a\nb", "/", "x.slice"):
        with pytest.raises(errors.Error):
            build(cgroup_parent=parent)
    with pytest.raises(errors.Error, match="systemd is not process 1 here"):
        build(cgroup_manager="systemd")
