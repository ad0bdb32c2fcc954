"""A real Debian from a registry on loopback: pulled once, run twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support import images
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


@pytest.mark.slow
def test_an_archive_made_by_mmdebstrap_is_imported(hezi_env: Hezi, tmp_path: Path, leftovers_guard: None):
    """Its devices, owners and links come through; what is no archive of images says which command reads it."""
    tar = images.debian_tar()
    refused = hezi_env.run("load", "-i", str(tar))
    assert refused.code == 1
    assert "hezi import" in refused.stderr
    made = hezi_env.run("import", "-c", 'CMD ["bash"]', "-c", "ENV LANG=C.UTF-8", str(tar), "debian:made", check=True)
    with open(tar, "rb") as file:
        diff_id = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    found = hezi_env.engine().images.inspect("debian:made")
    assert found["Id"] == made.stdout.strip()
    assert found["RootFS"]["Layers"] == [diff_id]
    script = "dpkg-query -W -f '${Status}\n' | sort -u; stat -c '%F %a %U' /tmp /usr/bin/su /bin"
    done = hezi_env.run("run", "--rm", "--network", "none", "debian:made", "bash", "-c", script, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "install ok installed"
    assert lines[1:4] == ["directory 1777 root", "regular file 4755 root", "symbolic link 777 root"]
    out = tmp_path / "out.tar"
    hezi_env.run("save", "-o", str(out), "debian:made", check=True)
    hezi_env.run("rmi", "debian:made", check=True)
    hezi_env.run("load", "-qi", str(out), check=True)
    assert hezi_env.engine().images.inspect("debian:made")["Id"] == found["Id"]
