"""What containers' networks carry, beside docker's: iperf3 and new connections, in network namespaces of their own.

    container to container    on the default bridge, one stream of TCP
    host to container         by the container's address
    elsewhere to a port       a machine on the host's wire, by the host's address and a published port
    new connections           the same way, one after another: with hezi the first packet of each asks INPUT

usage: python bench/throughput.py [ROUNDS]    (root)
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import _harness as harness
import _peers as peers

from hezi.linux.netlink import spaces
from tests.support import dockerd, images
from tests.support.harness import wait_until
from tests.support.networks import ip

SECONDS, CONNECTIONS, HOST = "1", 500, "198.51.100.1"
_CONNECT = """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as line:
        line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        while line.recv(65536):
            pass
"""


class Side:
    """One engine on a machine of its own, another machine on its wire, and a server in a container."""

    def __init__(self, stack: contextlib.ExitStack, words: list[str], environment: dict[str, str], fd: int) -> None:
        self._environment = environment
        self._words = words
        self._inside = _nsenter(fd)
        self._far = _nsenter(_elsewhere(stack, fd))

    def engine(self, *words: str) -> str:
        return self._call([*self._inside, *self._words, *words])

    def _call(self, argv: list[str]) -> str:
        done = subprocess.run(argv, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr or done.stdout}")
        return done.stdout

    def serve(self, archive: Path) -> None:
        self.engine("import", str(archive), "tools")
        self.engine("run", "-d", "--name", "server", "-p", "5201:5201", "tools", "/usr/bin/iperf3", "-s")
        self.engine("run", "-d", "--name", "web", "-p", "8080:80", "tools", "/bin/busybox", "httpd", "-f", "-h", "/www")
        self.address = self.engine("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "server").strip()
        for port in ("5201", "8080"):
            assert wait_until(lambda port=port: self._answers(port), timeout=20)

    def _answers(self, port: str) -> bool:
        argv = [
            *self._far,
            sys.executable,
            "-c",
            "import socket, sys; socket.create_connection(sys.argv[1:])",
            HOST,
            port,
        ]
        return not subprocess.run(argv, capture_output=True, check=False).returncode

    def between_containers(self) -> float:
        words = ("run", "--rm", "tools", "/usr/bin/iperf3", "-c", self.address, "-t", SECONDS, "-J")
        return _per_gigabyte(self.engine(*words))

    def from_host(self) -> float:
        return _per_gigabyte(self._call([*self._inside, "iperf3", "-c", self.address, "-t", SECONDS, "-J"]))

    def from_elsewhere(self) -> float:
        return _per_gigabyte(self._call([*self._far, "iperf3", "-c", HOST, "-t", SECONDS, "-J"]))

    def connections(self) -> float:
        begin = time.perf_counter()
        self._call([*self._far, sys.executable, "-c", _CONNECT, HOST, "8080", str(CONNECTIONS)])
        return (time.perf_counter() - begin) / CONNECTIONS

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.engine("rm", "-f", "server", "web")


def main() -> int:
    harness.describe_machine()
    rounds = harness.options(sys.argv, rounds=5)
    with peers.scratch_directory() as scratch, contextlib.ExitStack() as stack:
        archive = scratch / "tools.tar"
        images.write_programs_tar(archive, ["/usr/bin/iperf3"])
        engine = peers.Hezi(scratch)
        engine.environment.pop("HEZI_NETWORK")
        sides = {"hezi": Side(stack, engine.argv(), engine.environment, peers.network_namespace(stack))}
        fd = peers.network_namespace(stack)
        with spaces.inside(fd):
            words = list(stack.enter_context(dockerd.running(scratch / "docker", networks=True)))
        sides["docker"] = Side(stack, words, dict(peers.ENVIRONMENT), fd)
        for side in sides.values():
            stack.callback(side.close)
            side.serve(archive)
        for title, name in (
            ("container to container, time for a gigabyte", "between_containers"),
            ("host to container, time for a gigabyte", "from_host"),
            ("elsewhere to a published port, time for a gigabyte", "from_elsewhere"),
            ("elsewhere to a published port, one connection and request", "connections"),
        ):
            cases = {key: getattr(side, name) for key, side in sides.items()}
            harness.report(title, harness.alternate(cases, rounds=rounds))
    return 0


def _per_gigabyte(text: str) -> float:
    """Return the seconds that a gigabyte takes, from iperf3's own measurement of what arrived."""
    return 8e9 / float(json.loads(text)["end"]["sum_received"]["bits_per_second"])


def _elsewhere(stack: contextlib.ExitStack, fd: int) -> int:
    far = peers.network_namespace(stack)
    with spaces.inside(fd):
        ip("link add wire type veth peer name far")
        ip(f"addr add {HOST}/24 dev wire")
        ip("link set wire up")
        ip(f"link set far netns /proc/{os.getpid()}/fd/{far}")
    with spaces.inside(far):
        for line in ("addr add 198.51.100.2/24 dev far", "link set far up", f"route add default via {HOST}"):
            ip(line)
    return far


def _nsenter(fd: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{fd}"]


if __name__ == "__main__":
    sys.exit(main())
