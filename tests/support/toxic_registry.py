"""A registry that misbehaves on purpose, in this process, and writes down everything it was asked.

``ToxicRegistry`` serves what is put into ``manifests``, ``blobs`` and ``tags`` correctly, until a rule says otherwise.
A rule is a function from the request to None (not mine) or a :class:`Reply`; the first that answers wins. Standard
library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Seen(NamedTuple):
    """One request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    tls: bool

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def text(self) -> str:
        """Everything, for looking whether a secret is in it."""
        return "\n".join([self.method, self.target, *(f"{k}: {v}" for k, v in self.headers.items()), repr(self.body)])


class Reply(NamedTuple):
    """An answer. ``cut``: bytes of the body after which the connection is cut, with a reset if ``reset``.

    ``length``: what Content-Length says instead of the truth. ``drip``: seconds of silence at the end. ``raw``: bytes
    that are sent instead of all that, and then the connection is closed.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    cut: int | None = None
    reset: bool = False
    length: int | None = None
    chunked: bool = False
    drip: float = 0.0
    raw: bytes | None = None


Rule = Callable[[Seen], "Reply | None"]


class ToxicRegistry:
    """Use it in a ``with`` statement; ``host`` is ``127.0.0.1:PORT``."""

    def __init__(
        self, *, certificate: Path | None = None, key: Path | None = None, client_ca: Path | None = None
    ) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.tags: list[str] = []
        self.rules: list[Rule] = []
        self.seen: list[Seen] = []
        self.hellos = 0
        # For the next requests of a method: so many bytes of the body are read, then the connection is reset.
        self.cut_bodies: list[tuple[str, int]] = []
        self.closing = threading.Event()
        registry = self

        class Handler(_Handler):
            owner = registry

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if client_ca is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(client_ca)
            self._server.context = context
        self.port: int = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.scheme = "http" if certificate is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> ToxicRegistry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def add_blob(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def add_manifest(self, document: Any, media_type: str, *names: str) -> str:
        """Store a manifest under its digest and ``names``; ``document`` is bytes or what JSON can say."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(raw).hexdigest()
        for name in (digest, *names):
            self.manifests[name] = (media_type, raw)
        return digest

    def paths(self) -> list[str]:
        """The paths asked for, without the greeting."""
        return [one.path for one in self.seen if one.path != "/v2/"]

    def answer(self, seen: Seen) -> Reply:
        for rule in list(self.rules):
            reply = rule(seen)
            if reply is not None:
                return reply
        if seen.path == "/v2/":
            return Reply(200, b"{}")
        kind, _, name = seen.path.removeprefix("/v2/").rpartition("/")
        if kind.endswith("/manifests") and name in self.manifests:
            media_type, raw = self.manifests[name]
            digest = "sha256:" + hashlib.sha256(raw).hexdigest()
            return Reply(200, raw, {"Content-Type": media_type, "Docker-Content-Digest": digest})
        if kind.endswith("/blobs") and name in self.blobs:
            return serve_range(seen, self.blobs[name])
        if kind.endswith("/tags") and self.tags:
            return Reply(200, json.dumps({"name": "x", "tags": self.tags}).encode())
        return fault(404, "MANIFEST_UNKNOWN" if "/manifests/" in seen.path else "BLOB_UNKNOWN", "not here")


def serve_range(seen: Seen, data: bytes) -> Reply:
    """Serve a blob as the best registries do."""
    wanted = seen.headers.get("range", "")
    if not wanted.startswith("bytes="):
        return Reply(200, data)
    start = int(wanted[6:].partition("-")[0])
    if start >= len(data):
        return Reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    return Reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})


def fault(status: int, code: str, message: str, **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, {"Content-Type": "application/json", **named})


def first(times: int, reply: Reply, *, containing: str = "/blobs/") -> Rule:
    """A rule that gives ``reply`` to the first ``times`` requests whose path contains a text."""
    left = [times]

    def rule(seen: Seen) -> Reply | None:
        if containing not in seen.path or left[0] == 0:
            return None
        left[0] -= 1
        return reply

    return rule


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext | None = None
    owner: ToxicRegistry

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.owner.hellos += 1
        if self.context is not None:
            # the handshake belongs into the connection's own thread
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Broken connections are what this is for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ToxicRegistry
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        tls = isinstance(self.connection, ssl.SSLSocket)
        cut = self._cut_at(length)
        seen = Seen(self.command, self.path, headers, self.rfile.read(length if cut is None else cut), tls)
        self.owner.seen.append(seen)
        reply = self.owner.answer(seen)
        if cut is None:
            self._send(reply)
        else:
            self._cut(reset=True)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _cut_at(self, length: int) -> int | None:
        cuts = self.owner.cut_bodies
        if cuts and cuts[0][0] == self.command and length > cuts[0][1]:
            return cuts.pop(0)[1]
        return None

    def _send(self, reply: Reply) -> None:
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self._cut(reset=reply.reset)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if reply.chunked:
            for start in range(0, len(body), 4096):
                piece = body[start : start + 4096]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if reply.cut is None:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(body)
        if reply.drip:
            self.wfile.flush()
            self.owner.closing.wait(reply.drip)
        if reply.cut is not None or reply.length is not None:
            self._cut(reset=reply.reset)

    def _cut(self, *, reset: bool) -> None:
        self.close_connection = True
        self.wfile.flush()
        with contextlib.suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def toxic(**options: Any) -> Iterator[ToxicRegistry]:
    with ToxicRegistry(**options) as registry:
        yield registry
