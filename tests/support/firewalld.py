"""A firewalld of our own for tests: own configuration, own bus, the network namespace of the test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.harness import wait_until
from tests.support.needs import FIREWALLD, SEARCH_PATH

_BUS = """<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy>
</busconfig>
"""
# What it writes to is not the machine's.
_START = 'mount -t tmpfs tmpfs /var/log && mount -t tmpfs tmpfs /run && exec "$@"'
_LIBRARIES = f"{FIREWALLD}/usr/lib/x86_64-linux-gnu"


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Callable[..., str]]:
    """Start it, and give a function that runs ``firewall-cmd`` with some words and returns what it says."""
    directory.mkdir()
    bus = directory / "bus"
    (directory / "bus.conf").write_text(_BUS.format(bus))
    environment = {
        "PATH": SEARCH_PATH,
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}",
        "PYTHONPATH": f"{FIREWALLD}/usr/lib/python3/dist-packages",
        "LD_LIBRARY_PATH": _LIBRARIES,
        "GI_TYPELIB_PATH": f"{_LIBRARIES}/girepository-1.0",
    }
    daemon = [
        "unshare", "--mount", "sh", "-c", _START, "sh", "/usr/bin/python3", f"{FIREWALLD}/usr/sbin/firewalld",
        "--nofork", "--nopid", "--system-config", f"{FIREWALLD}/etc/firewalld",
        "--default-config", f"{FIREWALLD}/usr/lib/firewalld",
    ]  # fmt: skip
    bus_daemon = ["dbus-daemon", f"--config-file={directory}/bus.conf", "--nofork", "--nopidfile"]
    going: list[subprocess.Popen[bytes]] = []

    def command(*words: str) -> str:
        argv = ["/usr/bin/python3", f"{FIREWALLD}/usr/bin/firewall-cmd", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
        return (done.stdout + done.stderr).strip()

    with open(directory / "log", "wb") as log:
        try:
            going.append(
                subprocess.Popen(bus_daemon, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
            )
            assert wait_until(lambda: os.path.exists(bus), timeout=20)
            going.append(subprocess.Popen(daemon, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment))
            assert wait_until(lambda: command("--state") == "running", timeout=60), (directory / "log").read_text()
            yield command
        finally:
            for one in reversed(going):
                one.terminate()
                one.wait(timeout=30)
