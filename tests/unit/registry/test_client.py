"""Manifests, tags, pushes and refusals, against a registry that lies (classes A3, B2) and its honest twin."""

from __future__ import annotations

import io
import json
import random
import string

import pytest

from hezi.errors import CORRUPT, EXHAUSTED, INVALID, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.spec import image
from hezi.spec.digest import Digest
from tests.support.registry_client import Clock, client, descriptor, stranger
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault, first

BODY = json.dumps({"schemaVersion": 2, "mediaType": image.OCI_INDEX, "manifests": []}).encode()
DIGEST = Digest.of(BODY)
EVIL = BODY.replace(b"2", b"1")


def get(server: ToxicRegistry, name: str = "latest", clock: Clock | None = None) -> tuple[str, Digest, bytes]:
    with client(server, clock) as one:
        return one.manifest("a/b", name)


@pytest.mark.parametrize("name", ["latest", str(DIGEST)])
def test_a_manifest(server: ToxicRegistry, name: str) -> None:
    server.add_manifest(BODY, image.OCI_INDEX, "latest")
    assert get(server, name) == (image.OCI_INDEX, DIGEST, BODY)
    request = server.seen[-1]
    assert request.path == f"/v2/a/b/manifests/{name}"
    assert set(image.ACCEPTED) <= set(request.headers["accept"].split(", "))
    assert request.headers["user-agent"].startswith("hezi/")
    assert "authorization" not in request.headers


def test_without_the_header(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, BODY) if "/manifests/" in seen.path else None)
    assert get(server) == ("", DIGEST, BODY)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (EVIL, str(DIGEST)),
        (BODY, str(Digest.of(EVIL))),
        (BODY[:-1], str(DIGEST)),
        (BODY + b" ", str(DIGEST)),
        (b"", str(DIGEST)),
        (BODY, "sha512:" + "0" * 128),
    ],
)
def test_body_and_header_disagree(server: ToxicRegistry, body: bytes, header: str) -> None:
    """B2: the header was computed by somebody else over something else."""
    server.rules.append(
        lambda seen: Reply(200, body, {"Docker-Content-Digest": header}) if "/manifests/" in seen.path else None
    )
    for name in ("latest", str(DIGEST)):
        with pytest.raises(Error) as caught:
            get(server, name)
        assert caught.value.kind == CORRUPT


def test_body_and_header_agree_on_the_wrong_thing(server: ToxicRegistry) -> None:
    header = {"Docker-Content-Digest": str(Digest.of(EVIL))}
    server.rules.append(lambda seen: Reply(200, EVIL, header) if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server, str(DIGEST))
    assert caught.value.kind == CORRUPT
    assert get(server)[1] == Digest.of(EVIL)


@pytest.mark.parametrize("header", ["sha256:../../x", "x", "sha256:" + "A" * 64, "md5:" + "a" * 32])
def test_a_header_that_is_no_digest(server: ToxicRegistry, header: str) -> None:
    reply = Reply(200, BODY, {"Docker-Content-Digest": header})
    server.rules.append(lambda seen: reply if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server)
    assert caught.value.kind == CORRUPT


def test_sha512(server: ToxicRegistry) -> None:
    digest = Digest.of(BODY, "sha512")
    server.manifests[digest] = (image.OCI_INDEX, BODY)
    assert get(server, digest)[1] == digest


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large(server: ToxicRegistry, *, chunked: bool) -> None:
    for size, kind in ((image.MAX_MANIFEST + 1, {CORRUPT, UNAVAILABLE}), (image.MAX_MANIFEST, None)):
        reply = Reply(200, b" " * size, chunked=chunked)
        server.rules = [lambda seen, reply=reply: reply if "/manifests/" in seen.path else None]  # type: ignore[misc]
        if kind is None:
            assert len(get(server)[2]) == size
            continue
        with pytest.raises(Error) as caught:
            get(server)
        assert caught.value.kind in kind


def test_a_cut_manifest_is_fetched_again(server: ToxicRegistry, clock: Clock) -> None:
    server.add_manifest(BODY, image.OCI_INDEX, "latest")
    server.rules.append(first(2, Reply(200, BODY, cut=10), containing="/manifests/"))
    server.rules.append(first(1, Reply(200, BODY, cut=10, reset=True), containing="/manifests/"))
    assert get(server, clock=clock)[2] == BODY
    assert clock.slept == [0.25, 0.5, 1.0]


def test_always_cut(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, BODY, cut=10) if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server)
    assert caught.value.kind == UNAVAILABLE
    assert len(server.paths()) == 5


def bad_names() -> list[tuple[str, str]]:
    """(repository, tag or digest), one of which is wrong: 2000 of them."""
    chance = random.Random(3)
    fixed = [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "a//b",
        "/a",
        "a/",
        "a\0b",
        "a b",
        "a?b",
        "a#b",
        "a%2e",
        "A",
        "\u00e9",
        "a\r\nX: y",
        "a" * 300,
    ]
    names = [(name, "latest") for name in fixed]
    names += [
        ("a/b", tag) for tag in ["", "..", "../x", "a/b", "x y", "\0", "\u00e9", "t" * 129, "a\r\nHost: x", "?", "#"]
    ]
    digests = [
        "sha256:../../etc/passwd",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "x:y",
        ":",
        "sha256:" + "a" * (1 << 20),
    ]
    names += [("a/b", digest) for digest in digests]
    while len(names) < 2000:
        letters = "".join(chance.choices(string.printable + "\0\u2044", k=chance.randint(1, 80)))
        names.append(("a/b", f"sha256:{letters}"))
    return names


def test_two_thousand_bad_names_and_not_one_request(server: ToxicRegistry) -> None:
    """A3: what becomes part of a URL is checked before there is one."""
    with client(server) as one:
        for path, name in bad_names():
            with pytest.raises(Error) as caught:
                one.manifest(path, name)
            assert caught.value.kind == INVALID
            assert len(str(caught.value)) < 1000
    assert server.hellos == 0


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (fault(404, "MANIFEST_UNKNOWN", "manifest unknown"), NOT_FOUND, "manifest for HOST/a/b:latest not found"),
        (fault(404, "NAME_UNKNOWN", "repository name not known"), NOT_FOUND, "repository HOST/a/b not found"),
        (Reply(404, b"<html>"), NOT_FOUND, "manifest for HOST/a/b:latest not found: HTTP status 404"),
        (fault(401, "UNAUTHORIZED", "authentication required"), UNAUTHORIZED, "pull access denied for HOST/a/b,"),
        (fault(403, "DENIED", "requested access is denied"), UNAUTHORIZED, "requested access is denied"),
        (fault(429, "TOOMANYREQUESTS", "slow down"), EXHAUSTED, "of requests: toomanyrequests: slow down"),
        (fault(500, "UNKNOWN", "oops"), UNAVAILABLE, "cannot answer now (HTTP status 500): unknown: oops"),
        (Reply(503, b"\xff" * 100_000), UNAVAILABLE, "HTTP status 503"),
        (Reply(418, b""), INVALID, "HTTP status 418"),
        (Reply(302, b""), UNAVAILABLE, "HTTP status 302"),
        (Reply(204, b"", {"Content-Length": "0"}), UNAVAILABLE, "HTTP status 204"),
    ],
)  # fmt: skip
def test_refusals(server: ToxicRegistry, reply: Reply, kind: str, text: str) -> None:
    server.rules.append(lambda seen: reply if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server)
    assert caught.value.kind == kind
    assert text.replace("HOST", server.host) in caught.value.message
    assert "\n" not in caught.value.message
    assert len(server.paths()) == (5 if reply.status in {429, 500, 503} else 1)


def test_control_characters_of_a_server_do_not_reach_the_terminal(server: ToxicRegistry) -> None:
    reply = fault(403, "DENIED\x1b[2J", "x\x1b]0;title\x07\r\n" + "y" * 5000)
    server.rules.append(lambda seen: reply if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [("3", [3.0]), ("0", [0.0]), ("Thu, 01 Jan 1970 00:16:50 GMT", [10.0]), ("soon", [0.25]), (None, [0.25])],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(
    server: ToxicRegistry, clock: Clock, status: int, retry_after: str | None, slept: list[float]
) -> None:
    server.add_manifest(BODY, image.OCI_INDEX, "latest")
    headers = {"Retry_After": retry_after} if retry_after else {}
    server.rules.append(first(1, fault(status, "X", "later", **headers), containing="/manifests/"))
    assert get(server, clock=clock)[2] == BODY
    assert clock.slept == slept


def test_a_long_retry_after_is_not_waited_for(server: ToxicRegistry, clock: Clock) -> None:
    reply = fault(429, "TOOMANYREQUESTS", "later", Retry_After="21600")
    server.rules.append(lambda seen: reply if "/manifests/" in seen.path else None)
    with pytest.raises(Error) as caught:
        get(server, clock=clock)
    assert caught.value.kind == EXHAUSTED
    assert "wait 21600 seconds" in str(caught.value.hint)
    assert clock.slept == []
    assert len(server.paths()) == 1


def test_nobody_there_is_said_at_once(clock: Clock) -> None:
    with ToxicRegistry() as gone:
        pass
    with pytest.raises(Error) as caught:
        get(gone, clock=clock)
    assert caught.value.kind == UNAVAILABLE
    assert caught.value.message == f"cannot connect to {gone.host}: connection refused"
    assert clock.slept == []


def test_no_such_host(clock: Clock) -> None:
    with ToxicRegistry() as server:
        policy = stranger(server)._replace(host="no-such-host.invalid")
        with client(server, clock, policy=policy) as one, pytest.raises(Error) as caught:
            one.manifest("a/b", "latest")
    assert caught.value.kind == UNAVAILABLE
    assert "cannot connect to no-such-host.invalid: " in caught.value.message


@pytest.mark.parametrize("junk", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"\0" * 70_000])
def test_not_a_web_server(junk: bytes, clock: Clock) -> None:
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        for _ in range(12):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    connection.recv(4096)
                    connection.sendall(junk)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    fake = ToxicRegistry()
    fake.host = f"127.0.0.1:{port}"
    try:
        with client(fake, clock) as one, pytest.raises(Error) as caught:
            one.manifest("a/b", "latest")
        assert caught.value.kind == UNAVAILABLE
        assert "\n" not in caught.value.message
    finally:
        listener.close()
        fake._server.server_close()


def test_tags_over_pages(server: ToxicRegistry) -> None:
    pages = {"": (["a", "b"], "b"), "b": (["c"], "c"), "c": (["d"], None)}

    def rule(seen: Seen) -> Reply | None:
        if not seen.path.endswith("/tags/list"):
            return None
        tags, more = pages[seen.query.get("last", [""])[0]]
        headers = {"Link": f'</v2/a/b/tags/list?last={more}>; rel="next"'} if more else {}
        return Reply(200, json.dumps({"name": "a/b", "tags": tags}).encode(), headers)

    server.rules.append(rule)
    with client(server) as one:
        assert one.tags("a/b") == ("a", "b", "c", "d")


def test_tags_for_ever(server: ToxicRegistry) -> None:
    """A list that continues with itself ends; one that always has more is given up."""
    count = [0]

    def rule(seen: Seen) -> Reply | None:
        if not seen.path.endswith("/tags/list"):
            return None
        count[0] += "grow" in server.tags
        return Reply(200, json.dumps({"tags": [f"t{count[0]}"]}).encode(), {"Link": "</v2/a/b/tags/list?x>; rel=next"})

    server.rules.append(rule)
    with client(server) as one:
        assert one.tags("a/b") == ("t0",)
        server.tags = ["grow"]
        with pytest.raises(Error) as caught:
            one.tags("a/b")
    assert caught.value.kind == UNAVAILABLE
    assert len(server.seen) < 1100


def test_document_is_verified(server: ToxicRegistry) -> None:
    data = b'{"a":1}'
    digest = server.add_blob(data)
    with client(server) as one:
        assert one.document("a/b", descriptor(data), 100) == data
        with pytest.raises(Error, match="limit is 6"):
            one.document("a/b", descriptor(data), 6)
        server.blobs[digest] = b'{"a":2}'
        with pytest.raises(Error) as caught:
            one.document("a/b", descriptor(data), 100)
    assert caught.value.kind == CORRUPT


class Store:
    """A rule: uploads."""

    def __init__(self, server: ToxicRegistry) -> None:
        self.server = server

    def __call__(self, seen: Seen) -> Reply | None:
        if seen.method == "POST" and seen.path.endswith("/blobs/uploads/"):
            return Reply(202, b"", {"Location": f"{seen.path}some-id?_state=abc"})
        if seen.method == "PUT" and "/blobs/uploads/" in seen.path:
            assert seen.query["_state"] == ["abc"]
            if self.server.add_blob(seen.body) != seen.query["digest"][0]:
                return fault(400, "DIGEST_INVALID", "no")
            return Reply(201)
        if seen.method == "PUT" and "/manifests/" in seen.path:
            name = seen.path.rpartition("/")[2]
            return Reply(
                201,
                b"",
                {"Docker-Content-Digest": self.server.add_manifest(seen.body, seen.headers["content-type"], name)},
            )
        return None


def test_push(server: ToxicRegistry) -> None:
    data = random.Random(1).randbytes(700_000)
    server.rules.append(Store(server))
    with client(server) as one:
        assert not one.has_blob("a/b", Digest.of(data))
        one.push_blob("a/b", Digest.of(data), len(data), io.BytesIO(data + b"what follows is not sent"))
        assert one.has_blob("a/b", Digest.of(data))
        assert one.push_manifest("a/b", "latest", image.OCI_INDEX, BODY) == DIGEST
        assert one.manifest("a/b", "latest") == (image.OCI_INDEX, DIGEST, BODY)
        with pytest.raises(Error):
            one.push_blob("a/b", Digest.of(data), len(data), io.BytesIO(data[:-1]))
        with pytest.raises(Error) as caught:
            one.push_blob("a/b", Digest.of(b"other"), 4, io.BytesIO(b"this"))
        assert caught.value.kind == INVALID
        assert "digest invalid" in caught.value.message


def test_the_registry_stores_something_else(server: ToxicRegistry) -> None:
    reply = Reply(201, b"", {"Docker-Content-Digest": str(Digest.of(EVIL))})
    server.rules.append(lambda seen: reply if seen.method == "PUT" else None)
    with client(server) as one, pytest.raises(Error) as caught:
        one.push_manifest("a/b", "latest", image.OCI_INDEX, BODY)
    assert caught.value.kind == CORRUPT
