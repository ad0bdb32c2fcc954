"""Mirrors: in their order, each told only what is its own business, none able to replace an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi.errors import CORRUPT, INVALID, NOT_FOUND, UNAVAILABLE, Error
from hezi.registry.client import RegistryClient
from hezi.registry.config import HostPolicy, Place, places
from hezi.registry.credentials import Credential, Fixed, Secret
from hezi.registry.mirrors import ImageSource, open_source
from hezi.spec import image
from hezi.spec.reference import Reference
from tests.support.registry_client import Clock, descriptor
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault

BODY = b'{"schemaVersion":2,"manifests":[]}'
DATA = b"blob" * 1000


@pytest.fixture
def config(tmp_path: Path, monkeypatch):
    """Write registries.toml."""

    def write(text: str) -> str:
        path = tmp_path / "registries.toml"
        path.write_text(text)
        monkeypatch.setenv("HEZI_REGISTRIES_CONFIG", str(path))
        return str(path)

    return write


@pytest.fixture
def third():
    with ToxicRegistry() as registry:
        yield registry


def source(name: str) -> ImageSource:
    def connect(domain: str) -> RegistryClient:
        policy = HostPolicy(domain, domain, loopback=True)
        secret = Fixed(domain, Credential("user", Secret(f"for {domain}")))
        return RegistryClient(domain, policy=policy, credentials=secret, pace=Clock().pace())

    return open_source(Reference.parse(name), connect)


def fill(*servers: ToxicRegistry) -> None:
    for one in servers:
        one.add_manifest(BODY, image.OCI_INDEX, "latest")
        one.add_blob(DATA)


def all_of(name: str) -> bytes:
    return b"".join(source(name).blob("x", descriptor(DATA)))


class TestPlaces:
    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            (
                "docker.io/library/busybox",
                [("mirror.example", "hub/library/busybox"), ("second.example:5000", "library/busybox")],
            ),
            ("reg.example:5000/team/app", [("cache.example", "app")]),
            ("reg.example:5000/team/deep/app", [("cache.example", "deep/app")]),
            ("reg.example:5000/teammate/app", [("whole.example", "teammate/app")]),
            ("other.example/x", []),
        ],
    )  # fmt: skip
    def test_the_longest_name_that_fits_decides(self, config, name, wanted):
        config(
            '[registry."docker.io"]\nmirrors = ["mirror.example/hub", "second.example:5000"]\n'
            '[registry."reg.example:5000"]\nmirrors = ["whole.example"]\n'
            '[registry."reg.example:5000/team"]\nmirrors = ["cache.example"]\n'
        )
        domain, _, path = name.partition("/")
        found = places(domain, path)
        assert list(found.mirrors) == [Place(*one) for one in wanted]
        assert found.origin == Place(domain, path)

    def test_a_repository_that_the_name_fits_to_the_end(self, config):
        config('[registry."reg.example/app"]\nmirrors = ["m.example/copy"]\n')
        assert places("reg.example", "app").mirrors == (Place("m.example", "copy"),)
        config('[registry."reg.example/app"]\nmirrors = ["m.example"]\n')
        with pytest.raises(Error, match="has no path"):
            places("reg.example", "app")

    def test_another_location(self, config):
        config('[registry."old.example/team"]\nlocation = "new.example/group"\nby-digest-only = true\n')
        found = places("old.example", "team/app")
        assert found.origin == Place("new.example", "group/app")
        assert found.by_digest_only

    def test_settings_of_the_host_are_no_place(self, config):
        config('[registry."reg.example"]\nmirrors = ["m.example"]\n[registry."m.example"]\ninsecure = true\n')
        assert places("m.example", "x") == places("m.example", "x")._replace(mirrors=())
        assert places("reg.example", "x").mirrors == (Place("m.example", "x"),)

    @pytest.mark.parametrize(
        "text",
        [
            'mirrors = "m.example"',
            "mirrors = [1]",
            'mirrors = [""]',
            'mirrors = ["https://m.example"]',
            'mirrors = ["single"]',
            'mirrors = ["m.example/UPPER"]',
            'mirrors = ["m.example/x:tag"]',
            'mirrors = ["m.example/../x"]',
            "mirrors = [" + ", ".join(["'m.example'"] * 17) + "]",
            'location = ["m.example"]',
            'location = "../x"',
            'by-digest-only = "yes"',
            "by_digest_only = true",
            "chunk = -1",
            "chunk = true",
            'rate = "10"',
        ],
    )
    def test_mistakes_are_named(self, config, text):
        path = config(f'[registry."reg.example"]\n{text}\n')
        with pytest.raises(Error) as caught:
            places("reg.example", "x")
        assert caught.value.kind == INVALID
        assert caught.value.path == path

    def test_how_to_speak_to_a_registry_is_not_for_a_part_of_it(self, config):
        config('[registry."reg.example/team"]\ninsecure = true\n')
        with pytest.raises(Error, match="whole registry"):
            places("reg.example", "team/x")


class TestAsking:
    @pytest.fixture
    def name(self, config, server, other, third) -> str:
        config(f'[registry."{third.host}"]\nmirrors = ["{server.host}/m", "{other.host}"]\n')
        return f"{third.host}/team/app"

    def test_the_first_that_has_it(self, name, server, other, third):
        fill(server, other, third)
        assert source(name).manifest("x", "latest")[2] == BODY
        assert all_of(name) == DATA
        assert server.paths() == ["/v2/m/team/app/manifests/latest", f"/v2/m/team/app/blobs/{descriptor(DATA).digest}"]
        assert other.seen == third.seen == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    def test_one_that_fails_is_passed_over(self, name, server, other, third, status):
        fill(other, third)
        server.rules.append(lambda seen: fault(status, "X", "no"))
        assert source(name).manifest("x", "latest")[2] == BODY
        assert all_of(name) == DATA
        assert third.seen == []

    def test_the_place_itself_comes_last(self, name, server, other, third):
        fill(third)
        assert all_of(name) == DATA

    def test_all_fail(self, name, server, other, third):
        with pytest.raises(Error, match="not found") as caught:
            source(name).manifest("x", "latest")
        assert caught.value.kind == NOT_FOUND
        assert "mirrors were tried before" in str(caught.value.hint)
        assert server.host in str(caught.value.hint)

    def test_one_that_is_not_there_is_asked_once(self, config, other, third):
        config(f'[registry."{third.host}"]\nmirrors = ["127.0.0.1:1", "{other.host}"]\n')
        fill(other)
        asked = source(f"{third.host}/app")
        for _ in range(3):
            asked.manifest("x", "latest")
        assert len(other.paths()) == 3

    def test_a_lying_mirror_is_passed_over(self, name, server, other, third):
        fill(other, third)
        wanted = other.add_manifest(BODY, image.OCI_INDEX)
        server.manifests[wanted] = (image.OCI_INDEX, b'{"schemaVersion":2,"manifests":[ ]}')
        assert source(name).manifest("x", wanted)[2] == BODY
        server.blobs[descriptor(DATA).digest] = DATA + b"more"
        assert all_of(name) == DATA

    def test_a_config_with_another_digest_is_asked_for_elsewhere(self, name, server, other, third):
        fill(third)
        server.blobs[descriptor(DATA).digest] = bytes(len(DATA))
        assert source(name).document("x", descriptor(DATA), 1 << 20) == DATA

    def test_one_that_breaks_off_for_good_is_followed_by_the_next(self, name, server, other, third):
        fill(server, other)
        broken = Reply(200, DATA, cut=1500)
        server.rules.append(lambda seen: broken if "/blobs/" in seen.path and not seen.headers.get("range") else None)
        server.rules.append(lambda seen: Reply(503) if "/blobs/" in seen.path else None)
        assert all_of(name) == DATA
        assert [one.headers.get("range") for one in other.seen if "/blobs/" in one.path] == ["bytes=1500-"]

    def test_the_next_may_not_know_ranges(self, name, server, other, third):
        fill(server, other)
        broken = Reply(200, DATA, cut=1500)
        server.rules.append(lambda seen: broken if "/blobs/" in seen.path and not seen.headers.get("range") else None)
        server.rules.append(lambda seen: Reply(503) if "/blobs/" in seen.path else None)
        other.rules.append(lambda seen: Reply(200, DATA) if "/blobs/" in seen.path else None)
        assert all_of(name) == DATA

    def test_tags_are_not_asked_of_mirrors_by_digest_only(self, config, server, third):
        config(f'[registry."{third.host}"]\nmirrors = ["{server.host}"]\nby-digest-only = true\n')
        fill(server, third)
        asked = source(f"{third.host}/app")
        digest = asked.manifest("x", "latest")[1]
        assert server.seen == []
        asked.manifest("x", digest)
        assert len(third.paths()) == 1

    def test_who_is_not_trusted_any_more_is_not_asked(self, name, server, other, third):
        fill(server, other, third)
        asked = source(name)
        assert asked.distrust()
        assert b"".join(asked.blob("x", descriptor(DATA))) == DATA
        assert server.seen == other.seen == []
        assert not source("other.example/x").distrust()

    def test_each_is_told_its_own_secret_only(self, name, server, other, third):
        def wants(seen: Seen) -> Reply | None:
            if "authorization" in seen.headers:
                return None
            return fault(401, "UNAUTHORIZED", "who", WWW_Authenticate='Basic realm="x"')

        for one in (server, other, third):
            one.rules.append(wants)
        fill(third)
        assert source(name).manifest("x", "latest")[2] == BODY
        told = {
            one.host: {seen.headers.get("authorization") for seen in one.seen} - {None}
            for one in (server, other, third)
        }
        assert all(len(secrets) == 1 for secrets in told.values())
        assert len(set.union(*told.values())) == 3

    def test_what_is_wrong_at_the_place_itself_is_an_error(self, name, server, other, third):
        third.rules.append(lambda seen: Reply(200, DATA[:-1]) if "/blobs/" in seen.path else None)
        with pytest.raises(Error) as caught:
            all_of(name)
        assert caught.value.kind in {CORRUPT, UNAVAILABLE}
