"""kill -9 at random moments of everything that changes images, one after the other in one store.

The verbs follow each other as they come, so that each finds what the killed one before it has left. After each kill the
store is sound, a command that has nothing to do with it works, and the verb itself works when it is called again. The
seed is printed; ``HEZI_KILLS_SEED`` and ``HEZI_KILLS`` choose another one, and how many.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import archives, registry
from tests.support.harness import Hezi

pytestmark = [
    pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
    pytest.mark.slow,
]
_LAYERS = [archives.layer(f"noise-{number}", random.Random(number).randbytes(1_500_000)) for number in range(4)]


class Killer:
    """A store, a registry, and verbs that are killed.

    :ivar kills: how many commands were really killed, by verb.
    """

    def __init__(self, hezi: Hezi, server: registry.Registry, directory: Path, seed: int) -> None:
        self.hezi = hezi
        self.source = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self._server = server
        self._round = 0
        self._took: dict[str, float] = {}
        self.archive, self.root_tar, self.out = (directory / name for name in ("app.tar", "root.tar", "out.tar"))
        self.archive.write_bytes(archives.pack(archives.docker(["app:1"], _LAYERS)))
        self.root_tar.write_bytes(archives.layer("root", random.Random(9).randbytes(4_000_000)))
        hezi.run("load", "-qi", str(self.archive), check=True)
        self.remote = f"{server.host}/kills/{os.getpid()}-{seed}:1"
        hezi.run("tag", "app:1", self.remote, check=True)
        hezi.run("push", "-q", self.remote, check=True)
        hezi.run("rmi", "-f", "app:1", self.remote, check=True)

    # What a verb needs to have something to do, and its words.

    def pull(self) -> tuple[str, ...]:
        self._away(self.remote)
        return ("pull", "-q", self.remote)

    def load(self) -> tuple[str, ...]:
        self._away("app:1")
        return ("load", "-qi", str(self.archive))

    def rmi(self) -> tuple[str, ...]:
        self._here()
        return ("rmi", "-f", "app:1")

    def prune(self) -> tuple[str, ...]:
        self._here()
        return ("image", "prune", "-af")

    def push(self) -> tuple[str, ...]:
        # Each time another repository, or there would be nothing to send.
        self._here()
        self._round += 1
        name = f"{self._server.host}/killed/{os.getpid()}-{self._round}:1"
        self.hezi.run("tag", "app:1", name, check=True)
        return ("push", "-q", name)

    def import_(self) -> tuple[str, ...]:
        return ("import", str(self.root_tar), "imported:1")

    def save(self) -> tuple[str, ...]:
        self._here()
        self.out.unlink(missing_ok=True)
        return ("save", "-o", str(self.out), "app:1")

    def _here(self) -> None:
        if self.hezi.run("image", "inspect", "app:1").code:
            self.hezi.run("load", "-qi", str(self.archive), check=True)

    def _away(self, name: str) -> None:
        # Images of the same layers would leave nothing to do.
        self.hezi.run("image", "prune", "-af", check=True)
        assert self.hezi.run("image", "inspect", name).code

    def one(self, what: str) -> None:
        """Kill a verb at some moment; it is tried again until it did not end before."""
        prepare: Callable[[], tuple[str, ...]] = getattr(self, what)
        while True:
            words = prepare()
            if what not in self._took:
                began = time.monotonic()
                self.hezi.run(*words, check=True)
                self._took[what] = time.monotonic() - began
                continue
            if self._killed(words, self.source.uniform(0.1, 1) * self._took[what]):
                break
        self.kills[what] += 1
        self._sound(f"{what}, kill {self.kills.total()}")
        done = self.hezi.run(*words)
        gone = done.stderr.startswith("hezi: No such image") and what == "rmi"
        assert done.code == 0 or gone, f"{words}: {done.stderr}"
        if what == "save":
            self.hezi.run("load", "-qi", str(self.out), check=True)

    def _killed(self, words: tuple[str, ...], after: float) -> bool:
        process = self.hezi.popen(*words)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        return process.returncode == -signal.SIGKILL

    def _sound(self, where: str) -> None:
        if self.out.exists():  # whole, or not there
            self.hezi.run("load", "-qi", str(self.out), check=True)
        checked = self.hezi.run("system", "check")
        assert checked.code == 0, f"after {where}: {checked.stdout}{checked.stderr}"
        self.hezi.run("images", check=True)


VERBS = ("pull", "load", "rmi", "prune", "push", "import_", "save")


def kill(hezi: Hezi, server: registry.Registry, directory: Path, count: int) -> None:
    seed = int(os.environ.get("HEZI_KILLS_SEED", "4"))
    killer = Killer(hezi, server, directory, seed)
    order = [VERBS[number % len(VERBS)] for number in range(count)]
    killer.source.shuffle(order)
    print(f"\nseed {seed}: {count} kills of {', '.join(VERBS)}")
    for what in order:
        killer.one(what)
    print(dict(killer.kills))
    assert killer.kills == Counter(order)
    # What was left over is collected, and then nothing at all is left.
    hezi.run("system", "check", "--repair", check=True)
    hezi.run("image", "prune", "-af", check=True)
    assert not any(path.is_file() for place in ("ingest", "content/blobs") for path in (hezi.root / place).rglob("*"))
    assert list((hezi.root / "layers").glob("sha256-*")) == []


def test_some_kills(hezi_env: Hezi, registry_server: registry.Registry, tmp_path: Path) -> None:
    kill(hezi_env, registry_server, tmp_path, 7)


@pytest.mark.slow
def test_two_hundred_kills(hezi_env: Hezi, registry_server: registry.Registry, tmp_path: Path) -> None:
    kill(hezi_env, registry_server, tmp_path, int(os.environ.get("HEZI_KILLS", "200")))
