"""Class B3: whatever way a registry sends us, nobody but itself learns a secret."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import pytest

from hezi.errors import INVALID, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry.connections import Request, Url
from hezi.registry.credentials import Secret
from hezi.registry.transport import redirected
from hezi.spec import image
from hezi.spec.digest import Digest
from tests.support.registry_client import (
    BASIC,
    SECRETS,
    Bearer,
    Certificates,
    client,
    descriptor,
    password,
    stranger,
    wants_basic,
)
from tests.support.toxic_registry import Reply, Rule, Seen, ToxicRegistry, fault

DATA = b"layer" * 1000
STATUSES = (301, 302, 303, 307, 308)


def moved(status: int, location: str, containing: str = "/blobs/") -> Rule:
    def rule(seen: Seen) -> Reply | None:
        if containing not in seen.path or seen.path.startswith("/stored"):
            return None
        return Reply(status, b"moved", {"Location": location})

    return rule


def guard_of(kind: str, server: ToxicRegistry) -> list[Rule]:
    if kind == "basic":
        return [wants_basic]
    bearer = Bearer(f"{server.url}/token")
    return [bearer.give, bearer.guard]


def stored(seen: Seen) -> Reply | None:
    return Reply(200, DATA) if seen.path.startswith("/stored") else None


def assert_no_secret(*servers: ToxicRegistry) -> None:
    for server in servers:
        for seen in server.seen:
            assert "authorization" not in seen.headers
            assert "cookie" not in seen.headers
            assert not any(secret in seen.text() for secret in SECRETS)


@pytest.mark.parametrize(("status", "kind"), [*itertools.product(STATUSES, ["basic", "bearer"])])
def test_to_a_storage_elsewhere(server: ToxicRegistry, other: ToxicRegistry, status: int, kind: str) -> None:
    """Ten topologies that are legal, as object stores do it: the blob arrives, the secret does not."""
    server.rules += [*guard_of(kind, server), moved(status, f"{other.url}/stored?X-Signature=abc")]
    other.rules.append(stored)
    with client(server, credentials=password(server)) as one:
        assert one.document("a/b", descriptor(DATA), 10_000) == DATA
    assert [seen.target for seen in other.seen] == ["/stored?X-Signature=abc"]
    assert_no_secret(other)


@pytest.mark.parametrize("status", STATUSES)
def test_to_itself(server: ToxicRegistry, status: int) -> None:
    """Five twins: within the origin the secret goes along, or the registry could not answer."""
    server.rules += [wants_basic, moved(status, "/stored"), stored]
    with client(server, credentials=password(server)) as one:
        assert one.document("a/b", descriptor(DATA), 10_000) == DATA
    assert server.seen[-1].headers["authorization"] == f"Basic {BASIC}"


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{own}/stored",  # the same machine by another name is another origin
        "//127.0.0.1:{other}/stored",
        "http://127.0.0.1:{other}",
        "HTTP://127.0.0.1:{other}/stored",
        "http://127.0.0.1:{other}/stored#http://127.0.0.1:{own}/",
        "http://127.0.0.1:{other}/?http://127.0.0.1:{own}/",
        "http://127.0.0.1:{other}/stored/../../v2/",
        "http://[::ffff:127.0.0.1]:{other}/stored",
        "http://127.0.0.1:{own}@127.0.0.1:{other}/stored",
        "http://127.0.0.1:{other}\\@127.0.0.1:{own}/stored",
        "http://somebody:x@127.0.0.1:{other}/stored",
        "http://127.0.0.1.nip.example:{other}/stored",
        "http://0x7f.1:{other}/stored",
        "http://2130706433:{other}/stored",
        "https://127.0.0.1:{other}/stored",
        "ftp://127.0.0.1:{other}/stored",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{other}/_x",
        "http://",
        "http://127.0.0.1:0x50/",
        "http://127.0.0.1:{other}/sto\tred",
        "http://127.0.0.1:{other}/" + "x" * 20_000,
    ],
)
def test_strange_locations(server: ToxicRegistry, other: ToxicRegistry, location: str) -> None:
    """Twenty-two more: wherever the request ends up, no secret is in it, and every failure is an error of ours."""
    target = location.replace("{own}", str(server.port)).replace("{other}", str(other.port))
    own_name = "localhost" in target

    def unguarded(seen: Seen) -> Reply | None:
        return Reply(200, DATA) if own_name and seen.path == "/stored" else None

    server.rules += [unguarded, wants_basic, moved(307, target)]
    other.rules.append(lambda _: Reply(200, DATA))
    with client(server, credentials=password(server)) as one:
        try:
            got: bytes | None = one.document("a/b", descriptor(DATA), 10_000)
        except Error as error:
            got = None
            said = f"{error}{error.hint}"
        else:
            said = ""
    assert got in {None, DATA}
    assert not any(secret in said for secret in SECRETS)
    assert_no_secret(other)
    for seen in server.seen:
        assert seen.path != "/stored" or "authorization" not in seen.headers


def test_away_and_back(server: ToxicRegistry, other: ToxicRegistry) -> None:
    """The secret is not picked up again: the one in the middle chose the way."""
    server.rules += [
        lambda seen: stored(seen) if seen.path.startswith("/stored") else None,
        wants_basic,
        moved(307, f"{other.url}/somewhere"),
    ]
    other.rules.append(moved(307, f"{server.url}/stored", "/somewhere"))
    with client(server, credentials=password(server)) as one:
        assert one.document("a/b", descriptor(DATA), 10_000) == DATA
    assert_no_secret(other)
    assert "authorization" not in next(seen for seen in server.seen if seen.path == "/stored").headers


def test_the_storage_asks_for_a_password(server: ToxicRegistry, other: ToxicRegistry) -> None:
    """Its 401 is its own affair: no challenge of another server is answered."""
    server.rules += [wants_basic, moved(307, f"{other.url}/stored")]
    other.rules.append(wants_basic)
    with client(server, credentials=password(server)) as one, pytest.raises(Error) as caught:
        one.document("a/b", descriptor(DATA), 10_000)
    assert caught.value.kind == UNAUTHORIZED
    assert_no_secret(other)
    other.rules[:] = [Bearer(f"{other.url}/token").guard]
    with client(server, credentials=password(server)) as one, pytest.raises(Error):
        one.document("a/b", descriptor(DATA), 10_000)
    assert_no_secret(other)


def test_a_manifest_elsewhere(server: ToxicRegistry, other: ToxicRegistry) -> None:
    other.add_manifest(DATA, image.OCI_MANIFEST, "latest")
    server.rules += [wants_basic, moved(307, f"{other.url}/v2/a/b/manifests/latest", "/manifests/")]
    with client(server, credentials=password(server)) as one:
        assert one.manifest("a/b", "latest")[2] == DATA
    assert_no_secret(other)


def test_the_tag_list_goes_on_elsewhere(server: ToxicRegistry, other: ToxicRegistry) -> None:
    other.tags = ["evil"]
    link = {"Link": f'<{other.url}/v2/a/b/tags/list>; rel="next"'}
    server.rules += [wants_basic, lambda seen: Reply(200, b'{"tags":["a"]}', link) if "/tags/" in seen.path else None]
    with client(server, credentials=password(server)) as one, pytest.raises(Error) as caught:
        one.tags("a/b")
    assert caught.value.kind == INVALID
    assert other.hellos == 0


def test_an_upload_elsewhere(server: ToxicRegistry, other: ToxicRegistry) -> None:
    """The registry may put the data where it likes; the secret stays."""
    server.rules += [
        wants_basic,
        lambda seen: Reply(202, b"", {"Location": f"{other.url}/up"}) if seen.method == "POST" else None,
    ]
    other.rules.append(lambda seen: Reply(201) if seen.method == "PUT" else None)
    with client(server, credentials=password(server)) as one:
        one.push_blob("a/b", Digest.of(DATA), len(DATA), io.BytesIO(DATA))
    assert other.seen[0].body == DATA
    assert_no_secret(other)


def test_a_put_is_not_redirected(server: ToxicRegistry, other: ToxicRegistry) -> None:
    server.rules += [wants_basic, moved(307, f"{other.url}/x", "/manifests/")]
    with client(server, credentials=password(server)) as one, pytest.raises(Error):
        one.push_manifest("a/b", "latest", image.OCI_MANIFEST, DATA)
    assert other.hellos == 0


@pytest.mark.parametrize("what", ["circle", "for ever"])
def test_without_end(server: ToxicRegistry, what: str) -> None:
    count = [0]

    def rule(seen: Seen) -> Reply | None:
        if seen.path == "/v2/":
            return None
        count[0] += 1
        return Reply(307, b"", {"Location": seen.path if what == "circle" else f"/stored{count[0]}"})

    server.rules.append(rule)
    with client(server) as one, pytest.raises(Error) as caught:
        one.document("a/b", descriptor(DATA), 10_000)
    assert caught.value.kind == UNAVAILABLE
    assert count[0] == 11


def test_without_a_location(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(307) if "/blobs/" in seen.path else None)
    with client(server) as one, pytest.raises(Error) as caught:
        one.document("a/b", descriptor(DATA), 10_000)
    assert "HTTP status 307" in caught.value.message


def test_signatures_are_not_in_errors(server: ToxicRegistry, other: ToxicRegistry) -> None:
    server.rules.append(moved(307, f"{other.url}/stored?X-Signature=SIGNED"))
    for rule in (lambda _: fault(403, "DENIED", "no"), lambda _: Reply(200, DATA, cut=0)):
        answer: Callable[[Seen], Reply] = rule
        other.rules[:] = [answer]
        with client(server) as one, pytest.raises(Error) as caught:
            one.document("a/b", descriptor(DATA), 10_000)
        assert "SIGNED" not in f"{caught.value}{caught.value.hint}"


def test_from_tls_to_the_clear(certificates: Certificates, other: ToxicRegistry) -> None:
    other.rules.append(stored)
    with ToxicRegistry(certificate=certificates.good, key=certificates.key) as server:
        server.rules.append(moved(307, f"{other.url}/stored"))
        for policy in (stranger(server, certificates.ca), stranger(server, certificates.ca, insecure=True)):
            with client(server, policy=policy) as one, pytest.raises(Error) as caught:
                one.document("a/b", descriptor(DATA), 10_000)
            assert caught.value.kind == INVALID
    assert other.hellos == 0


def test_from_tls_to_tls(certificates: Certificates) -> None:
    files = {"certificate": certificates.good, "key": certificates.key}
    with ToxicRegistry(**files) as server, ToxicRegistry(**files) as storage:
        server.rules += [wants_basic, moved(307, f"{storage.url}/stored")]
        storage.rules.append(stored)
        policy = stranger(server, certificates.ca)
        with client(server, policy=policy, credentials=password(server)) as one:
            assert one.document("a/b", descriptor(DATA), 10_000) == DATA
        assert_no_secret(storage)


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/other", True),
        ("https://r.example/x", True),
        ("https://r.example:443/x", True),
        ("https://R.EXAMPLE/x", True),
        ("https://r.example:444/x", False),
        ("https://r.example./x", False),
        ("https://s.example/x", False),
        ("https://r.example.evil/x", False),
        ("//s.example/x", False),
    ],
)
def test_what_is_an_origin(location: str, *, kept: bool) -> None:
    request = Request("GET", Url.parse("https://r.example/v2/"), authorization=Secret("Basic x"))
    assert (redirected(request, location).authorization is not None) == kept
