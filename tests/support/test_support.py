"""The tests' own tools must work, or the tests prove nothing."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import console, faults, images, layout, needs, registry


def test_unknown_need_is_an_error():
    with pytest.raises(needs.UnknownNeedError, match="teleport"):
        needs.check("teleport")


@pytest.mark.parametrize(
    "need", ["root", "userns", "overlay", "cgroup-v1", "cgroup-v2", "hybrid", "tool:ls", "kernel:5.10"]
)
def test_every_verdict_that_is_no_says_why(need: str):
    verdict = needs.check(need)
    assert verdict.met or verdict.reason


def test_needs_that_are_far_away_are_unmet():
    assert not needs.check("kernel:99.0").met
    assert not needs.check("tool:no-such-program").met
    assert not needs.check("tool:no-such-program").providable


@pytest.mark.needs("docker-registry", "skopeo", "busybox")
def test_registry_takes_an_image_and_gives_it_back(busybox_image: str, tmp_path: Path):
    source = f"docker://{busybox_image}"
    subprocess.run(
        ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", source, f"oci:{tmp_path}/back:x"],
        check=True,
    )
    assert (tmp_path / "back" / "index.json").exists()


@pytest.mark.needs("docker-registry", "skopeo", "busybox", "openssl")
def test_registry_with_tls_and_passwords(busybox_layout: Path, tmp_path: Path):
    with registry.running(tmp_path / "registry", auth=True, tls=True) as server:
        reference = registry.push(busybox_layout, "latest", server, "private/box:1")
        inspect = ["skopeo", "inspect", "--tls-verify=false", f"docker://{reference}"]
        assert subprocess.run(inspect, capture_output=True, check=False).returncode != 0
        credentials = f"--creds={registry.USER}:{registry.PASSWORD}"
        subprocess.run([*inspect, credentials], capture_output=True, check=True)


@pytest.mark.needs("umoci", "root")
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_hard_image_is_one_that_umoci_takes(tmp_path: Path, compression: str):
    images.write_hard(tmp_path / "layout", compression=compression)
    argv = ["umoci", "unpack", "--image", f"{tmp_path}/layout:latest", f"{tmp_path}/bundle"]
    subprocess.run(argv, check=True, capture_output=True)
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "keep/gone").read_bytes() == b"back again"
    assert sorted(os.listdir(root / "opaque")) == ["above", "third"]
    assert os.stat(root / "link-a").st_ino == os.stat(root / "link-b").st_ino
    assert os.getxattr(root / "with-xattr", "user.colour") == b"red"


def test_layout_keeps_several_names(tmp_path: Path):
    layout.write(tmp_path, "one", [[layout.Entry("a")]])
    layout.write(tmp_path, "two", [[layout.Entry("b")]])
    layout.write(tmp_path, "one", [[layout.Entry("c")]])
    index = (tmp_path / "index.json").read_text()
    assert index.count('"one"') == 1
    assert index.count('"two"') == 1


def test_racer_swaps_the_names_until_the_block_ends(tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "dir").mkdir()
    seen = set()
    with faults.exchanging(tmp_path / "file", tmp_path / "dir"):
        deadline = time.monotonic() + 10
        while len(seen) < 2 and time.monotonic() < deadline:
            seen.add((tmp_path / "file").is_dir())
    assert seen == {True, False}


@pytest.mark.needs("strace")
def test_failpoint_makes_a_system_call_fail(tmp_path: Path):
    argv = [*faults.failing("mkdir", "ENOSPC"), "mkdir", str(tmp_path / "new")]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}
    )
    assert done.returncode != 0
    assert "No space left" in done.stderr


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("", "a\n", False),
        ("A   B\n", "A       B\n", True),
        ("...\n", "", True),
        ("...\nend\n", "one\ntwo\nend\n", True),
        ("sha256:...\n", "sha256:abc\n", True),
        ("x...z\n", "x\nz\n", False),
    ],
)
def test_output_is_compared_with_dots_for_anything(expected: str, actual: str, same: bool):
    assert console.matches(expected, actual) is same


def test_commands_of_a_document(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# x\n```console\n$ one\nout\n$ two\n```\n```sh\n$ no\n```\n")
    assert console.commands(page) == [console.Command(3, "one", "out\n"), console.Command(5, "two", "")]
