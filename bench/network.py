"""The start of a container on the default bridge, whole command, beside docker's; in network namespaces of their own.

    run --rm IMAGE true                  the default bridge
    run --rm -p 127.0.0.1::80 IMAGE true one published port
    network of the nth container         by the library, without a program: flat, or it grows

usage: python bench/network.py [ROUNDS]    (root)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import _harness as harness
import _peers as peers

from hezi.linux.netlink import spaces
from tests.support import dockerd
from tests.support.boxes_net import world
from tests.support.needs import find_tool

LINES = {"the default bridge": (), "one published port": ("-p", "127.0.0.1::80"), "no network": ("--network", "none")}
MANY = 200


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=9)
    with peers.scratch_directory() as scratch, contextlib.ExitStack() as stack:
        archive = _image(scratch)
        engine = peers.Hezi(scratch)
        engine.environment.pop("HEZI_NETWORK")
        docker = _docker(scratch, stack)
        own = peers.network_namespace(stack)
        commands = {"hezi": (_prefix(own), engine.argv(), engine.environment), "docker": (*docker, peers.ENVIRONMENT)}
        for prefix, argv, environment in commands.values():
            peers.check([*prefix, *argv, "import", str(archive), "bb"], environment)
        for title, options in LINES.items():
            cases = {
                name: harness.timed(
                    lambda words=[*prefix, *argv, "run", "--rm", *options, "bb", "true"], env=environment: peers.check(
                        words, env
                    )
                )
                for name, (prefix, argv, environment) in commands.items()
            }
            harness.report(f"run --rm {' '.join(options)} bb true: {title}", harness.alternate(cases, rounds=rounds))
        _many(scratch)
    return 0


def _image(scratch: Path) -> Path:
    tree = scratch / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(find_tool("busybox") or "/bin/busybox", tree / "bin" / "true")
    subprocess.run(["tar", "-C", tree, "-cf", scratch / "bb.tar", "."], check=True)
    return scratch / "bb.tar"


def _prefix(fd: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{fd}"]


def _docker(scratch: Path, stack: contextlib.ExitStack) -> tuple[list[str], list[str]]:
    fd = peers.network_namespace(stack)
    with spaces.inside(fd):
        words = stack.enter_context(dockerd.running(scratch / "docker", networks=True))
    return _prefix(fd), list(words)


def _many(scratch: Path) -> None:
    """Make the networks of many containers one after another, and compare the first ten with the last ten."""
    times: list[float] = []
    with world(scratch / "many") as host:
        host.box()
        times.extend(harness.timed(host.box)() for _ in range(MANY))
    harness.report(
        f"the network of one more container, the first and the last 10 of {MANY}",
        {"the first 10": times[:10], "the last 10": times[-10:]},
        reference="the first 10",
    )


if __name__ == "__main__":
    sys.exit(main())
