"""Commands about networks given to docker and to hezi, each in a network namespace of its own.

The daemon is older than the command line (20.10 and 28): what hezi takes from the newer one is in the reasons.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hezi.linux.netlink import spaces
from tests.conformance import cases_networks, compare, known_networks
from tests.support import dockerd, needs
from tests.support.harness import COMMAND
from tests.support.networks import ip

_SOURCE = Path(__file__).resolve().parents[2] / "src"


# When it was made; and whether IPv4 is on, which engines tell since 28.
_OWN = re.compile(r'(?<="Created": ")[^"]+|^ *"EnableIPv4": (true|false),\n', re.MULTILINE)

# How many interfaces were made before.
_LABELS = re.compile(r"[^\s\[\]]+=[^\s\[\]]*")
_INDEX = re.compile(r"^\d+: eth", re.MULTILINE)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    directory = tmp_path_factory.mktemp("networks")
    with contextlib.ExitStack() as stack:
        prefixes = []
        for _ in range(2):
            fd = spaces.new()
            stack.callback(os.close, fd)
            with spaces.inside(fd):
                ip("link set lo up")
            prefixes.append(("nsenter", f"--net=/proc/{os.getpid()}/fd/{fd}"))
            if len(prefixes) == 1:
                with spaces.inside(fd):
                    docker = stack.enter_context(dockerd.running(directory / "docker", networks=True))
        env = {**dockerd.ENVIRONMENT, "HOME": str(directory), "LC_ALL": "C.UTF-8"}
        ours = {
            **env,
            "HEZI_ROOT": str(directory / "root"),
            "HEZI_RUNROOT": str(directory / "run"),
            "PYTHONPATH": str(_SOURCE),
        }
        pair = (
            compare.Peer((*prefixes[0], *docker), env, directory, ""),
            compare.Peer((*prefixes[1], *COMMAND), ours, directory, ""),
        )
        _image(directory)
        for peer in pair:
            done = peer.run(compare.Case(f"import {directory}/bb.tar bb", plain=True))
            assert done.code == 0, done.stderr
        yield pair
        for peer in pair:
            peer.run(compare.Case("rm -f c1 c2 c4 c5", plain=True))


def _image(directory: Path) -> None:
    tree = directory / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(needs.find_tool("busybox"), tree / "bin" / "busybox")
    for name in ("cat", "env", "grep", "hostname", "ip", "nslookup", "ping", "sleep", "true"):
        (tree / "bin" / name).symlink_to("busybox")
    subprocess.run(["tar", "-C", tree, "-cf", directory / "bb.tar", "."], check=True)


@pytest.mark.needs("root", "overlay", "docker:28", "busybox", "ip", "nft")
@pytest.mark.parametrize("line", cases_networks.CASES)
def test_same_as_docker(both, line):
    _compare(both, line)


@pytest.mark.slow
@pytest.mark.needs("root", "overlay", "docker:28", "busybox", "ip", "nft")
@pytest.mark.parametrize("line", cases_networks.RUN_CASES)
def test_containers_on_networks_as_with_docker(both, line):
    _compare(both, line)


@pytest.mark.needs("root", "overlay", "docker:28", "busybox", "ip", "nft")
@pytest.mark.parametrize(
    "name", ["brief", *(pytest.param(name, marks=pytest.mark.slow) for name in known_networks.KNOWN)]
)
def test_a_session_goes_as_with_docker(both, name):
    lines = _lines(name)
    with ThreadPoolExecutor(2) as pool:
        docker, hezi = pool.map(_session, both, [lines, lines])
    different = []
    for line, *outcomes in zip(lines, docker, hezi, strict=True):
        pair = compare.Pair(*(one._replace(stdout=_normal(line, one.stdout)) for one in outcomes))
        found = pair.differences()
        if found and line not in known_networks.KNOWN.get(name, {}):
            different.append("\n".join([line, *found]))
    assert not different, "\n\n".join(different)


def _lines(name: str) -> list[str]:
    return (Path(__file__).parent / "networks" / f"{name}.txt").read_text().splitlines()


def _session(peer: compare.Peer, lines: list[str]) -> list[compare.Outcome]:
    _clean(peer)
    try:
        return [peer.run(compare.Case(line, plain=True)) for line in lines]
    finally:
        _clean(peer)


def _clean(peer: compare.Peer) -> None:
    there = peer.run_raw(compare.Case("ps -aq", plain=True)).stdout.split()
    if there:
        peer.run(compare.Case(f"rm -f {' '.join(there)}", plain=True))
    peer.run(compare.Case("network prune -f", plain=True))


def _compare(both, line):
    pair = compare.run(compare.Case(line, plain=True), *both)
    pair = compare.Pair(*(one._replace(stdout=_normal(line, one.stdout)) for one in pair))
    differences = pair.differences()
    if line not in cases_networks.KNOWN:
        assert not differences, "\n".join([line, *differences])


def _normal(line: str, stdout: str) -> str:
    # docker removes in the order of its ids, which are random.
    if " prune " in line or "nslookup" in line:
        # ... and which answer is first, that for IPv4 or that for IPv6, is a race.
        return "".join(sorted(stdout.splitlines(keepends=True)))
    if line.startswith("events"):
        # docker 20.10 has told of three connects of four, twice: how many equal lines there are is not compared.
        return "".join(dict.fromkeys(_OWN.sub("", stdout).splitlines(keepends=True)))
    if "{{.Labels}}" in line:
        # A map of Go's: which label is first is chance.
        stdout = _LABELS.sub(lambda found: ",".join(sorted(found[0].split(","))), stdout)
    return _INDEX.sub("N: eth", _OWN.sub("", stdout))


def test_what_is_known_to_differ_is_tried():
    assert not cases_networks.KNOWN.keys() - {*cases_networks.CASES, *cases_networks.RUN_CASES}
    for name, known in known_networks.KNOWN.items():
        assert not known.keys() - set(_lines(name))
