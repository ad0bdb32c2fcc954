"""The same command line given to docker and to hezi, and what differs.

A case is one line as one would type it behind ``run --rm --network none``; ``@name`` is an image of :mod:`peers`,
``%d`` a directory on the host that both see (made anew for each).
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Container, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

# As ls -l prints it: the two run in the same minute mostly, not always.
_TIME = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ \d\d:\d\d\b")
_ID = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b")


class Case(NamedTuple):
    """One command line.

    :ivar line: what follows ``run``.
    :ivar stdin: bytes for the standard input, None for /dev/null.
    :ivar plain: nothing is put before the line (no ``--rm --network none``): for other verbs and mistakes.
    :ivar texts: what both must say on stderr, when that is part of the promise.
    """

    line: str
    stdin: bytes | None = None
    plain: bool = False
    texts: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """What one engine did."""

    code: int
    stdout: str
    stderr: str

    def sorted(self) -> Outcome:
        """Return it with the lines of stdout in alphabetical order."""
        return self._replace(stdout="".join(sorted(self.stdout.splitlines(keepends=True))))


class Pair(NamedTuple):
    """What both did with one case."""

    docker: Outcome
    hezi: Outcome

    def differences(self) -> list[str]:
        """Exit code and output must be the same; words of errors are each engine's own, that there are any is not."""
        found = []
        if self.docker.code != self.hezi.code:
            found.append(f"exit code: docker {self.docker.code}, hezi {self.hezi.code}")
        if self.docker.stdout != self.hezi.stdout:
            found.append(f"stdout:\n-- docker\n{self.docker.stdout[-3000:]}-- hezi\n{self.hezi.stdout[-3000:]}")
        if bool(self.docker.stderr) != bool(self.hezi.stderr):
            found.append("one says something on stderr, the other nothing")
        if found:
            found.append(f"-- docker's stderr\n{self.docker.stderr}-- hezi's stderr\n{self.hezi.stderr}")
        return found


def unknown(pairs: Iterable[tuple[str, Pair]], known: Container[str]) -> str:
    """Say which lines differ, and how; nothing of those of which it is known."""
    found = [(line, pair.differences()) for line, pair in pairs if line not in known]
    return "\n".join("\n".join([f"$ {line}", *differences]) for line, differences in found if differences)


class Peer(NamedTuple):
    """An engine: how it is called, its environment, and the host's directory that it uses for ``%d``."""

    argv: tuple[str, ...]
    env: dict[str, str]
    directory: Path
    images: str

    def run(self, case: Case) -> Outcome:
        words = shlex.split(case.line)
        done = self._execute(case)
        stdout = self._normal(done.stdout)
        if words[-1] == "env":
            # The order in which docker gives several -e to the program changes from run to run.
            stdout = "".join(sorted(stdout.splitlines(keepends=True)))
        return Outcome(done.returncode, stdout, self._normal(done.stderr))

    def run_raw(self, case: Case) -> Outcome:
        """Run it and give what it wrote as it is."""
        done = self._execute(case)
        texts = (raw.decode(errors="backslashreplace") for raw in (done.stdout, done.stderr))
        return Outcome(done.returncode, *texts)

    def _execute(self, case: Case) -> subprocess.CompletedProcess[bytes]:
        words = [self.fill(word) for word in shlex.split(case.line)]
        before = [] if case.plain else ["run", "--rm", "--network", "none"]
        return subprocess.run(
            [*self.argv, *before, *words],
            input=case.stdin or b"",
            capture_output=True,
            timeout=60,
            check=False,
            env=self.env,
            cwd=self.directory,
        )

    def pull(self, name: str) -> None:
        """Have the image ``@name`` there, so that no case depends on which came first."""
        words = [*self.argv, "pull", "-q", f"{self.images}/{name}"]
        subprocess.run(words, capture_output=True, check=True, env=self.env)

    def fill(self, word: str) -> str:
        """Put in the names of images and the directory."""
        word = re.sub(r"(?<![^=,])@(?=[a-z])", f"{self.images}/", word)
        return word.replace("%d", str(self.directory))

    def _normal(self, raw: bytes) -> str:
        text = raw.decode(errors="backslashreplace").replace("\r\n", "\n")
        text = text.replace(str(self.directory), "%d").replace(f"{self.images}/", "@")
        return _TIME.sub("TIME", _ID.sub("ID", text))


def run(case: Case, docker: Peer, hezi: Peer) -> Pair:
    """Run it with both at once."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(docker.run, case)
        mine = hezi.run(case)
        return Pair(other.result(), mine)
