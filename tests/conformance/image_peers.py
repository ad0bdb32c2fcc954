"""The images of the sessions (cases_images.py), and how a session is run with both engines.

Each image has a time of its own: docker's order of images made in the same second changes from run to run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.conformance.compare import Case, Outcome, Pair, Peer, unknown
from tests.conformance.peers import Engines
from tests.support import harness, images, layout, registry
from tests.support.layout import Entry

_BASE = [
    Entry("etc/", "dir", mode=0o755),
    Entry("etc/base", data=b"base\n" * 5000),
    Entry("link", "symlink", target="etc"),
]
_HISTORY = [
    {"created": "2022-05-01T10:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:0123 in / "},
    {"created": "2022-05-01T10:00:01Z", "created_by": '/bin/sh -c #(nop)  CMD ["sh"]', "empty_layer": True},
    {
        "created": "2022-05-02T10:00:00.5Z",
        "created_by": "/bin/sh -c set -eux;\tapt-get update;\tapt-get install -y --no-install-recommends things",
        "comment": "buildkit.dockerfile.v0",
    },
    {"created": "2022-05-03T10:00:00Z", "created_by": "ENV A=b", "comment": "a note", "empty_layer": True},
]
_FULL = {
    "Cmd": ["default", "cmd"],
    "Entrypoint": ["/entry", "point"],
    "Env": ["PATH=/bin", "A=b", "EMPTY="],
    "User": "1000:1000",
    "WorkingDir": "/work",
    "Volumes": {"/data": {}, "/more": {}},
    "StopSignal": "SIGUSR1",
    "Labels": {"kind": "tool", "level": "2", "empty": ""},
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "OnBuild": ["RUN true"],
    "Shell": ["/bin/bash", "-c"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Retries": 3},
}
_APP = {"Labels": {"kind": "app"}}
_APP_2 = {"Labels": {"kind": "app", "v": "2"}}
# name -> (layers, created, config, history)
_IMAGES = {
    "base:latest": ([_BASE], "2021-01-01T00:00:00Z", {"Cmd": ["sh"]}, None),
    "one:1": ([_BASE, [Entry("one", data=b"1" * 3000)]], "2022-01-01T00:00:00Z", _APP, None),
    "one:2": ([_BASE, [Entry("two", data=b"2" * 900)]], "2022-02-01T00:00:00Z", _APP_2, None),
    "full:3.1": ([[Entry("full", data=b"f" * 1234)]], "2022-03-01T12:30:45.123456789Z", _FULL, None),
    "steps:latest": ([_BASE, [Entry("steps", data=b"s" * 77)]], "2022-05-03T10:00:00Z", {"Cmd": ["sh"]}, _HISTORY),
    "sub/dir/deep:v1": ([[Entry("deep", data=b"d" * 10)]], "2022-06-01T00:00:00Z", {}, None),
}
_AGO = re.compile(r"(Less than a second|\d+ seconds?|About a minute|\d+ minutes) ago")
_SPACE = re.compile(r"(Total reclaimed space: )(?!0B\n)\S+")
_HEX = re.compile(r"(?<![0-9a-f])([0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-f])")
_GAP = re.compile(r" {2,}")


class Known(NamedTuple):
    """What both engines must call the same: ids, digests and layers of the images in the registry."""

    names: dict[str, str]

    def fill(self, text: str) -> str:
        """Put in ``{id one:1}``, ``{short one:1}``, ``{digest one:1}``, ``{top one:1}``."""
        return re.sub(r"\{((?:id|short|digest|top) [^}]+)\}", lambda match: self.names[match[1]], text)

    def hexes(self) -> frozenset[str]:
        whole = {value.removeprefix("sha256:") for value in self.names.values()}
        return frozenset({*whole, *(value[:12] for value in whole)})


def provide(engines: Engines) -> Known:
    """Push the images."""
    directory = engines.directory / "image-layout"
    names: dict[str, str] = {}
    for name, (layers, created, config, history) in _IMAGES.items():
        tag = name.replace("/", "-").replace(":", "-")
        made = layout.write(directory, tag, layers, config=config or {"Cmd": ["x"]}, created=created, history=history)
        _note(names, name, made)
        registry.push(directory, tag, engines.server, f"t/{name}")
    made = layout.write(directory, "run", [images.busybox_entries()], created="2020-01-01T00:00:00Z")
    _note(names, "run:latest", made)
    registry.push(directory, "run", engines.server, "t/run:latest")
    return Known(names)


def _note(names: dict[str, str], name: str, made: layout.Image) -> None:
    names[f"id {name}"] = made.manifest["config"]["digest"].removeprefix("sha256:")
    names[f"short {name}"] = names[f"id {name}"][:12]
    names[f"digest {name}"] = layout.digest(layout._json(made.manifest))
    chain = ""
    for tar in made.layers:
        diff_id = layout.digest(tar)
        chain = layout.digest(f"{chain} {diff_id}".encode()) if chain else diff_id
        names[f"layer {name} {diff_id}"] = diff_id
        names[f"chain {name} {chain}"] = chain
    names[f"top {name}"] = chain


class Session:
    """Runs lines in both engines, each beginning with nothing in it."""

    def __init__(self, engines: Engines, known: Known, directory: Path) -> None:
        self._known = known
        self._hexes = known.hexes()
        self._registry = engines.server
        self._docker = engines.docker
        root = {"HEZI_ROOT": str(directory / "root"), "HEZI_NETWORK": "none", "HEZI_RUNROOT": str(directory / "run")}
        self._hezi = engines.hezi._replace(env={**engines.hezi.env, **root})
        self._running: list[subprocess.Popen[bytes]] = []
        empty(engines.docker)

    def run(self, line: str) -> Pair:
        """Run one line.

        ``move NAME OTHER`` lets the registry's tag mean another image; ``spawn ...`` is a run that goes on; after ``~``
        the order of the lines printed does not count, as docker's of images made in the same second is chance.
        """
        words = shlex.split(line)
        if words[0] in {"move", "spawn"}:
            {"move": self._move, "spawn": self._spawn}[words[0]](*words[1:])
            return Pair(Outcome(0, "", ""), Outcome(0, "", ""))
        anyhow = words[0] == "~"
        case = Case(self._known.fill(line.removeprefix("~ ")), stdin=b"n\n", plain=True)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(self._one, self._docker, case)
            mine = self._one(self._hezi, case)
            pair = Pair(other.result(), mine)
        return Pair(*(one.sorted() for one in pair)) if anyhow else pair

    def differences(self, lines: list[str], known: Container[str]) -> str:
        """Run the lines, clean up, and say where the two differ without that it is known."""
        try:
            return unknown(((line, self.run(line)) for line in lines), known)
        finally:
            self.close()

    def close(self) -> None:
        """Remove hezi's containers, so that nothing of them is left on the machine."""
        for name in _output(self._hezi, "ps", "-aq"):
            _output(self._hezi, "rm", "-f", name)
        for process in self._running:
            process.kill()
            process.wait()

    def _one(self, peer: Peer, case: Case) -> Outcome:
        done = peer.run_raw(case)
        return Outcome(done.code, self._normal(peer, done.stdout), self._normal(peer, done.stderr))

    def _normal(self, peer: Peer, text: str) -> str:
        text = text.replace(f"{peer.images}/", "@")
        text = _HEX.sub(lambda match: match[1] if match[1] in self._hexes else "ID", text)
        text = _SPACE.sub(r"\1SPACE", text)
        if _AGO.search(text):
            text = _GAP.sub("  ", _AGO.sub("NOW ago", text))
        return text

    def _spawn(self, *words: str) -> None:
        for peer in (self._docker, self._hezi):
            argv = [*peer.argv, "run", "--network", "none", *(peer.fill(word) for word in words)]
            quiet = subprocess.DEVNULL
            self._running.append(subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, env=peer.env))
            assert harness.wait_until(lambda peer=peer: _output(peer, "ps", "-q"), timeout=60)

    def _move(self, name: str, other: str) -> None:
        host = f"docker://{self._registry.host}/t"
        argv = ["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"]
        subprocess.run([*argv, f"{host}/{other}", f"{host}/{name}"], capture_output=True, check=True)


def empty(docker: Peer) -> None:
    """Remove everything that docker has."""
    remove_containers(docker)
    if _output(docker, "images", "-aq") or _output(docker, "volume", "ls", "-q"):
        _output(docker, "system", "prune", "-af", "--volumes")


def remove_containers(peer: Peer) -> None:
    """Remove what containers an engine has, running or not."""
    containers = _output(peer, "ps", "-aq")
    if containers:
        _output(peer, "rm", "-f", "-v", *containers)


def _output(peer: Peer, *words: str) -> list[str]:
    done = subprocess.run([*peer.argv, *words], capture_output=True, check=True, env=peer.env)
    return done.stdout.decode().split()
