"""Fixtures: an isolated hezi, registries, images, and a guard that nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import images, leftovers, registry
from tests.support.harness import Hezi
from tests.support.life import Life


@pytest.fixture
def hezi_env(tmp_path: Path) -> Iterator[Hezi]:
    """hezi with its own root: ``hezi_env.run("images")``, ``hezi_env.engine()``."""
    hezi = Hezi(tmp_path / "hezi")
    yield hezi
    hezi.clean_up()


@pytest.fixture
def leftovers_guard(hezi_env: Hezi) -> Iterator[None]:
    """Fail the test when it leaves a mount, cgroup, process, network namespace, temporary file or half-done state."""
    before = leftovers.look()
    yield
    found = leftovers.left_behind(before, hezi_env)
    assert not found, "left behind:\n" + "\n".join(found)


@pytest.fixture(scope="session")
def registry_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry.Registry]:
    """A registry without passwords, plain HTTP, shared by the session: choose repository names of your own."""
    with registry.running(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture(scope="session")
def auth_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry.Registry]:
    """A registry that wants the Basic credentials registry.USER and registry.PASSWORD."""
    with registry.running(tmp_path_factory.mktemp("auth-registry"), auth=True) as server:
        yield server


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry.Registry]:
    """A registry that speaks TLS with a certificate of its own authority, ``server.ca``."""
    with registry.running(tmp_path_factory.mktemp("tls-registry"), tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def busybox_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OCI layout of a busybox image, named ``latest``."""
    directory = tmp_path_factory.mktemp("busybox")
    images.write_busybox(directory)
    return directory


@pytest.fixture(scope="session")
def busybox_image(registry_server: registry.Registry, busybox_layout: Path) -> str:
    """The full reference of a busybox image in the registry."""
    return registry.push(busybox_layout, "latest", registry_server, "busybox:latest")


@pytest.fixture(scope="session")
def hard_image(registry_server: registry.Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with whiteouts, opaque directories, hard links, devices, xattrs, long names (gzip layers)."""
    directory = tmp_path_factory.mktemp("hard")
    images.write_hard(directory)
    return registry.push(directory, "latest", registry_server, "hard:latest")


@pytest.fixture(scope="session")
def zstd_image(registry_server: registry.Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same with zstd layers."""
    directory = tmp_path_factory.mktemp("zstd")
    images.write_hard(directory, compression="zstd")
    return registry.push(directory, "latest", registry_server, "hard:zstd")


@pytest.fixture(scope="session")
def debian_image(registry_server: registry.Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real Debian in the registry; mark what uses it ``needs("mmdebstrap", "root")``."""
    directory = tmp_path_factory.mktemp("debian")
    images.write_debian(directory)
    return registry.push(directory, "bookworm", registry_server, "debian:bookworm")


@pytest.fixture(scope="module")
def hezi(tmp_path_factory: pytest.TempPathFactory, busybox_image: str) -> Iterator[Hezi]:
    """One installation for all tests of a module, with ``busybox_image`` in it."""
    one = Hezi(tmp_path_factory.mktemp("hezi"))
    one.run("pull", busybox_image, check=True)
    yield one
    one.clean_up()


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory, busybox_image: str) -> Iterator[Life]:
    """The root of :func:`life`, one for all tests of a module."""
    one = Life(tmp_path_factory.mktemp("life") / "hezi", busybox_image)
    yield one
    one.clean_up()


@pytest.fixture
def life(living: Life) -> Iterator[Life]:
    """Containers in a root of their own; the test fails when anything of them is left after their removal."""
    try:
        yield living
        living.leaves_nothing()
    finally:
        living.start_anew()
