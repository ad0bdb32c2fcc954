"""Class B4: no certificate, no image; and nothing else is tried in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi.errors import INVALID, UNAVAILABLE, Error
from hezi.registry.config import HostPolicy
from hezi.registry.connections import Connections, Request, Url
from hezi.spec import image
from tests.support.registry_client import SECRETS, Certificates, client, descriptor, password, stranger, wants_basic
from tests.support.toxic_registry import Reply, ToxicRegistry

DATA = b"{}"


def serving(certificates: Certificates, name: str) -> ToxicRegistry:
    server = ToxicRegistry(certificate=getattr(certificates, name), key=certificates.key)
    server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
    return server


def test_a_good_certificate(certificates: Certificates) -> None:
    with serving(certificates, "good") as server:
        with client(server, policy=stranger(server, certificates.ca)) as one:
            assert one.manifest("a/b", "latest")[2] == DATA
        assert all(seen.tls for seen in server.seen)


@pytest.mark.parametrize(
    ("name", "why"),
    [("expired", "expired"), ("self_signed", "self-signed"), ("wrong_name", "IP address mismatch"), ("good", "issuer")],
)
@pytest.mark.parametrize("loopback", [False, True])
def test_bad_certificates(certificates: Certificates, name: str, why: str, *, loopback: bool) -> None:
    """Expired, self-signed, for another name, of an unknown authority: not one request, also on loopback."""
    trusted = () if name == "good" else (certificates.ca,)
    with serving(certificates, name) as server:
        policy = stranger(server, *trusted)._replace(loopback=loopback)
        with client(server, policy=policy, credentials=password(server)) as one, pytest.raises(Error) as caught:
            one.manifest("a/b", "latest")
        assert caught.value.kind == UNAVAILABLE
        assert "certificate" in caught.value.message
        assert why in caught.value.message.replace("self signed", "self-signed")
        assert "/etc/docker/certs.d/" in str(caught.value.hint)
        assert server.seen == []
        assert server.hellos == 1


@pytest.mark.parametrize("name", ["expired", "self_signed", "wrong_name", "good"])
def test_named_insecure(certificates: Certificates, name: str) -> None:
    """The legal twin: the administrator said that nobody needs to check."""
    with serving(certificates, name) as server:
        with client(server, policy=stranger(server, insecure=True)) as one:
            assert one.manifest("a/b", "latest")[2] == DATA
        assert all(seen.tls for seen in server.seen)


def test_plain_only(server: ToxicRegistry) -> None:
    """A registry that speaks no TLS and is not named insecure: one connection, no request, no password."""
    server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
    server.rules.append(wants_basic)
    with client(server, policy=stranger(server), credentials=password(server)) as one, pytest.raises(Error) as caught:
        one.manifest("a/b", "latest")
    assert caught.value.kind == UNAVAILABLE
    assert "does not speak TLS" in caught.value.message
    assert "registries.toml" in str(caught.value.hint)
    assert server.hellos == 1
    assert not any(secret in seen.text() for seen in server.seen for secret in SECRETS)


@pytest.mark.parametrize("change", [{"loopback": True}, {"insecure": True}])
def test_plain_where_it_is_allowed(server: ToxicRegistry, change: dict[str, bool]) -> None:
    server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
    policy = HostPolicy(server.host, server.host)._replace(**change)
    with client(server, policy=policy) as one:
        assert one.manifest("a/b", "latest")[2] == DATA
    assert not any(seen.tls for seen in server.seen)


def test_tls_is_asked_for_first(certificates: Certificates) -> None:
    """On loopback too: a registry that speaks TLS is never spoken to in the clear."""
    with serving(certificates, "good") as server:
        policy = HostPolicy(server.host, server.host, loopback=True, ca_files=(str(certificates.ca),))
        with client(server, policy=policy) as one:
            assert one.manifest("a/b", "latest")[2] == DATA
        assert all(seen.tls for seen in server.seen)


def test_a_broken_authority_file(certificates: Certificates, tmp_path: Path) -> None:
    bad = tmp_path / "ca.crt"
    bad.write_text("nonsense")
    for path in (bad, tmp_path / "missing.crt"):
        with serving(certificates, "good") as server:
            with client(server, policy=stranger(server, path)) as one, pytest.raises(Error) as caught:
                one.manifest("a/b", "latest")
            assert caught.value.kind == INVALID
            assert caught.value.path == str(path)
            assert server.hellos == 0


@pytest.mark.parametrize("loopback", [False, True])
def test_a_registry_that_wants_our_certificate(certificates: Certificates, *, loopback: bool) -> None:
    """That TLS was refused for another reason than "no TLS here" is no reason for plain HTTP."""
    files = {"certificate": certificates.good, "key": certificates.key, "client_ca": certificates.ca}
    with ToxicRegistry(**files) as server:
        server.add_manifest(DATA, image.OCI_MANIFEST, "latest")
        policy = stranger(server, certificates.ca)._replace(loopback=loopback)
        with client(server, policy=policy) as one, pytest.raises(Error) as caught:
            one.manifest("a/b", "latest")
        assert caught.value.kind == UNAVAILABLE
        assert server.seen == []
        pair = (str(certificates.good), str(certificates.key))
        with client(server, policy=policy._replace(client_certificates=(pair,))) as one:
            assert one.manifest("a/b", "latest")[2] == DATA


def test_insecure_is_for_the_registry_alone(certificates: Certificates) -> None:
    """The storage it refers to has a certificate that nobody vouches for, and was not named insecure."""
    with serving(certificates, "good") as server, serving(certificates, "self_signed") as storage:
        storage.add_blob(DATA)
        target = f"https://localhost:{storage.port}/v2/a/b/blobs/{descriptor(DATA).digest}"
        server.rules.append(lambda seen: Reply(307, b"", {"Location": target}) if "/blobs/" in seen.path else None)
        with client(server, policy=stranger(server, insecure=True)) as one, pytest.raises(Error) as caught:
            one.document("a/b", descriptor(DATA), 10)
        assert "certificate was refused" in caught.value.message
        assert storage.seen == []


@pytest.mark.parametrize(
    ("policy", "url"),
    [
        (HostPolicy("r.example", "r.example"), "http://r.example/v2/"),
        (HostPolicy("r.example", "r.example", insecure=True), "http://s.example/v2/"),
        (HostPolicy("localhost", "localhost", loopback=True), "http://192.0.2.1/v2/"),
        (HostPolicy("r.example", "r.example"), "http://127.0.0.1/v2/"),
    ],
)
def test_no_plain_http_to_others(policy: HostPolicy, url: str) -> None:
    """Wherever the URL came from: the last gate before the network."""
    with pytest.raises(Error) as caught:
        Connections(policy).exchange(Request("GET", Url.parse(url)))
    assert caught.value.kind == INVALID
    assert "plain HTTP" in caught.value.message
