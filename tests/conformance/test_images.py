"""Sessions about images, given to docker and to hezi line by line: exit codes and output must be equal."""

from __future__ import annotations

import pytest

from tests.conformance import image_peers
from tests.conformance.cases_images import SESSIONS, SLOW
from tests.conformance.known_images import KNOWN


@pytest.fixture(scope="module")
def known(engines):
    yield image_peers.provide(engines)
    image_peers.empty(engines.docker)


@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in SESSIONS]
)
def test_same_as_docker(engines, known, name, tmp_path):
    found = image_peers.Session(engines, known, tmp_path).differences(SESSIONS[name], KNOWN)
    assert not found, found


def test_what_is_known_to_differ_is_tried():
    lines = {name: set(lines) for name, lines in SESSIONS.items()}
    assert sum(len(lines[name]) for name in SESSIONS if name not in SLOW) >= 200
    assert not KNOWN.keys() - set().union(*lines.values())
