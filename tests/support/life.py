"""Containers that live, for tests: started, looked at, waited for, and what must not be left of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.support.harness import Hezi, Result, wait_until

PATIENCE = 60.0
NO_NETWORK = ("--network", "none")


class Life(Hezi):
    """An installation with a busybox image.

    :ivar image: its name.
    """

    def __init__(self, directory: Path, image: str) -> None:
        super().__init__(directory)
        self.image = image
        self.run("pull", "-q", image, check=True)

    def create(self, name: str, *flags: str, command: tuple[str, ...] = ("true",)) -> str:
        """Make a container; returns its id."""
        return self._made("create", name, flags, command)

    def up(self, name: str, *flags: str, command: tuple[str, ...] = ("sleep", "1000")) -> str:
        """Start a container in the background; returns its id."""
        return self._made("run", name, ("-d", *flags), command)

    def shell(self, name: str, script: str, *flags: str) -> str:
        """Start a shell script in the background, and wait until it says "ready"."""
        made = self.up(name, *flags, command=("sh", "-c", script))
        self.written(name, "ready")
        return made

    def _made(self, verb: str, name: str, flags: tuple[str, ...], command: tuple[str, ...]) -> str:
        done = self.run(verb, *NO_NETWORK, "--name", name, *flags, self.image, *command, check=True)
        return done.stdout.strip()

    def look(self, name: str, template: str) -> str:
        """Fill in a template of inspect; what went wrong, when there is no such container."""
        done = self.run("inspect", "-f", template, name)
        return done.stdout.strip() or done.stderr.strip()

    def state(self, name: str) -> str:
        return self.look(name, "{{.State.Status}}")

    def becomes(self, name: str, template: str, value: str) -> None:
        """Wait until a template gives ``value``."""
        there = wait_until(lambda: self.look(name, template) == value, timeout=PATIENCE)
        assert there, f"{template} of {name} is {self.look(name, template)}, not {value}"

    def written(self, name: str, text: str) -> None:
        """Wait until the logs have ``text``."""
        assert wait_until(lambda: text in self.logs(name).stdout, timeout=PATIENCE), f"{name} does not write {text!r}"

    def logs(self, name: str, *flags: str) -> Result:
        return self.run("logs", *flags, name)

    def said(self, container_id: str) -> dict[str, Any]:
        """Return what the monitor of a container says of it in its state.json."""
        return json.loads((self.runroot / "containers" / container_id / "state.json").read_bytes())

    def monitors(self) -> list[int]:
        """Return the processes that hold containers."""
        return [int(line.split()[0]) for line in self.processes()]

    def remains(self) -> list[str]:
        """Return what is left of containers besides their rows."""
        found = [f"process {line}" for line in self.processes()] + [f"mount {line}" for line in self.mounts()]
        found += [f"file {path}" for path in (self.root / "containers").glob("*")]
        found += [f"file {path}" for path in (self.runroot / "containers").glob("*")]
        found += [f"volume {path}" for path in (self.root / "volumes").glob("*") if path.is_dir()]
        return found + [f"cgroup {path}" for path in self._groups()]

    def _groups(self) -> list[str]:
        """The groups of containers that lived here: their names are in no other root."""
        known = {path.name for path in (self.root / "containers").glob("*")} | self._ids
        return [path for path, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(path) in known]

    @property
    def _ids(self) -> set[str]:
        events = self.runroot / "events"
        # Not as JSON: where the disk was full a line may end anywhere.
        return set(re.findall(r"\b[0-9a-f]{64}\b", events.read_text())) if events.is_file() else set()

    def leaves_nothing(self) -> None:
        """Remove all containers, and make sure that nothing of them is left."""
        names = self.run("ps", "-aq", check=True).stdout.split()
        if names:
            self.run("rm", "-f", "-v", *names, check=True)
            assert self.run("ps", "-aq", check=True).stdout == ""
        gone = wait_until(lambda: not self.remains())
        assert gone, "left behind:\n" + "\n".join(self.remains())

    def start_anew(self) -> None:
        """After a test that failed: nothing of it is in the way of the next."""
        if self.remains():
            self.clean_up()
            self.run("rm", "-f", "-v", *self.run("ps", "-aq").stdout.split())
