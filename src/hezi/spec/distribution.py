"""The small texts of the registry protocol: challenges, tokens, error bodies, tag lists, ranges, links.

Sources: OCI distribution-spec 1.1; Docker's token authentication (distribution.github.io/distribution/spec/auth);
RFC 9110 for the headers. Everything here comes from a server that may be broken or hostile, so every parser is bounded
and answers "nothing usable" rather than guessing.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import CORRUPT, Error
from hezi.spec.digest import shown
from hezi.spec.fields import Fields
from hezi.spec.jsondoc import load_object
from hezi.spec.reference import is_tag

MAX_ERROR_BODY = 64 << 10
MAX_TOKEN_BODY = 256 << 10
MAX_TAG_PAGE = 8 << 20
_MAX_HEADER = 8 << 10
_MAX_PARAMETERS = 32
_MAX_ERRORS = 16
_MAX_TOKEN = 64 << 10

# The least time that a token without expires_in is good for (Docker's token specification).
DEFAULT_TOKEN_SECONDS = 60

BLOB_UNKNOWN = "BLOB_UNKNOWN"
DENIED = "DENIED"
MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
NAME_UNKNOWN = "NAME_UNKNOWN"
NAME_INVALID = "NAME_INVALID"
TOOMANYREQUESTS = "TOOMANYREQUESTS"
UNAUTHORIZED = "UNAUTHORIZED"
UNSUPPORTED = "UNSUPPORTED"

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TOKEN68 = frozenset("-._~+/=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Fault(NamedTuple):
    """One entry of a registry's error body."""

    code: str
    message: str


class Challenge(NamedTuple):
    """One way to authenticate, as ``WWW-Authenticate`` offers it; scheme and parameter names in lower case."""

    scheme: str
    parameters: dict[str, str]


class Token(NamedTuple):
    """What a token server gave; the caller wraps ``value`` so that it is never printed."""

    value: str
    seconds: int


class ContentRange(NamedTuple):
    """``bytes first-last/total``; ``total`` is None when the server does not know."""

    first: int
    last: int
    total: int | None


def parse_faults(raw: bytes) -> tuple[Fault, ...]:
    """Read an error body; anything that is not one gives nothing."""
    try:
        entries = Fields(load_object(raw, limit=MAX_ERROR_BODY, what="error"), "error").children("errors")
        return tuple(
            Fault(shown(entry.text("code").upper()), shown(entry.text("message"))) for entry in entries[:_MAX_ERRORS]
        )
    except Error:
        return ()


def parse_tags(raw: bytes) -> tuple[str, ...]:
    """Read one page of a tag list.

    :raises Error: CORRUPT, also for a tag that is none: it would become part of names and URLs.
    """
    fields = Fields(load_object(raw, limit=MAX_TAG_PAGE, what="tag list"), "tag list")
    tags = fields.texts("tags")
    for tag in tags:
        if not is_tag(tag):
            raise Error(CORRUPT, f"invalid tag list: '{shown(tag)}' is not a tag")
    return tags


def parse_token(raw: bytes) -> Token:
    """Read a token server's answer.

    :raises Error: CORRUPT; it never repeats what the answer held.
    """
    fields = Fields(load_object(raw, limit=MAX_TOKEN_BODY, what="token"), "token")
    value = fields.text("token") or fields.text("access_token")
    if not value:
        raise Error(CORRUPT, "invalid token: the token server sent none")
    if len(value) > _MAX_TOKEN or not (value.isascii() and value.isprintable()) or " " in value:
        raise Error(CORRUPT, "invalid token: it cannot be part of a header")
    seconds = fields.integer("expires_in")
    return Token(value, max(seconds, DEFAULT_TOKEN_SECONDS))


def parse_content_range(text: str | None) -> ContentRange | None:
    """Read ``Content-Range`` of a 206; None for anything unusual."""
    unit, _, rest = (text or "").strip().partition(" ")
    extent, slash, total = rest.strip().partition("/")
    first, dash, last = extent.partition("-")
    numbers = [first, last] if total == "*" else [first, last, total]
    if unit.lower() != "bytes" or not slash or not dash:
        return None
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        return None
    found = ContentRange(int(first), int(last), None if total == "*" else int(total))
    if found.last < found.first or (found.total is not None and found.last >= found.total):
        return None
    return found


def parse_length(text: str | None) -> int | None:
    """Read ``Content-Length``; None if absent or not a number."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def parse_uploaded(text: str | None) -> int | None:
    """Read ``Range`` of an upload's status, ``0-N``, as the number of bytes that are there; None for anything unusual.

    ``0-0`` is what registries say of an empty upload, though it would mean one byte.
    """
    first, dash, last = (text or "").strip().removeprefix("bytes=").partition("-")
    if not dash or first != "0" or not (last.isascii() and last.isdigit() and len(last) < 20):
        return None
    return int(last) + 1 if int(last) else 0


def next_link(header: str | None) -> str | None:
    """Return the target of ``rel="next"`` in a ``Link`` header (RFC 8288)."""
    for part in (header or "")[:_MAX_HEADER].split("<")[1:]:
        target, closing, parameters = part.partition(">")
        names = [item.strip(' ,"').replace('"', "").replace(" ", "").lower() for item in parameters.split(";")]
        if closing and target and "rel=next" in names:
            return target
    return None


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Read ``Retry-After``: seconds, or the date to wait for.

    :param now: the wall clock, in seconds since the epoch.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if not text or len(text) > 64:
        return None
    import calendar
    from email.utils import parsedate

    when = parsedate(text)
    if when is None:
        return None
    try:
        return max(0.0, calendar.timegm(when) - now)
    except (ValueError, OverflowError):
        return None


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read ``WWW-Authenticate``: one or more challenges, comma-separated as their parameters are.

    What follows the first syntax error is not used. Of a parameter given twice the challenge is dropped: two readers
    would take different ones.
    """
    reader = _Reader(header[:_MAX_HEADER])
    found: list[Challenge] = []
    while len(found) < _MAX_PARAMETERS:
        reader.skip(", \t")
        scheme = reader.token()
        if not scheme:
            break
        reader.skip(" \t")
        parameters = _parameters(reader)
        if parameters is None:
            break
        if len(parameters) == len(dict(parameters)):
            found.append(Challenge(scheme.lower(), dict(parameters)))
    return tuple(found)


def _parameters(reader: _Reader) -> list[tuple[str, str]] | None:
    """Read ``name=value`` pairs until something that is the next challenge's scheme; None on a syntax error."""
    found: list[tuple[str, str]] = []
    while len(found) < _MAX_PARAMETERS:
        start = reader.position
        reader.skip(", \t")
        name = reader.token()
        reader.skip(" \t")
        if not name or not reader.take("="):
            # A scheme: leave it to the caller. Or token68, which no registry uses and the caller stumbles over.
            reader.position = start
            return found
        reader.skip(" \t")
        value = reader.quoted() if reader.take('"') else reader.token68()
        if value is None:
            return None
        found.append((name.lower(), value))
    return found


class _Reader:
    """A position in a header."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def skip(self, characters: str) -> None:
        while self.position < len(self.text) and self.text[self.position] in characters:
            self.position += 1

    def take(self, character: str) -> bool:
        if self.text.startswith(character, self.position):
            self.position += 1
            return True
        return False

    def token(self) -> str:
        return self._run(_TOKEN)

    def token68(self) -> str:
        return self._run(_TOKEN | _TOKEN68)

    def _run(self, allowed: frozenset[str]) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] in allowed:
            self.position += 1
        return self.text[start : self.position]

    def quoted(self) -> str | None:
        """Read up to the closing quote; None if there is none."""
        characters: list[str] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if character == '"':
                return "".join(characters)
            if character == "\\" and self.position < len(self.text):
                character = self.text[self.position]
                self.position += 1
            characters.append(character)
        return None
