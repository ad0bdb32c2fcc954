"""cp, diff, export and commit as commands, on containers that run and on those that have ended."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import Hezi, wait_until

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]


@pytest.fixture
def ended(hezi_env: Hezi, busybox_image: str) -> Iterator[Hezi]:
    """A container ``box`` that has written and ended."""
    script = "echo hi > /tmp/x; mkdir /new; rm /bin/cat"
    hezi_env.run("run", "-q", "--name", "box", "--network", "none", busybox_image, "sh", "-c", script, check=True)
    yield hezi_env
    hezi_env.run("rm", "-f", "box", check=True)


@pytest.fixture
def running(hezi_env: Hezi, busybox_image: str) -> Iterator[Hezi]:
    """A container ``box`` that runs, with a tmpfs and a volume."""
    mounts = ("--tmpfs", "/memory", "-v", "data:/data")
    words = ("run", "-q", "--rm", "--name", "box", "--network", "none", *mounts, busybox_image)
    script = "echo kept > /data/f; echo quick > /memory/f; echo ready; exec sleep 1000"
    with hezi_env.popen(*words, "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield hezi_env
        hezi_env.run("rm", "-f", "box")
        process.kill()
    wait_until(lambda: not hezi_env.processes())
    hezi_env.run("rm", "-f", "box")  # whoever was first


def test_copies_and_what_they_say(ended: Hezi, tmp_path: Path) -> None:
    assert ended.run("cp", "box:/tmp/x", str(tmp_path)) == (0, "", "")
    assert (tmp_path / "x").read_text() == "hi\n"
    said = ended.run("cp", "--quiet=false", f"{tmp_path}/x", "box:/new/")
    assert (said.code, said.stdout) == (0, "")
    assert said.stderr.startswith("Successfully copied 2.05kB to box:/new")
    archive = subprocess.run(ended.argv("cp", "box:/new", "-"), env=ended.env, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == ["new", "new/x"]
    ended.run("cp", "-", "box:/tmp", input=archive, check=True)
    ended.run("container", "cp", "box:/tmp/new/x", f"{tmp_path}/y", check=True)
    assert (tmp_path / "y").read_text() == "hi\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("a", "b"), "must specify at least one container source"),
        (("a:x", "b:y"), "copying between containers is not supported"),
        (("", "b:y"), "source can not be empty"),
        (("nobody:/x", "."), "No such container: nobody"),
        (("./a:x", "./b"), "must specify at least one container source"),
    ],
)
def test_refusals(hezi_env: Hezi, words: tuple[str, str], text: str) -> None:
    done = hezi_env.run("cp", *words)
    assert (done.code, done.stderr.splitlines()[0]) == (1, f"hezi: {text}")


def test_diff_export_and_commit(ended: Hezi, tmp_path: Path) -> None:
    lines = ended.run("diff", "box", check=True).stdout.splitlines()
    assert lines == ["C /bin", "D /bin/cat", "A /new", "C /tmp", "A /tmp/x"]
    ended.run("export", "-o", f"{tmp_path}/all.tar", "box", check=True)
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
    assert "tmp/x" in names
    assert "bin/cat" not in names
    refused = ended.run("export", "-o", str(tmp_path), "box")
    assert (refused.code, refused.stderr) == (1, "hezi: failed to export container: cannot write to a directory\n")
    done = ended.run("commit", "-m", "why", "-c", 'CMD ["ls", "/new", "/tmp"]', "box", "made:v1", check=True)
    assert done.stdout.startswith("sha256:")
    assert "x\n" in ended.run("run", "--rm", "--network", "none", "made:v1", check=True).stdout
    assert ended.run("run", "--rm", "--network", "none", "made:v1", "cat").code == 127


def test_a_running_container(running: Hezi, tmp_path: Path) -> None:
    for place in ("memory", "data"):
        running.run("cp", f"box:/{place}/f", f"{tmp_path}/{place}", check=True)
    assert ((tmp_path / "memory").read_text(), (tmp_path / "data").read_text()) == ("quick\n", "kept\n")
    running.run("cp", f"{tmp_path}/data", "box:/memory/g", check=True)
    running.run("cp", "box:/memory/g", f"{tmp_path}/g", check=True)
    assert "in use" in running.run("volume", "rm", "data").stderr
    assert "A /data" in running.run("diff", "box", check=True).stdout
    archive = subprocess.run(running.argv("export", "box"), env=running.env, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert not {"memory/f", "data/f"} & set(tar.getnames())
    running.run("commit", "box", "while:running", check=True)
    running.run("cp", "box:/memory/f", f"{tmp_path}/again", check=True)  # it was thawed again


def test_what_the_kernel_shows_in_a_running_container_is_not_copied(running: Hezi) -> None:
    archive = subprocess.run(running.argv("cp", "box:/", "-"), env=running.env, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = {name.removeprefix("./") for name in tar.getnames()}
    # The places are there and empty, as docker sees them from outside; a tmpfs it does not see at all.
    assert {"proc", "sys", "dev", "memory/f", "data/f", "etc/hosts"} <= names
    assert not [name for name in names if name.startswith(("proc/", "sys/", "dev/"))]
    for path in ("/proc/version", "/dev/null"):
        refused = running.run("cp", f"box:{path}", "-")
        assert (refused.code, refused.stdout) == (1, ""), path
        assert f"Could not find the file {path} in container box" in refused.stderr
