"""hezi in a root of its own: the command, the library, and the traces that either may leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
# As users have it, with the file of compiled modules (docs/adr/0022): what is installed, or what would be.
_INSTALLED = Path(sys.executable).with_name("hezi")
COMMAND = (str(_INSTALLED),) if _INSTALLED.exists() else (sys.executable, str(REPOSITORY / "bin" / "hezi"))


class Result(NamedTuple):
    """What a command left behind it, as text."""

    code: int
    stdout: str
    stderr: str


class Hezi:
    """An isolated installation: its own root, run root and home."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.runroot = directory / "run"
        self.home = directory / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HEZI_")},
            "HEZI_ROOT": str(self.root),
            "HEZI_RUNROOT": str(self.runroot),
            # The machine's own network stays as it is: tests of networks have one of their own.
            "HEZI_NETWORK": "none",
            "HOME": str(self.home),
            "PYTHONPATH": str(REPOSITORY / "src"),
            "PYTHONDONTWRITEBYTECODE": "",
            "LC_ALL": "C.UTF-8",
        }

    def argv(self, *args: str) -> list[str]:
        return [*COMMAND, *args]

    def run(
        self,
        *args: str,
        input: str | bytes = b"",
        timeout: float = 120,
        env: dict[str, str] | None = None,
        check: bool = False,
        prefix: tuple[str, ...] = (),
    ) -> Result:
        """Run ``hezi ARGS`` to its end.

        :param prefix: a program and its options to run it under (strace, setpriv, ...).
        :param check: fail the test when the exit code is not 0.
        """
        data = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            [*prefix, *self.argv(*args)],
            input=data,
            capture_output=True,
            timeout=timeout,
            env={**self.env, **(env or {})},
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
        if check:
            assert result.code == 0, f"hezi {' '.join(args)}: exit code {result.code}\n{result.stdout}{result.stderr}"
        return result

    def popen(self, *args: str, prefix: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start ``hezi ARGS``; the caller ends it (or the fixture does)."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options["env"] = {**self.env, **options.get("env", {})}
        return subprocess.Popen([*prefix, *self.argv(*args)], **options)

    def engine(self) -> Any:
        """Return the library's Engine on the same root."""
        from hezi.engine.engine import Engine

        return Engine(root=str(self.root), runroot=str(self.runroot))

    def processes(self) -> list[str]:
        """Return "pid command" of every process with our root in its environment, and of every monitor of it."""
        wanted = f"HEZI_ROOT={self.root}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                mine = wanted in (entry / "environ").read_bytes() + b"\0"
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                mine = mine or (_is_monitor(command) and self._works_here(entry))
            except OSError:
                continue
            if mine and int(entry.name) != os.getpid():
                found.append(f"{entry.name} {command}")
        return found

    def _works_here(self, process: Path) -> bool:
        """A monitor has an empty environment; it holds the directories of its container open."""
        return any(os.readlink(fd).startswith(f"{self.directory}/") for fd in (process / "fd").iterdir())

    def mounts(self) -> list[str]:
        """Return the mount points of this mount namespace that our directories have a part in."""
        with open("/proc/self/mountinfo") as file:
            return [line.rstrip() for line in file if str(self.directory) in line]

    def clean_up(self) -> None:
        """End what still runs and unmount what is still mounted, so that the directory can be removed."""
        for line in self.processes():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue
        # A killed monitor leaves the groups of its container to the next command, of which there is none.
        for container in os.listdir(self.root / "containers") if (self.root / "containers").is_dir() else ():
            groups = [
                *Path("/sys/fs/cgroup").glob(f"hezi/{container}"),
                *Path("/sys/fs/cgroup").glob(f"*/hezi/{container}"),
            ]
            wait_until(lambda: not [one for one in groups if not _rmdir(one)])  # noqa: B023 - used at once
        for line in reversed(self.mounts()):
            subprocess.run(["umount", "--lazy", line.split()[4]], capture_output=True, check=False)


def wait_until(condition: Any, *, timeout: float = 30, every: float = 0.05) -> bool:
    """Return True as soon as ``condition()`` is true, False when it was not within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())


def linked(directory: Path, names: Iterable[str]) -> Path:
    """Make a directory with hezi under its own name and under others, for a PATH; return it."""
    directory.mkdir()
    program = directory / "hezi"
    program.write_text(
        f"#!{sys.executable} -ISB\nimport sys\nsys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
        "from hezi.front.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    for name in names:
        (directory / name).symlink_to(program)
    return directory


def _is_monitor(command: str) -> bool:
    return command.startswith("hezi-monitor ") or ("hezi.runtime.stage1" in command and command.endswith(" monitor"))


def _rmdir(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True
