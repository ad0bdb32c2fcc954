"""Tokens and passwords: who gets what, when, and that nobody else does."""

from __future__ import annotations

import threading

import pytest

from hezi.errors import INVALID, UNAUTHORIZED, Error
from hezi.registry.config import HostPolicy
from hezi.spec import image
from tests.support.registry_client import (
    BASIC,
    IDENTITY,
    PASSWORD,
    SECRETS,
    TOKEN,
    Bearer,
    Certificates,
    Clock,
    client,
    descriptor,
    identity,
    password,
    stranger,
    wants_basic,
)
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault, first

DATA = b"some data" * 100


@pytest.fixture
def full(server: ToxicRegistry) -> ToxicRegistry:
    server.add_blob(DATA)
    server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
    return server


def test_basic(full: ToxicRegistry) -> None:
    full.rules.append(wants_basic)
    with client(full, credentials=password(full)) as one:
        one.manifest("a/b", "latest")
        one.document("a/b", descriptor(DATA), 10_000)
    sent = [seen.headers.get("authorization") for seen in full.seen if seen.path != "/v2/"]
    assert sent == [None, f"Basic {BASIC}", f"Basic {BASIC}"]


def test_basic_wrong_password(full: ToxicRegistry) -> None:
    full.rules.append(lambda seen: fault(401, "UNAUTHORIZED", "no", WWW_Authenticate='Basic realm="x"'))
    with client(full, credentials=password(full)) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAUTHORIZED
    assert len(full.paths()) == 2
    assert not any(secret in f"{caught.value}{caught.value.hint}{caught.value!r}" for secret in SECRETS)


def test_basic_without_credentials(full: ToxicRegistry) -> None:
    full.rules.append(wants_basic)
    with client(full) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAUTHORIZED
    assert f"hezi login {full.host}" in str(caught.value.hint)
    assert len(full.paths()) == 1


def test_nothing_is_sent_unasked(full: ToxicRegistry) -> None:
    with client(full, credentials=password(full)) as one:
        one.manifest("a/b", "latest")
    assert not any("authorization" in seen.headers for seen in full.seen)


@pytest.mark.parametrize("anonymous", [False, True])
def test_bearer(full: ToxicRegistry, *, anonymous: bool) -> None:
    bearer = Bearer(f"{full.url}/token", anonymous=anonymous)
    full.rules += [bearer.give, bearer.guard]
    with client(full, **({} if anonymous else {"credentials": password(full)})) as one:
        one.manifest("a/b", "latest")
        one.document("a/b", descriptor(DATA), 10_000)
    tokens = [seen for seen in full.seen if seen.path == "/token"]
    assert len(tokens) == 1
    assert tokens[0].query["service"] == ["registry"]
    assert tokens[0].query["scope"] == ["repository:a/b:pull"]
    assert tokens[0].headers.get("authorization") == (None if anonymous else f"Basic {BASIC}")
    assert tokens[0].query.get("account") == (None if anonymous else ["somebody"])
    others = [seen.headers.get("authorization") for seen in full.seen if seen.path not in {"/token", "/v2/"}]
    assert others == [None, f"Bearer {TOKEN}", f"Bearer {TOKEN}"]


def test_identity_token(full: ToxicRegistry) -> None:
    bearer = Bearer(f"{full.url}/token")
    full.rules += [bearer.give, bearer.guard]
    with client(full, credentials=identity(full)) as one:
        one.manifest("a/b", "latest")
    token = next(seen for seen in full.seen if seen.path == "/token")
    assert token.method == "POST"
    assert token.target == "/token"
    assert b"grant_type=refresh_token" in token.body
    assert "authorization" not in token.headers
    assert not any(IDENTITY in seen.text() for seen in full.seen if seen.path != "/token")


def test_each_repository_has_its_own_token(full: ToxicRegistry) -> None:
    bearer = Bearer(f"{full.url}/token", anonymous=True)
    full.rules += [bearer.give, bearer.guard]
    with client(full) as one:
        one.manifest("a/b", "latest")
        one.manifest("a/c", "latest")
        one.manifest("a/b", "latest")
    scopes = [seen.query["scope"][0] for seen in full.seen if seen.path == "/token"]
    assert scopes == ["repository:a/b:pull", "repository:a/c:pull"]


def test_a_token_is_renewed_before_it_ends(full: ToxicRegistry, clock: Clock) -> None:
    bearer = Bearer(f"{full.url}/token", anonymous=True)
    full.rules += [bearer.give, bearer.guard]
    with client(full, clock) as one:
        one.manifest("a/b", "latest")
        clock.now += 290
        one.manifest("a/b", "latest")
        assert bearer.issued == 1
        clock.now += 6
        one.manifest("a/b", "latest")
        assert bearer.issued == 2


def test_a_token_that_the_registry_does_not_take(full: ToxicRegistry) -> None:
    """Two rounds, not for ever."""
    bearer = Bearer(f"{full.url}/token", anonymous=True)
    bearer.good = {"never"}
    full.rules += [bearer.give, bearer.guard]
    with client(full) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAUTHORIZED
    assert len(full.paths()) <= 6


@pytest.mark.parametrize("status", [401, 403, 400])
def test_the_token_server_refuses(full: ToxicRegistry, status: int) -> None:
    bearer = Bearer(f"{full.url}/token")
    full.rules += [first(9, fault(status, "X", f"no, {PASSWORD}"), containing="/token"), bearer.guard]
    with client(full, credentials=password(full)) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAUTHORIZED
    assert "refused the credentials" in caught.value.message
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'{"token":"a\\r\\nb"}', b'{"token":["x"]}', b'{"token":"' + b"x" * 300_000 + b'"}']
)
def test_the_token_server_answers_nonsense(full: ToxicRegistry, body: bytes) -> None:
    bearer = Bearer(f"{full.url}/token", anonymous=True)
    full.rules += [first(9, Reply(200, body), containing="/token"), bearer.guard]
    with client(full) as one, pytest.raises(Error):
        one.manifest("a/b", "latest")


@pytest.mark.parametrize(
    "challenge",
    ["", "Negotiate", "Bearer", 'Bearer service="x"', 'Bearer realm="', "\u00e9", "Digest realm=x, nonce=y", "," * 9000]
)  # fmt: skip
def test_challenges_that_say_nothing(full: ToxicRegistry, challenge: str) -> None:
    headers = {"WWW_Authenticate": challenge.encode("latin-1").decode("latin-1")}
    full.rules.append(lambda seen: fault(401, "UNAUTHORIZED", "no", **headers))
    with client(full, credentials=password(full)) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAUTHORIZED
    assert not any(secret in seen.text() for seen in full.seen for secret in SECRETS)


@pytest.mark.parametrize(
    "realm", ["", "token", "//other/token", "ftp://x/token", "file:///etc/passwd", "http://", "http://u:p@x/token",
              "http://x:99999/token", "http://x/to ken", "http://x/" + "y" * 20_000]
)  # fmt: skip
def test_realms_that_are_no_urls(full: ToxicRegistry, realm: str) -> None:
    full.rules.append(Bearer(realm).guard)
    with client(full, credentials=password(full)) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind in {INVALID, UNAUTHORIZED}
    assert not any(secret in seen.text() for seen in full.seen for secret in SECRETS)


def test_a_realm_in_the_clear(certificates: Certificates, other: ToxicRegistry) -> None:
    """A registry with TLS that wants the password sent elsewhere without."""
    bearer = Bearer(f"http://{other.host}/token")
    with ToxicRegistry(certificate=certificates.good, key=certificates.key) as server:
        server.rules.append(bearer.guard)
        policy = stranger(server, certificates.ca)
        with client(server, policy=policy, credentials=password(server)) as one, pytest.raises(Error) as caught:
            one.manifest("a/b", "latest")
    assert caught.value.kind == INVALID
    assert "in the clear" in caught.value.message
    assert other.hellos == 0


def test_a_realm_with_tls_elsewhere(certificates: Certificates) -> None:
    """The legal twin: docker.io's tokens come from auth.docker.io."""
    files = {"certificate": certificates.good, "key": certificates.key}
    with ToxicRegistry(**files) as tokens, ToxicRegistry(**files) as server:
        bearer = Bearer(f"{tokens.url}/token")
        tokens.rules.append(bearer.give)
        server.rules.append(bearer.guard)
        server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
        policy = stranger(server, certificates.ca)
        with client(server, policy=policy, credentials=password(server)) as one:
            assert one.manifest("a/b", "latest")[2] == DATA
        assert not any(TOKEN in seen.text() for seen in tokens.seen)
        assert not any(PASSWORD in seen.text() or BASIC in seen.text() for seen in server.seen)


def test_many_threads_one_token(full: ToxicRegistry) -> None:
    bearer = Bearer(f"{full.url}/token", anonymous=True)
    full.rules += [bearer.give, bearer.guard]
    with client(full) as one:
        threads = [threading.Thread(target=one.manifest, args=("a/b", "latest")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert bearer.issued == 1
    assert sum(seen.headers.get("authorization") == f"Bearer {TOKEN}" for seen in full.seen) == 8


def test_credentials_of_another_registry_are_not_asked_for(full: ToxicRegistry, other: ToxicRegistry) -> None:
    full.rules.append(wants_basic)
    with client(full, credentials=password(other)) as one, pytest.raises(Error):
        one.manifest("a/b", "latest")
    assert not any(secret in seen.text() for seen in full.seen for secret in SECRETS)


def test_the_first_answer_decides_about_tls_once(full: ToxicRegistry) -> None:
    """A plain registry on loopback costs one failed greeting, not one for each request."""

    def rule(seen: Seen) -> None:
        assert not seen.tls

    full.rules.append(rule)
    with client(full, policy=HostPolicy(full.host, full.host, loopback=True)) as one:
        for _ in range(5):
            one.manifest("a/b", "latest")
    assert full.hellos == 2
