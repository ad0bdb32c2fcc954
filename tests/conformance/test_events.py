"""Sessions about containers that live, given to docker and to hezi line by line: numbers apart, the same answers."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.conformance import image_peers
from tests.conformance.cases_events import SESSIONS
from tests.conformance.compare import Pair, Peer
from tests.conformance.container_peers import FORWARDING
from tests.conformance.known_events import KNOWN

_AMOUNT = re.compile(r"\d[\d.e+]*(B|kB|MB|GB|KiB|MiB|GiB|%)")


class Session(image_peers.Session):
    """Lines with ``{since}`` and ``{now}``; what is used and when is not compared, that and where it is told is."""

    def __init__(self, engines, known, directory: Path) -> None:
        super().__init__(engines, known, directory)
        self._since = f"{time.time():.6f}"

    def run(self, line: str) -> Pair:
        return super().run(line.replace("{since}", self._since).replace("{now}", f"{time.time():.6f}"))

    def _normal(self, peer: Peer, text: str) -> str:
        text = super()._normal(peer, text).replace(FORWARDING, "")
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
        text = re.sub(r'"(time|timeNano)":\d+', r'"\1":N', text)
        text = _AMOUNT.sub("N", text)
        # ps: numbers of processes, times of day and of processors.
        text = (
            re.sub(r"(?<![\w.])\d+(?![\w.])|\d+:\d\d(:\d\d)?|(?<!\S)\d+\.\d+(?!\S)", "N", text)
            if "PID" in text
            else text
        )
        return re.sub(" {2,}", "  ", "".join(line for line in text.splitlines(True) if " network " not in line))


@pytest.fixture(scope="module")
def known(engines):
    yield image_peers.provide(engines)
    image_peers.empty(engines.docker)


@pytest.mark.slow
@pytest.mark.needs("root", "overlay", "docker:28", "docker-registry", "skopeo", "busybox", "cgroup-v1")
@pytest.mark.parametrize("name", SESSIONS)
def test_same_as_docker(engines, known, name, tmp_path):
    found = Session(engines, known, tmp_path).differences(SESSIONS[name], KNOWN)
    assert not found, found


def test_what_is_known_to_differ_is_tried():
    lines = [line for lines in SESSIONS.values() for line in lines]
    assert len(lines) >= 120
    assert not KNOWN.keys() - set(lines)
