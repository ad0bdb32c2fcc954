"""Containers under a monitor for the kernel tests: made, asked and taken away again."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hezi.linux import pidfd
from hezi.linux.cgroup import layout, manager
from hezi.runtime import attach, monitor_start, plan, protocol, spawn
from tests.kernel import boxes

PARENT = "/hezi-test-monitors"
OUTPUT = protocol.WANT_STDOUT | protocol.WANT_STDERR


class Held:
    """A room whose boxes are held by monitors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.room = boxes.Room(directory)
        self.runtime = str(directory / "run")
        self.persistent = directory / "container"
        self.persistent.mkdir()
        self.log_path = self.persistent / "it-json.log"
        self._monitors: list[monitor_start.Monitored] = []
        self._cgroups: list[str] = []
        self.spec_members: dict[str, Any] = {}

    def start(self, *args: str, client: int = 0, process: Any = None, limits: Any = None, **members: Any) -> Any:
        """Start a box under a monitor."""
        wanted = boxes.spec(*args, process=process, **self.spec_members)
        members.setdefault("log", monitor_start.LogConfig(path=str(self.log_path)))
        if members.pop("remountable", False):
            root = self.room.root()
            work = self.room.directory / f"work{self.room._count}"
            members["remount"] = monitor_start.Remount((str(self.room.tree),), str(self.room.upper), str(work))
        else:
            root = self.room.root()
        path = f"{PARENT}/{os.getpid()}-{len(self._cgroups)}"
        self._cgroups.append(path)
        try:
            with manager.create(layout.detect(), path) as cgroup:
                if limits:
                    limits(cgroup)
                request = monitor_start.MonitorRequest(
                    id="it" * 32,
                    name="it",
                    directory=str(self.persistent),
                    runtime_directory=self.runtime,
                    plan=plan.make(wanted),
                    rootfs=root,
                    cgroup=cgroup,
                    client=client,
                    **members,
                )
                found = monitor_start.start(spawn.spawn(monitored=True), request)
        finally:
            os.close(root)
        self._monitors.append(found)
        return found

    def shell(self, script: str, **members: Any) -> Any:
        """Start a shell script."""
        return self.start("sh", "-c", script, **members)

    def connect(self) -> attach.MonitorClient:
        """Make another connection."""
        return attach.connect(self.runtime)

    def state(self) -> dict[str, Any]:
        """Read state.json."""
        return json.loads(Path(self.runtime, protocol.STATE_FILE).read_bytes())

    def exit(self) -> dict[str, Any]:
        """Read exit.json."""
        return json.loads((self.persistent / protocol.EXIT_FILE).read_bytes())

    def log(self, path: Path | None = None) -> list[tuple[str, str]]:
        """Read the log as (stream, text)."""
        records = [json.loads(line) for line in (path or self.log_path).read_bytes().splitlines()]
        return [(record["stream"], record["log"]) for record in records]

    def groups(self) -> list[str]:
        """Paths of the groups that are left."""
        return [
            f"{one.mount_point}{path}"
            for one in layout.detect().hierarchies
            for path in self._cgroups
            if os.path.exists(f"{one.mount_point}{path}")
        ]

    def close(self) -> None:
        """Kill what still runs and remove the groups."""
        for one in self._monitors:
            one.client.close()
            pidfd.send_signal_to(one.monitor_pid, signal.SIGKILL, started=one.monitor_start_time)
        for path in self._cgroups:
            group = manager.open_existing(layout.detect(), path)
            if group is not None:
                with group:
                    group.kill()
                    group.delete()
        for one in layout.detect().hierarchies:
            # Busy while another test run has groups in it.
            with suppress(OSError):
                os.rmdir(one.mount_point + PARENT)


def collect(client: attach.MonitorClient, timeout: float = 20) -> tuple[bytes, bytes, dict[str, Any]]:
    """Read a client to the container's exit: (stdout, stderr, exit record)."""
    parts: dict[int, list[bytes]] = {protocol.STDOUT: [], protocol.STDERR: []}
    deadline = time.monotonic() + timeout
    while True:
        event = client.next(deadline - time.monotonic())
        assert event is not None, "no exit in time"
        kind, payload = event
        if kind == protocol.EXIT:
            return b"".join(parts[protocol.STDOUT]), b"".join(parts[protocol.STDERR]), json.loads(payload)
        if kind in parts:
            parts[kind].append(payload)


def wait_until(condition: Any, timeout: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def alive(pid: int, started: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
    except OSError:
        return False
    return int(fields[19]) == started and fields[0] not in {b"Z", b"X"}
