"""Searching a registry, and asking what refers to an image: of registries that offer it, and of those that do not."""

from __future__ import annotations

import json

import pytest

from hezi.errors import CORRUPT, INVALID, UNAVAILABLE, UNSUPPORTED, Error
from hezi.spec import image
from hezi.spec.digest import Digest
from tests.support.registry_client import client, password, wants_basic
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault

DIGEST = Digest.of(b"image")
ENTRY = {"mediaType": image.OCI_MANIFEST, "digest": Digest.of(b"sbom"), "size": 4, "artifactType": "application/sbom"}


def catalog(server: ToxicRegistry, *pages: list[str]) -> None:
    def rule(seen: Seen) -> Reply | None:
        if seen.path != "/v2/_catalog":
            return None
        number = int(seen.query.get("page", ["0"])[0])
        headers = {"Link": f'</v2/_catalog?page={number + 1}>; rel="next"'} if number + 1 < len(pages) else {}
        return Reply(200, json.dumps({"repositories": pages[number]}).encode(), headers)

    server.rules.append(rule)


def search(server: ToxicRegistry, term: str = "app", limit: int = 25, **options: object) -> list[str]:
    with client(server, **options) as one:
        return [found.name for found in one.search(term, limit)]


class TestSearch:
    def test_where_it_is_offered(self, server):
        results = [{"name": "team/app", "description": "an app", "star_count": 3, "is_official": True}, {"name": "b"}]
        server.rules.append(
            lambda seen: Reply(200, json.dumps({"results": results}).encode()) if seen.path == "/v1/search" else None
        )
        with client(server) as one:
            first, second = one.search("a&b c", 25)
        assert (first.name, first.description, first.stars, first.official) == ("team/app", "an app", 3, True)
        assert second.name == "b"
        assert server.seen[-1].query == {"q": ["a&b c"], "n": ["25"]}

    def test_else_the_catalog_over_its_pages(self, server):
        catalog(server, ["team/app", "other"], ["x/App-two".lower(), "y"], ["z/app"])
        wanted = [f"{server.host}/{name}" for name in ("team/app", "x/app-two", "z/app")]
        assert search(server) == wanted
        assert search(server, limit=2) == wanted[:2]

    def test_names_that_are_none_are_left_out(self, server):
        catalog(server, ["../app", "APP", "ok/app", "app\x1b[31m"])
        assert search(server) == [f"{server.host}/ok/app"]

    @pytest.mark.parametrize("status", [401, 403, 404, 405])
    def test_without_either_it_is_refused_by_name(self, server, status):
        server.rules.append(lambda seen: fault(status, "X", "no") if seen.path == "/v2/_catalog" else None)
        with pytest.raises(Error, match="offers no search") as caught:
            search(server)
        assert caught.value.kind == UNSUPPORTED

    def test_a_registry_that_fails_is_not_one_without_search(self, server):
        server.rules.append(lambda seen: Reply(500))
        with pytest.raises(Error) as caught:
            search(server)
        assert caught.value.kind == UNAVAILABLE

    def test_a_catalog_that_goes_on_elsewhere(self, server, other):
        server.rules.append(
            lambda seen: (
                Reply(200, b'{"repositories":["app"]}', {"Link": f'<{other.url}/v2/_catalog>; rel="next"'})
                if seen.path == "/v2/_catalog"
                else None
            )
        )
        with pytest.raises(Error, match="another server") as caught:
            search(server)
        assert caught.value.kind == INVALID
        assert other.seen == []

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"results":7}', b'{"results":[1]}', b'{"results":[{"name":1}]}'])
    def test_results_that_are_none(self, server, body):
        server.rules.append(lambda seen: Reply(200, body) if seen.path == "/v1/search" else None)
        with pytest.raises(Error) as caught:
            search(server)
        assert caught.value.kind == CORRUPT

    def test_with_a_password(self, server):
        catalog(server, ["app"])
        server.rules.insert(0, wants_basic)
        assert search(server, credentials=password(server)) == [f"{server.host}/app"]


class TestReferrers:
    def listed(self, server: ToxicRegistry) -> list[str]:
        with client(server) as one:
            return [str(found.digest) for found in one.referrers("a/b", DIGEST)]

    def index(self, *entries: object) -> bytes:
        return json.dumps({"schemaVersion": 2, "mediaType": image.OCI_INDEX, "manifests": list(entries)}).encode()

    def test_where_the_endpoint_is_known(self, server):
        reply = Reply(200, self.index(ENTRY), {"Content-Type": image.OCI_INDEX})
        server.rules.append(lambda seen: reply if seen.path == f"/v2/a/b/referrers/{DIGEST}" else None)
        assert self.listed(server) == [ENTRY["digest"]]

    def test_over_its_pages(self, server):
        second = {**ENTRY, "digest": Digest.of(b"second")}

        def rule(seen: Seen) -> Reply | None:
            if "/referrers/" not in seen.path:
                return None
            last = "last" in seen.query
            link = {} if last else {"Link": f'<{seen.path}?last=1>; rel="next"'}
            return Reply(200, self.index(second if last else ENTRY), {"Content-Type": image.OCI_INDEX, **link})

        server.rules.append(rule)
        assert self.listed(server) == [ENTRY["digest"], second["digest"]]

    def test_else_by_the_tag(self, server):
        server.add_manifest(self.index(ENTRY), image.OCI_INDEX, f"sha256-{DIGEST.hex}")
        assert self.listed(server) == [ENTRY["digest"]]

    def test_else_none(self, server):
        assert self.listed(server) == []

    def test_a_list_that_is_none(self, server):
        body = json.dumps({"schemaVersion": 2, "config": ENTRY, "layers": []}).encode()
        server.rules.append(lambda seen: Reply(200, body) if "/referrers/" in seen.path else None)
        with pytest.raises(Error) as caught:
            self.listed(server)
        assert caught.value.kind == CORRUPT
