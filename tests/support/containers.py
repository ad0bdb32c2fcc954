"""Containers without a start: a row and directories; and processes with a root of their own that pass for running."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hezi._util import ids
from hezi.db import containers
from hezi.engine import held, record
from hezi.engine.paths import Paths
from hezi.image.build import FileSpec, directory, symlink
from hezi.linux import pidfd
from hezi.store.images import ImageStore
from tests.support.store import build, pull

IMAGE = "example.org/app:1"
TREE: list[FileSpec] = [
    directory(b"bin"), directory(b"etc"), directory(b"tmp", 0o1777), directory(b"var"), directory(b"run"),
    symlink(b"var/run", b"/run"), directory(b"data"), directory(b"data/sub"),
    FileSpec(b"data/a", data=b"aaa", uid=5, gid=6, mode=0o640, mtime_ns=1_500_000_000_000_000_000),
    FileSpec(b"data/b", data=b"bb"), FileSpec(b"data/sub/c", data=b"c"), symlink(b"data/link", b"a"),
    FileSpec(b"etc/passwd", data=b"root:x:0:0::/:/bin/sh\n"), symlink(b"etc/alias", b"/data/a"),
]  # fmt: skip


class Box:
    """A store with one image, and containers made from it."""

    def __init__(self, base: Path, *layers: Sequence[FileSpec]) -> None:
        self.base = base
        self.paths = Paths(str(base / "root"), str(base / "run"))
        self.paths.make()
        self.children: list[subprocess.Popen[bytes]] = []
        with ImageStore(self.paths.root) as store:
            self.image = pull(store, build(*(layers or (TREE,))), IMAGE)

    def create(self, name: str, **more: object) -> str:
        """Add a container that was never started; return its id."""
        with ImageStore(self.paths.root) as store:
            details = record.Details(False, "/hezi-test", (), ("sh",), {}, 15, False)
            details = details._replace(**more)  # type: ignore[arg-type]  # fields of Details
            one = record.Record(self.paths, store.database, ids.new_id(), name, details)
            one.create(str(self.image.id), IMAGE, store.chain_ids(self.image.id))
            one.release()
            return one.id

    def upper(self, container: str) -> Path:
        return Path(self.paths.containers) / container / "upper"

    def pretend(self, container: str, root: Path) -> subprocess.Popen[bytes]:
        """Let a process whose root is ``root`` (it needs a static /busybox) be the container's first one."""
        child = subprocess.Popen(["chroot", str(root), "/busybox", "sleep", "1000"])
        self.children.append(child)
        while os.readlink(f"/proc/{child.pid}/root") == "/":
            assert child.poll() is None
        directory = Path(self.paths.runroot) / "containers" / container
        directory.mkdir(parents=True, exist_ok=True)
        # This process passes for its monitor.
        monitor = held.myself()
        process = {"pid": child.pid, "start_time": pidfd.start_time(child.pid), "boot_id": pidfd.boot_id()}
        process |= {"monitor_pid": monitor[0], "monitor_start_time": monitor[1]}
        (directory / "state.json").write_text(json.dumps({"status": "running", "paused": False, **process}))
        with ImageStore(self.paths.root) as store, store.database.write() as connection:
            row = containers.by_name(connection, container) or containers.get(connection, container)
            assert row is not None
            containers.started(connection, row.id, monitor, 1)
        return child

    def end(self, container: str) -> None:
        """The container has ended, and its monitor with it."""
        with ImageStore(self.paths.root) as store, store.database.write() as connection:
            row = containers.by_name(connection, container) or containers.get(connection, container)
            assert row is not None
            (Path(self.paths.runroot) / "containers" / row.id / "state.json").unlink()
            containers.finished(connection, row.id, 137, (1, 2))

    def close(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
