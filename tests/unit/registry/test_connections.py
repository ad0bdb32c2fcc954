"""Proxies, URLs and what is said when there is no answer."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from hezi.errors import INVALID, UNAVAILABLE, Error
from hezi.registry.config import HostPolicy
from hezi.registry.connections import Connections, Request, Url
from hezi.registry.credentials import Secret
from tests.support.registry_client import Certificates
from tests.support.toxic_registry import Reply, ToxicRegistry

PLAIN = HostPolicy("r.example", "r.example", insecure=True)


def through(server: ToxicRegistry, url: str, proxy: str = "") -> bytes:
    address = proxy or f"http://me:pr0xy@{server.host}"
    connections = Connections(PLAIN, environment={"HTTP_PROXY": address, "HTTPS_PROXY": address})
    answer = connections.exchange(Request("GET", Url.parse(url)))
    try:
        return answer.read(100)
    finally:
        answer.close()
        connections.close()


def test_a_plain_request_through_a_proxy(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, seen.target.encode()))
    assert through(server, "http://r.example/v2/x?y") == b"http://r.example/v2/x?y"
    assert server.seen[0].headers["proxy-authorization"] == "Basic bWU6cHIweHk="
    assert "authorization" not in server.seen[0].headers


class Tunnel:
    """A proxy that knows CONNECT, and nothing but the way to one server."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self.listener.accept()[0] as near, socket.create_connection(("127.0.0.1", self.target)) as far:
            self.asked.append(near.recv(4096))
            near.sendall(b"HTTP/1.1 200 go ahead\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_tls_through_a_proxy(certificates: Certificates) -> None:
    """The proxy sees a name and its own password, the registry's certificate is still the registry's."""
    for certificate, good in ((certificates.wrong_name, True), (certificates.good, False)):
        with ToxicRegistry(certificate=certificate, key=certificates.key) as server:
            tunnel = Tunnel(server.port)
            policy = HostPolicy("registry.example", "registry.example", ca_files=(str(certificates.ca),))
            connections = Connections(policy, environment={"HTTPS_PROXY": f"http://me:pr0xy@{tunnel.host}"})
            request = Request("GET", Url.parse("https://registry.example/v2/"), authorization=Secret("Basic SECRET"))
            if good:
                connections.exchange(request).close()
                assert server.seen[0].headers["authorization"] == "Basic SECRET"
                assert "proxy-authorization" not in server.seen[0].headers
            else:
                with pytest.raises(Error, match="certificate was refused"):
                    connections.exchange(request)
                assert server.seen == []
            assert tunnel.asked[0].startswith(b"CONNECT registry.example:443 HTTP/1.")
            assert b"Basic bWU6cHIweHk=" in tunnel.asked[0]
            assert b"SECRET" not in tunnel.asked[0]
            connections.close()
            tunnel.listener.close()


def test_a_proxy_that_refuses(server: ToxicRegistry) -> None:
    """CONNECT is what this server does not know; the proxy's password is in no message."""
    with pytest.raises(Error) as caught:
        through(server, "https://r.example/v2/")
    assert caught.value.kind == UNAVAILABLE
    assert caught.value.message.startswith("cannot reach r.example through the proxy: ")
    assert "pr0xy" not in str(caught.value)


def test_a_proxy_that_is_not_there() -> None:
    with ToxicRegistry() as gone:
        pass
    with pytest.raises(Error) as caught:
        through(gone, "https://r.example/v2/")
    assert "through the proxy: connection refused" in caught.value.message


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://x", "http://x:port", "http://", "http://[::1"])
def test_a_proxy_that_is_none(server: ToxicRegistry, proxy: str) -> None:
    with pytest.raises(Error) as caught:
        through(server, "https://r.example/v2/", proxy)
    assert caught.value.kind in {INVALID, UNAVAILABLE}
    assert "\n" not in caught.value.message


def test_loopback_is_never_proxied(server: ToxicRegistry, other: ToxicRegistry) -> None:
    policy = HostPolicy(server.host, server.host, loopback=True)
    connections = Connections(policy, environment={"HTTP_PROXY": other.url})
    connections.exchange(Request("GET", Url.parse(f"{server.url}/v2/"))).close()
    assert len(server.seen) == 1
    assert other.hellos == 0


@pytest.mark.parametrize(
    ("text", "shown", "public"),
    [
        ("https://r.example", "https://r.example:443/", "https://r.example/"),
        ("https://R.Example:443/a?b#c", "https://r.example:443/a?b", "https://r.example/a"),
        ("http://r.example:5000/a?secret=1", "http://r.example:5000/a?secret=1", "http://r.example:5000/a"),
        ("https://[::1]:5000/v2/", "https://[::1]:5000/v2/", "https://[::1]:5000/v2/"),
    ],
)
def test_urls(text: str, shown: str, public: str) -> None:
    url = Url.parse(text)
    assert str(url) == shown
    assert url.public == public
    assert Url.parse(str(url)) == url


@pytest.mark.parametrize(
    ("location", "target"),
    [("/x", "/x"), ("y", "/v2/a/y"), ("../y?z", "/v2/y?z"), ("?q", "/v2/a/b?q"), ("//s.example/x", "/x")],
)
def test_relative_urls(location: str, target: str) -> None:
    assert Url.parse(location, Url.parse("https://r.example/v2/a/b")).target == target
