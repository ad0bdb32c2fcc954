"""Containers that were made and do not run: ps, rm, rename, inspect, create, port, container prune."""

from __future__ import annotations

import json
import re
import signal

import pytest

from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")

ID = re.compile(r"[0-9a-f]{64}\n")


@pytest.fixture
def hezi(hezi_env: Hezi, busybox_image: str, leftovers_guard: None) -> Hezi:
    hezi_env.run("pull", "-q", busybox_image, check=True)
    yield hezi_env
    hezi_env.run("container", "prune", "-f", check=True)
    hezi_env.run("rmi", "-f", busybox_image)


def create(hezi: Hezi, image: str, *flags: str, command: tuple[str, ...] = ("true",)) -> str:
    done = hezi.run("create", "--network", "none", *flags, image, *command, check=True)
    assert ID.fullmatch(done.stdout)
    assert done.stderr == ""
    return done.stdout.strip()


def test_create_list_rename_remove(hezi: Hezi, busybox_image: str) -> None:
    first = create(hezi, busybox_image, "--name", "one", "--label", "a=b", command=("sh", "-c", "exit 3"))
    second = create(hezi, busybox_image)
    assert hezi.run("ps").stdout.splitlines() == [
        "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"
    ]
    lines = hezi.run("ps", "-a").stdout.splitlines()
    assert lines[1].startswith(second[:12])
    assert re.search(r'"sh -c \'exit 3\'" .*Created +one$', lines[2])
    # A name of our own making: two words.
    assert re.search(r" [a-z]+_[a-z]+$", lines[1])
    assert hezi.run("ps", "-aq", "--no-trunc").stdout.split() == [second, first]
    assert hezi.run("ps", "-q", "-l").stdout.split() == [second[:12]]
    assert hezi.run("ps", "-q", "-n", "1", "--no-trunc").stdout.split() == [second]
    assert hezi.run("ps", "-aq", "-f", "label=a=b").stdout.split() == [first[:12]]
    assert hezi.run("ps", "-aqf", "name=^on").stdout.split() == [first[:12]]
    assert hezi.run("ps", "-aqf", f"before={second[:7]}").stdout.split() == [first[:12]]
    assert hezi.run("ps", "-aqf", "since=one").stdout.split() == [second[:12]]
    assert hezi.run("ps", "-aqf", f"ancestor={busybox_image}").stdout.split() == [second[:12], first[:12]]
    assert hezi.run("rename", "one", "two").stdout == ""
    done = hezi.run("rm", "two", "nope", second[:5])
    assert done.stdout.split() == ["two", second[:5]]
    assert done.stderr == "hezi: No such container: nope\n"
    assert done.code == 1
    assert hezi.run("rm", "-f", "nope") == (0, "", "hezi: No such container: nope\n")
    assert hezi.run("ps", "-aq").stdout == ""


def test_name_that_is_another_ones_id_wins(hezi: Hezi, busybox_image: str) -> None:
    first = create(hezi, busybox_image)
    second = create(hezi, busybox_image, "--name", first[:12])
    assert hezi.run("inspect", "-f", "{{.Id}}", first[:12]).stdout.strip() == second
    assert hezi.run("inspect", "-f", "{{.Id}}", first).stdout.strip() == first


def test_names_that_are_wrong_or_taken(hezi: Hezi, busybox_image: str) -> None:
    first = create(hezi, busybox_image, "--name", "one")
    create(hezi, busybox_image, "--name", "two")
    done = hezi.run("create", "--network", "none", "--name", "one", busybox_image, "true")
    assert done.code == 1
    assert f'The container name "/one" is already in use by container "{first}"' in done.stderr
    assert "already in use" in hezi.run("rename", "two", "one").stderr
    assert "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed" in hezi.run("rename", "two", "a/b").stderr
    assert "may be empty" in hezi.run("rename", "two", " ").stderr
    assert "same name" in hezi.run("rename", "two", "two").stderr
    assert hezi.run("rename", "three", "two").stderr == "hezi: No such container: three\n"


def test_inspect(hezi: Hezi, busybox_image: str) -> None:
    flags = ["-e", "A=1", "-w", "/tmp", "-u", "3:4", "-v", "/data", "--cap-add", "net_admin", "-h", "box", "--rm"]
    made = create(hezi, busybox_image, "--name", "one", *flags, command=("sh", "-c", "true"))
    (found,) = json.loads(hezi.run("inspect", "one", check=True).stdout)
    assert found["Id"] == made
    assert (found["Path"], found["Args"], found["Name"]) == ("sh", ["-c", "true"], "/one")
    assert found["State"]["Status"] == "created"
    assert found["State"]["StartedAt"] == "0001-01-01T00:00:00Z"
    config, host = found["Config"], found["HostConfig"]
    assert "A=1" in config["Env"]
    assert (config["WorkingDir"], config["User"], config["Hostname"]) == ("/tmp", "3:4", "box")
    assert config["Volumes"] == {"/data": {}}
    assert (host["AutoRemove"], host["CapAdd"], host["NetworkMode"]) == (True, ["CAP_NET_ADMIN"], "none")
    assert [mount["Destination"] for mount in found["Mounts"]] == ["/data"]
    assert hezi.run("container", "inspect", "-f", "{{.State.ExitCode}} {{.Name}}", "one").stdout == "0 /one\n"
    done = hezi.run("inspect", "-f", "{{.Name}}", "nope", "one")
    assert (done.code, done.stdout, done.stderr) == (1, "/one\n", "hezi: No such object: nope\n")
    assert hezi.run("inspect", "nope").stdout == "[]\n"
    assert hezi.run("inspect", "--type", "image", "one").code == 1
    assert hezi.run("inspect", "-f", "{{", "one").code == 64
    assert json.loads(hezi.run("inspect", busybox_image).stdout)[0]["RepoTags"] == [busybox_image]
    assert json.loads(hezi.run("inspect", "-s", "one").stdout)[0]["SizeRw"] == 0


def test_ended_ones_tell_how_they_ended(hezi: Hezi, busybox_image: str) -> None:
    assert hezi.run("run", "--network", "none", "--name", "three", busybox_image, "sh", "-c", "exit 3").code == 3
    assert hezi.run("run", "--network", "none", "--name", "zero", busybox_image, "true").code == 0
    assert hezi.run("run", "--network", "none", "--name", "none", busybox_image, "nope").code == 127
    status = hezi.run("ps", "-a", "--format", "{{.Names}} {{.Status}}").stdout.splitlines()
    assert status[0] == "none Created"
    assert re.fullmatch(r"zero Exited \(0\) .* ago", status[1])
    assert re.fullmatch(r"three Exited \(3\) .* ago", status[2])
    fmt = "{{.State.Status}} {{.State.ExitCode}}"
    assert hezi.run("inspect", "-f", fmt, "three", "none").stdout == "exited 3\ncreated 127\n"
    assert hezi.run("ps", "-aq", "-f", "exited=3").stdout.count("\n") == 1
    assert hezi.run("ps", "-q", "-f", "status=exited").stdout.count("\n") == 2
    done = hezi.run("container", "prune", "-f")
    assert done.stdout.startswith("Deleted Containers:\n")
    assert done.stdout.endswith("\n\nTotal reclaimed space: 0B\n")
    assert hezi.run("container", "prune", "-f").stdout == "Total reclaimed space: 0B\n"


def test_running_ones(hezi: Hezi, busybox_image: str) -> None:
    process = hezi.popen("run", "--network", "none", "--name", "runs", busybox_image, "sleep", "100")
    try:
        fmt = "{{.State}} {{.Status}}"
        assert wait_until(lambda: hezi.run("ps", "--format", fmt).stdout.startswith("running Up "))
        done = hezi.run("rm", "runs")
        assert (done.code, done.stdout) == (1, "")
        assert "container is running" in done.stderr
        assert hezi.run("container", "prune", "-f").stdout == "Total reclaimed space: 0B\n"
        assert hezi.run("rename", "runs", "walks").code == 0
        assert hezi.run("rm", "-f", "walks").stdout == "walks\n"
        assert process.wait(10) == 128 + signal.SIGKILL
    finally:
        process.kill()
        process.communicate()
    assert hezi.run("ps", "-aq").stdout == ""


def test_prune_asks_and_filters(hezi: Hezi, busybox_image: str) -> None:
    kept = create(hezi, busybox_image, "--label", "keep")
    asked = hezi.run("container", "prune", input="n\n")
    assert asked.stdout.startswith("WARNING! This will remove all stopped containers.\n")
    assert hezi.run("container", "prune", "-f", "--filter", "until=1h").stdout == "Total reclaimed space: 0B\n"
    assert hezi.run("container", "prune", "-f", "--filter", "label!=keep").stdout == "Total reclaimed space: 0B\n"
    assert hezi.run("container", "prune", "-f", "--filter", "until=1x").code == 1
    assert kept in hezi.run("container", "prune", input="y\n").stdout


def test_anonymous_volumes_go_with_v_only(hezi: Hezi, busybox_image: str) -> None:
    for flags, left in ((("-v",), 0), ((), 1)):
        line = ("run", "--network", "none", "--name", "vol", "-v", "/data", busybox_image, "touch", "/data/x")
        hezi.run(*line, check=True)
        hezi.run("rm", *flags, "vol", check=True)
        assert len([path for path in (hezi.root / "volumes").iterdir() if path.is_dir()]) == left


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ps -f status=foo", "invalid filter 'status=foo'"),
        ("ps -f foo=bar", "invalid filter 'foo'"),
        ("ps -f before=nope", "No such container: nope"),
        ("ps -f health=x", "unrecognised filter value for health: x"),
        ("ps --format {{.Nope}}", "Nope"),
        ("port nope", "No such container: nope"),
        ("container inspect nope", "No such container: nope"),
        ("inspect --type foo x", 'unknown type: "foo"'),
    ],
)
def test_mistakes(hezi_env: Hezi, line: str, said: str) -> None:
    done = hezi_env.run(*line.split())
    assert done.code == 1
    assert said in done.stderr


def test_the_library(hezi: Hezi, busybox_image: str) -> None:
    with hezi.engine() as engine:
        with engine.containers.create(busybox_image, ["true"], network="none", name="lib") as box:
            assert engine.containers.get("lib").id == box.id
            assert (box.name, box.status) == ("lib", "created")
            (row,) = engine.containers.list(all=True)
            assert (row.name, row.command, row.status) == ("lib", "true", "Created")
        assert engine.containers.list(all=True) == ()
