"""Sessions about the life of containers, given to docker and to hezi: exit codes and output must be equal."""

from __future__ import annotations

import pytest

from tests.conformance import (
    cases_forms,
    cases_lifecycle,
    cases_resources,
    cases_script,
    cases_streams,
    compare,
    container_peers,
)
from tests.conformance.known_lifecycle import KNOWN

# Mostly waiting, for patience to end; or what test_lines.py has many more lines of: for `make test-slow`.
_SLOW = frozenset(
    {
        *("attach and run", "kill", "logs", "restart policies", "start", "stop and restart"),
        *("create", "forms", "health", "inspect", "pause", "ps", "rename", "rm"),
        *cases_resources.SESSIONS,
    }
)
SESSIONS = {
    name: [line for line in text.splitlines() if line]
    for name, text in (
        cases_lifecycle.SESSIONS
        | cases_streams.SESSIONS
        | cases_script.SESSIONS
        | cases_forms.SESSIONS
        | cases_resources.SESSIONS
    ).items()
}


@pytest.fixture(scope="module")
def both(engines):
    container_peers.provide(engines)
    return engines


@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in _SLOW else name for name in SESSIONS]
)
def test_same_as_docker(both, name):
    found = compare.unknown(container_peers.run(both, SESSIONS[name]), KNOWN)
    assert not found, found


def test_what_is_known_to_differ_is_tried():
    lines = [line for lines in SESSIONS.values() for line in lines]
    assert len(lines) >= 400
    assert not KNOWN.keys() - set(lines)


def test_a_users_day_has_sixty_lines():
    assert len(SESSIONS["a user's day"]) >= 60
