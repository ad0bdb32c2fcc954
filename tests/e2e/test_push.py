"""push, against a real registry: skopeo reads what came, and looks at what did not have to be sent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import archives, images, layout, registry
from tests.support.cutting_proxy import CuttingProxy
from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
ONE, TWO = archives.layer("one"), archives.layer("two", b"other\n")


def inspect(name: str, *words: str) -> dict[str, object]:
    done = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", *words, f"docker://{name}"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def load(hezi: Hezi, tmp_path: Path, name: str, layers: list[bytes]) -> None:
    path = tmp_path / "load.tar"
    path.write_bytes(archives.pack(archives.docker([name], layers)))
    hezi.run("load", "-i", str(path), check=True)


def short(data: bytes) -> str:
    return archives.sha(data)[:12]


class TestPush:
    def test_in_dockers_words(self, hezi_env, registry_server, tmp_path, leftovers_guard):
        name = f"{registry_server.host}/push/words"
        load(hezi_env, tmp_path, f"{name}:1", [ONE, TWO])
        done = hezi_env.run("push", f"{name}:1", check=True)
        found = inspect(f"{name}:1")
        size = len(json.dumps(inspect(f"{name}:1", "--raw"), separators=(",", ":")))
        lines = done.stdout.splitlines()
        assert lines[0] == f"The push refers to repository [{name}]"
        assert lines[1:3] == [f"{short(TWO)}: Preparing", f"{short(ONE)}: Preparing"]
        assert sorted(lines[3:5]) == sorted([f"{short(TWO)}: Pushed", f"{short(ONE)}: Pushed"])
        assert lines[5:] == [f"1: digest: {found['Digest']} size: {size}"]
        again = hezi_env.run("push", f"{name}:1", check=True).stdout
        assert again.count("Layer already exists") == 2
        assert hezi_env.run("push", "-q", f"{name}:1", check=True).stdout == f"{name}:1\n"
        (row,) = hezi_env.engine().images.list()
        assert row.digest == found["Digest"]

    def test_a_pulled_image_keeps_its_digest(self, hezi_env, registry_server, hard_image, zstd_image):
        for image, tag in ((hard_image, "gzip"), (zstd_image, "zstd")):
            hezi_env.run("pull", "-q", image, check=True)
            name = f"{registry_server.host}/push/kept:{tag}"
            hezi_env.run("tag", image, name, check=True)
            hezi_env.run("push", name, check=True)
            assert inspect(name)["Digest"] == inspect(image)["Digest"]

    def test_all_tags_of_one_image_in_two_compressions_keep_theirs(self, hezi_env, registry_server, tmp_path):
        source = f"{registry_server.host}/push/two"
        target = f"{registry_server.host}/push/copy"
        for tag, compression in (("gzip", "gzip"), ("zstd", "zstd"), ("plain", "none")):
            directory = tmp_path / tag
            layout.write(directory, tag, [images.busybox_entries()], compression=compression)
            registry.push(directory, tag, registry_server, f"push/two:{tag}")
            hezi_env.run("pull", "-q", f"{source}:{tag}", check=True)
            hezi_env.run("tag", f"{source}:{tag}", f"{target}:{tag}", check=True)
        assert len({row.image_id for row in hezi_env.engine().images.list()}) == 1
        done = hezi_env.engine().images.push_all(target)
        wanted = {f"{target}:{tag}": inspect(f"{source}:{tag}")["Digest"] for tag in ("gzip", "zstd", "plain")}
        assert len(set(wanted.values())) == 3
        assert {one.name: one.digest for one in done} == wanted
        assert {name: inspect(name)["Digest"] for name in wanted} == wanted

    def test_layers_are_mounted_from_where_they_are(self, hezi_env, registry_server, tmp_path):
        first, second = (f"{registry_server.host}/push/{one}:1" for one in ("first", "second"))
        load(hezi_env, tmp_path, first, [ONE, TWO])
        hezi_env.run("push", first, check=True)
        hezi_env.run("tag", first, second, check=True)
        assert hezi_env.run("push", second, check=True).stdout.count("Mounted from push/first") == 2

    def test_a_large_layer_in_parts(self, hezi_env, registry_server, tmp_path):
        config = tmp_path / "registries.toml"
        config.write_text(f'[registry."{registry_server.host}"]\nchunk = 1000000\n')
        name = f"{registry_server.host}/push/parts:1"
        noise = archives.layer("noise", os.urandom(4_500_000))
        load(hezi_env, tmp_path, name, [noise])
        hezi_env.run("push", name, env={"HEZI_REGISTRIES_CONFIG": str(config)}, check=True)
        subprocess.run(
            ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", f"docker://{name}",
             f"dir:{tmp_path / 'copy'}"], check=True, capture_output=True,
        )  # fmt: skip

    def test_an_index_that_was_loaded_whole_is_pushed_whole(self, hezi_env, registry_server, tmp_path):
        made = archives.Oci()
        amd, arm = made.manifest([ONE]), made.manifest([TWO, ONE], architecture="arm64")
        whole = made.index([amd, arm])
        name = f"{registry_server.host}/push/multi:1"
        made.name(whole, name)
        path = tmp_path / "load.tar"
        path.write_bytes(archives.pack(made.members()))
        hezi_env.run("load", "-i", str(path), check=True)
        done = hezi_env.engine().images.push(name)
        assert done.digest == whole["digest"]
        for digest in (whole["digest"], arm["digest"]):
            assert inspect(f"{name.rpartition(':')[0]}@{digest}", "--raw")["schemaVersion"] == 2
        only = hezi_env.engine().images.push(name, platform="linux/arm64")
        assert only.digest == arm["digest"]

    def test_only_with_a_password(self, hezi_env, auth_registry, tmp_path):
        name = f"{auth_registry.host}/push/private:1"
        load(hezi_env, tmp_path, name, [ONE])
        done = hezi_env.run("push", name)
        assert done.code == 1
        assert "push access denied" in done.stderr
        assert f"hezi login {auth_registry.host}" in done.stderr

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (["localhost:1/none"], "An image does not exist locally with the tag: localhost:1/none"),
            (["localhost:1/there"], "tag does not exist: localhost:1/there:latest"),
            (["localhost:1/there@sha256:" + "0" * 64], "cannot push a digest reference"),
            (["-a", "localhost:1/there:x"], "tag can't be used with --all-tags/-a"),
            (["localhost:1/there:x"], "cannot connect to localhost:1"),
            (["--platform", "linux/s390x", "localhost:1/there:x"], "no suitable match for platform linux/s390x"),
            (["--disable-content-trust=false", "x"], "Notary"),
        ],
    )
    def test_refusals(self, hezi_env, tmp_path, words, text):
        load(hezi_env, tmp_path, "localhost:1/there:x", [ONE])
        done = hezi_env.run("push", *words)
        assert done.code != 0
        assert text in done.stderr

    @pytest.mark.parametrize("cuts", [[3_000_000], [1_000_000, 6_000_000, 2_000_000]])
    def test_connections_that_break_cost_no_more_than_the_layer_again(self, hezi_env, registry_server, tmp_path, cuts):
        # docker-registry 2.8 throws away what it has of a part that broke off: then it is sent again, and no more.
        noise = archives.layer("noise", os.urandom(20_000_000))
        with CuttingProxy(registry_server.host) as proxy:
            name = f"{proxy.host}/push/cut{len(cuts)}:1"
            load(hezi_env, tmp_path, name, [noise])
            proxy.cuts = list(cuts)
            hezi_env.run("push", name, check=True)
            assert proxy.cuts == []
            assert proxy.passed < 20_100_000 + sum(cuts)
        direct = f"{registry_server.host}/push/cut{len(cuts)}:1"
        subprocess.run(
            ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", f"docker://{direct}",
             f"dir:{tmp_path / 'copy'}"], check=True, capture_output=True,
        )  # fmt: skip

    def test_one_that_is_killed_is_finished_by_the_next(self, hezi_env, tmp_path):
        noise = archives.layer("noise", os.urandom(20_000_000))
        with registry.running(tmp_path / "registry") as server:
            name = f"{server.host}/push/killed:1"
            load(hezi_env, tmp_path, name, [noise, ONE])
            uploads = server.directory / "storage/docker/registry/v2/repositories/push/killed/_uploads"
            pushing = hezi_env.popen("push", name)
            wait_until(lambda: any(uploads.glob("*/data")) or pushing.poll() is not None)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pushing.pid, signal.SIGKILL)
            pushing.communicate()
            assert hezi_env.run("push", name, check=True).stdout.count("digest: sha256:") == 1
            assert inspect(name)["Layers"]
