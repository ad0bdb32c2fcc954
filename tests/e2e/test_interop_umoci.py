"""umoci on one side, hezi on the other: what hezi saves umoci changes, and hezi takes it back under the right names."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support import layout
from tests.support.harness import Hezi
from tests.support.layout import Entry

pytestmark = [pytest.mark.needs("root", "overlay", "umoci", "skopeo", "busybox"), pytest.mark.slow]


def umoci(*words: str | Path) -> str:
    done = subprocess.run(["umoci", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pack(directory: Path) -> str:
    """Make an archive of a layout, as tar does: members begin with ``./``."""
    subprocess.run(["tar", "-C", directory, "-cf", f"{directory}.tar", "."], check=True)
    return f"{directory}.tar"


def digest(directory: Path, name: str) -> str:
    argv = ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{directory}:{name}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def manifests(archive: Path) -> dict[str, str]:
    """Name -> digest of what an archive's index.json has."""
    with tarfile.open(archive) as opened:
        member = opened.extractfile("index.json")
        assert member is not None
        entries = json.loads(member.read())["manifests"]
    return {one["annotations"]["io.containerd.image.name"]: one["digest"] for one in entries}


@pytest.fixture
def saved(hezi_env: Hezi, busybox_layout: Path, tmp_path: Path) -> Path:
    """An image that hezi has saved as ``box:1``, unpacked to a layout."""
    subprocess.run(["cp", "-r", busybox_layout, tmp_path / "first"], check=True)
    done = hezi_env.run("load", "-i", pack(tmp_path / "first"), check=True)
    hezi_env.run("tag", done.stdout.split()[-1], "box:1", check=True)
    hezi_env.run("save", "--format", "oci-archive", "-o", str(tmp_path / "box.tar"), "box:1", check=True)
    directory = tmp_path / "layout"
    directory.mkdir()
    subprocess.run(["tar", "-C", directory, "-xf", tmp_path / "box.tar"], check=True)
    return directory


def test_umoci_reads_what_hezi_saves(saved, tmp_path):
    assert umoci("ls", "--layout", saved).split() == ["1"]
    assert "tests" in umoci("stat", "--image", f"{saved}:1")
    umoci("unpack", "--image", f"{saved}:1", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/bin/busybox").stat().st_size > 100_000


def test_what_umoci_changes_comes_back_under_its_tags(hezi_env, saved, tmp_path):
    umoci("config", "--image", f"{saved}:1", "--tag", "conf", "--config.env", "A=b", "--author", "me")
    (tmp_path / "file").write_text("inserted\n")
    umoci("tag", "--image", f"{saved}:1", "ins")
    umoci("insert", "--image", f"{saved}:ins", tmp_path / "file", "/etc/inserted")
    umoci("unpack", "--image", f"{saved}:ins", tmp_path / "bundle")
    (tmp_path / "bundle/rootfs/etc/more").write_text("more\n")
    (tmp_path / "bundle/rootfs/etc/passwd").unlink()
    umoci("repack", "--image", f"{saved}:rep", tmp_path / "bundle")
    umoci("tag", "--image", f"{saved}:rep", "example.org/team/app:2")
    hezi_env.run("rmi", "box:1", check=True)
    done = hezi_env.run("load", "-i", pack(saved), check=True)
    wanted = ["box:1", "box:conf", "box:ins", "box:rep", "example.org/team/app:2"]
    assert sorted(line.removeprefix("Loaded image: ") for line in done.stdout.splitlines()) == wanted
    shown = hezi_env.run("inspect", "-f", "{{json .Config.Env}} {{.Author}}", "box:conf", check=True).stdout
    assert '"A=b"' in shown
    assert shown.endswith(" me\n")
    ids = {name: hezi_env.run("inspect", "-f", "{{.Id}}", name).stdout for name in wanted}
    assert len(set(ids.values())) == 4
    assert ids["box:rep"] == ids["example.org/team/app:2"]
    listed = hezi_env.run("image", "diff", "box:1", "box:rep", check=True).stdout.splitlines()
    assert {"A /etc/inserted", "A /etc/more", "D /etc/passwd"} <= set(listed)
    seen = hezi_env.run("run", "--rm", "box:rep", "cat", "/etc/inserted", "/etc/more", check=True)
    assert seen.stdout == "inserted\nmore\n"
    # Each manifest is the one that umoci has made.
    hezi_env.run("save", "--format", "oci-archive", "-o", str(tmp_path / "out.tar"), "box", check=True)
    assert manifests(tmp_path / "out.tar") == {
        f"docker.io/library/box:{tag}": digest(saved, tag) for tag in ("1", "conf", "ins", "rep")
    }


def test_an_image_that_umoci_has_made_from_nothing(hezi_env, tmp_path):
    directory = tmp_path / "new"
    umoci("init", "--layout", directory)
    umoci("new", "--image", f"{directory}:empty")
    umoci("tag", "--image", f"{directory}:empty", "team/made:1")
    (tmp_path / "file").write_text("x")
    umoci("insert", "--image", f"{directory}:team/made:1", tmp_path / "file", "/file")
    umoci("rm", "--image", f"{directory}:empty")
    umoci("gc", "--layout", directory)
    assert hezi_env.run("load", "-i", pack(directory), check=True).stdout == "Loaded image: team/made:1\n"
    hezi_env.run("create", "--name", "made", "team/made:1", "/x", check=True)
    assert "file" in hezi_env.run("export", "made", check=True).stdout
    hezi_env.run("rm", "made", check=True)


@pytest.mark.parametrize("packing", ["gzip", "xz", "zstd", "bzip2"])
def test_packed_archives_with_several_platforms(hezi_env, tmp_path, packing):
    directory = tmp_path / "layout"
    entries = []
    for architecture in ("amd64", "arm64"):
        files = [Entry("architecture", data=architecture.encode())]
        made = layout.write(directory, architecture, [files], architecture=architecture, compression="zstd")
        described = layout.add_blob(directory, layout._json(made.manifest), layout.MANIFEST)
        entries.append({**described, "platform": {"os": "linux", "architecture": architecture}})
    index = layout._json({"schemaVersion": 2, "mediaType": layout.INDEX, "manifests": entries})
    (directory / "index.json").unlink()
    layout.add_name(directory, "example.org/both:1", layout.add_blob(directory, index, layout.INDEX))
    plain = Path(pack(directory))
    with open(tmp_path / "packed", "wb") as out:
        subprocess.run([packing, "-c", plain], stdout=out, check=True)
    hezi_env.run("load", "-i", str(tmp_path / "packed"), check=True)
    for architecture in ("amd64", "arm64"):
        options = ["--platform", f"linux/{architecture}", "-f", "{{.Architecture}} {{json .RepoDigests}}"]
        shown = hezi_env.run("image", "inspect", *options, "example.org/both:1", check=True).stdout
        assert shown == f'{architecture} ["example.org/both@{layout.digest(index)}"]\n'
