"""The table of what can go wrong with a registry: each place where it is asked, times each way to answer wrongly.

``PLACES`` are the requests of login, pull, search, inspect and push; ``FAULTS`` what an answer becomes. What hezi makes
of each pair is in ``tests/data/registry_faults.txt``, one row for each fault and one column for each place:

    ok          the verb succeeds all the same (after trying again, or going on where it broke off)
    some words  the verb fails with exit code 1; the words are a key of ``SAYS``, which has what the message holds;
                with a slash between them where it is chance which of two things is met first
    -           the pair makes no sense (a redirect of an upload is one of the answers that are refused, say)

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.toxic_registry import Reply, Seen, fault

TABLE = Path(__file__).parents[1] / "data" / "registry_faults.txt"
ALWAYS = 1 << 30
STALLED = 60.0


class Place(NamedTuple):
    """One kind of request.

    :ivar verb: what asks it: login, pull, tags (``pull -a``), referrers, search, push, parts (push in parts), mount.
    :ivar gives: what the body of the honest answer is: json, blob, or nothing.
    :ivar changes: the registry has done it when the answer goes wrong.
    """

    verb: str
    gives: str
    changes: bool = False


PLACES = {
    "greeting": Place("login", ""),
    "token": Place("pull", "json"),
    "index": Place("pull", "json"),
    "manifest": Place("pull", "json"),
    "config": Place("pull", "blob"),
    "layer": Place("pull", "blob"),
    "tags": Place("tags", "json"),
    "referrers": Place("referrers", "json"),
    "catalog": Place("search", "json"),
    "look": Place("push", ""),
    "begin": Place("push", ""),
    "whole": Place("push", "", changes=True),
    "mount": Place("mount", ""),
    "part": Place("parts", "", changes=True),
    "close": Place("parts", "", changes=True),
    "name": Place("push", "", changes=True),
}


# What a message holds, and how the table calls it; the first that fits.
SAYS = {
    "not stored": "manifest blob unknown",
    "credentials": "refused the credentials",
    "denied": "access denied",
    "login failed": "login attempt to",
    "no search": "offers no search",
    "rate": "limits the rate of requests",
    "busy": "cannot answer now",
    "no token": "gave no token",
    "no registry": "answers, but not as a registry does",
    "bad digest": "a digest that is none",
    "not found": "not found",
    "loses it": "loses the upload",
    "refused": "refused the ",
    "circles": "redirects in circles",
    "in the clear": "refused to speak plain HTTP",
    "no URL": "a URL that is not used",
    "hung up": "closed without an answer",
    "no HTTP": "the answer is not HTTP",
    "long head": "the answer's head is too long",
    "no chunks": "not in the chunks",
    "silence": "timed out waiting for",
    "cut": "cut before the end",
    "ended": "ended too early",
    "size": "the manifest says",
    "part": "a part of the blob that was not asked for",
    "mismatch": "digest mismatch",
    "mismatch ": "its content has another digest",
    "not so": "is not what the registry says",
    "another": "the registry sent another manifest",
    "stored else": "the registry stored another",
    "too large": "the limit is",
    "too large ": "is longer than",
    "schema 1": "schema 1 is not supported",
    "no tags": "has no tags",
    "nonsense": "hezi: invalid ",
    "damaged": "layer is damaged",
    "no archive": "is not a valid archive",
}


def called(message: str) -> str:
    """Return what the table calls a message; all of it when it has no name for it."""
    return next((name.strip() for name, text in SAYS.items() if text in message), message)


class Fault(NamedTuple):
    """What happens to the answers at a place.

    :ivar change: from the honest answer, the request, and the name of another server, to what is sent.
    :ivar times: how many answers go wrong.
    :ivar only: what the honest answer must give for this to make sense; empty for all.
    :ivar early: it comes instead of the honest answer, so nothing is done; else the answer alone goes wrong.
    :ivar again: the request that is to go wrong is the first one after a broken connection.
    """

    change: Callable[[Reply, Seen, str], Reply]
    times: int = ALWAYS
    only: str = ""
    early: bool = True
    again: bool = False


def status(number: int, code: str = "", **headers: str) -> Callable[[Reply, Seen, str], Reply]:
    reply = fault(number, code or "UNKNOWN", "no such luck", **headers)
    return lambda _honest, _seen, _other: reply


def redirect(where: str, number: int = 307) -> Callable[[Reply, Seen, str], Reply]:
    """``{other}`` stands for another server, ``{same}`` for what was asked for."""
    return lambda _honest, seen, other: Reply(number, b"", {"Location": where.format(other=other, same=seen.target)})


def raw(data: bytes) -> Callable[[Reply, Seen, str], Reply]:
    return lambda _honest, _seen, _other: Reply(200, raw=data)


def body(data: bytes, content_type: str = "") -> Callable[[Reply, Seen, str], Reply]:
    def change(honest: Reply, _seen: Seen, _other: str) -> Reply:
        headers = {**honest.headers, **({"Content-Type": content_type} if content_type else {})}
        return honest._replace(body=data, headers=headers)

    return change


def header(name: str, value: str) -> Callable[[Reply, Seen, str], Reply]:
    return lambda honest, _seen, _other: honest._replace(headers={**honest.headers, name: value})


def _flipped(honest: Reply, _seen: Seen, _other: str) -> Reply:
    middle = len(honest.body) // 2
    return honest._replace(
        body=honest.body[:middle] + bytes((honest.body[middle] ^ 1,)) + honest.body[middle + 1 :],
        headers={name: value for name, value in honest.headers.items() if name != "Docker-Content-Digest"},
    )


def _cut(part: float, *, reset: bool = False) -> Callable[[Reply, Seen, str], Reply]:
    return lambda honest, _seen, _other: honest._replace(cut=int(len(honest.body) * part), reset=reset)


def _chunks(tail: bytes) -> Callable[[Reply, Seen, str], Reply]:
    def change(honest: Reply, _seen: Seen, _other: str) -> Reply:
        half = honest.body[: len(honest.body) // 2]
        head = "".join(f"{name}: {value}\r\n" for name, value in honest.headers.items())
        start = f"HTTP/1.1 {honest.status} X\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        return Reply(200, raw=start + b"%x\r\n%b\r\n" % (len(half), half) + tail)

    return change


def _range(text: str) -> Callable[[Reply, Seen, str], Reply]:
    """A 206 of the whole, whatever was asked for."""
    return lambda honest, _seen, _other: honest._replace(
        status=206, headers={**honest.headers, "Content-Range": text.format(size=len(honest.body))}
    )


CHALLENGE = 'Bearer realm="http://{other}/token",service="elsewhere"'


def _challenge(text: str) -> Callable[[Reply, Seen, str], Reply]:
    def change(_honest: Reply, _seen: Seen, other: str) -> Reply:
        return fault(401, "UNAUTHORIZED", "who?", WWW_Authenticate=text.format(other=other))

    return change


FAULTS: dict[str, Fault] = {
    "400": Fault(status(400)),
    "401 that asks for nothing": Fault(status(401, "UNAUTHORIZED")),
    "401 with a challenge that is none": Fault(_challenge('Bearer realm="')),
    "401 that sends the password to a file": Fault(_challenge('Bearer realm="file:///etc/passwd"')),
    "401 once": Fault(_challenge('Bearer realm="http://{home}/token",service="here"'), 1),
    "403": Fault(status(403, "DENIED")),
    "404": Fault(status(404)),
    "405": Fault(status(405, "UNSUPPORTED")),
    "410": Fault(status(410)),
    "416": Fault(status(416)),
    "429 for an hour": Fault(status(429, "TOOMANYREQUESTS", Retry_After="3600")),
    "429 twice": Fault(status(429, "TOOMANYREQUESTS", Retry_After="1"), 2),
    "500": Fault(status(500)),
    "503 twice": Fault(status(503), 2),
    "599 with a Retry-After of nonsense": Fault(status(599, Retry_After="yesterday")),
    "204": Fault(lambda _honest, _seen, _other: Reply(204)),
    "100 for ever": Fault(raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 200)),
    "redirect to another server": Fault(redirect("http://{other}{same}")),
    "redirect to one that wants a password": Fault(redirect("http://{other}/private")),
    "redirect in circles": Fault(redirect("{same}")),
    "redirect to a stranger in the clear": Fault(redirect("http://192.0.2.1{same}")),
    "redirect to a file": Fault(redirect("file:///etc/passwd")),
    "redirect to nowhere": Fault(lambda _honest, _seen, _other: Reply(307)),
    "hangs up": Fault(raw(b"")),
    "hangs up twice": Fault(raw(b""), 2),
    "resets": Fault(lambda _honest, _seen, _other: Reply(200, raw=b"", reset=True)),
    "hangs up when it is done": Fault(raw(b""), 1, early=False),
    "no HTTP": Fault(raw(b"220 mail.example ESMTP\r\n")),
    "a head without end": Fault(raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000)),
    "a thousand headers": Fault(raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n")),
    "a length that is none": Fault(raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello")),
    "says nothing": Fault(lambda _honest, _seen, _other: Reply(200, b"", length=100, drip=STALLED)),
    "cut at once": Fault(_cut(0), only="body"),
    "cut in the middle, always": Fault(_cut(0.5), only="body"),
    "cut in the middle, twice": Fault(_cut(0.5), 2, only="body"),
    "reset in the middle, once": Fault(_cut(0.5, reset=True), 1, only="body"),
    "one byte less": Fault(lambda honest, _seen, _other: honest._replace(body=honest.body[:-1]), only="body"),
    "one byte more": Fault(lambda honest, _seen, _other: honest._replace(body=honest.body + b" "), only="body"),
    "a length one too long": Fault(
        lambda honest, _seen, _other: honest._replace(length=len(honest.body) + 1), only="body"
    ),
    "chunks": Fault(lambda honest, _seen, _other: honest._replace(chunked=True), only="body"),
    "chunks that end too early": Fault(_chunks(b"0\r\n\r\n"), only="body"),
    "a chunk without a size": Fault(_chunks(b"zz\r\nmore\r\n0\r\n\r\n"), only="body"),
    "a chunk of many exabytes": Fault(_chunks(b"ffffffffffffffff\r\nmore"), only="body"),
    "chunks without end": Fault(_chunks(b""), only="body"),
    "a page for people": Fault(body(b"<html><h1>Log in</h1></html>", "text/html"), only="body"),
    "nothing": Fault(body(b""), only="body"),
    "null": Fault(body(b"null"), only="body"),
    "another document": Fault(body(json.dumps({"schemaVersion": 2, "name": "x"}).encode()), only="body"),
    "brackets": Fault(body(b"[" * 100_000), only="body"),
    "bytes that are no text": Fault(body(b"\xff\xfe{}\0"), only="body"),
    "twelve megabytes": Fault(body(b" " * (12 << 20)), only="body"),
    "one bit changed": Fault(_flipped, only="body"),
    "another type": Fault(header("Content-Type", "application/vnd.docker.distribution.manifest.v1+json"), only="body"),
    "packed, it says": Fault(header("Content-Encoding", "gzip"), only="body"),
    "another digest": Fault(header("Docker-Content-Digest", "sha256:" + "0" * 64), early=False),
    "a digest that is none": Fault(header("Docker-Content-Digest", "sha256:../../etc/passwd"), early=False),
    "a part nobody asked for": Fault(_range("bytes 1-{size}/*"), only="body"),
    "a range of nonsense": Fault(_range("bytes 7-3/2"), only="body"),
    "then 401": Fault(status(401, "UNAUTHORIZED"), only="blob", again=True),
    "then 401 once": Fault(_challenge('Bearer realm="http://{home}/token"'), 1, only="blob", again=True),
    "then 401 from elsewhere": Fault(_challenge(CHALLENGE), only="blob", again=True),
    "then 403": Fault(status(403, "DENIED"), only="blob", again=True),
    "then 404": Fault(status(404), only="blob", again=True),
    "then 416": Fault(status(416), only="blob", again=True),
    "then 429 once": Fault(status(429, "TOOMANYREQUESTS", Retry_After="1"), 1, only="blob", again=True),
    "then 500": Fault(status(500), only="blob", again=True),
    "then another server": Fault(redirect("http://{other}{same}"), only="blob", again=True),
    "then from the beginning": Fault(
        lambda _honest, seen, _other: Reply(200, WHOLE[seen.path]), only="blob", again=True
    ),
    "then from the beginning as a part": Fault(
        lambda _honest, seen, _other: Reply(
            206, WHOLE[seen.path], {"Content-Range": f"bytes 0-{len(WHOLE[seen.path]) - 1}/{len(WHOLE[seen.path])}"}
        ),
        only="blob", again=True,
    ),
    "then a byte too far": Fault(
        lambda honest, seen, _other: honest._replace(
            body=honest.body[1:], headers={"Content-Range": f"bytes {len(WHOLE[seen.path]) - len(honest.body) + 1}-"
            f"{len(WHOLE[seen.path]) - 1}/{len(WHOLE[seen.path])}"}
        ),
        only="blob", again=True,
    ),
    "then other content": Fault(
        lambda honest, _seen, _other: honest._replace(body=bytes(len(honest.body))), only="blob", again=True
    ),
}  # fmt: skip
# The honest blobs by their paths, for answers that begin anew.
WHOLE: dict[str, bytes] = {}


def makes_sense(fault_name: str, place_name: str) -> bool:
    """Say whether a pair is a case."""
    one, place = FAULTS[fault_name], PLACES[place_name]
    if (place_name, fault_name) in _NOT_LOOKED_AT:
        return False
    if one.only == "body":
        return bool(place.gives)
    if one.only == "blob":
        return place.gives == "blob"
    return True


# What the registry answers there is of no interest, so that nothing can be wrong with it.
_NOT_LOOKED_AT = {
    ("name", "a length that is none"),
    ("name", "says nothing"),
    ("greeting", "says nothing"),
    ("greeting", "a length that is none"),
}


class Case(NamedTuple):
    """One cell of the table."""

    fault: str
    place: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.place}: {self.fault}"


def cases() -> Iterator[Case]:
    """Read the table."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    places = [cell.strip() for cell in lines[0].split("|")][1:]
    for line in lines[1:]:
        name, *cells = (cell.strip() for cell in line.split("|"))
        for place, cell in zip(places, cells, strict=True):
            if cell != "-":
                yield Case(name, place, cell)


def written(outcomes: dict[tuple[str, str], str]) -> str:
    """Return the table as text."""
    rows = [["", *PLACES]]
    rows += [[name, *(outcomes.get((name, place), "-") for place in PLACES)] for name in FAULTS]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    head = "# What hezi makes of each wrong answer of a registry; tests/support/registry_faults.py explains the words."
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([head, *lines, ""])
