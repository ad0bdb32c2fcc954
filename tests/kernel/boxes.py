"""Boxes for the kernel tests: a busybox tree under an overlay, a spec with Docker's values, and one call to run it."""

from __future__ import annotations

import os
import select
import shutil
import threading
from pathlib import Path
from typing import Any, NamedTuple

from hezi.linux import mount
from hezi.runtime import box as runtime_box
from hezi.runtime import plan as runtime_plan
from hezi.runtime import spawn
from hezi.spec import runtime as rt
from tests.support import needs

_CAPABILITIES = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE
"""
CAPABILITIES = tuple(f"CAP_{name}" for name in _CAPABILITIES.split())
DOCKER_SETS = rt.Capabilities(CAPABILITIES, CAPABILITIES, (), CAPABILITIES, ())
# For a user other than root Docker leaves only the bounding set, as execve(2) would.
USER_SETS = rt.Capabilities(bounding=CAPABILITIES)
MOUNTS = (
    rt.Mount("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    rt.Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    rt.Mount(
        "/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    ),
    rt.Mount("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    rt.Mount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    rt.Mount("/dev/shm", "tmpfs", "shm", ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),
)
MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware"),
    "/sys/devices/virtual/powercap",
)
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
DEVICES = tuple(
    rt.Device(f"/dev/{name}", "c", major, minor)
    for name, major, minor in (
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    )
)
_APPLETS = """
awk cat chmod cp date dd df du echo env false find grep head hostname id ifconfig ip kill ln ls mkdir mknod mount mv nc
ps printf pwd readlink rm rmdir sed seq sh sleep sort stat stty sysctl tail test touch tr true tty umount uname wc which
yes
"""
NAMESPACES = ("uts", "ipc", "pid", "network", "mount", "cgroup")
ENVIRONMENT = ("PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/root")


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str
    warnings: list[str]


def make_tree(directory: Path) -> Path:
    """Make a busybox root with every applet; as small as an image gets that has a shell and mount tools."""
    busybox = needs.find_tool("busybox")
    assert busybox, "busybox-static is not installed"
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin", "usr/local/bin", "var"):
        (directory / name).mkdir(parents=True)
    (directory / "tmp").chmod(0o1777)
    shutil.copy(busybox, directory / "bin/busybox")
    for applet in _APPLETS.split():
        (directory / "bin" / applet).symlink_to("busybox")
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nbin:x:2:2:bin:/bin:/bin/sh\n")
    (directory / "etc/group").write_text("root:x:0:\nbin:x:2:\n")
    return directory


def user(uid: int, gid: int = 5, *groups: int) -> dict[str, Any]:
    """Give the members of ``process`` for a user other than root."""
    return {"user": rt.User(uid, gid, groups), "capabilities": USER_SETS}


def spec(
    *args: str, process: dict[str, Any] | None = None, linux: dict[str, Any] | None = None, **rest: Any
) -> rt.Spec:
    """Make a spec with Docker's values; ``process``, ``linux`` and ``rest`` replace members."""
    own_process = {"args": args, "env": ENVIRONMENT, "capabilities": DOCKER_SETS, **(process or {})}
    own_linux = {
        "namespaces": tuple(rt.Namespace(kind) for kind in NAMESPACES),
        "masked_paths": MASKED,
        "readonly_paths": READONLY,
        "devices": DEVICES,
        **(linux or {}),
    }
    members: dict[str, Any] = {"mounts": MOUNTS, "hostname": "box", **rest}
    return rt.Spec(process=rt.Process(**own_process), linux=rt.Linux(**own_linux), **members)


class Room:
    """Where a test makes boxes: one read-only tree below, a fresh upper directory for each start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tree = make_tree(directory / "tree")
        self._count = 0

    def root(self) -> int:
        """Mount a fresh overlay of the tree, detached; the caller closes it."""
        self._count += 1
        self.upper = self.directory / f"upper{self._count}"
        work = self.directory / f"work{self._count}"
        self.upper.mkdir()
        work.mkdir()
        options = (("lowerdir", str(self.tree)), ("upperdir", str(self.upper)), ("workdir", str(work)))
        return mount.new_mount("overlay", options)

    def start(self, wanted: rt.Spec, options: runtime_plan.Options | None = None, **how: Any) -> runtime_box.Box:
        """Start a box; the caller closes it."""
        plan = runtime_plan.make(wanted, options)
        root = self.root()
        try:
            return runtime_box.start(spawn.spawn(), plan, root, **how)
        finally:
            os.close(root)

    def run(
        self,
        *args: str,
        options: runtime_plan.Options | None = None,
        input: bytes | None = None,
        cgroup: Any = None,
        **members: Any,
    ) -> Result:
        """Run a program to its end and give what it wrote."""
        return self.run_spec(spec(*args, **members), options=options, input=input, cgroup=cgroup)

    def shell(self, script: str, **members: Any) -> Result:
        """Run a shell script in a box."""
        return self.run("sh", "-c", script, **members)

    def run_spec(
        self,
        wanted: rt.Spec,
        *,
        options: runtime_plan.Options | None = None,
        input: bytes | None = None,
        cgroup: Any = None,
    ) -> Result:
        with self.start(wanted, options, stdin=input is not None, cgroup=cgroup) as running:
            outputs: dict[str, bytes] = {}
            threads = [
                threading.Thread(target=_drain, args=(outputs, name, getattr(running, name)))
                for name in ("stdout", "stderr")
            ]
            for thread in threads:
                thread.start()
            if input is not None:
                os.write(running.stdin, input)
                os.close(running.stdin)
                running.stdin = -1
            status = running.wait(timeout=30)
            assert status is not None, "the box did not end within 30 seconds"
            for thread in threads:
                thread.join(10)
            return Result(
                status.code,
                outputs.get("stdout", b"").decode(errors="replace"),
                outputs.get("stderr", b"").decode(errors="replace"),
                running.warnings,
            )

    def run_on_terminal(
        self,
        *args: str,
        typed: bytes = b"",
        size: tuple[int, int] = (24, 80),
        options: runtime_plan.Options | None = None,
        **members: Any,
    ) -> Result:
        """Run a program on a pseudo-terminal; ``typed`` is written at once."""
        process = {**members.pop("process", {}), "terminal": True, "console_size": rt.ConsoleSize(*size)}
        with self.start(spec(*args, process=process, **members), options) as running:
            if typed:
                os.write(running.master, typed)
            output = bytearray()
            poll = select.poll()
            poll.register(running.master, select.POLLIN)
            while poll.poll(20_000):
                try:
                    part = os.read(running.master, 65536)
                except OSError:
                    break  # EIO: nobody has the other side open any more
                if not part:
                    break
                output += part
            status = running.wait(timeout=10)
            assert status is not None
            return Result(status.code, output.decode(errors="replace"), "", running.warnings)


def _drain(outputs: dict[str, bytes], name: str, fd: int) -> None:
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    outputs[name] = b"".join(parts)
