"""A Docker daemon of our own for tests and benchmarks: own data and sockets, no bridge, no firewall rules."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.needs import SEARCH_PATH

ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.startswith(("HEZI_", "PYTHON"))}, "PATH": SEARCH_PATH}


class DockerdError(RuntimeError):
    """The daemon did not start; the text has the end of its log."""


@contextlib.contextmanager
def running(directory: Path, *, networks: bool = False) -> Iterator[tuple[str, ...]]:
    """Start dockerd below ``directory``; give the words that a docker command line begins with.

    :param networks: let it make its bridge and rules: only in a network namespace of its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{directory / 'docker.sock'}"
    argv = [
        "setpriv", "--pdeathsig", "TERM", "dockerd",
        "--data-root", str(directory / "data"), "--exec-root", str(directory / "exec"),
        "--pidfile", str(directory / "docker.pid"), "--host", socket, "--storage-driver", "overlay2",
    ]  # fmt: skip
    if not networks:
        argv += ["--bridge", "none"]
        argv += ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    with open(directory / "log", "wb") as log:
        daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT)
    try:
        command = ("docker", "--host", socket)
        _wait(daemon, command, directory / "log")
        yield command
    finally:
        daemon.terminate()
        try:
            daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        _unmount(directory)


def _unmount(directory: Path) -> None:
    """It leaves the mounts of its network namespaces, by which the directory could not be removed."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file if line.split()[4].startswith(f"{directory}/")]
    for point in reversed(points):
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL, check=False)


def _wait(daemon: subprocess.Popen[bytes], command: tuple[str, ...], log: Path) -> None:
    deadline = time.monotonic() + 40
    while daemon.poll() is None and time.monotonic() < deadline:
        if subprocess.run([*command, "version"], capture_output=True, env=ENVIRONMENT, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise DockerdError(f"dockerd did not start: {log.read_text()[-800:]}")
