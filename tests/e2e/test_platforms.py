"""One name with images for several platforms: pulled beside each other, listed, chosen, pushed, saved and removed."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support import layout, registry
from tests.support.harness import Hezi
from tests.support.layout import Entry

pytestmark = [pytest.mark.needs("root", "overlay", "docker-registry", "skopeo"), pytest.mark.slow]
ARM, S390 = "linux/arm64", "linux/s390x"


def write_index(directory, name, architectures, *, content=b"", attested=False):
    """Write images for some architectures and an index of them; give the index's digest and the manifests'."""
    entries, digests = [], {}
    for architecture in architectures:
        files = [Entry("architecture", data=architecture.encode() * 500 + content)]
        made = layout.write(directory, f"{name}-{architecture}", [files], architecture=architecture)
        raw = layout._json(made.manifest)
        described = layout.add_blob(directory, raw, layout.MANIFEST)
        entries.append({**described, "platform": {"os": "linux", "architecture": architecture}})
        digests[architecture] = layout.digest(raw)
    if attested:
        made = layout.write(directory, f"{name}-said", [[Entry("said", data=b"so")]], architecture="unknown")
        described = layout.add_blob(directory, layout._json(made.manifest), layout.MANIFEST)
        entries.append({**described, "platform": {"os": "unknown", "architecture": "unknown"}})
    index = layout._json({"schemaVersion": 2, "mediaType": layout.INDEX, "manifests": entries})
    layout.add_name(directory, name, layout.add_blob(directory, index, layout.INDEX))
    return layout.digest(index), digests


@pytest.fixture(scope="module")
def app(registry_server, tmp_path_factory):
    """An image for three platforms, with what its builder attests: its name and the digest of its index."""
    directory = tmp_path_factory.mktemp("app")
    digest, _ = write_index(directory, "app", ("amd64", "arm64", "s390x"), attested=True)
    return registry.push(directory, "app", registry_server, "platforms/app:1"), digest


@pytest.fixture
def both(hezi_env, app):
    """The image for this machine's platform and that for another, pulled one after the other."""
    name, _ = app
    hezi_env.run("pull", "-q", "--platform", "linux/amd64", name, check=True)
    hezi_env.run("pull", "-q", "--platform", ARM, name, check=True)
    return name


@pytest.fixture
def other(tmp_path):
    return Hezi(tmp_path / "other")


def shown(hezi, name, *options, template="{{.Architecture}}"):
    return hezi.run("image", "inspect", "-f", template, *options, name, check=True).stdout.strip()


def raw(name):
    argv = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def unpacked(hezi):
    return [path for path in hezi.root.glob("layers/*") if not path.name.startswith(".")]


def nothing_left(hezi):
    assert hezi.run("images", "-aq", check=True).stdout == ""
    assert not list(hezi.root.glob("content/blobs/sha256/*"))
    assert not unpacked(hezi)
    hezi.run("system", "check", check=True)


class TestSeeing:
    def test_a_name_has_both_and_means_the_one_for_this_machine(self, hezi_env, both, app):
        assert shown(hezi_env, both) == "amd64"
        assert shown(hezi_env, both, "--platform", ARM) == "arm64"
        assert shown(hezi_env, both, "--platform", ARM, template="{{json .RepoTags}}") == json.dumps([both])
        (row,) = hezi_env.engine().images.list()
        assert row.digest == app[1]
        assert len(hezi_env.run("images", "-q", check=True).stdout.split()) == 1
        assert hezi_env.run("images", "-qf", "dangling=true", check=True).stdout == ""
        ids = {hezi_env.run("history", "-q", "--no-trunc", "--platform", p, both).stdout for p in ("linux/amd64", ARM)}
        assert len(ids) == 2
        failed = hezi_env.run("image", "inspect", "--platform", S390, both)
        assert failed.code == 1
        assert "does not provide the specified platform (linux/s390x)" in failed.stderr
        hezi_env.run("system", "check", check=True)

    def test_the_order_of_pulls_is_of_no_account(self, hezi_env, app):
        name, _ = app
        hezi_env.run("pull", "-q", "--platform", S390, name, check=True)
        assert shown(hezi_env, name) == "s390x"
        hezi_env.run("pull", "-q", name, check=True)
        assert shown(hezi_env, name) == "amd64"
        assert shown(hezi_env, name, "--platform", S390) == "s390x"
        again = hezi_env.run("pull", "--platform", S390, name, check=True).stdout
        assert "Status: Image is up to date" in again
        assert shown(hezi_env, f"{name.rpartition(':')[0]}@{app[1]}") == "amd64"

    def test_the_tree_shows_them(self, hezi_env, both):
        lines = hezi_env.run("image", "ls", "--tree", check=True).stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["IMAGE", both, "├─", "└─"]
        assert [line.split()[1] for line in lines[2:]] == ["linux/amd64", ARM]
        arm = shown(hezi_env, both, "--platform", ARM, template="{{.Id}}")
        assert lines[3].split()[2] == arm[7:19]
        assert f"{both} ({ARM})" in hezi_env.run("image", "tree", check=True).stdout

    def test_a_container_of_another_platform(self, hezi_env, both):
        made = hezi_env.run("create", "--pull", "never", "--platform", ARM, "--name", "arm", both, "/x", check=True)
        arm = shown(hezi_env, both, "--platform", ARM, template="{{.Id}}")
        assert hezi_env.run("inspect", "-f", "{{.Image}}", "arm", check=True).stdout.strip() == arm
        assert hezi_env.run("ps", "-a", "--format", "{{.Image}}", check=True).stdout.strip() == both
        found = hezi_env.run("ps", "-aq", "--no-trunc", "-f", f"ancestor={both}", check=True).stdout
        assert found == made.stdout
        assert hezi_env.run("rmi", both).code == 1
        assert "is being used by stopped container" in hezi_env.run("rmi", "--platform", ARM, both).stderr
        hezi_env.run("image", "prune", "-af", check=True)
        assert shown(hezi_env, both) == "amd64"
        hezi_env.run("rm", "arm", check=True)

    def test_another_name_has_them_too(self, hezi_env, both):
        hezi_env.run("tag", both, "copy:1", check=True)
        hezi_env.run("rmi", both, check=True)
        assert shown(hezi_env, "copy:1", "--platform", ARM) == "arm64"
        hezi_env.run("rmi", "copy:1", check=True)
        nothing_left(hezi_env)

    def test_a_name_that_moves_on_leaves_both_dangling(self, hezi_env, registry_server, tmp_path):
        architectures = ("amd64", "arm64")
        for content in (b"old", b"new"):
            write_index(tmp_path / "layout", "app", architectures, content=content)
            name = registry.push(tmp_path / "layout", "app", registry_server, "platforms/moves:1")
            for architecture in architectures:
                hezi_env.run("pull", "-q", "--platform", f"linux/{architecture}", name, check=True)
        # docker shows what a registry had under a digest by that digest; it has no tag all the same.
        assert len(hezi_env.run("images", "-q", "-f", "dangling=true", check=True).stdout.split()) == 2
        hezi_env.run("image", "prune", "-f", check=True)
        assert shown(hezi_env, name) == "amd64"
        assert shown(hezi_env, name, "--platform", "linux/arm64") == "arm64"
        hezi_env.run("rmi", name, check=True)
        nothing_left(hezi_env)


class TestRemoving:
    def test_the_name_takes_both_along(self, hezi_env, both):
        lines = hezi_env.run("rmi", both, check=True).stdout.splitlines()
        assert [line.split(":")[0] for line in lines] == ["Untagged"] * 2 + ["Deleted"] * 4
        nothing_left(hezi_env)

    def test_one_platform_alone(self, hezi_env, both):
        arm = shown(hezi_env, both, "--platform", ARM, template="{{.Id}}")
        done = hezi_env.run("rmi", "--platform", ARM, both, check=True).stdout
        assert done.startswith(f"Deleted: {arm}\n")
        assert shown(hezi_env, both) == "amd64"
        assert hezi_env.run("image", "inspect", "--platform", ARM, both).code == 1
        assert hezi_env.run("rmi", "--platform", ARM, both).code == 1
        hezi_env.run("rmi", both, check=True)
        nothing_left(hezi_env)

    def test_the_one_that_the_name_means_gives_way(self, hezi_env, both, app):
        hezi_env.run("rmi", "--platform", "linux/amd64", both, check=True)
        assert shown(hezi_env, both) == "arm64"
        assert shown(hezi_env, f"{both.rpartition(':')[0]}@{app[1]}") == "arm64"
        (row,) = hezi_env.engine().images.list()
        assert row.digest == app[1]
        hezi_env.run("system", "check", check=True)
        hezi_env.run("rmi", "--platform", ARM, both, check=True)
        nothing_left(hezi_env)

    def test_several_at_once(self, hezi_env, both):
        hezi_env.run("rmi", "--platform", f"linux/amd64,{ARM}", both, check=True)
        nothing_left(hezi_env)

    def test_by_id_it_goes_alone(self, hezi_env, both):
        arm = shown(hezi_env, both, "--platform", ARM, template="{{.Id}}")
        hezi_env.run("rmi", arm, check=True)
        assert shown(hezi_env, both) == "amd64"
        hezi_env.run("rmi", "-f", shown(hezi_env, both, template="{{.Id}}"), check=True)
        nothing_left(hezi_env)

    def test_prune_takes_both(self, hezi_env, both):
        hezi_env.run("image", "prune", "-f", check=True)
        assert shown(hezi_env, both, "--platform", ARM) == "arm64"
        before = sum(path.stat().st_size for path in hezi_env.root.glob("content/blobs/sha256/*"))
        done = hezi_env.engine().images.prune(all=True)
        assert done.freed > before
        nothing_left(hezi_env)


class TestMoving:
    def test_what_is_here_is_pushed_as_an_index_of_it(self, hezi_env, both, registry_server, other):
        name = f"{registry_server.host}/platforms/two:1"
        hezi_env.run("tag", both, name, check=True)
        done = hezi_env.run("push", name, check=True).stdout
        assert "2 manifests are neither here nor in the registry: an index of the others is pushed" in done
        index = json.loads(raw(name))
        assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm64"]
        assert layout.digest(raw(name)) in done
        other.run("pull", "-q", "--platform", ARM, name, check=True)
        assert shown(other, name) == "arm64"

    def test_where_the_registry_has_the_rest_the_index_stays_what_it_is(self, hezi_env, both, app):
        name = f"{both.rpartition(':')[0]}:2"
        hezi_env.run("tag", both, name, check=True)
        done = hezi_env.run("push", name, check=True).stdout
        assert f"digest: {app[1]}" in done
        assert layout.digest(raw(name)) == app[1]

    def test_one_platform_alone_is_pushed_as_a_manifest(self, hezi_env, both, registry_server):
        name = f"{registry_server.host}/platforms/arm:1"
        hezi_env.run("tag", both, name, check=True)
        hezi_env.run("push", "-q", "--platform", ARM, name, check=True)
        assert "manifests" not in json.loads(raw(name))

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_an_archive_keeps_the_index_and_what_is_here(self, hezi_env, both, other, form, app, tmp_path):
        out = tmp_path / "out.tar"
        hezi_env.run("save", "--format", form, "-o", str(out), both, check=True)
        other.run("load", "-i", str(out), check=True)
        assert shown(other, both) == "amd64"
        assert shown(other, both, "--platform", ARM) == "arm64"
        (row,) = other.engine().images.list()
        assert row.digest == app[1]
        for options in ((), ("--platform", ARM)):
            assert shown(other, both, *options, template="{{.Id}}") == shown(
                hezi_env, both, *options, template="{{.Id}}"
            )
        other.run("save", "--format", form, "-o", str(tmp_path / "again.tar"), both, check=True)
        assert (tmp_path / "again.tar").read_bytes() == out.read_bytes()
        other.run("rmi", both, check=True)
        nothing_left(other)

    def test_what_load_finds_for_other_machines_is_unpacked_when_it_is_wanted(self, hezi_env, both, other, tmp_path):
        out, arm = tmp_path / "out.tar", ("--platform", ARM)
        hezi_env.run("save", "-o", str(out), both, check=True)
        other.run("load", "-qi", str(out), check=True)
        size = "{{.Size}}"
        whole = shown(hezi_env, both, template=size)
        assert (shown(other, both, template=size), shown(other, both, *arm, template=size)) == (whole, "0")
        assert len(unpacked(other)) == 1
        other.run("system", "check", check=True)
        other.run("save", "-o", str(tmp_path / "again.tar"), both, check=True)
        assert (tmp_path / "again.tar").read_bytes() == out.read_bytes()
        assert len(unpacked(other)) == 1
        other.run("create", "--pull", "never", "--network", "none", *arm, "--name", "arm", both, "/x", check=True)
        assert len(unpacked(other)) == 2
        assert shown(other, both, *arm, template=size) == whole
        other.run("system", "check", check=True)
        other.run("rm", "arm", check=True)
        other.run("rmi", both, check=True)
        nothing_left(other)

    def test_a_pull_unpacks_what_load_has_kept(self, both, other, tmp_path, hezi_env):
        hezi_env.run("save", "-o", str(tmp_path / "out.tar"), both, check=True)
        other.run("load", "-qi", str(tmp_path / "out.tar"), check=True)
        other.run("pull", "-q", "--platform", ARM, both, check=True)
        assert len(unpacked(other)) == 2
        assert shown(other, both, "--platform", ARM, template="{{.Size}}") == shown(other, both, template="{{.Size}}")
        other.run("image", "diff", both, shown(other, both, "--platform", ARM, template="{{.Id}}"), check=True)
        other.run("rmi", both, check=True)
        nothing_left(other)

    def test_a_whole_index_goes_by_every_way(self, hezi_env, registry_server, other, tmp_path):
        digest, _ = write_index(tmp_path / "layout", "whole", ("amd64", "arm64"))
        name = registry.push(tmp_path / "layout", "whole", registry_server, "platforms/whole:1")
        for platform in ("linux/amd64", ARM):
            hezi_env.run("pull", "-q", "--platform", platform, name, check=True)
        hezi_env.run("save", "--format", "oci-archive", "-o", str(tmp_path / "out.tar"), name, check=True)
        copy = ["skopeo", "copy", "-q", "--all", "--preserve-digests", "--insecure-policy", "--dest-tls-verify=false"]
        target = f"{registry_server.host}/platforms/copied:1"
        subprocess.run([*copy, f"oci-archive:{tmp_path / 'out.tar'}:1", f"docker://{target}"], check=True)
        assert layout.digest(raw(target)) == digest
        other.run("load", "-i", str(tmp_path / "out.tar"), check=True)
        target = f"{registry_server.host}/platforms/pushed:1"
        other.run("tag", name, target, check=True)
        assert f"digest: {digest}" in other.run("push", target, check=True).stdout
