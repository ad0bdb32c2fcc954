"""Commands about networks given to docker and to hezi, each in a network namespace of its own.

The daemon is older than the command line (20.10 and 28): what hezi takes from the newer one is in the reasons.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

import pytest

from hezi.linux.netlink import spaces
from tests.conformance import cases_networks, compare
from tests.support import dockerd
from tests.support.networks import ip

_SOURCE = Path(__file__).resolve().parents[2] / "src"


# When it was made; and whether IPv4 is on, which engines tell since 28.
_OWN = re.compile(r'(?<="Created": ")[^"]+|^ *"EnableIPv4": (true|false),\n', re.MULTILINE)


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
        yield (
            compare.Peer((*prefixes[0], *docker), env, directory, ""),
            compare.Peer((*prefixes[1], sys.executable, "-m", "hezi"), ours, directory, ""),
        )


@pytest.mark.needs("root", "docker:28", "ip", "nft")
@pytest.mark.parametrize("line", cases_networks.CASES)
def test_same_as_docker(both, line):
    pair = compare.run(compare.Case(line, plain=True), *both)
    pair = compare.Pair(*(one._replace(stdout=_normal(line, one.stdout)) for one in pair))
    differences = pair.differences()
    if line not in cases_networks.KNOWN:
        assert not differences, "\n".join([line, *differences])


def _normal(line: str, stdout: str) -> str:
    # docker removes in the order of its ids, which are random.
    return "".join(sorted(stdout.splitlines(keepends=True))) if " prune " in line else _OWN.sub("", stdout)


def test_what_is_known_to_differ_is_tried():
    assert not cases_networks.KNOWN.keys() - set(cases_networks.CASES)
