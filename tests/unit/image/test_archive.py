"""Archives of images: what is read of them, and each way in which one may lie, with a legal twin beside it."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from hezi import errors
from hezi.image import archive as archive_module
from hezi.image import saved
from hezi.image.archive import Archive
from hezi.image.tarlayer import Limits
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform
from tests.support import archives
from tests.support.archives import Directory, Link, Member, Oci, docker, layer, pack, replaced, sha

HERE = saved.Choice(Platform("linux", "amd64"), explicit=False)
ONE, TWO = layer("one"), layer("two", b"other\n")


@pytest.fixture
def opened(tmp_path: Path):
    fds: list[int] = []

    def open_(members: list[Member] | bytes) -> Archive:
        path = tmp_path / f"{len(fds)}.tar"
        path.write_bytes(members if isinstance(members, bytes) else pack(members))
        fds.append(os.open(path, os.O_RDONLY))
        return Archive(fds[-1])

    yield open_
    for fd in fds:
        os.close(fd)


def names(found: tuple[saved.SavedImage, ...]) -> list[list[str]]:
    return [[name.familiar for name in one.names] for one in found]


def simple(*, with_docker: bool = False) -> Oci:
    made = Oci()
    made.name(made.manifest([ONE, TWO]), "docker.io/library/app:1")
    made.docker[0]["RepoTags"] = ["app:1"]
    return made


class TestMembers:
    def test_names_are_the_same_with_a_dot_in_front(self, opened):
        archive = opened([("./", Directory()), ("./a/b", b"text")])
        assert archive.read(archive.get("a/b"), 10) == b"text"

    def test_data_is_found_behind_large_members_and_long_names(self, opened):
        long = "x" * 150
        archive = opened([("first", bytes(1_000_000)), (long, b"long"), ("last", b"end")])
        assert [archive.read(archive.get(name), 10) for name in (long, "last")] == [b"long", b"end"]

    def test_links_are_followed_inside(self, opened):
        members: list[Member] = [
            ("a/layer.tar", b"data"),
            ("b/layer.tar", Link("../a/layer.tar")),
            ("c/layer.tar", Link("b/layer.tar", hard=True)),
        ]
        archive = opened(members)
        assert archive.get("c/layer.tar") == archive.get("b/layer.tar") == archive.get("a/layer.tar")

    @pytest.mark.parametrize("target", ["../../../etc/passwd", "/../etc/passwd", "a/../../../x"])
    def test_links_that_leave_are_refused(self, opened, target):
        archive = opened([("a/layer.tar", Link(target))])
        with pytest.raises(errors.Error, match="would leave it"):
            archive.get("a/layer.tar")

    @pytest.mark.parametrize("target", ["/etc/passwd", "missing"])
    def test_links_lead_to_members_only(self, opened, target):
        assert opened([("a/layer.tar", Link(target))]).find("a/layer.tar") is None

    def test_links_in_circles_are_refused(self, opened):
        archive = opened([("a", Link("b")), ("b", Link("a"))])
        with pytest.raises(errors.Error, match="circles"):
            archive.get("a")

    @pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil"])
    def test_names_that_leave_are_refused(self, opened, name):
        with pytest.raises(errors.Error, match="would leave it") as caught:
            opened([(name, b"x")])
        assert caught.value.kind == errors.CORRUPT

    def test_names_with_two_dots_that_stay_are_fine(self, opened):
        archive = opened([("a/../b", b"x"), ("..c", b"y")])
        assert archive.names() == ["b", "..c"]

    @pytest.mark.parametrize("second", [b"other", Link("elsewhere"), Directory()])
    def test_a_name_twice_is_refused(self, opened, second):
        with pytest.raises(errors.Error, match="twice"):
            opened([("same", b"x"), ("./same", second)])

    def test_a_directory_twice_is_fine(self, opened):
        assert opened([("d/", Directory()), ("d", Directory()), ("d/f", b"")]).names() == ["d/f"]

    def test_a_size_beyond_the_file_is_refused(self, opened):
        raw = bytearray(pack([("big", b"x" * 100), ("after", b"y")]))
        raw[124:136] = b"77777777777\0"  # 8 GiB, in octal
        raw[148:156] = b"        "
        raw[148:156] = b"%06o\0 " % sum(raw[:512])
        with pytest.raises(errors.Error, match="truncated"):
            opened(bytes(raw))

    def test_a_number_in_base_256_beyond_all_files_is_refused(self, opened):
        raw = bytearray(pack([("big", b"x" * 100)]))
        raw[124:136] = b"\x80\0\0\0" + struct.pack(">Q", 2**62)
        raw[148:156] = b"        "
        raw[148:156] = b"%06o\0 " % sum(raw[:512])
        with pytest.raises(errors.Error, match="impossible size"):
            opened(bytes(raw))

    def test_too_many_members_are_refused(self, opened, monkeypatch):
        monkeypatch.setattr(archive_module, "_LIMITS", Limits(entries=3))
        opened([(name, b"") for name in "abc"])
        with pytest.raises(errors.Error, match="more than 3 entries"):
            opened([(name, b"") for name in "abcd"])

    @pytest.mark.parametrize("cut", range(0, 6 * 512, 300))
    def test_truncated_anywhere(self, opened, cut):
        raw = pack(docker(["app:1"], [ONE]))
        try:
            saved.read(opened(raw[:cut]), HERE)
        except errors.Error as error:
            assert error.kind in {errors.CORRUPT, errors.INVALID}  # noqa: PT017 - the two kinds are what counts
        else:
            pytest.fail("a part of an archive was taken for the whole")


class TestDocker:
    def test_is_read(self, opened):
        (found,) = saved.read(opened(docker(["app:1", "reg.example:5000/app:2"], [ONE, TWO])), HERE)
        assert names((found,)) == [["app:1", "reg.example:5000/app:2"]]
        assert [one.diff_id for one in found.layers] == [f"sha256:{sha(ONE)}", f"sha256:{sha(TWO)}"]
        assert found.manifest is None

    def test_without_names(self, opened):
        assert names(saved.read(opened(docker(None, [ONE])), HERE)) == [[]]

    def test_shared_layers_are_links(self, opened):
        members = docker(["app:1"], [ONE])
        path = next(name for name, _ in members if name.endswith("layer.tar"))
        members = replaced(members, path, Link("../shared/layer.tar"))
        (found,) = saved.read(opened([*members, ("shared/layer.tar", ONE)]), HERE)
        assert found.layers[0].member.name == "shared/layer.tar"

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"Config": "../../../etc/passwd"}, "would leave"),
            ({"Config": "missing.json"}, "it has no"),
            ({"Config": ""}, "missing"),
            ({"Layers": ["../../../../etc/passwd"]}, "would leave"),
            ({"Layers": ["missing/layer.tar"]}, "it has no"),
            ({"Layers": []}, "0 layers and 1 DiffIDs"),
            ({"Layers": ["manifest.json", "manifest.json"]}, "2 layers and 1 DiffIDs"),
            ({"Layers": "text"}, "not an array"),
            ({"RepoTags": ["app"]}, "no name with a tag"),
            ({"RepoTags": ["BAD:1"]}, "lowercase"),
            ({"RepoTags": ["../../x:1"]}, "invalid reference"),
            ({"RepoTags": ["a@sha256:" + "0" * 64]}, "no name with a tag"),
            ({"RepoTags": [7]}, "not a string"),
            ({"Layers": ["x"] * 501}, "limit is 500"),
        ],
    )
    def test_a_manifest_that_makes_no_sense(self, opened, change, match):
        members = docker(["app:1"], [ONE])
        entry = json.loads(dict(members)["manifest.json"])[0]  # type: ignore[arg-type]
        raw = json.dumps([{**entry, **change}]).encode()
        with pytest.raises(errors.Error, match=match):
            saved.read(opened(replaced(members, "manifest.json", raw)), HERE)

    @pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"[1]", b"[{}]", b"{", b"[" * 100_000, b'[{"a":NaN}]'])
    def test_a_manifest_that_is_none(self, opened, raw):
        with pytest.raises(errors.Error) as caught:
            saved.read(opened(replaced(docker(["a:1"], [ONE]), "manifest.json", raw)), HERE)
        assert caught.value.kind == errors.CORRUPT

    def test_a_config_that_is_not_what_its_name_says(self, opened):
        members = docker(["app:1"], [ONE])
        name = members[0][0]
        with pytest.raises(errors.Error, match="another digest than its name says"):
            saved.read(opened(replaced(members, name, archives.config([ONE], author="mallory"))), HERE)

    def test_a_config_of_any_other_name_is_fine(self, opened):
        raw = archives.config([ONE])
        entry = [{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}]
        members: list[Member] = [("config.json", raw), ("l.tar", ONE), ("manifest.json", json.dumps(entry).encode())]
        assert names(saved.read(opened(members), HERE)) == [["app:1"]]

    def test_windows_is_refused(self, opened):
        with pytest.raises(errors.Error, match="operating system"):
            saved.read(opened(docker(["app:1"], [ONE], os="windows")), HERE)

    def test_another_platform_than_asked_for(self, opened):
        archive = opened(docker(["app:1"], [ONE], architecture="arm64"))
        assert names(saved.read(archive, HERE)) == [["app:1"]]
        with pytest.raises(errors.Error, match="does not match"):
            saved.read(archive, HERE._replace(explicit=True))

    def test_the_form_of_2015_is_named(self, opened):
        with pytest.raises(errors.Error, match=r"before 1\.10"):
            saved.read(opened([("repositories", b"{}"), ("abc/layer.tar", ONE)]), HERE)

    @pytest.mark.parametrize("members", [[], [("etc/passwd", b"root")], [("index.json", b"{}")]])
    def test_no_archive_of_images(self, opened, members):
        with pytest.raises(errors.Error, match="no archive of images") as caught:
            saved.read(opened(members), HERE)
        assert caught.value.kind == errors.INVALID


class TestLayout:
    def test_is_read_with_its_digests(self, opened):
        made = simple()
        (found,) = saved.read(opened(made.members()), HERE)
        assert names((found,)) == [["app:1"]]
        assert found.manifest is not None
        assert sha(found.manifest.raw) == made.entries[0]["digest"][7:]

    def test_names_of_one_image_come_together(self, opened):
        made = Oci()
        one = made.manifest([ONE])
        for name in ("docker.io/library/app:1", "reg.example/app:2", "reg.example/app:2"):
            made.name(one, name)
        assert names(saved.read(opened(made.members()), HERE)) == [["app:1", "reg.example/app:2"]]

    def test_a_tag_alone_is_no_name(self, opened):
        made = Oci()
        made.entries.append({**made.manifest([ONE]), "annotations": {"org.opencontainers.image.ref.name": "latest"}})
        assert names(saved.read(opened(made.members()), HERE)) == [[]]

    def test_the_name_of_skopeo_is_one(self, opened):
        made = Oci()
        made.entries.append(
            {**made.manifest([ONE]), "annotations": {"org.opencontainers.image.ref.name": "docker.io/team/app:3"}}
        )
        assert names(saved.read(opened(made.members()), HERE)) == [["team/app:3"]]

    def test_a_tag_that_was_given_later_counts(self, opened):
        # umoci copies containerd's annotation when it tags, and knows only the other.
        made = Oci()
        for short, layer_data in (("1", ONE), ("conf", TWO), ("example.org/team/app:2", layer("three"))):
            annotations = {
                "io.containerd.image.name": "docker.io/library/box:1",
                "org.opencontainers.image.ref.name": short,
            }
            made.entries.append({**made.manifest([layer_data]), "annotations": annotations})
        found = saved.read(opened(made.members()), HERE)
        assert names(found) == [["box:1"], ["box:conf"], ["example.org/team/app:2"]]

    def test_two_images_of_one_name_and_platform_are_refused(self, opened):
        made = Oci()
        for data in (ONE, TWO):
            made.name(made.manifest([data]), "docker.io/library/app:1")
        with pytest.raises(errors.Error, match="several images called 'app:1' for the same platform"):
            saved.read(opened(made.members()), HERE)

    def test_of_several_platforms_this_one_is_taken_and_all_are_kept(self, opened):
        made = Oci()
        amd, arm = made.manifest([ONE]), made.manifest([TWO], architecture="arm64")
        made.name(made.index([arm, amd]), "docker.io/library/app:1")
        (found,) = saved.read(opened(made.members()), HERE)
        assert found.config.architecture == "amd64"
        assert found.chosen_from is not None
        (beside,) = found.beside
        assert beside.config.architecture == "arm64"
        assert beside.manifest is not None
        assert Digest.of(beside.manifest.raw) == arm["digest"]
        assert beside.chosen_from == found.chosen_from
        assert beside.names == found.names
        assert found.others == ()
        assert amd["digest"] in found.chosen_from[2].decode()

    def test_what_is_no_image_for_linux_is_kept_as_it_is(self, opened):
        made = Oci()
        amd, said = made.manifest([ONE]), made.manifest([TWO])
        said["platform"] = {"os": "unknown", "architecture": "unknown"}
        made.name(made.index([amd, said]), "docker.io/library/app:1")
        (found,) = saved.read(opened(made.members()), HERE)
        assert found.beside == ()
        assert said["digest"] in {one.digest for one in found.others}
        assert len(found.others) == 3  # manifest, config and layer

    def test_of_an_index_that_is_not_complete_what_is_there_is_taken(self, opened):
        made = Oci()
        amd, arm = made.manifest([ONE]), made.manifest([TWO], architecture="arm64")
        made.name(made.index([arm, amd]), "docker.io/library/app:1")
        del made.blobs[arm["digest"][7:]]
        (found,) = saved.read(opened(made.members()), HERE)
        assert found.config.architecture == "amd64"
        assert (found.others, found.beside) == ((), ())
        assert found.chosen_from is not None

    def test_the_platform_that_is_asked_for(self, opened):
        made = Oci()
        index = made.index([made.manifest([ONE]), made.manifest([TWO], architecture="arm64")])
        made.name(index, "docker.io/library/app:1")
        archive = opened(made.members())
        (found,) = saved.read(archive, saved.Choice(Platform("linux", "arm64"), explicit=True))
        assert found.config.architecture == "arm64"
        with pytest.raises(errors.Error, match="no image for linux/s390x") as caught:
            saved.read(archive, saved.Choice(Platform("linux", "s390x"), explicit=True))
        assert caught.value.hint is not None
        assert "linux/amd64" in caught.value.hint

    def test_indexes_of_indexes_end(self, opened):
        made = Oci()
        found = made.manifest([ONE])
        for _ in range(8):
            found = made.index([{**found, "platform": {"os": "linux", "architecture": "amd64"}}])
        made.name(found, "docker.io/library/app:1")
        with pytest.raises(errors.Error, match="nested deeper"):
            saved.read(opened(made.members()), HERE)

    @pytest.mark.parametrize("which", ["manifest", "config"])
    def test_a_document_with_another_digest(self, opened, which):
        made = simple()
        digest = made.entries[0]["digest"][7:]
        if which == "config":
            digest = json.loads(made.blobs[digest])["config"]["digest"][7:]
        made.blobs[digest] = (
            made.blobs[digest].replace(b"amd64", b"arm64").replace(b'"schemaVersion"', b'"schemaversion"')
        )
        with pytest.raises(errors.Error, match="another digest"):
            saved.read(opened(made.members()), HERE)

    def test_a_blob_with_another_size(self, opened):
        made = simple()
        manifest = json.loads(made.blobs[made.entries[0]["digest"][7:]])
        made.blobs[manifest["layers"][0]["digest"][7:]] += b"more"
        with pytest.raises(errors.Error, match="its descriptor says"):
            saved.read(opened(made.members()), HERE)

    def test_a_layer_that_is_missing(self, opened):
        made = simple()
        manifest = json.loads(made.blobs[made.entries[0]["digest"][7:]])
        del made.blobs[manifest["layers"][1]["digest"][7:]]
        with pytest.raises(errors.Error, match="it has no"):
            saved.read(opened(made.members()), HERE)

    @pytest.mark.parametrize(
        "digest", ["sha256:../../../etc/passwd", "sha256:short", "md5:" + "0" * 32, "sha256:" + "Z" * 64]
    )
    def test_a_digest_that_is_none(self, opened, digest):
        made = simple()
        made.entries[0]["digest"] = digest
        with pytest.raises(errors.Error) as caught:
            saved.read(opened(made.members()), HERE)
        assert caught.value.kind == errors.INVALID

    def test_an_artifact_is_no_image(self, opened):
        made = Oci()
        document = {
            "schemaVersion": 2,
            "mediaType": archives.MANIFEST,
            "config": made.blob(b"{}", "application/vnd.example.chart+json"),
            "layers": [],
        }
        made.name(made.blob(json.dumps(document).encode(), archives.MANIFEST), "docker.io/library/chart:1")
        with pytest.raises(errors.Error, match="artifact") as caught:
            saved.read(opened(made.members()), HERE)
        assert caught.value.kind == errors.UNSUPPORTED

    def test_an_empty_index(self, opened):
        with pytest.raises(errors.Error, match="no image in it"):
            saved.read(opened(Oci().members()), HERE)


class TestBothForms:
    def test_that_agree(self, opened):
        made = simple()
        made.docker[0]["RepoTags"] = ["app:1", "extra:2"]
        assert names(saved.read(opened(made.members(with_docker=True)), HERE)) == [["app:1", "extra:2"]]

    def test_one_image_in_two_compressions_keeps_its_names_apart(self, opened):
        made = Oci()
        made.name(made.manifest([ONE]), "docker.io/library/app:gzip")
        made.name(made.manifest([ONE], packed=False), "docker.io/library/app:plain")
        made.docker[0]["RepoTags"], made.docker[1]["RepoTags"] = ["app:gzip"], ["app:plain"]
        assert names(saved.read(opened(made.members(with_docker=True)), HERE)) == [["app:gzip"], ["app:plain"]]

    def test_that_name_different_images(self, opened):
        made = simple()
        made.name(made.manifest([layer("evil")]), "docker.io/library/other:1")
        made.docker[0]["RepoTags"], made.docker[1]["RepoTags"] = ["other:1"], ["app:1"]
        with pytest.raises(errors.Error, match="contradict"):
            saved.read(opened(made.members(with_docker=True)), HERE)

    def test_where_one_has_an_image_that_the_other_has_not(self, opened):
        made = simple()
        made.manifest([layer("hidden")])
        made.docker[1]["RepoTags"] = ["hidden:1"]
        with pytest.raises(errors.Error, match="contradict"):
            saved.read(opened(made.members(with_docker=True)), HERE)
