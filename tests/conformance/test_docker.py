"""The same command lines given to docker and to hezi: exit codes and output must be equal, or a reason be written down.

docker's command line is that of version 28, which hezi follows; the daemon may be older (see known.py). The cases run
in their order: some need the volume, the image or the file that an earlier one left.
"""

from __future__ import annotations

import pytest

from tests.conformance import (
    cases_files,
    cases_life,
    cases_limits,
    cases_process,
    cases_spaces,
    cases_volumes,
    compare,
    peers,
)
from tests.conformance.known import KNOWN


def _cases(found):
    return [case if isinstance(case, compare.Case) else compare.Case(case) for case in found]


CASES = _cases([*cases_process.CASES, *cases_spaces.CASES, *cases_files.CASES])
# Each is half a second of docker's; the others are for `make test-slow`. Both engines have seen the same lines before.
_EACH = 10
SHARE = [
    case if number % _EACH == 0 else pytest.param(case, marks=pytest.mark.slow) for number, case in enumerate(CASES)
]
VOLUMES = _cases([*cases_volumes.CASES, *cases_life.CASES])
LIMITS = _cases(cases_limits.CASES)
NEEDS = pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox", "mmdebstrap")


@pytest.fixture(scope="module")
def both(engines):
    return peers.provide(engines)


def _compare(both, case):
    differences = compare.run(case, *both).differences()
    if case.line not in KNOWN:
        assert not differences, "\n".join([case.line, *differences])


@NEEDS
@pytest.mark.parametrize("case", SHARE, ids=[case.line[:60] for case in CASES])
def test_same_as_docker(both, case):
    _compare(both, case)


@NEEDS
@pytest.mark.slow
@pytest.mark.parametrize("case", VOLUMES, ids=[case.line[:60] for case in VOLUMES])
def test_volumes_and_life_are_the_same_as_dockers(both, case):
    _compare(both, case)


@NEEDS
@pytest.mark.needs("cgroup-v1")
@pytest.mark.slow
@pytest.mark.parametrize("case", LIMITS, ids=[case.line[:60] for case in LIMITS])
def test_limits_are_the_same_as_dockers(both, case):
    _compare(both, case)


def test_what_is_known_to_differ_is_tried():
    assert not KNOWN.keys() - {case.line for case in [*CASES, *VOLUMES, *LIMITS]}
