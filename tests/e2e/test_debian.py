"""A real Debian from a registry on loopback: pulled once, run twice."""

from __future__ import annotations

import pytest

from tests.support.harness import Hezi

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "mmdebstrap")


def test_first_run_pulls_and_second_does_not(hezi_env: Hezi, debian_image: str, leftovers_guard: None):
    first = hezi_env.run("run", "--rm", "--network", "none", debian_image, "cat", "/etc/os-release", check=True)
    assert "VERSION_CODENAME=bookworm" in first.stdout
    assert "Unable to find image" in first.stderr
    second = hezi_env.run("run", "--rm", "--network", "none", debian_image, "cat", "/etc/os-release", check=True)
    assert second.stdout == first.stdout
    assert "Unable to find image" not in second.stderr
    assert "Pull" not in second.stderr


def test_ps_shows_process_1_and_nothing_of_the_host(hezi_env: Hezi, debian_image: str, leftovers_guard: None):
    result = hezi_env.run("run", "--rm", "--network", "none", debian_image, "ps", "-eo", "pid,comm", check=True)
    assert [line.split() for line in result.stdout.splitlines()] == [["PID", "COMMAND"], ["1", "ps"]]
