"""Uploads to a registry that breaks off, refuses, forgets and lies; and to one that does not."""

from __future__ import annotations

import io
import os

import pytest

from hezi.errors import CORRUPT, EXHAUSTED, INVALID, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry import upload
from hezi.registry.config import HostPolicy
from hezi.spec.image import Descriptor
from tests.support import registry_client as clients
from tests.support.registry_client import SECRETS, Bearer, Clock, client, descriptor, password, wants_basic
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault, first
from tests.support.toxic_uploads import Uploads

SMALL = b"small blob " * 100
LARGE = os.urandom(300_000)


@pytest.fixture(autouse=True)
def small_blobs_are_smaller(monkeypatch):
    """The bytes themselves are not what is tested here."""
    monkeypatch.setattr(upload, "_WHOLE", 64 << 10)


@pytest.fixture
def uploads(server: ToxicRegistry) -> Uploads:
    return Uploads(server)


def bring(server: ToxicRegistry, data: bytes, clock: Clock | None = None, **options: object) -> tuple[str, str]:
    mount = options.pop("mount_from", ())
    progress = options.pop("progress", None)
    with client(server, clock, **options) as one:
        return one.bring_blob("a/b", descriptor(data), io.BytesIO(data), mount_from=mount, progress=progress)  # type: ignore[arg-type]


def there(server: ToxicRegistry, data: bytes) -> bool:
    return server.blobs.get(descriptor(data).digest) == data


def on(method: str, *replies: Reply) -> object:
    """A rule that gives these replies, one after the other, to requests of a method for an upload."""
    left = list(replies)

    def rule(seen: Seen) -> Reply | None:
        return left.pop(0) if left and seen.method == method and "/up" in seen.path else None

    return rule


class TestHonest:
    def test_a_small_blob_goes_in_one_piece(self, server, uploads):
        assert bring(server, SMALL) == ("pushed", "")
        assert there(server, SMALL)
        assert uploads.methods() == ["POST", "PUT"]

    def test_a_large_one_can_be_resumed(self, server, uploads):
        assert bring(server, LARGE) == ("pushed", "")
        assert there(server, LARGE)
        assert uploads.methods() == ["POST", "PATCH", "PUT"]

    def test_an_empty_one(self, server, uploads):
        assert bring(server, b"") == ("pushed", "")
        assert there(server, b"")

    def test_what_is_there_is_not_sent(self, server, uploads):
        server.add_blob(SMALL)
        assert bring(server, SMALL) == ("exists", "")
        assert uploads.methods() == []

    def test_in_parts_as_configured(self, server, uploads):
        policy = HostPolicy(server.host, server.host, loopback=True, chunk=50_000)
        bring(server, LARGE, policy=policy)
        assert there(server, LARGE)
        assert uploads.methods() == ["POST", *["PATCH"] * 6, "PUT"]
        ranges = [one.headers["content-range"] for one in server.seen if one.method == "PATCH"]
        assert ranges[:2] == ["0-49999", "50000-99999"]

    def test_in_parts_as_large_as_the_registry_wants(self, server, uploads):
        uploads.min_chunk = "150000"
        policy = HostPolicy(server.host, server.host, loopback=True, chunk=1000)
        bring(server, LARGE, policy=policy)
        assert uploads.methods() == ["POST", "PATCH", "PATCH", "PUT"]

    def test_progress_ends_with_the_size(self, server, uploads):
        steps: list[int] = []
        bring(server, LARGE, progress=steps.append)
        assert steps[-1] == len(LARGE)
        assert steps == sorted(steps)


class TestMount:
    def test_from_a_repository_that_has_it(self, server, uploads):
        uploads.elsewhere.add(("team/base", descriptor(SMALL).digest))
        assert bring(server, SMALL, mount_from=("team/base",)) == ("mounted", "team/base")
        assert uploads.methods() == ["POST"]

    def test_a_registry_that_will_not_takes_the_upload_of_the_same_session(self, server, uploads):
        assert bring(server, SMALL, mount_from=("team/base",)) == ("pushed", "")
        assert uploads.methods() == ["POST", "PUT"]

    @pytest.mark.parametrize("status", [400, 403, 404, 405])
    def test_a_refusal_is_not_the_end(self, server, uploads, status):
        server.rules.insert(0, lambda seen: Reply(status) if "mount" in seen.query else None)
        assert bring(server, SMALL, mount_from=("team/base", "team/other")) == ("pushed", "")

    def test_no_right_to_read_there_is_not_the_end(self, server, uploads):
        server.rules.insert(
            0,
            lambda seen: (
                fault(401, "DENIED", "no", WWW_Authenticate='Basic realm="x"') if "mount" in seen.query else None
            ),
        )
        assert bring(server, SMALL, mount_from=("team/base",)) == ("pushed", "")

    @pytest.mark.parametrize("name", ["../evil", "A/B", "a b", "x?y=z", "x/../y", "", "a/b"])
    def test_a_name_that_is_none_is_not_asked_for(self, server, uploads, name):
        assert bring(server, SMALL, mount_from=(name,)) == ("pushed", "")
        assert not any("mount" in one.query for one in server.seen)

    def test_the_token_is_for_both_repositories(self, server, uploads):
        bearer = Bearer(f"{server.url}/token")
        server.rules[:0] = [bearer.give, bearer.guard]
        uploads.elsewhere.add(("team/base", descriptor(SMALL).digest))
        bring(server, SMALL, mount_from=("team/base",), credentials=password(server))
        scopes = [one.query["scope"] for one in server.seen if one.path == "/token"]
        assert ["repository:a/b:pull,push", "repository:team/base:pull"] in scopes


class TestBroken:
    @pytest.mark.parametrize("cuts", [[0], [1], [100_000], [50_000, 70_000], [290_000, 0, 10]])
    def test_an_upload_goes_on_where_it_broke(self, server, uploads, cuts):
        server.cut_bodies = [("PATCH", cut) for cut in cuts]
        assert bring(server, LARGE) == ("pushed", "")
        assert there(server, LARGE)
        assert server.cut_bodies == []
        resumed = [one for one in server.seen if one.method == "PATCH"]
        if 1 not in cuts:  # of one byte nobody can tell whether it is there
            assert len(resumed) == len(cuts) + 1
            assert len(uploads.sessions) == 1  # what had arrived is not sent again

    def test_a_small_one_is_sent_again(self, server, uploads):
        server.cut_bodies = [("PUT", 10)]
        server.rules.insert(0, lambda seen: Reply(500) if seen.method == "PUT" and len(seen.body) == 10 else None)
        assert bring(server, SMALL) == ("pushed", "")
        assert there(server, SMALL)

    def test_one_that_arrived_although_the_answer_did_not(self, server, uploads):
        server.rules.insert(0, on("PUT", Reply(500)))

        def lost(seen: Seen) -> Reply | None:
            if seen.method != "PUT" or "/up/" not in seen.path:
                return None
            server.rules.remove(lost)
            uploads.rule(seen)
            return Reply(201, b"x" * 10, cut=0, length=10)

        server.rules[0] = lost
        assert bring(server, SMALL) == ("pushed", "")
        assert there(server, SMALL)

    def test_a_registry_that_always_breaks_off_is_given_up(self, server, uploads, clock):
        server.cut_bodies = [("PATCH", 0)] * 50
        with pytest.raises(Error, match="broke off at byte 0") as caught:
            bring(server, LARGE, clock)
        assert caught.value.kind == UNAVAILABLE
        assert len(clock.slept) == 4
        assert uploads.ended  # it is told that the session is over

    def test_a_registry_that_forgets_everything_each_time_is_given_up(self, server, uploads, clock):
        server.cut_bodies = [("PATCH", 50_000)] * 50
        server.rules.insert(0, lambda seen: fault(404, "BLOB_UPLOAD_UNKNOWN", "gone") if seen.method == "GET" else None)
        with pytest.raises(Error) as caught:
            bring(server, LARGE, clock)
        assert caught.value.kind == UNAVAILABLE
        assert len([one for one in server.seen if one.method == "POST"]) < 12

    def test_a_lost_session_begins_anew(self, server, uploads):
        server.rules.insert(0, on("PATCH", fault(404, "BLOB_UPLOAD_UNKNOWN", "gone")))
        assert bring(server, LARGE) == ("pushed", "")
        assert uploads.methods().count("POST") == 2

    def test_a_range_that_is_elsewhere_is_asked_for(self, server, uploads):
        server.rules.insert(0, on("PATCH", Reply(416)))
        assert bring(server, LARGE) == ("pushed", "")
        assert there(server, LARGE)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
    def test_what_is_temporary_is_waited_for(self, server, uploads, clock, method, status):
        reply = Reply(status, b"", {"Retry-After": "7"})
        server.rules.insert(0, first(2, reply, containing="/blobs/") if method == "HEAD" else on(method, reply, reply))
        assert bring(server, LARGE, clock) == ("pushed", "")
        assert there(server, LARGE)
        assert clock.slept == [7.0, 7.0]

    @pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
    def test_what_stays_temporary_is_given_up(self, server, uploads, clock, method):
        server.rules.insert(0, lambda seen: Reply(503) if seen.method == method else None)
        with pytest.raises(Error) as caught:
            bring(server, LARGE, clock)
        assert caught.value.kind == UNAVAILABLE
        assert len(clock.slept) == 4

    def test_a_long_retry_after_is_told_not_waited_for(self, server, uploads, clock):
        server.rules.insert(
            0, lambda seen: Reply(429, b"", {"Retry-After": "3600"}) if seen.method == "PATCH" else None
        )
        with pytest.raises(Error) as caught:
            bring(server, LARGE, clock)
        assert caught.value.kind == EXHAUSTED
        assert clock.slept == []


class TestRefused:
    @pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
    @pytest.mark.parametrize("status", [400, 401, 403, 405, 413])
    def test_at_each_step(self, server, uploads, clock, method, status):
        server.rules.insert(0, lambda seen: fault(status, "DENIED", "no") if seen.method == method else None)
        with pytest.raises(Error) as caught:
            bring(server, LARGE, clock)
        assert caught.value.kind == (UNAUTHORIZED if status in {401, 403} else INVALID)
        assert clock.slept == []
        if status == 413 and method != "POST":
            assert "chunk" in str(caught.value.hint)
        if method != "POST":
            assert uploads.ended == ["1"]

    def test_a_digest_that_the_registry_does_not_find(self, server, uploads):
        wrong = Descriptor("x", descriptor(b"other").digest, len(SMALL))
        with client(server) as one, pytest.raises(Error, match="digest did not match"):
            one.bring_blob("a/b", wrong, io.BytesIO(SMALL))
        assert wrong.digest not in server.blobs

    def test_a_registry_that_stored_something_else(self, server, uploads):
        answer = Reply(201, b"", {"Docker-Content-Digest": descriptor(b"other").digest})
        server.rules.insert(0, on("PUT", answer))
        with pytest.raises(Error, match="stored another blob") as caught:
            bring(server, SMALL)
        assert caught.value.kind == CORRUPT

    def test_a_file_that_shrinks_is_not_half_a_blob(self, server, uploads):
        with client(server) as one, pytest.raises(Error, match="shorter than it should be"):
            one.bring_blob("a/b", descriptor(LARGE), io.BytesIO(LARGE[:-1000]))
        assert not there(server, LARGE)

    def test_a_registry_that_claims_what_nobody_sent(self, server, uploads):
        server.cut_bodies = [("PATCH", 1000)]
        server.rules.insert(0, on("GET", Reply(204, b"", {"Location": "/v2/up/1", "Range": f"0-{len(LARGE) - 2}"})))
        assert bring(server, LARGE) == ("pushed", "")
        assert there(server, LARGE)

    def test_without_a_location(self, server, uploads):
        server.rules.insert(0, on("POST", Reply(202)))
        with pytest.raises(Error, match="upload"):
            bring(server, SMALL)


class TestWhoIsTold:
    def test_a_token_that_ends_meanwhile_is_asked_for_again(self, server, uploads):
        bearer = Bearer(f"{server.url}/token")
        server.rules[:0] = [bearer.give, bearer.guard]
        ended = [True]

        def ends(seen: Seen) -> Reply | None:
            if seen.method == "PATCH" and ended:
                ended.clear()
                return fault(401, "UNAUTHORIZED", "expired", WWW_Authenticate=bearer.challenge)
            return None

        server.rules.insert(0, ends)
        assert bring(server, LARGE, credentials=password(server)) == ("pushed", "")
        assert there(server, LARGE)
        assert bearer.issued >= 2

    def test_another_server_for_the_bytes_is_not_told_who_we_are(self, server, uploads, other):
        far = Uploads(other)
        far.sessions["1"] = b""
        server.rules.insert(0, wants_basic)
        uploads.location = f"{other.url}/v2/up/{{session}}?signature=x"
        bring(server, SMALL, credentials=password(server))
        assert there(other, SMALL)
        told = "\n".join(one.text() for one in other.seen)
        assert not any(secret in told for secret in SECRETS)

    def test_another_server_that_asks_who_we_are_is_not_told(self, server, uploads, other):
        far = Uploads(other)
        far.sessions["1"] = b""
        other.rules.insert(0, wants_basic)
        server.rules.insert(0, wants_basic)
        uploads.location = f"{other.url}/v2/up/{{session}}"
        with pytest.raises(Error) as caught:
            bring(server, SMALL, credentials=password(server))
        assert caught.value.kind == UNAUTHORIZED
        assert not any(secret in one.text() for one in other.seen for secret in SECRETS)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
    def test_a_redirect_of_an_upload_is_not_followed(self, server, uploads, other, method, status):
        server.rules.insert(0, on(method, Reply(status, b"", {"Location": f"{other.url}/v2/up/9"})))
        with pytest.raises(Error):
            bring(server, LARGE, credentials=password(server))
        assert other.seen == []

    @pytest.mark.parametrize(
        "location",
        [
            "ftp://registry.example/x",
            "file:///etc/passwd",
            "http://user:pw@127.0.0.1/x",
            "http://[::1",
            "http://127.0.0.1:99999/x",
            "http://x\ty/",
            "x" * 20_000,
        ],
    )
    def test_a_location_that_is_none(self, server, uploads, location):
        uploads.location = location
        with pytest.raises(Error):
            bring(server, SMALL, credentials=password(server))

    def test_plain_http_elsewhere_is_refused(self, server, uploads):
        uploads.location = "http://registry.example/up/{session}"
        with pytest.raises(Error, match="plain HTTP"):
            bring(server, SMALL)

    def test_out_of_tls_is_refused(self, uploads, certificates):
        with ToxicRegistry(certificate=certificates.good, key=certificates.key) as secure:
            taking = Uploads(secure)
            taking.location = "http://{host}/v2/up/{session}"
            policy = clients.stranger(secure, certificates.ca)
            with pytest.raises(Error, match="from https to plain http"):
                bring(secure, SMALL, policy=policy, credentials=password(secure))


class TestRate:
    def test_requests_keep_to_the_rate(self, server, uploads, clock):
        policy = HostPolicy(server.host, server.host, loopback=True, rate=2)
        bring(server, SMALL, clock, policy=policy)
        # HEAD, POST and PUT: the second and the third wait for their turn
        assert clock.slept == [0.5, 0.5]
