"""More than two thousand command lines about containers, given to docker and to hezi: the same codes and output."""

from __future__ import annotations

import shlex

import pytest

from tests.conformance import (
    cases_lines_act,
    cases_lines_create,
    cases_lines_look,
    cases_lines_mounts,
    container_peers,
    peers,
)
from tests.conformance.known_lines import KNOWN

SESSIONS = (
    cases_lines_create.SESSIONS | cases_lines_mounts.SESSIONS | cases_lines_act.SESSIONS | cases_lines_look.SESSIONS
)


@pytest.fixture(scope="module")
def both(engines):
    container_peers.provide(engines)
    return engines


def differences(lines, pairs):
    """Say where the answers differ and nothing is known of that."""
    found, one_sided = [], set()
    for line, pair in zip(lines, pairs, strict=True):
        differ = pair.differences()
        words = shlex.split(line.partition(" <<< ")[0])
        if differ and line in KNOWN:
            # What only one of them has made is looked at by the lines behind.
            one_sided.update(words[n + 1] for n, word in enumerate(words[:-1]) if word == "--name")
        elif differ and words[-1] not in one_sided:
            found.append("\n".join([f"$ {line}", *differ]))
    return found


@pytest.mark.slow
@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox", "cgroup-v1")
@pytest.mark.parametrize("name", SESSIONS)
def test_same_as_docker(both, name):
    for peer in both[:2]:
        peers.fill(peer)
    lines = SESSIONS[name]
    found = differences(lines, (pair for _, pair in container_peers.run(both, lines)))
    assert not found, "\n".join(found)


def test_what_is_known_to_differ_is_tried():
    lines = [line for lines in SESSIONS.values() for line in lines]
    assert len(lines) >= 2500
    assert not KNOWN.keys() - set(lines)
