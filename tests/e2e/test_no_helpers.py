"""Class A2: nothing that an image or somebody's PATH calls xz, gzip or tar is ever executed to unpack or to pack."""

from __future__ import annotations

import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from tests.support import archives
from tests.support.harness import Hezi
from tests.support.layout import Entry, make_tar
from tests.support.needs import find_tool

pytestmark = [
    pytest.mark.needs("root", "overlay", "cgroup", "busybox", "zstd"),
    pytest.mark.usefixtures("leftovers_guard"),
]
TOOLS = ("xz", "unxz", "gzip", "gunzip", "unpigz", "zstd", "unzstd", "bzip2", "tar", "bsdtar", "mkfs.erofs", "cp")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that each fake tool would write, on the host or in a container's root."""
    return tmp_path / "canary"


@pytest.fixture
def fakes(tmp_path: Path, canary: Path) -> dict[str, str]:
    """An environment whose PATH begins with fakes of all tools."""
    directory = tmp_path / "fakes"
    directory.mkdir()
    for name in TOOLS:
        (directory / name).write_text(f"#!/bin/sh\necho $0 >> {canary}\nexit 1\n")
        (directory / name).chmod(0o755)
    return {"PATH": f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"}


def image() -> bytes:
    """An image with fakes of all tools in all places where programs are looked for, and the shell to run them."""
    busybox = Path(str(find_tool("busybox"))).read_bytes()
    fake = b"#!/busybox sh\necho $0 >> /canary\nexit 1\n"
    places = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin")
    return make_tar(
        [Entry("busybox", data=busybox, mode=0o755)]
        + [Entry(f"{place}/{name}", data=fake, mode=0o755) for place in places for name in TOOLS]
    )


def packed(data: bytes, how: str) -> bytes:
    if how == "zstd":
        return subprocess.run([str(find_tool("zstd")), "-qc"], input=data, capture_output=True, check=True).stdout
    return {"gzip": gzip.compress, "xz": lzma.compress}[how](data)


@pytest.mark.parametrize("how", ["gzip", "xz", "zstd"])
def test_load_and_import(hezi_env: Hezi, fakes: dict[str, str], canary: Path, how: str) -> None:
    one = archives.pack(archives.docker(["app:1"], [image()]))
    hezi_env.run("load", input=packed(one, how), env=fakes, check=True)
    hezi_env.run("import", "-", "imported:1", input=packed(image(), how), env=fakes, check=True)
    hezi_env.run("save", "-o", str(hezi_env.home / "out.tar"), "app:1", "imported:1", env=fakes, check=True)
    assert not canary.exists()


def test_everything_that_looks_into_a_container(
    hezi_env: Hezi, fakes: dict[str, str], canary: Path, tmp_path: Path
) -> None:
    hezi_env.run("load", "-q", input=archives.pack(archives.docker(["app:1"], [image()])), check=True)
    words = ("--network", "none", "--name", "it", "app:1", "/busybox", "sleep", "100")
    hezi_env.run("run", "-d", *words, env=fakes, check=True)
    hezi_env.run("cp", "it:/bin", str(tmp_path / "there"), env=fakes, check=True)
    hezi_env.run("cp", str(tmp_path / "there"), "it:/again", env=fakes, check=True)
    hezi_env.run("export", "-o", str(tmp_path / "out.tar"), "it", env=fakes, check=True)
    hezi_env.run("commit", "it", "made:1", env=fakes, check=True)
    hezi_env.run("diff", "it", env=fakes, check=True)
    # The fakes do work: this is what would have happened.
    assert hezi_env.run("exec", "it", "/bin/xz").code == 1
    assert hezi_env.run("exec", "it", "/busybox", "cat", "/canary", check=True).stdout == "/bin/xz\n"
    hezi_env.run("rm", "-f", "it", env=fakes, check=True)
    assert not canary.exists()
