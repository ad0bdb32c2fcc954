"""save, load and import: with skopeo and podman as the other side, and archives that lie."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import http.server
import json
import lzma
import os
import pty
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path

import pytest
from backports import zstd

from tests.support import archives
from tests.support.harness import Hezi
from tests.support.layout import Entry, make_tar

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
ONE, TWO = archives.layer("one"), archives.layer("two", b"other\n")


def skopeo(*words: str) -> str:
    done = subprocess.run(["skopeo", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(path: Path, members: list[archives.Member]) -> str:
    path.write_bytes(archives.pack(members))
    return str(path)


def ids(hezi: Hezi) -> dict[str, str]:
    rows = hezi.engine().images.list()
    return {f"{row.repository}:{row.tag}": row.image_id for row in rows}


def index(path: Path) -> list[dict[str, object]]:
    with tarfile.open(path) as archive:
        member = archive.extractfile("index.json")
        assert member is not None
        return json.loads(member.read())["manifests"]  # type: ignore[no-any-return]


@pytest.fixture
def other(tmp_path: Path):
    """A second hezi, with a store of its own."""
    hezi = Hezi(tmp_path / "other")
    yield hezi
    hezi.clean_up()


@pytest.fixture
def podman(tmp_path: Path):
    """The words that a podman command line begins with, its store below ``tmp_path``."""
    # podman takes no run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="hp-") as short:
        yield [
            "podman", "--root", str(tmp_path / "podman"), "--runroot", f"{short}/r", "--tmpdir", f"{short}/t",
            "--storage-driver", "vfs", "--events-backend", "none",
        ]  # fmt: skip


class TestSave:
    def test_is_an_oci_layout_and_a_docker_archive_with_the_registrys_digests(
        self, hezi_env, busybox_image, tmp_path, leftovers_guard
    ):
        hezi_env.run("pull", "-q", busybox_image, check=True)
        path = tmp_path / "saved.tar"
        hezi_env.run("save", "-o", str(path), busybox_image, check=True)
        wanted = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{busybox_image}"))["Digest"]
        assert json.loads(skopeo("inspect", f"oci-archive:{path}:latest"))["Digest"] == wanted
        assert skopeo("inspect", "--config", "--raw", f"docker-archive:{path}") == skopeo(
            "inspect", "--config", "--raw", "--tls-verify=false", f"docker://{busybox_image}"
        )

    @pytest.mark.parametrize("image", ["busybox_image", "hard_image", "zstd_image"])
    def test_round_trip_keeps_ids_digests_and_files(self, hezi_env, other, image, request, tmp_path):
        name = request.getfixturevalue(image)
        hezi_env.run("pull", "-q", name, check=True)
        path = tmp_path / "saved.tar"
        hezi_env.run("save", "-o", str(path), name, check=True)
        assert other.run("load", "-i", str(path), check=True).stdout == f"Loaded image: {name}\n"
        assert ids(other) == ids(hezi_env)
        again = tmp_path / "again.tar"
        other.run("save", "-o", str(again), name, check=True)
        assert again.read_bytes() == path.read_bytes()

    def test_a_name_without_a_tag_means_all_tags(self, hezi_env, tmp_path):
        path = write(tmp_path / "in.tar", archives.docker(["app:1", "app:2", "other:1"], [ONE]))
        hezi_env.run("load", "-i", path, check=True)
        out = tmp_path / "out.tar"
        hezi_env.run("save", "-o", str(out), "app", check=True)
        with tarfile.open(out) as archive:
            entry = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert [one["RepoTags"] for one in entry] == [["app:1", "app:2"]]

    def test_by_id_has_no_name(self, hezi_env, other, tmp_path):
        hezi_env.run("load", "-i", write(tmp_path / "in.tar", archives.docker(["app:1"], [ONE])), check=True)
        image_id = ids(hezi_env)["app:1"]
        out = tmp_path / "out.tar"
        hezi_env.run("save", "-o", str(out), image_id[7:19], check=True)
        assert other.run("load", "-i", str(out), check=True).stdout == f"Loaded image ID: {image_id}\n"

    def test_to_a_terminal_is_refused_with_dockers_words(self, hezi_env):
        leader, follower = pty.openpty()
        try:
            done = subprocess.run(
                hezi_env.argv("save", "x"), stdout=follower, stderr=subprocess.PIPE, env=hezi_env.env, check=False
            )
        finally:
            os.close(leader)
            os.close(follower)
        assert done.returncode == 1
        assert b"cowardly refusing to save to a terminal. Use the -o flag or redirect" in done.stderr

    def test_a_failure_leaves_no_file(self, hezi_env, tmp_path):
        out = tmp_path / "out.tar"
        assert hezi_env.run("save", "-o", str(out), "nosuch").code == 1
        done = hezi_env.run("save", "-o", str(tmp_path / "no" / "x"), "nosuch")
        assert "failed to save image: invalid output path" in done.stderr
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []

    def test_uncompressed_layers_are_named_by_their_diff_ids(self, hezi_env, tmp_path):
        hezi_env.run("load", "-i", write(tmp_path / "in.tar", archives.docker(["app:1"], [ONE, TWO])), check=True)
        out = tmp_path / "out.tar"
        hezi_env.run("save", "--uncompressed", "-o", str(out), "app:1", check=True)
        with tarfile.open(out) as archive:
            found = [archive.extractfile(f"blobs/sha256/{archives.sha(one)}").read() for one in (ONE, TWO)]  # type: ignore[union-attr]
        assert found == [ONE, TWO]

    def test_a_multi_platform_index_that_came_whole_leaves_whole(self, hezi_env, other, tmp_path):
        made = archives.Oci()
        amd, arm = made.manifest([ONE]), made.manifest([TWO], architecture="arm64")
        whole = made.index([amd, arm])
        made.name(whole, "docker.io/library/app:1")
        hezi_env.run("load", "-i", write(tmp_path / "in.tar", made.members()), check=True)
        out = tmp_path / "out.tar"
        hezi_env.run("save", "-o", str(out), "app:1", check=True)
        assert [one["digest"] for one in index(out)] == [whole["digest"]]
        # The other machine's image is unpacked when something looks into it.
        assert len(list((hezi_env.root / "layers").glob("[0-9a-f]*"))) == 1
        hezi_env.run("system", "check", check=True)
        named = hezi_env.engine().images.inspect("app:1", platform="linux/arm64")
        assert hezi_env.run("image", "diff", "app:1", named["Id"], check=True).stdout == "D /etc/one\nA /etc/two\n"
        assert len(list((hezi_env.root / "layers").glob("[0-9a-f]*"))) == 2
        hezi_env.run("system", "check", check=True)
        other.run("load", "-i", str(out), "--platform", "linux/arm64", check=True)
        assert other.engine().images.inspect("app:1")["Architecture"] == "arm64"
        hezi_env.run("save", "-o", str(out), "--platform", "linux/arm64", "app:1", check=True)
        assert [one["digest"] for one in index(out)] == [arm["digest"]]
        assert "no suitable match" in hezi_env.run("save", "--platform", "linux/s390x", "app:1").stderr

    def test_a_blob_that_the_store_lost_is_named(self, hezi_env, tmp_path):
        hezi_env.run(
            "load", "-i", write(tmp_path / "in.tar", archives.docker(["localhost:1/app:1"], [ONE])), check=True
        )
        blobs = list((hezi_env.root / "content/blobs/sha256").iterdir())
        (layer,) = [path for path in blobs if path.read_bytes().startswith(b"\x1f\x8b")]
        layer.unlink()
        for words in (["save", "-o", str(tmp_path / "out.tar")], ["push"]):
            done = hezi_env.run(*words, "localhost:1/app:1")
            assert done.code == 1
            assert f"no longer the blob sha256:{layer.name}" in done.stderr
        assert not (tmp_path / "out.tar").exists()
        hezi_env.run("load", "-i", str(tmp_path / "in.tar"), check=True)
        hezi_env.run("save", "-o", str(tmp_path / "out.tar"), "localhost:1/app:1", check=True)

    def test_an_index_stays_whole_when_another_name_of_its_image_goes(self, hezi_env, tmp_path):
        made = archives.Oci()
        amd, arm = made.manifest([ONE]), made.manifest([TWO], architecture="arm64")
        whole = made.index([amd, arm])
        made.name(whole, "docker.io/library/app:1")
        made.name(made.manifest([ONE], packed=False), "docker.io/library/plain:1")
        hezi_env.run("load", "-i", write(tmp_path / "in.tar", made.members()), check=True)
        hezi_env.run("rmi", "plain:1", check=True)
        out = tmp_path / "out.tar"
        hezi_env.run("save", "-o", str(out), "app:1", check=True)
        assert [one["digest"] for one in index(out)] == [whole["digest"]]
        hezi_env.run("rmi", "app:1", check=True)
        assert list((hezi_env.root / "content/blobs/sha256").iterdir()) == []


class TestLoad:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress])
    def test_packed_and_from_a_pipe(self, hezi_env, pack):
        raw = pack(archives.pack(archives.docker(["app:1"], [ONE, TWO])))
        done = hezi_env.run("load", input=raw, check=True)
        assert done.stdout == "Loaded image: app:1\n"
        assert hezi_env.engine().images.inspect("app:1")["RootFS"]["Layers"] == [
            f"sha256:{archives.sha(one)}" for one in (ONE, TWO)
        ]

    def test_what_skopeo_wrote(self, hezi_env, busybox_image, busybox_layout, tmp_path):
        hezi_env.run("pull", "-q", busybox_image, check=True)
        source = f"oci:{busybox_layout}:latest"
        for kind, name in (("docker-archive", "team/x:9"), ("oci-archive", "team/y:9")):
            path = tmp_path / f"{kind}.tar"
            skopeo("copy", "--quiet", "--insecure-policy", source, f"{kind}:{path}:{name}")
            assert hezi_env.run("load", "-i", str(path), check=True).stdout == f"Loaded image: {name}\n"
        found = ids(hezi_env)
        assert found["team/x:9"] == found["team/y:9"] == found[busybox_image]

    @pytest.mark.needs("podman")
    @pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
    def test_podman_and_hezi_read_each_other(self, hezi_env, podman, kind, tmp_path):
        hezi_env.run("load", "-i", write(tmp_path / "in.tar", archives.docker(["reg.test/app:1"], [ONE])), check=True)
        ours, theirs = tmp_path / "ours.tar", tmp_path / "theirs.tar"
        hezi_env.run("save", "-o", str(ours), "--format", kind, "reg.test/app:1", check=True)
        subprocess.run([*podman, "load", "-q", "-i", str(ours)], check=True, capture_output=True)
        done = subprocess.run(
            [*podman, "images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"],
            check=True,
            capture_output=True,
            text=True,
        )
        image_id = ids(hezi_env)["reg.test/app:1"]
        assert done.stdout.split() == [image_id, "reg.test/app:1"]
        subprocess.run(
            [*podman, "save", "-q", "--format", kind, "-o", str(theirs), "reg.test/app:1"],
            check=True,
            capture_output=True,
        )
        assert hezi_env.run("load", "-i", str(theirs), check=True).stdout == "Loaded image: reg.test/app:1\n"
        assert ids(hezi_env) == {"reg.test/app:1": image_id}

    def test_a_name_that_moves_is_told(self, hezi_env, tmp_path):
        hezi_env.run("load", "-i", write(tmp_path / "a.tar", archives.docker(["app:1"], [ONE])), check=True)
        old = ids(hezi_env)["app:1"]
        done = hezi_env.run("load", "-i", write(tmp_path / "b.tar", archives.docker(["app:1"], [TWO])), check=True)
        assert done.stdout == (
            f"The image app:1 already exists, renaming the old one with ID {old} to empty string\nLoaded image: app:1\n"
        )

    @pytest.mark.parametrize("packed", [False, True])
    def test_a_layer_that_is_not_what_the_config_promises(self, hezi_env, tmp_path, packed, leftovers_guard):
        if packed:
            made = archives.Oci()
            entry = made.manifest([ONE])
            manifest = json.loads(made.blobs[entry["digest"][7:]])
            digest = manifest["layers"][0]["digest"][7:]
            made.blobs[digest] = bytes(len(made.blobs[digest]))
            made.name(entry, "docker.io/library/app:1")
            members = made.members()
        else:
            members = [(name, data if data != ONE else TWO) for name, data in archives.docker(["app:1"], [ONE])]
        done = hezi_env.run("load", "-i", write(tmp_path / "bad.tar", members))
        assert done.code == 1
        assert "digest mismatch" in done.stderr or "not what the image config promises" in done.stderr
        assert ids(hezi_env) == {}
        left = [path for path in (hezi_env.root / "layers").iterdir() if len(path.name) == 64]
        assert left == list((hezi_env.root / "content/blobs/sha256").iterdir()) == []

    def test_nothing_of_a_layer_gets_out(self, hezi_env, tmp_path):
        evil = make_tar([Entry("../../../../escaped", data=b"x")])
        done = hezi_env.run("load", "-i", write(tmp_path / "evil.tar", archives.docker(["app:1"], [evil])))
        assert done.code == 1
        assert "leave the image's root" in done.stderr
        assert ids(hezi_env) == {}

    def test_from_a_terminal_is_refused_with_dockers_words(self, hezi_env):
        leader, follower = pty.openpty()
        try:
            done = subprocess.run(
                hezi_env.argv("load"), stdin=follower, capture_output=True, env=hezi_env.env, check=False
            )
        finally:
            os.close(leader)
            os.close(follower)
        assert done.returncode == 1
        assert b"requested load from stdin, but stdin is empty" in done.stderr

    def test_known_layers_are_not_stored_again(self, hezi_env, tmp_path):
        hezi_env.run("load", "-i", write(tmp_path / "a.tar", archives.docker(["app:1"], [ONE])), check=True)
        before = set((hezi_env.root / "content/blobs/sha256").iterdir())
        hezi_env.run("load", "-i", write(tmp_path / "b.tar", archives.docker(["b:1"], [ONE], author="b")), check=True)
        after = set((hezi_env.root / "content/blobs/sha256").iterdir())
        assert before < after
        assert len(after - before) == 2  # config and manifest

    def test_the_library_gives_steps_and_names(self, hezi_env, tmp_path):
        steps: list[str] = []
        path = write(tmp_path / "a.tar", archives.docker(["app:1"], [ONE]))
        (done,) = hezi_env.engine().images.load(path, progress=lambda step: steps.append(step.status))
        assert (done.name, done.replaced) == ("app:1", "")
        assert "Loading layer" in steps
        assert b"".join(hezi_env.engine().images.save("app:1"))[-1024:] == bytes(1024)


class TestImport:
    ROOT = make_tar([Entry("hello", data=b"hello\n"), Entry("bin/", "dir", mode=0o755)])

    @pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress])
    def test_the_diff_id_is_that_of_the_tar(self, hezi_env, pack):
        done = hezi_env.run("import", "-", "imported:1", input=pack(self.ROOT), check=True)
        assert done.stdout.strip() == ids(hezi_env)["imported:1"]
        found = hezi_env.engine().images.inspect("imported:1")
        assert found["RootFS"]["Layers"] == [f"sha256:{archives.sha(self.ROOT)}"]
        assert found["Comment"] == "Imported from -"

    def test_changes_message_and_platform(self, hezi_env, tmp_path):
        path = tmp_path / "root.tar"
        path.write_bytes(self.ROOT)
        changes = ["-c", 'CMD ["/hello"]', "-c", "ENV A=b", "-m", "by hand", "--platform", "linux/arm64"]
        hezi_env.run("import", *changes, str(path), "x", check=True)
        found = hezi_env.engine().images.inspect("x")
        assert found["Config"]["Cmd"] == ["/hello"]
        assert found["Config"]["Env"] == ["A=b"]
        assert (found["Comment"], found["Architecture"]) == ("by hand", "arm64")

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (["nosuch.tar"], "open nosuch.tar: no such file or directory"),
            (["/etc"], "is a directory"),
            (["-c", "FROM x", "-"], "from is not a valid change command"),
            (["-c", "STOPSIGNAL 9", "-"], "stopsignal is not a valid change command"),
            (["--platform", "windows/amd64", "-"], "operating system is not supported"),
            (["-", "x@sha256:" + "0" * 64], "cannot import digest reference"),
            (["-", "BAD"], "must be lowercase"),
            (["http://registry.example/x.tar"], "refused to download from registry.example by plain HTTP"),
            (["ftp://registry.example/x.tar"], "no such file"),
        ],
    )
    def test_refusals(self, hezi_env, words, text):
        done = hezi_env.run("import", *words)
        assert done.code == 1
        assert text in done.stderr
        assert ids(hezi_env) == {}

    def test_rubbish_is_no_image(self, hezi_env, leftovers_guard):
        assert hezi_env.run("import", "-", "x", input=b"rubbish" * 1000).code == 1
        assert ids(hezi_env) == {}

    def test_from_a_url_of_this_machine(self, hezi_env):
        root = self.ROOT

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/root.tar" else 404)
                self.send_header("Content-Length", str(len(root)))
                self.end_headers()
                self.wfile.write(root)

            def log_message(self, *_: object) -> None:
                """Be silent."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            with contextlib.closing(server.socket):
                url = f"http://127.0.0.1:{server.server_address[1]}/root.tar"
                hezi_env.run("import", url, "fetched:1", check=True)
                assert "HTTP status 404" in hezi_env.run("import", f"{url}x", "other").stderr
                server.shutdown()
        assert hezi_env.engine().images.inspect("fetched:1")["Comment"] == f"Imported from {url}"
