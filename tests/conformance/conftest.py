"""One docker and one registry for all comparisons of a run: the start is paid for once."""

from __future__ import annotations

import pytest

from tests.conformance import peers


@pytest.fixture(scope="session")
def engines(tmp_path_factory):
    """docker, hezi and their registry: :class:`tests.conformance.peers.Engines`."""
    with peers.running(tmp_path_factory.mktemp("peers")) as found:
        yield found
