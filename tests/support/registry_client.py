"""Clients for tests of the registry code: time that does not pass, policies, secrets to look for, certificates."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

from hezi.registry.client import RegistryClient
from hezi.registry.config import HostPolicy
from hezi.registry.credentials import Anonymous, Credential, Fixed, Secret
from hezi.registry.transport import Pace
from hezi.spec import image
from hezi.spec.digest import Digest
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault

USER, PASSWORD, TOKEN, IDENTITY = "somebody", "pw-SECRET-1", "tok-SECRET-2", "idt-SECRET-3"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, TOKEN, IDENTITY, BASIC)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float, _: object = None) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(self.sleep, lambda: self.now, lambda: self.now, lambda: 1.0)


def client(server: ToxicRegistry, clock: Clock | None = None, **options: Any) -> RegistryClient:
    """A client for a toxic registry; ``policy`` and ``credentials`` as wanted."""
    policy = options.pop("policy", None) or HostPolicy(server.host, server.host, loopback=True)
    options.setdefault("credentials", Anonymous())
    return RegistryClient(server.host, policy=policy, pace=(clock or Clock()).pace(), **options)


def stranger(server: ToxicRegistry, *ca_files: Path, insecure: bool = False) -> HostPolicy:
    """The policy for a registry that is not on this machine, although this one is."""
    return HostPolicy(server.host, server.host, insecure=insecure, ca_files=tuple(str(path) for path in ca_files))


def password(server: ToxicRegistry) -> Fixed:
    return Fixed(server.host, Credential(USER, Secret(PASSWORD)))


def identity(server: ToxicRegistry) -> Fixed:
    return Fixed(server.host, Credential("", Secret(""), Secret(IDENTITY)))


def descriptor(data: bytes, **change: Any) -> image.Descriptor:
    return image.Descriptor(image.OCI_LAYER, Digest.of(data), len(data))._replace(**change)


def wants_basic(seen: Seen) -> Reply | None:
    """A rule: Basic, or nothing."""
    if seen.headers.get("authorization") == f"Basic {BASIC}":
        return None
    return fault(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="x"')


class Bearer:
    """A rule: a token of the token server at ``realm``; and, for that server, the rule that gives tokens."""

    def __init__(self, realm: str, *, anonymous: bool = False) -> None:
        self.challenge = f'Bearer realm="{realm}",service="registry"'
        self.anonymous = anonymous
        self.good = {TOKEN}
        self.issued = 0
        self.expires_in = 300

    def guard(self, seen: Seen) -> Reply | None:
        if seen.path.startswith("/token"):
            return None
        if seen.headers.get("authorization", "").removeprefix("Bearer ") in self.good:
            return None
        return fault(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=self.challenge)

    def give(self, seen: Seen) -> Reply | None:
        if not seen.path.startswith("/token"):
            return None
        by_password = seen.headers.get("authorization") == f"Basic {BASIC}"
        by_identity = seen.method == "POST" and IDENTITY.encode() in seen.body
        if not (by_password or by_identity or self.anonymous):
            return fault(401, "UNAUTHORIZED", "who are you")
        self.issued += 1
        return Reply(200, f'{{"token":"{TOKEN}","expires_in":{self.expires_in}}}'.encode())


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True)


class Certificates:
    """A certificate authority and certificates of it: good, expired, for another name; and one of nobody."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = directory / "ca.pem"
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        openssl(directory, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", *usage)
        openssl(directory, "req", *new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=127.0.0.1")
        (directory / "good.cnf").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        (directory / "other.cnf").write_text("subjectAltName=DNS:registry.example,IP:127.0.0.2\n")
        self.key = directory / "key.pem"
        self.good = self._sign("good", "good.cnf", "2")
        self.wrong_name = self._sign("wrong", "other.cnf", "2")
        self.expired = self._sign("expired", "good.cnf", "-1")
        self.self_signed = directory / "self.pem"
        openssl(directory, "req", "-x509", "-key", "key.pem", "-out", "self.pem", "-subj", "/CN=127.0.0.1",
                "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip

    def _sign(self, name: str, extensions: str, days: str) -> Path:
        openssl(self.directory, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", days, "-extfile", extensions)  # fmt: skip
        return self.directory / f"{name}.pem"
