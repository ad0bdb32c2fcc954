"""manifest create, annotate, push and rm against a real registry; docker's own lists, and what then can be pulled."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support import layout, registry
from tests.support.layout import Entry

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo")
ARCHITECTURES = ("amd64", "arm64", "s390x")


@pytest.fixture(scope="module")
def parts(registry_server, tmp_path_factory):
    """Images for three platforms, each in a repository of its own; their names and digests."""
    directory = tmp_path_factory.mktemp("parts")
    found = {}
    for architecture in ARCHITECTURES:
        data = [Entry("architecture", data=architecture.encode() * 100)]
        made = layout.write(directory, architecture, [data], architecture=architecture)
        name = registry.push(directory, architecture, registry_server, f"lists/{architecture}:1")
        found[architecture] = name, layout.digest(layout._json(made.manifest))
    return found


def names(parts):
    return [name for name, _ in parts.values()]


def index_of(name):
    argv = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"]
    return json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)


class TestLists:
    def test_one_name_for_several_platforms(self, hezi_env, registry_server, parts):
        name = f"{registry_server.host}/lists/all:1"
        made = hezi_env.run("manifest", "create", name, *names(parts), check=True)
        assert made.stdout == f"Created manifest list {name}\n"
        arm, digest = parts["arm64"]
        hezi_env.run("manifest", "annotate", "--variant", "v8", name, arm, check=True)
        done = hezi_env.run("manifest", "push", "--purge", name, check=True).stdout.splitlines()
        repository = name.rpartition(":")[0]
        assert done[:3] == [f"Pushed ref {repository}@{d} with digest: {d}" for _, d in parts.values()]
        index = index_of(name)
        assert [entry["digest"] for entry in index["manifests"]] == [digest for _, digest in parts.values()]
        assert index["manifests"][1]["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
        assert digest == index["manifests"][1]["digest"]
        # What was purged is asked of the registry; and each platform can be had by the one name.
        assert json.loads(hezi_env.run("manifest", "inspect", name, check=True).stdout) == index
        for architecture in ARCHITECTURES:
            hezi_env.run("pull", "-q", "--platform", f"linux/{architecture}", name, check=True)
            shown = hezi_env.run(
                "image", "inspect", "--platform", f"linux/{architecture}", "-f", "{{.Architecture}}", name, check=True
            )
            assert shown.stdout == f"{architecture}\n"
        assert not (hezi_env.home / ".docker/manifests" / name.replace(":", "-").replace("/", "_")).exists()

    @pytest.mark.needs("docker:28")
    def test_docker_and_hezi_have_the_same_lists(self, hezi_env, registry_server, parts):
        def docker(*words):
            argv = ["docker", "manifest", *words]
            return subprocess.run(argv, capture_output=True, text=True, check=True, env=hezi_env.env).stdout

        theirs, ours = (f"{registry_server.host}/lists/{who}:1" for who in ("theirs", "ours"))
        arm = parts["arm64"][0]
        docker("create", "--insecure", theirs, *names(parts))
        hezi_env.run("manifest", "create", ours, *names(parts), check=True)
        hezi_env.run("manifest", "annotate", "--os-features", "a,b", theirs, arm, check=True)
        docker("annotate", "--os-features", "a,b", ours, arm)
        pushed = hezi_env.run("manifest", "push", theirs, check=True).stdout.splitlines()[-1]
        assert pushed == docker("push", "--insecure", ours).splitlines()[-1]
        shown = hezi_env.run("manifest", "inspect", "-v", ours, check=True).stdout
        assert shown == docker("inspect", "-v", ours)

    def test_a_layer_that_cannot_be_mounted_is_sent(self, registry_server, parts):
        from hezi.engine.moving.lists import _Remote
        from hezi.registry.client import RegistryClient
        from hezi.spec import image

        with RegistryClient(registry_server.host) as client:
            content_type, _, raw = client.manifest("lists/arm64", "1")
            manifest = image.parse_manifest(raw, content_type)
            reader = _Remote(client, "lists/arm64", manifest.layers[0])
            assert client.bring_blob("lists/sent", manifest.layers[0], reader) == ("pushed", "")
            reader.close()
            assert client.has_blob("lists/sent", manifest.layers[0].digest)

    def test_a_missing_manifest_leaves_no_half_list(self, hezi_env, registry_server, parts):
        name = f"{registry_server.host}/lists/half:1"
        missing = f"{registry_server.host}/lists/nosuch:1"
        failed = hezi_env.run("manifest", "create", name, parts["amd64"][0], missing)
        assert failed.code == 1
        assert f"no such manifest: {missing}" in failed.stderr
        hezi_env.run("manifest", "create", name, parts["amd64"][0], check=True)

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda document: document.update(Raw="AAAA"), "is not what its descriptor says"),
            (lambda document: document.update(Raw="!"), "not base64"),
            (lambda document: document.pop("Descriptor"), "'Descriptor' is missing"),
        ],
    )
    def test_a_damaged_list_is_not_pushed(self, hezi_env, registry_server, parts, change, text):
        name = f"{registry_server.host}/lists/damaged:1"
        hezi_env.run("manifest", "create", name, parts["amd64"][0], check=True)
        directory = hezi_env.home / ".docker/manifests" / name.replace(":", "-").replace("/", "_")
        (file,) = directory.iterdir()
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))
        failed = hezi_env.run("manifest", "push", name)
        assert failed.code == 1
        assert text in failed.stderr
        hezi_env.run("manifest", "rm", name, check=True)
        assert not directory.exists()
