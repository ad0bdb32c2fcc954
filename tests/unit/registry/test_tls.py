"""Class B4: no certificate, no image; and nothing else is tried in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi.errors import INVALID, UNAVAILABLE, Error
from hezi.registry.config import HostPolicy
from hezi.spec import image
from tests.support.registry_client import SECRETS, Certificates, client, password, stranger, wants_basic
from tests.support.toxic_registry import ToxicRegistry

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
