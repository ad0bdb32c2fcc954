"""The engines that are measured, each with a store of its own below a scratch directory.

A peer that cannot run here (not installed, or refused by this kernel's cgroup layout) says why and is left out.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import _harness as harness

from hezi.linux.netlink import spaces
from tests.support import dockerd
from tests.support.needs import find_tool
from tests.support.networks import ip

# Without PYTHONDONTWRITEBYTECODE, which would have an interpreter compile what was edited at every start.
ENVIRONMENT = dockerd.ENVIRONMENT


class PeerError(RuntimeError):
    """A peer did not do what it was asked to; the text is what it wrote."""


def check(
    argv: Sequence[str], environment: dict[str, str] | None = None, before: Callable[[], None] | None = None
) -> None:
    """Run ``argv``; ``before`` runs in the child first.

    :raises PeerError: it failed.
    """
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=environment or ENVIRONMENT,
        preexec_fn=before,
    )
    if done.returncode:
        raise PeerError(f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")


class Hezi:
    """hezi itself, as installed next to the interpreter that runs the benchmark."""

    name = "hezi"

    def __init__(self, scratch: Path) -> None:
        self.directory = scratch / "hezi"
        script = Path(sys.executable).with_name("hezi")
        self._argv = [str(script)] if script.exists() else [sys.executable, "-m", "hezi"]
        self.environment = {
            **ENVIRONMENT,
            "HEZI_ROOT": str(self.directory / "root"),
            "HEZI_NETWORK": "none",
            "HEZI_RUNROOT": str(self.directory / "run"),
        }
        if not script.exists():
            self.environment["PYTHONPATH"] = str(harness.REPOSITORY / "src")

    def version(self) -> str:
        import hezi

        return hezi.__version__

    def argv(self, *args: str) -> list[str]:
        return [*self._argv, *args]

    def pull(self, reference: str) -> None:
        check(self.argv("pull", "-q", reference), self.environment)

    def run(self, *args: str) -> None:
        check(self.argv("run", "--rm", "--network", "none", *args), self.environment)

    def close(self) -> None:
        return


class Podman:
    """podman with cgroupfs and runc, which run on every cgroup layout."""

    name = "podman"

    def __init__(self, scratch: Path) -> None:
        self.directory = scratch / "podman"
        self.directory.mkdir(parents=True, exist_ok=True)
        policy = self.directory / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self._policy = policy
        self._argv = [
            "podman", "--root", str(self.directory / "root"), "--runroot", str(self.directory / "run"),
            "--tmpdir", str(self.directory / "tmp"), "--storage-driver", "overlay",
            "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "none",
        ]  # fmt: skip

    def version(self) -> str:
        return _output("podman", "--version").removeprefix("podman version ") + ", " + _output("runc", "--version")

    def argv(self, *args: str) -> list[str]:
        return [*self._argv, *args]

    def pull(self, reference: str) -> None:
        check([*self._argv, "pull", "-q", "--tls-verify=false", f"--signature-policy={self._policy}", reference])

    def run(self, *args: str) -> None:
        # podman's own default limits may be more than root may give here.
        check(
            [
                *self._argv,
                "run",
                "--rm",
                "--network",
                "none",
                "--ulimit",
                "nofile=1024:1024",
                "--ulimit",
                "nproc=1024:1024",
                *args,
            ]
        )

    def close(self) -> None:
        subprocess.run([*self._argv, "rm", "--all", "--force"], capture_output=True, check=False)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            point = line.split()[4]
            if point.startswith(str(self.directory)):
                subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


class Docker:
    """docker with a daemon of its own: own data, sockets and containerd, no bridge, no firewall rules."""

    name = "docker"

    def __init__(self, scratch: Path) -> None:
        self.directory = scratch / "docker"
        self._stack = contextlib.ExitStack()
        try:
            self._command = self._stack.enter_context(dockerd.running(self.directory))
        except dockerd.DockerdError as error:
            raise PeerError(str(error)) from error

    def version(self) -> str:
        return json.loads(_output(*self._command, "version", "--format", "{{json .Server.Version}}"))

    def argv(self, *args: str) -> list[str]:
        return [*self._command, *args]

    def pull(self, reference: str) -> None:
        check([*self._command, "pull", "-q", reference])

    def run(self, *args: str) -> None:
        check([*self._command, "run", "--rm", "--network", "none", *args])

    def close(self) -> None:
        self._stack.close()


class Runtime:
    """An OCI runtime run on a bundle: no image store, no engine; the floor for what is inside.

    :ivar name: as it is called in reports.
    """

    def __init__(
        self,
        scratch: Path,
        name: str,
        rootfs: Path,
        *,
        options: Sequence[str] = (),
        resources: Mapping[str, object] | None = None,
        path: str = "",
    ) -> None:
        """Make a bundle.

        :param options: of the runtime, before its verb.
        :param resources: limits, as in the runtime specification; with ``path``, the control group to be made.
        """
        self.name = f"{name} run (bundle)"
        self._program = name
        self._options = tuple(options)
        self.directory = scratch / f"bundle-{name}"
        self.directory.mkdir(parents=True)
        check(["sh", "-c", f"cd {self.directory} && {name} spec"])
        config = self.directory / "config.json"
        spec = json.loads(config.read_text())
        spec["process"].update(terminal=False, args=["/bin/busybox", "true"])
        spec["root"] = {"path": str(rootfs), "readonly": False}
        if resources is not None:
            spec["linux"]["resources"].update(resources)
        if path:
            spec["linux"]["cgroupsPath"] = path
        config.write_text(json.dumps(spec))
        self._state = self.directory / "state"
        self._namespace = _without_unified_cgroup() if name == "crun" else None

    def version(self) -> str:
        return _output(self._program, "--version")

    def run(self, *_args: str) -> None:
        argv = [self._program, *self._options, "--root", str(self._state), "run", "-b", str(self.directory)]
        check([*argv, f"hezi-bench-{os.getpid()}"], before=self._namespace)


def rootfs(scratch: Path) -> Path:
    """Make the root of a bundle, with busybox in it."""
    made = scratch / "rootfs"
    for name in ("bin", "dev", "proc", "sys", "etc"):
        (made / name).mkdir(parents=True)
    program = made / "bin" / "busybox"
    program.write_bytes(Path(find_tool("busybox") or "/bin/busybox").read_bytes())
    program.chmod(0o755)
    return made


def _without_unified_cgroup() -> Callable[[], None] | None:
    """Return what a child calls to enter a mount namespace that looks like plain cgroup v1; None where that is moot.

    crun refuses hybrid hosts; without the v2 mount it runs, and it is wanted as the floor.
    """
    unified = "/sys/fs/cgroup/unified"
    if not os.path.ismount(unified):
        return None
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"umount {unified}; echo; exec sleep 86400"],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    namespace = os.open(f"/proc/{holder.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    setns = ctypes.CDLL(None, use_errno=True).setns

    def enter() -> None:
        if setns(namespace, 0):
            raise OSError(ctypes.get_errno(), "setns")

    return enter


@contextlib.contextmanager
def started(scratch: Path, *kinds: type) -> Iterator[list[Hezi | Podman | Docker]]:
    """The peers that can be started here, in the order asked for; each tells its version."""
    peers: list[Hezi | Podman | Docker] = []
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            program = "dockerd" if kind is Docker else kind.name
            if kind is not Hezi and find_tool(program) is None:
                print(f"{kind.name}: not installed, left out")
                continue
            try:
                peer = kind(scratch)
            except PeerError as error:
                print(f"{kind.name}: left out: {error}")
                continue
            stack.callback(peer.close)
            peers.append(peer)
            print(f"{peer.name} {peer.version()}")
        yield peers


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory below the one that TMPDIR (or /var/tmp) names: on a disk, as real stores are."""
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="hezi-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _output(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    return done.stdout.strip().partition("\n")[0]


def network_namespace(stack: contextlib.ExitStack) -> int:
    """Make a network namespace with its loopback up; its descriptor is closed with the stack."""
    fd = spaces.new()
    stack.callback(os.close, fd)
    with spaces.inside(fd):
        ip("link set lo up")
    return fd
