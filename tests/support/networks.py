"""Network namespaces for tests: bridges, rules and kernel parameters in there are the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hezi.linux.netlink import spaces
from tests.support.needs import SEARCH_PATH

_ENVIRONMENT = {**os.environ, "PATH": SEARCH_PATH}


@contextlib.contextmanager
def own_network() -> Iterator[int]:
    """Have the test, and all programs it starts, in a new network namespace with loopback up; give its descriptor."""
    fd = spaces.new()
    try:
        with spaces.inside(fd):
            ip("link set lo up")
            # A new one begins with what the machine's has.
            for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/default/forwarding"):
                Path(f"/proc/sys/net/{name}").write_text("0")
            yield fd
    finally:
        os.close(fd)


def ip(line: str) -> None:
    """Run iproute2's ``ip``."""
    subprocess.run(["ip", *line.split()], check=True, env=_ENVIRONMENT, capture_output=True)


def ip_json(line: str) -> list[dict[str, object]]:
    """Return what ``ip -j -d`` says."""
    done = subprocess.run(["ip", "-j", "-d", *line.split()], check=True, env=_ENVIRONMENT, capture_output=True)
    return [item for item in json.loads(done.stdout or b"[]") if item]


def nft(text: str) -> str:
    """Run nft with ``text`` as its program."""
    done = subprocess.run(["nft", "-f", "-"], input=text, check=True, env=_ENVIRONMENT, capture_output=True, text=True)
    return done.stdout
