"""Some thousands of lines about images, given to docker and to hezi: tests/data/image_lines.txt has them.

``config IMAGE`` there is an inspect of all that instructions can change.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import image_peers
from tests.conformance.compare import Case, Outcome, Peer
from tests.conformance.known_image_lines import KNOWN
from tests.conformance.test_archives import Session

_FILE = Path(__file__).parents[1] / "data/image_lines.txt"
# What runs each time; the others are for `make test-slow`.
_QUICK = frozenset({"rmi1"})
_FIELDS = ("Cmd", "Entrypoint", "Env", "Labels", "Volumes", "ExposedPorts", "OnBuild", "Healthcheck")
_CONFIG = " ".join(["{{.Config.User}} {{.Config.WorkingDir}}", *(f"{{{{json .Config.{name}}}}}" for name in _FIELDS)])
_RECLAIMED = re.compile(r"(Total reclaimed space: )\S+")
_BYTES = re.compile(r"\b\d+(\.\d+)?[kMG]?B( \(\d+%\))? *")


def _sessions() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _FILE.read_text().splitlines():
        if line.startswith("[") and line.endswith("]"):
            lines = found.setdefault(line[1:-1], [])
        elif line:
            lines.append(line)
    return found


SESSIONS = _sessions()


class _Lines(Session):
    """As for archives; sizes of ``system df`` are left out."""

    def _one(self, peer: Peer, case: Case) -> Outcome:
        if case.line.startswith("config "):
            case = case._replace(line=f"inspect -f '{_CONFIG}' {case.line[7:]}")
        done = super()._one(peer, case)
        done = done._replace(stdout=_RECLAIMED.sub(r"\1SPACE", done.stdout))
        if case.line.startswith("system df") and "Unique" not in case.line:
            return done._replace(stdout=_BYTES.sub("SIZE ", done.stdout))
        return done


@pytest.fixture(scope="module")
def known(engines):
    yield image_peers.provide(engines)
    image_peers.empty(engines.docker)


@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize(
    "name", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SESSIONS]
)
def test_same_as_docker(engines, known, auth_registry, name, tmp_path):
    session = _Lines(engines, known, tmp_path, auth_registry.host)
    found = []
    try:
        for line in SESSIONS[name]:
            differences = session.run(line).differences()
            if differences and line not in KNOWN:
                found.append("\n".join([f"$ {line}", *differences]))
    finally:
        session.close()
    assert not found, "\n".join(found)


def test_what_is_known_to_differ_is_tried():
    lines = [line for lines in SESSIONS.values() for line in lines]
    assert len(lines) >= 2500
    assert not KNOWN.keys() - set(lines)
