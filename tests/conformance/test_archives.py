"""Sessions about archives and registries, given to docker and to hezi line by line; each loads what the other saved."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shlex
from pathlib import Path

import pytest

from tests.conformance import image_peers
from tests.conformance.cases_archives import SESSIONS_LINES
from tests.conformance.compare import Case, Outcome, Pair, Peer
from tests.conformance.known_archives import KNOWN
from tests.conformance.peers import Engines
from tests.support import layout
from tests.support.layout import Entry

_ROOT = layout.make_tar([Entry("etc/", "dir", mode=0o755), Entry("etc/file", data=b"content\n")])
_PUSHED = re.compile(r"digest: sha256:[0-9a-f]{64} size: \d+")
_MOUNTED = re.compile(r"Mounted from \S+")
# What runs each time; the others are for `make test-slow`.
_QUICK = frozenset({"save and load"})
_LAYER = re.compile(r"^[0-9a-f]{12}: ")


class Session(image_peers.Session):
    """As for images; with the files to import, a configuration and a repository for each engine of its own."""

    def __init__(self, engines: Engines, known: image_peers.Known, directory: Path, auth: str) -> None:
        super().__init__(engines, known, directory)
        self._auth = auth
        self._docker = self._own(self._docker, directory / "docker")
        self._hezi = self._own(self._hezi, directory / "hezi")

    @staticmethod
    def _own(peer: Peer, directory: Path) -> Peer:
        (directory / "files/sub").mkdir(parents=True)
        (directory / "config").mkdir()
        for name, data in (
            ("file", b"host file\n"),
            ("fs.tar", _ROOT),
            ("fs.tar.gz", gzip.compress(_ROOT)),
            ("fs.tar.bz2", bz2.compress(_ROOT)),
            ("fs.tar.xz", lzma.compress(_ROOT)),
        ):
            (directory / "files" / name).write_bytes(data)
        env = {**peer.env, "DOCKER_CONFIG": str(directory / "config")}
        return peer._replace(directory=directory / "files", env=env)

    def run(self, line: str) -> Pair:
        words = shlex.split(line)
        if words[0] == "cross":
            ours, theirs = self._hezi.directory / words[1], self._docker.directory / words[1]
            mine, other = ours.read_bytes(), theirs.read_bytes()
            ours.write_bytes(other)
            theirs.write_bytes(mine)
            return Pair(Outcome(0, "", ""), Outcome(0, "", ""))
        return super().run(line)

    def _one(self, peer: Peer, case: Case) -> Outcome:
        line = case.line.replace("%r", self._repository(peer)).replace("%a", self._auth)
        return super()._one(peer, case._replace(line=line, stdin=b""))

    def _repository(self, peer: Peer) -> str:
        host = peer.images.partition("/")[0]
        return f"{host}/{'hezi' if peer is self._hezi else 'docker'}{abs(hash(self._auth)) % 1000}"

    def _normal(self, peer: Peer, text: str) -> str:
        text = text.replace(self._repository(peer), "%r").replace(self._auth, "%a")
        # docker makes a manifest anew from what it has unpacked; hezi sends the one that it has.
        text = _MOUNTED.sub("Mounted from X", _PUSHED.sub("digest: D size: N", text))
        # Layers go in parallel: which one is done first is nobody's promise.
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if not _LAYER.match(line)]
        if text.startswith("The push refers"):
            lines = [*kept, *sorted(line for line in lines if _LAYER.match(line))]
        return super()._normal(peer, "".join(lines))


@pytest.fixture(scope="module")
def known(engines):
    yield image_peers.provide(engines)
    image_peers.empty(engines.docker)


@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize(
    "name", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SESSIONS_LINES]
)
def test_same_as_docker(engines, known, auth_registry, name, tmp_path):
    found = Session(engines, known, tmp_path, auth_registry.host).differences(SESSIONS_LINES[name], KNOWN)
    assert not found, found


def test_what_is_known_to_differ_is_tried():
    lines = [line for lines in SESSIONS_LINES.values() for line in lines]
    assert len(lines) >= 180
    assert not KNOWN.keys() - set(lines)
