"""Every command of the guide does what the guide says."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import console, grants, images
from tests.support.harness import COMMAND, REPOSITORY, Hezi
from tests.support.networks import own_network

GUIDES = sorted(path for path in (REPOSITORY / "docs" / "guide").glob("*.md") if path.name != "README.md")
# Pages whose commands change the network: in one of their own.
OWN_NETWORK = {"network"}
# What else a page's commands need.
NEEDS = {"network": pytest.mark.needs("nginx")}
WITH_COMMANDS = [
    pytest.param(path, marks=NEEDS[path.stem]) if path.stem in NEEDS else path
    for path in GUIDES
    if console.commands(path)
]
PROGRAMS = [(path, line) for path in GUIDES for line, _ in console.programs(path)]


@pytest.fixture
def own_network_fixture(hezi_env: Hezi):
    with own_network():
        yield


@pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "ip", "nft")
@pytest.mark.parametrize("guide", WITH_COMMANDS, ids=lambda path: path.stem)
def test_commands(
    guide: Path,
    hezi_env: Hezi,
    busybox_image: str,
    tmp_path: Path,
    leftovers_guard: None,
    request: pytest.FixtureRequest,
):
    environment = {**hezi_env.env, "REGISTRY": busybox_image.rpartition("/")[0]}
    if guide.stem in OWN_NETWORK:
        # The registry is not there: the image is, before.
        hezi_env.run("pull", "-q", busybox_image, check=True)
        images.write_nginx_tar(tmp_path / "nginx.tar")
        hezi_env.run("import", str(tmp_path / "nginx.tar"), f"{environment['REGISTRY']}/nginx", check=True)
        environment["HEZI_NETWORK"] = ""
        request.getfixturevalue("own_network_fixture")
    # `hezi` and `python` of the guide are those of the tests.
    python = shlex.quote(sys.executable)
    functions = f'hezi() {{ {shlex.join(COMMAND)} "$@"; }}\npython() {{ {python} "$@"; }}\n'
    wrong = []
    for line, command, expected in console.commands(guide):
        # There are ids for containers, whatever the machine's own files say.
        with grants.granted(hezi_env.directory) if "--userns" in command else contextlib.nullcontext():
            done = subprocess.run(
                ["bash", "-c", f"{functions}exec 2>&1\n{command}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                timeout=120,
                env=environment,
                cwd=tmp_path,
                check=False,
            )
        if not console.matches(expected, done.stdout):
            wrong.append(f"{guide.name}:{line}: $ {command}\nexpected:\n{expected}got:\n{done.stdout}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize(("guide", "line"), PROGRAMS, ids=[f"{path.stem}:{line}" for path, line in PROGRAMS])
def test_program(guide: Path, line: int, hezi_env: Hezi, busybox_image: str, leftovers_guard: None):
    program = dict(console.programs(guide))[line]
    environment = {**hezi_env.env, "REGISTRY": busybox_image.rpartition("/")[0]}
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, f"{guide.name}:{line}\n{done.stdout}{done.stderr}"
