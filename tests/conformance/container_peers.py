"""Sessions about containers: the images they use, and how their lines are run in both engines.

A line is what one types behind ``docker``; ``run`` and ``create`` get ``--network none``. Besides there are:

    TEXT <<< 'input'             standard input; without it there is none
    await NAME TEMPLATE VALUE    wait until ``inspect -f TEMPLATE NAME`` gives it
    gone NAME                    wait until there is no such container
    written NAME TEXT            wait until the logs of NAME have it
    spawn KEY words...           begin a command that goes on
    seen KEY TEXT                wait until it has written that
    tell KEY TEXT                give it input
    eof KEY                      end its input
    join KEY                     wait for its end, and compare what came of it

``{id NAME}``, ``{short NAME}`` and ``{cut NAME}`` are a container's id, its first 12 and its first 30 digits.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance import image_peers
from tests.conformance.compare import Outcome, Pair, Peer
from tests.conformance.peers import Engines
from tests.support import images, layout, registry
from tests.support.harness import wait_until

PATIENCE = 30
_PATH = "PATH=/usr/bin:/bin"
_CONFIGS = {
    "latest": {"Cmd": ["sh", "-c", "echo from the image"], "Env": [_PATH, "FROM=image"]},
    "full": {
        "Cmd": ["some", "words"],
        "Entrypoint": ["echo", "entry"],
        "Env": [_PATH],
        "Labels": {"kind": "full", "level": "1"},
        "StopSignal": "SIGUSR1",
        "User": "ann",
        "WorkingDir": "/home/ann",
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
    },
}
_AGES = "Less than a second|About a minute|About an hour|\\d+ (?:second|minute|hour)s?"
_NOW = re.compile(rf"(?:{_AGES})(?: ago)?")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC")
_HEX = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{30}|[0-9a-f]{12})(?![0-9a-f])")
_GAP = re.compile(r" {2,}")
_SIZE = re.compile(r"\d[\d.]*(?:[kM]?B)\b")
# docker's of a host without IP forwarding.
_FORWARDING = "IPv4 forwarding is disabled. Networking will not work.\n"
_NETWORK_NONE = ("--network", "none")
# docker's of a host without IP forwarding, behind each update.
FORWARDING = "IPv4 forwarding is disabled. Networking will not work.\n"


def provide(engines: Engines) -> None:
    """Push the images, and have them in both engines."""
    directory = engines.directory / "life"
    for tag, config in _CONFIGS.items():
        layout.write(directory, tag, [images.busybox_entries()], config=config)
        registry.push(directory, tag, engines.server, f"t/life:{tag}")
        for peer in (engines.docker, engines.hezi):
            peer.pull(f"life:{tag}")


def run(engines: Engines, lines: list[str]) -> Iterator[tuple[str, Pair]]:
    """Run a session in both engines, each at its own pace, and give what came of each line."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_one, engines.docker, lines)
        mine = _one(engines.hezi, lines)
        for line, theirs, ours in zip(lines, other.result(), mine, strict=True):
            yield line, Pair(theirs, ours)


def _one(peer: Peer, lines: list[str]) -> list[Outcome]:
    session = Session(peer)
    try:
        return [session.run(line) for line in lines]
    finally:
        session.close()


class Session:
    """The lines of one session in one engine."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        # Of others who share the engines.
        image_peers.remove_containers(peer)
        self._going: dict[str, _Going] = {}
        self._special: dict[str, Callable[..., Outcome | None]] = {
            "await": self._await,
            "gone": self._gone,
            "written": self._written,
            "spawn": self._spawn,
            "seen": lambda key, text: self._going[key].wait(text),
            "tell": lambda key, text: self._going[key].tell(text),
            "eof": lambda key: self._going[key].eof(),
            "join": self._join,
        }

    def run(self, line: str) -> Outcome:
        words, data = self._words(line)
        special = self._special.get(words[0])
        if special is not None:
            return special(*words[1:]) or Outcome(0, "", "")
        argv, rest = self._argv(words), {"cwd": self._peer.directory, "env": self._peer.env}
        try:
            done = subprocess.run(argv, input=data, capture_output=True, timeout=PATIENCE, check=False, **rest)
        except subprocess.TimeoutExpired:
            return Outcome(-1, f"{self._peer.argv[0]} does not end\n", "")
        outcome = Outcome(done.returncode, self._normal(done.stdout), self._normal(done.stderr))
        # docker keeps the files of a directory in a map, whose order is chance.
        return outcome.sorted() if words[0] == "diff" else outcome

    def close(self) -> None:
        """Remove the session's containers and end what was begun."""
        for going in self._going.values():
            going.process.kill()
            going.process.communicate()
            going.output.close()
        image_peers.remove_containers(self._peer)

    def _words(self, line: str) -> tuple[list[str], bytes]:
        text, arrow, data = line.partition(" <<< ")
        words = shlex.split(self._fill(text))
        return words, shlex.split(data)[0].encode().decode("unicode_escape").encode() if arrow else b""

    def _argv(self, words: list[str]) -> list[str]:
        words = [self._peer.fill(word) for word in words]
        at = next((n for n, word in enumerate(words[:2]) if word in {"run", "create"}), None)
        if at is not None and "--network" not in words and "--help" not in words:
            words[at + 1 : at + 1] = _NETWORK_NONE
        return [*self._peer.argv, *words]

    def _fill(self, text: str) -> str:
        return re.sub(r"\{(id|short|cut) ([^}]+)\}", lambda match: self._id(match[1], match[2]), text)

    def _id(self, form: str, name: str) -> str:
        found = self._ask("inspect", "-f", "{{.Id}}", name).strip()
        return found[: {"id": 64, "short": 12, "cut": 30}[form]]

    def _ask(self, *words: str) -> str:
        done = subprocess.run([*self._peer.argv, *words], capture_output=True, check=False, env=self._peer.env)
        return (done.stdout + done.stderr).decode(errors="replace")

    def _await(self, name: str, template: str, value: str) -> None:
        found = ""

        def there() -> bool:
            nonlocal found
            found = self._ask("inspect", "-f", template, name).strip()
            return found == value

        assert wait_until(there, timeout=PATIENCE), f"{self._peer.argv}: {template} of {name} is {found}, not {value}"

    def _gone(self, name: str) -> None:
        there = wait_until(lambda: "No such" in self._ask("inspect", "-f", "", name), timeout=PATIENCE)
        assert there, f"{self._peer.argv}: {name} is not removed"

    def _written(self, name: str, text: str) -> None:
        there = wait_until(lambda: text in self._ask("logs", name), timeout=PATIENCE)
        assert there, f"{self._peer.argv}: {name} does not write {text!r}: {self._ask('logs', name)}"

    def _spawn(self, key: str, *words: str) -> None:
        self._going[key] = _Going(self._argv(list(words)), self._peer, key)

    def _join(self, key: str) -> Outcome:
        done = self._going.pop(key).join()
        return Outcome(done[0], self._normal(done[1]), self._normal(done[2]))

    def _normal(self, raw: bytes) -> str:
        text = raw.decode(errors="backslashreplace").replace("\r\n", "\n").replace(f"{self._peer.images}/", "@")
        text = text.replace(str(self._peer.directory), "%d").replace(FORWARDING, "")
        text = _STAMP.sub("TIME", _HEX.sub("ID", text))
        text = text.replace(_FORWARDING, "")
        if _NOW.search(text):
            text = _NOW.sub("NOW", text)
        return _GAP.sub("  ", text)


class _Going:
    """A command that goes on; its output is in files, so that it never waits for a reader."""

    def __init__(self, argv: list[str], peer: Peer, key: str) -> None:
        path = Path(f"{peer.directory}-{key}")
        self.output = open(path, "w+b")  # noqa: SIM115 - closed by join and by the session
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=self.output, stderr=subprocess.PIPE, env=peer.env, cwd=peer.directory
        )
        self._path = path

    def wait(self, text: str) -> None:
        there = wait_until(lambda: text.encode() in self._path.read_bytes(), timeout=PATIENCE)
        assert there, f"{self.process.args!r} does not write {text!r}: {self._path.read_bytes()!r}"

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode().decode("unicode_escape").encode())
        self.process.stdin.flush()

    def eof(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def join(self) -> tuple[int, bytes, bytes]:
        stderr = self.process.communicate(timeout=PATIENCE)[1]
        self.output.close()
        return self.process.returncode, self._path.read_bytes(), stderr
