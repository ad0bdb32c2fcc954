from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.registry_client import Certificates, Clock
from tests.support.toxic_registry import ToxicRegistry


@pytest.fixture
def server() -> Iterator[ToxicRegistry]:
    with ToxicRegistry() as registry:
        yield registry


@pytest.fixture
def other() -> Iterator[ToxicRegistry]:
    """Another server, which must learn nothing."""
    with ToxicRegistry() as registry:
        yield registry


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
