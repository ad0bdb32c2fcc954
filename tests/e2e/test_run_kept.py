"""Containers without ``--rm``: what stays of them, as with docker (so the guard against leftovers is not used)."""

from __future__ import annotations

import pytest

from tests.support.harness import Hezi

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox")


def test_kept_container_has_its_record(hezi_env: Hezi, busybox_image: str) -> None:
    done = hezi_env.run("run", "--network", "none", "--name", "kept", busybox_image, "sh", "-c", "echo x >/y; exit 9")
    assert done.code == 9
    (directory,) = (hezi_env.root / "containers").iterdir()
    assert (directory / "upper/y").read_text() == "x\n"
    assert '"ExitCode": 9' in (directory / "exit.json").read_text()
    assert directory.stat().st_mode & 0o777 == 0o700
    again = hezi_env.run("run", "--network", "none", "--name", "kept", busybox_image, "true")
    assert again.code == 125
    assert "already in use by container" in again.stderr


def test_failed_start_stays_as_created(hezi_env: Hezi, busybox_image: str) -> None:
    done = hezi_env.run("run", "--network", "none", busybox_image, "no-such-program")
    assert done.code == 127
    assert len(list((hezi_env.root / "containers").iterdir())) == 1
    # Other failures leave nothing: there is no container that could ever start.
    assert hezi_env.run("run", "--network", "none", "-u", "nobody2", busybox_image, "true").code == 125
    assert len(list((hezi_env.root / "containers").iterdir())) == 1


def test_rmi_of_a_used_image_is_refused(hezi_env: Hezi, busybox_image: str) -> None:
    assert hezi_env.run("run", "--network", "none", busybox_image, "true").code == 0
    done = hezi_env.run("rmi", busybox_image)
    assert done.code == 1
    assert "is using its referenced image" in done.stderr


def test_what_ran_in_the_foreground_has_a_log_too(hezi_env: Hezi, busybox_image: str) -> None:
    hezi_env.run("run", "--network", "none", "--name", "kept", busybox_image, "echo", "said", check=True)
    done = hezi_env.run("logs", "kept")
    assert (done.code, done.stdout) == (0, "said\n")
    hezi_env.run("create", "--network", "none", "--name", "new", busybox_image, "true", check=True)
    assert hezi_env.run("logs", "new").code == 0
