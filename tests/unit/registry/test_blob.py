"""Blobs over bad connections: the bytes are right or the error is clear, and little is fetched twice."""

from __future__ import annotations

import random
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from hezi.errors import CANCELLED, CORRUPT, NOT_FOUND, TIMEOUT, UNAVAILABLE, Error
from hezi.registry.blob import BlobStream
from hezi.registry.client import RegistryClient
from hezi.registry.config import HostPolicy
from hezi.registry.connections import Url
from hezi.registry.credentials import Anonymous
from hezi.registry.transport import Limits
from hezi.spec.digest import Digest
from tests.support.registry_client import Bearer, Clock, client, descriptor, password
from tests.support.toxic_registry import Reply, Seen, ToxicRegistry, fault, first, serve_range

DATA = random.Random(7).randbytes(300_000)


def fetch(server: ToxicRegistry, offset: int = 0, clock: Clock | None = None, **change: object) -> tuple[int, bytes]:
    with client(server, clock) as one, one.blob("a/b", descriptor(DATA, **change), offset) as stream:
        return stream.offset, b"".join(stream)


def sent(server: ToxicRegistry) -> list[str]:
    return [one.headers.get("range", "") for one in server.seen if "/blobs/" in one.path]


def test_whole(server: ToxicRegistry) -> None:
    server.add_blob(DATA)
    assert fetch(server) == (0, DATA)
    assert sent(server) == [""]


def test_chunked(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, DATA, chunked=True) if "/blobs/" in seen.path else None)
    assert fetch(server) == (0, DATA)


def test_empty_blob(server: ToxicRegistry) -> None:
    with client(server) as one:
        assert list(one.blob("a/b", descriptor(b""))) == []


@pytest.mark.parametrize("offset", [1, 1000, len(DATA) - 1])
def test_from_an_offset(server: ToxicRegistry, offset: int) -> None:
    server.add_blob(DATA)
    assert fetch(server, offset) == (offset, DATA[offset:])
    assert sent(server) == [f"bytes={offset}-"]


def test_from_the_end(server: ToxicRegistry) -> None:
    server.add_blob(DATA)
    assert fetch(server, len(DATA)) == (len(DATA), b"")
    assert sent(server) == []


def test_from_behind_the_end_starts_anew(server: ToxicRegistry) -> None:
    server.add_blob(DATA)
    assert fetch(server, len(DATA) + 5) == (0, DATA)


def test_a_server_without_ranges_starts_anew(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, DATA) if "/blobs/" in seen.path else None)
    assert fetch(server, 1000) == (0, DATA)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("every", [5_000, 65_536, 100_000, 299_999])
def test_cut_again_and_again(server: ToxicRegistry, clock: Clock, every: int, *, reset: bool) -> None:
    """Each connection brings ``every`` bytes: a resumed download fetches nothing twice (with FIN at least)."""

    def rule(seen: Seen) -> Reply | None:
        return serve_range(seen, DATA)._replace(cut=every, reset=reset) if "/blobs/" in seen.path else None

    server.rules.append(rule)
    # a reset throws away what is on its way; it may need more connections, and more than every can be lost
    assert fetch(server, clock=clock) == (0, DATA)
    ranges = sent(server)
    assert ranges[0] == ""
    if not reset:
        assert ranges[1:] == [f"bytes={start}-" for start in range(every, len(DATA), every)]
        assert clock.slept == []


def test_cut_in_the_first_byte(server: ToxicRegistry, clock: Clock) -> None:
    server.add_blob(DATA)
    server.rules.append(first(3, Reply(200, DATA, cut=0)))
    assert fetch(server, clock=clock) == (0, DATA)
    assert clock.slept == [0.25, 0.5, 1.0]


def test_always_cut_without_progress(server: ToxicRegistry, clock: Clock) -> None:
    server.rules.append(lambda seen: Reply(200, DATA, cut=0) if "/blobs/" in seen.path else None)
    with pytest.raises(Error) as caught:
        fetch(server, clock=clock)
    assert caught.value.kind == UNAVAILABLE
    assert "byte 0 of 300000" in caught.value.message
    assert len(sent(server)) == 5


def test_cut_and_then_no_ranges(server: ToxicRegistry) -> None:
    """It starts over after the cut: what was delivered is dropped the second time."""
    server.rules.append(first(1, Reply(200, DATA, cut=100_000)))
    server.rules.append(lambda seen: Reply(200, DATA) if "/blobs/" in seen.path else None)
    assert fetch(server) == (0, DATA)
    assert sent(server) == ["", "bytes=100000-"]


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-299999/300000", "bytes 99999-299999/300000", "bytes 100001-299999/300000",
        "bytes 100000-299999/300001",
        "bytes 100000-300000/300001", "bytes 200000-299999/300000", "", "nonsense", "bytes 100000-99999/300000",
        "items 100000-299999/300000",
    ],
)  # fmt: skip
def test_a_wrong_content_range_is_not_appended(server: ToxicRegistry, content_range: str) -> None:
    """Appending it would make a file of the right length and the wrong content."""

    def rule(seen: Seen) -> Reply | None:
        if "/blobs/" not in seen.path:
            return None
        if "range" in seen.headers:
            return Reply(206, DATA[100_000:][::-1], {"Content-Range": content_range} if content_range else {})
        return Reply(200, DATA)

    server.rules.append(rule)
    assert fetch(server, 100_000) == (0, DATA)
    server.seen.clear()
    server.rules.insert(0, first(1, Reply(200, DATA, cut=100_000)))
    assert fetch(server) == (0, DATA)
    assert sent(server) == ["", "bytes=100000-", ""]


def test_a_range_nobody_asked_for(server: ToxicRegistry) -> None:
    reply = Reply(206, DATA[5:], {"Content-Range": "bytes 5-299999/300000"})
    server.rules.append(lambda seen: reply if "/blobs/" in seen.path else None)
    with pytest.raises(Error) as caught:
        fetch(server)
    assert caught.value.kind == CORRUPT


def test_ranges_in_small_pieces(server: ToxicRegistry) -> None:
    """A server may give less than was asked for."""

    def rule(seen: Seen) -> Reply | None:
        if "range" not in seen.headers:
            return None
        start = int(seen.headers["range"][6:-1])
        last = min(start + 50_000, len(DATA)) - 1
        return Reply(206, DATA[start : last + 1], {"Content-Range": f"bytes {start}-{last}/{len(DATA)}"})

    server.rules.append(rule)
    assert fetch(server, 10_000) == (10_000, DATA[10_000:])


def test_416_starts_anew(server: ToxicRegistry) -> None:
    server.add_blob(DATA)
    server.rules.append(lambda seen: Reply(416) if "range" in seen.headers else None)
    assert fetch(server, 1000) == (0, DATA)


@pytest.mark.parametrize("body", [DATA + b"x", DATA[:-1], b"", DATA * 3])
def test_another_size(server: ToxicRegistry, body: bytes) -> None:
    """B2: short, long, empty. Content-Length tells at once."""
    server.rules.append(lambda seen: Reply(200, body) if "/blobs/" in seen.path else None)
    with pytest.raises(Error) as caught:
        fetch(server)
    assert caught.value.kind == CORRUPT
    assert f"{len(body)} bytes, the manifest says 300000" in caught.value.message


def test_a_bomb_delivers_no_more_than_was_promised(server: ToxicRegistry) -> None:
    server.rules.append(lambda seen: Reply(200, DATA * 20, chunked=True) if "/blobs/" in seen.path else None)
    assert fetch(server) == (0, DATA)


def test_chunked_and_short(server: ToxicRegistry, clock: Clock) -> None:
    server.rules.append(lambda seen: Reply(200, DATA[:1000], chunked=True) if "/blobs/" in seen.path else None)
    with pytest.raises(Error) as caught:
        fetch(server, clock=clock)
    assert caught.value.kind == UNAVAILABLE


def test_urls_of_a_descriptor_are_not_used(server: ToxicRegistry, other: ToxicRegistry) -> None:
    """B3 (CVE-2020-15157): a layer that says where else it could be got from."""
    server.add_blob(DATA)
    other.add_blob(DATA)
    url = f"http://{other.host}/v2/a/b/blobs/{Digest.of(DATA)}"
    assert fetch(server, urls=(url,)) == (0, DATA)
    server.blobs.clear()
    with pytest.raises(Error) as caught:
        fetch(server, urls=(url,))
    assert caught.value.kind == NOT_FOUND
    assert other.hellos == 0


def test_the_token_ends_in_the_middle(server: ToxicRegistry, clock: Clock) -> None:
    bearer = Bearer(f"{server.url}/token")
    server.add_blob(DATA)
    server.rules += [bearer.give, bearer.guard]

    def rule(seen: Seen) -> Reply | None:
        if "/blobs/" not in seen.path or seen.headers.get("range"):
            return None
        bearer.good = {"another-token"}
        return serve_range(seen, DATA)._replace(cut=100_000)

    def renewing(seen: Seen) -> Reply | None:
        if seen.path.startswith("/token") and bearer.issued == 1:
            bearer.good.add("tok-SECRET-2")
        return None

    server.rules.insert(0, renewing)
    server.rules.append(rule)
    with client(server, clock, credentials=password(server)) as one, one.blob("a/b", descriptor(DATA)) as stream:
        assert b"".join(stream) == DATA
    assert bearer.issued == 2
    assert sent(server) == ["", "", "bytes=100000-", "bytes=100000-"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_trouble_after_reconnecting(server: ToxicRegistry, clock: Clock, status: int) -> None:
    server.rules.append(first(1, Reply(200, DATA, cut=100_000)))
    server.rules.append(first(3, fault(status, "UNKNOWN", "busy")))
    server.add_blob(DATA)
    assert fetch(server, clock=clock) == (0, DATA)
    assert len(clock.slept) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_refusal_after_reconnecting(server: ToxicRegistry, status: int) -> None:
    server.rules.append(first(1, Reply(200, DATA, cut=100_000)))
    server.rules.append(lambda seen: fault(status, "X", "no") if "/blobs/" in seen.path else None)
    with pytest.raises(Error) as caught:
        fetch(server)
    assert len(sent(server)) == 2
    assert caught.value.kind != CORRUPT


class Dripping:
    """An answer that brings a byte now and then, which keeps every time-out of the socket from ending the wait."""

    status = 200
    url = Url.parse("http://127.0.0.1/")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def header(self, _: str) -> None:
        return None

    def read(self, _: int) -> bytes:
        self.clock.now += self.seconds
        return b"x"

    def close(self) -> None:
        pass

    finished = close


@pytest.mark.parametrize(("seconds", "kind"), [(50.0, TIMEOUT), (0.001, None)])
def test_a_server_that_drips(clock: Clock, seconds: float, kind: str | None) -> None:
    transport: Any = SimpleNamespace(
        pace=clock.pace(), limits=Limits(), backoff=lambda _: 1.0, pause=clock.sleep, check_cancelled=lambda: None
    )
    answer: Any = Dripping(clock, seconds)
    stream = BlobStream(lambda _: answer, descriptor(b"x" * 10_000), 0, transport)
    if kind is None:
        assert b"".join(stream) == b"x" * 10_000
        return
    with pytest.raises(Error) as caught:
        list(stream)
    assert caught.value.kind == kind
    assert clock.now < 1000 + 5 * 200


def test_cancel_from_another_thread(server: ToxicRegistry) -> None:
    """A download that hangs is left at once."""
    gate = threading.Event()

    def rule(seen: Seen) -> Reply | None:
        if "range" in seen.headers:
            gate.wait(20)
        return None

    server.rules.append(rule)
    server.rules.append(first(1, Reply(200, DATA, cut=100_000)))
    server.add_blob(DATA)
    with client(server) as one, one.blob("a/b", descriptor(DATA)) as stream:
        next(iter(stream))
        threading.Timer(0.1, stream.cancel).start()
        threading.Timer(0.2, gate.set).start()
        with pytest.raises(Error) as caught:
            list(stream)
    assert caught.value.kind == CANCELLED


def test_cancel_wakes_a_waiting_read(server: ToxicRegistry) -> None:
    server.rules.append(
        lambda seen: Reply(200, DATA[:1000], length=len(DATA), drip=20) if "/blobs/" in seen.path else None
    )
    with client(server) as one, one.blob("a/b", descriptor(DATA)) as stream:
        threading.Timer(0.2, stream.cancel).start()
        with pytest.raises(Error) as caught:
            list(stream)
    assert caught.value.kind == CANCELLED


@pytest.mark.parametrize("waiting", ["body", "retry"])
def test_cancel_the_whole_client(server: ToxicRegistry, waiting: str) -> None:
    """Whether it waits for bytes or for the time to try again: Ctrl-C is not kept waiting."""
    silent, later = Reply(200, DATA[:1000], length=len(DATA), drip=20), fault(429, "X", "x", Retry_After="50")
    server.rules.append(lambda seen: (silent if waiting == "body" else later) if "/blobs/" in seen.path else None)
    policy = HostPolicy(server.host, server.host, loopback=True)
    with RegistryClient(server.host, policy=policy, credentials=Anonymous()) as one:
        threading.Timer(0.2, one.cancel).start()
        started = time.monotonic()
        with pytest.raises(Error) as caught:
            one.document("a/b", descriptor(DATA), len(DATA))
        assert time.monotonic() - started < 10
        assert caught.value.kind == CANCELLED
        with pytest.raises(Error):
            one.tags("a/b")


def test_many_at_once(server: ToxicRegistry) -> None:
    """One client, eight threads, every connection cut."""
    blobs = [random.Random(number).randbytes(200_000) for number in range(8)]
    by_digest = {str(Digest.of(data)): data for data in blobs}

    def rule(seen: Seen) -> Reply | None:
        data = by_digest.get(seen.path.rpartition("/")[2])
        return serve_range(seen, data)._replace(cut=70_000) if data else None

    server.rules.append(rule)
    got: dict[int, bytes] = {}
    with client(server) as one:

        def work(number: int) -> None:
            with one.blob("a/b", descriptor(blobs[number])) as stream:
                got[number] = b"".join(stream)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert got == dict(enumerate(blobs))
