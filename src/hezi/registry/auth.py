"""Proving who we are to a registry: Basic, and Bearer tokens from a token server.

The registry says what it wants in ``WWW-Authenticate``; nothing is sent unasked. Where the password may go: as Basic
to the registry's own origin, or to the token server (the "realm") that the registry names, which must be https unless
the registry itself may be spoken to in the clear. The token then goes to the registry's origin alone.
Source: distribution.github.io/distribution/spec/auth (token, oauth2).
"""

from __future__ import annotations

import threading
from urllib.parse import urlencode

from hezi._util.record import NamedTuple
from hezi.errors import EXHAUSTED, INVALID, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry.connections import Answer, ConnectionFault, Request, Url
from hezi.registry.credentials import Credential, CredentialSource, Secret, encode_basic
from hezi.registry.faults import wait_hint
from hezi.spec.distribution import MAX_TOKEN_BODY, Challenge, parse_challenges, parse_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.registry.config import HostPolicy
    from hezi.registry.transport import Transport

_CLIENT_ID = "hezi"
# Asked for anew this long before a token ends, so that it does not end on the way.
_MARGIN = 5.0


class _Held(NamedTuple):
    header: Secret
    ends: float


class Authorizer:
    """Holds the tokens for one registry, one for each scope; safe to share by threads."""

    def __init__(self, policy: HostPolicy, credentials: CredentialSource, transport: Transport) -> None:
        self._policy = policy
        self._source = credentials
        self._transport = transport
        self._lock = threading.RLock()
        self._held: dict[str, _Held] = {}
        self._basic: Secret | None = None
        self._credential: Credential | None = None
        self._asked = False

    def header(self, scope: str) -> Secret | None:
        """Return what to send as ``Authorization`` for ``scope``, as far as it is known yet."""
        with self._lock:
            if self._basic is not None:
                return self._basic
            held = self._held.get(scope)
            if held is None or self._transport.pace.monotonic() >= held.ends:
                return None
            return held.header

    def respond(self, challenge_header: str, scope: str, used: Secret | None) -> bool:
        """Get what a 401 asks for.

        :param challenge_header: the value of ``WWW-Authenticate``.
        :param used: what the refused request was sent with.
        :return: whether there is something new to try.
        :raises Error: UNAUTHORIZED if the token server refuses, INVALID for a challenge that is not to be trusted.
        """
        challenges = parse_challenges(challenge_header)
        with self._lock:
            current = self.header(scope)
            if current is not None and current is not used:
                return True  # another thread has been here
            for challenge in challenges:
                if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                    self._held[scope] = self._fetch(challenge, scope)
                    return True
            credential = self._credentials()
            if any(challenge.scheme == "basic" for challenge in challenges) and credential is not None and used is None:
                self._basic = encode_basic(credential)
                return True
        return False

    @property
    def anonymous(self) -> bool:
        """Whether there were no credentials when they were needed."""
        return self._credential is None

    def _credentials(self) -> Credential | None:
        if not self._asked:
            self._credential = self._source.get(self._policy.domain)
            self._asked = True
        return self._credential

    def _fetch(self, challenge: Challenge, scope: str) -> _Held:
        credential = self._credentials()
        realm = self._realm(challenge.parameters["realm"])
        fields = [(key, challenge.parameters[key]) for key in ("service",) if challenge.parameters.get(key)]
        fields += [("scope", one) for one in scope.split(" ")] if scope else []
        started = self._transport.pace.monotonic()
        request = _token_request(realm, fields, credential)
        answer, body = read_whole(lambda: self._transport.send(request), MAX_TOKEN_BODY, self._transport)
        self._check(answer, realm)
        token = parse_token(body)
        return _Held(Secret(f"Bearer {token.value}"), started + max(token.seconds - _MARGIN, _MARGIN))

    def _realm(self, text: str) -> Url:
        realm = Url.parse(text)
        if realm.origin.scheme != "https" and not self._policy.plain_allowed:
            message = f"{self._policy.domain} wants the password sent in the clear to {realm.origin.authority}: refused"
            raise Error(INVALID, message, hint="tell the registry's administrator: its token server must use https")
        return realm

    def _check(self, answer: Answer, realm: Url) -> None:
        if answer.status == 200:
            return
        retry_after = answer.header("Retry-After")
        answer.discard()
        where = f"the token server {realm.origin.authority} of {self._policy.domain}"
        if answer.status in {400, 401, 403}:
            who = "anonymous access" if self.anonymous else "the credentials"
            hint = f"log in: hezi login {self._policy.domain}"
            raise Error(UNAUTHORIZED, f"{where} refused {who} (HTTP status {answer.status})", hint=hint)
        if answer.status == 429:
            raise Error(EXHAUSTED, f"{where} limits the rate of requests", hint=wait_hint(retry_after))
        raise Error(UNAVAILABLE, f"{where} gave no token (HTTP status {answer.status})")


def _token_request(realm: Url, fields: list[tuple[str, str]], credential: Credential | None) -> Request:
    """Ask with an identity token by POST (oauth2), with a password or nothing by GET."""
    if credential is not None and credential.identity_token is not None:
        secret = credential.identity_token.reveal()
        form = [*_joined(fields), ("grant_type", "refresh_token"), ("client_id", _CLIENT_ID), ("refresh_token", secret)]
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        return Request("POST", realm, headers, None, urlencode(form).encode("ascii"))
    if credential is not None and credential.username:
        fields = [*fields, ("account", credential.username)]
    query = urlencode(fields)
    joint = "&" if "?" in realm.target else "?"
    target = f"{realm.target}{joint}{query}" if query else realm.target
    return Request("GET", realm._replace(target=target), (), encode_basic(credential) if credential else None)


def _joined(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """oauth2 has one field with all scopes (RFC 6749, 3.3), where a GET has one for each."""
    scopes = [value for key, value in fields if key == "scope"]
    others = [field for field in fields if field[0] != "scope"]
    return [*others, ("scope", " ".join(scopes))] if scopes else others


def read_whole(ask: Callable[[], Answer], limit: int, transport: Transport) -> tuple[Answer, bytes]:
    """Ask, and read the short body of a 200 whole; ask again when the connection breaks in the middle of it.

    :param ask: sends the request, and tries again by itself what fails before the body.
    :return: an answer with another status is not read: that is for the caller to judge.
    :raises Error: as :func:`read_body`.
    """
    attempt = 0
    while True:
        attempt += 1
        answer = ask()
        if answer.status != 200:
            return answer, b""
        try:
            return answer, read_body(answer, limit, transport)
        except ConnectionFault as fault:
            if attempt >= transport.limits.tries or not fault.transient:
                raise
        transport.pause(transport.backoff(attempt))


def read_body(answer: Answer, limit: int, transport: Transport, *, seconds: float = 120.0) -> bytes:
    """Read a whole short body.

    :param limit: the most bytes it may have.
    :param seconds: the longest it may take; a server that drips bytes must not hold us for ever.
    :raises Error: UNAVAILABLE, if it is longer or slower.
    """
    deadline = transport.pace.monotonic() + seconds
    chunks: list[bytes] = []
    total = 0
    while data := answer.read(limit + 1 - total):
        chunks.append(data)
        total += len(data)
        late = transport.pace.monotonic() > deadline
        if total > limit or late:
            answer.close()
            why = f"took longer than {seconds:g} s" if late else f"is longer than {limit} bytes"
            raise Error(UNAVAILABLE, f"the answer of {answer.url.origin.authority} {why}")
    answer.finished()
    return b"".join(chunks)
