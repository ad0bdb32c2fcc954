"""``hezi pull``, ``images`` and ``rmi`` against a real registry."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support import images, registry
from tests.support.harness import Hezi, wait_until

pytestmark = [
    pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox"),
    pytest.mark.usefixtures("leftovers_guard"),
]


def test_pull_run_images_rmi(hezi_env: Hezi, busybox_image: str) -> None:
    first = hezi_env.run("pull", busybox_image, check=True)
    assert f"Status: Downloaded newer image for {busybox_image}" in first.stdout
    again = hezi_env.run("pull", busybox_image, check=True)
    assert f"Status: Image is up to date for {busybox_image}" in again.stdout
    assert "Already exists" not in again.stdout, "an image that is here is up to date without a word about its layers"
    listed = hezi_env.run("images", check=True).stdout.splitlines()
    assert listed[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert listed[1].split()[:2] == busybox_image.rsplit(":", 1)
    gone = hezi_env.run("rmi", busybox_image, check=True).stdout
    assert f"Untagged: {busybox_image}" in gone
    assert "Deleted: sha256:" in gone
    assert len(hezi_env.run("images", check=True).stdout.splitlines()) == 1
    assert not [name for name in os.listdir(hezi_env.root / "layers") if not name.startswith(".")]
    assert not list((hezi_env.root / "content/blobs/sha256").iterdir())
    assert hezi_env.run("rmi", busybox_image).code == 1


def test_by_digest_by_id_and_by_prefix(hezi_env: Hezi, busybox_image: str) -> None:
    pulled = hezi_env.run("pull", busybox_image, check=True).stdout
    (digest,) = [line.split()[1] for line in pulled.splitlines() if line.startswith("Digest:")]
    name = busybox_image.rsplit(":", 1)[0]
    assert hezi_env.run("pull", "-q", f"{name}@{digest}", check=True).stdout == f"{name}@{digest}\n"
    image_id = hezi_env.run("images", "-q", check=True).stdout.split()[0]
    for spelling in (image_id, image_id[:6], f"{name}@{digest}", busybox_image):
        assert (
            hezi_env.run("run", "--rm", "--network", "none", "--pull", "never", spelling, "echo", "x").stdout == "x\n"
        )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("{host}/no-such", "not found"),
        ("{host}/busybox:no-such", "not found"),
        ("{host}/busybox@sha256:" + "0" * 64, "not found"),
        ("127.0.0.1:1/x", "cannot connect"),
        ("{host}/UPPER", "must be lowercase"),
        ("{host}/busybox:bad tag", "invalid reference format"),
        ("", "invalid reference format"),
        ("{host}/busybox@sha256:123", "invalid"),
    ],
)
def test_what_is_not_there(
    hezi_env: Hezi, registry_server: registry.Registry, busybox_image: str, name: str, text: str
) -> None:
    done = hezi_env.run("pull", name.format(host=registry_server.host))
    assert done.code == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert len(hezi_env.run("images", check=True).stdout.splitlines()) == 1


def test_wrong_platform(hezi_env: Hezi, busybox_image: str) -> None:
    done = hezi_env.run("pull", "--platform", "linux/s390x", busybox_image)
    assert done.code == 1
    assert "does not match the specified platform" in done.stderr


def test_all_tags(hezi_env: Hezi, registry_server: registry.Registry, busybox_layout: Path) -> None:
    for tag in ("one", "two", "three"):
        registry.push(busybox_layout, "latest", registry_server, f"many/tags:{tag}")
    name = f"{registry_server.host}/many/tags"
    hezi_env.run("pull", "--all-tags", name, check=True)
    tags = [line.split()[1] for line in hezi_env.run("images", check=True).stdout.splitlines()[1:]]
    assert sorted(tags) == ["one", "three", "two"]
    assert hezi_env.run("pull", "-a", f"{name}:one").code == 1


def test_unauthorized(hezi_env: Hezi, auth_registry: registry.Registry) -> None:
    done = hezi_env.run("pull", f"{auth_registry.host}/busybox")
    assert done.code == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_tls_that_nobody_vouches_for(hezi_env: Hezi, tls_registry: registry.Registry) -> None:
    done = hezi_env.run("pull", f"{tls_registry.host}/busybox")
    assert done.code == 1
    assert "certificate" in done.stderr


def test_several_layers_with_everything_in_them(hezi_env: Hezi, hard_image: str, zstd_image: str) -> None:
    done = hezi_env.run("pull", hard_image, check=True)
    assert done.stdout.count("Pull complete") == 3
    # The same layers in another compression are the same layers unpacked: only the blobs are fetched.
    hezi_env.run("pull", zstd_image, check=True)
    assert len([name for name in os.listdir(hezi_env.root / "layers") if not name.startswith(".")]) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pull_shows_nothing_and_the_next_one_works(
    hezi_env: Hezi, registry_server: registry.Registry, tmp_path: Path, number: int
) -> None:
    from tests.support.layout import Entry, write

    # Random bytes: nothing for the compressor, so that there is time to be killed in.
    entries = [[Entry(f"file{n}", data=os.urandom(6 << 20))] for n in range(5)]
    write(tmp_path / "layout", "latest", entries)
    name = registry.push(tmp_path / "layout", "latest", registry_server, f"big:{number}")
    for delay in (0.15, 0.25, 0.35, 0.5):
        process = hezi_env.popen("pull", name)
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert wait_until(lambda: not hezi_env.processes())
        # Nothing, or all of it when the last step was done already.
        listed = hezi_env.run("images", check=True).stdout.splitlines()
        assert (
            len(listed) == 1 or hezi_env.run("image", "inspect", "-f", "{{len .RootFS.Layers}}", name).stdout == "5\n"
        )
    hezi_env.run("pull", name, check=True)
    assert len(hezi_env.run("images", check=True).stdout.splitlines()) == 2
    hezi_env.run("rmi", name, check=True)
    assert not [path for path in (hezi_env.root / "layers").iterdir() if not path.name.startswith(".")]


def test_pull_policies(hezi_env: Hezi, busybox_image: str) -> None:
    never = hezi_env.run("run", "--rm", "--network", "none", "--pull", "never", busybox_image, "true")
    assert (never.code, "No such image" in never.stderr) == (125, True)
    missing = hezi_env.run("run", "--rm", "--network", "none", busybox_image, "true")
    assert (missing.code, "Unable to find image" in missing.stderr) == (0, True)
    always = hezi_env.run("run", "--rm", "--network", "none", "--pull", "always", busybox_image, "true")
    assert (always.code, "Pulling from" in always.stderr) == (0, True)


def test_two_pulls_at_once(hezi_env: Hezi, hard_image: str) -> None:
    both = [hezi_env.popen("pull", hard_image) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def test_corrupt_blob(hezi_env: Hezi, tmp_path: Path) -> None:
    images.write_busybox(tmp_path / "layout")
    with registry.running(tmp_path / "registry") as server:
        name = registry.push(tmp_path / "layout", "latest", server, "broken:latest")
        for data in (tmp_path / "registry/storage").rglob("data"):
            raw = bytearray(data.read_bytes())
            if len(raw) > 100_000:
                raw[len(raw) // 2] ^= 1
                data.write_bytes(raw)
        done = hezi_env.run("pull", name)
    assert done.code == 1
    assert "Traceback" not in done.stderr
    assert len(hezi_env.run("images", check=True).stdout.splitlines()) == 1
    assert not list((hezi_env.root / "ingest").iterdir())
