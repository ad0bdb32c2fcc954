"""A conversation with one registry: where its API is, who we are, and requests that follow from both."""

from __future__ import annotations

import threading

from hezi.errors import CORRUPT, INVALID, Error
from hezi.registry.auth import Authorizer, read_body, read_whole
from hezi.registry.connections import Answer, ConnectionFault, Request, Url
from hezi.registry.faults import Subject, access_denied, refusal
from hezi.spec.digest import Digest
from hezi.spec.distribution import MAX_ERROR_BODY, parse_faults, parse_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.registry.config import HostPolicy
    from hezi.registry.credentials import CredentialSource
    from hezi.registry.transport import Transport
    from hezi.spec.distribution import Fault

# The first answer says what is wanted, the second may find a token ended; a third refusal is one.
_AUTH_ROUNDS = 3


class Session:
    """Requests to one registry; safe to share by threads."""

    def __init__(self, policy: HostPolicy, credentials: CredentialSource, transport: Transport) -> None:
        self.domain = policy.domain
        self.transport = transport
        self._policy = policy
        self._auth = Authorizer(policy, credentials, transport)
        self._lock = threading.Lock()
        self._base: Url | None = None

    @property
    def chunk_bytes(self) -> int:
        """The most that the registry, or a proxy before it, takes in one request; 0 for no limit."""
        return self._policy.chunk

    def call(
        self,
        method: str,
        target: str | Url,
        subject: Subject,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes | Callable[[], Iterable[bytes]] | None = None,
        *,
        also: str = "",
        retry: bool = True,
    ) -> Answer:
        """Send a request and answer the registry's challenges; a status other than 401 is the caller's to judge.

        :param target: a path on the registry, or a URL that the registry gave; only the registry itself is shown who
            we are.
        :param body: a callable gives it anew for each try. What it gives may have arrived in part, so it is not sent
            again after a broken connection: that is for the caller to sort out.
        :param also: another repository that is to be read from.
        :param retry: whether to try again what failed for the moment.
        :raises Error: UNAUTHORIZED, when there is nothing that the registry accepts.
        """
        base = self.base()
        url = target if isinstance(target, Url) else base._replace(target=target)
        scope = f"repository:{subject.path}:{'pull,push' if subject.thing == 'upload' else 'pull'}"
        if not subject.path:
            scope = "registry:catalog:*" if subject.thing == "catalog" else ""
        scope += f" repository:{also}:pull" if also else ""
        faults: tuple[Fault, ...] = ()
        for _ in range(_AUTH_ROUNDS):
            used = self._auth.header(scope) if url.origin == base.origin else None
            content = body() if callable(body) else body
            answer = self.transport.send(
                Request(method, url, headers, used, content), retry=retry and not callable(body)
            )
            if answer.status != 401 or answer.url.origin != base.origin:
                return answer
            challenge = answer.header("WWW-Authenticate") or ""
            faults = parse_faults(_error_body(answer, self.transport))
            if not self._auth.respond(challenge, scope, used):
                break
        raise access_denied(subject, faults)

    def url_from(self, location: str, base: Url) -> Url:
        """Check a ``Location`` that the registry gave for an upload.

        :raises Error: it leaves TLS, or is no usable URL.
        """
        target = Url.parse(location, base)
        if base.origin.scheme == "https" and target.origin.scheme != "https":
            message = f"{self.domain} moves an upload from https to plain http at {target.origin.authority}: refused"
            raise Error(INVALID, message)
        return target

    def document(
        self, target: str, subject: Subject, headers: tuple[tuple[str, str], ...], limit: int
    ) -> tuple[str, Digest | None, bytes]:
        """Fetch a short document whole, trying again when it is cut; with its type and the digest in the header."""

        def ask() -> Answer:
            answer = self.call("GET", target, subject, headers)
            length = parse_length(answer.header("Content-Length"))
            if answer.status == 200 and length is not None and length > limit:
                answer.close()
                message = f"the {subject.thing} of {subject.reference} has {length} bytes, the limit is {limit}"
                raise Error(CORRUPT, message)
            return answer

        answer, raw = read_whole(ask, limit, self.transport)
        if answer.status != 200:
            raise refusal(answer, subject)
        content_type = answer.header("Content-Type") or ""
        return content_type, _announced(answer, subject), raw

    def whole(
        self, target: str | Url, subject: Subject, limit: int, headers: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Answer, bytes]:
        """Fetch a short body; see :func:`hezi.registry.auth.read_whole`."""
        return read_whole(lambda: self.call("GET", target, subject, headers), limit, self.transport)

    def base(self) -> Url:
        """Return where the API is. A registry that may be spoken to in the clear is asked for TLS first."""
        with self._lock:
            if self._base is None:
                secure = Url.parse(f"https://{self._policy.host}/")
                self._base = self._probe(secure) if self._policy.plain_allowed else secure
        return self._base

    def _probe(self, secure: Url) -> Url:
        try:
            self.transport.connections.exchange(Request("GET", secure._replace(target="/v2/"))).discard()
        except ConnectionFault as fault:
            # Only "that is no TLS" and "nobody at the TLS port" mean that there may be plain HTTP: a certificate that
            # was refused, above all, must stay an error.
            default_port = not self._policy.host.rstrip("0123456789").endswith(":")
            if fault.not_tls or (fault.refused and default_port):
                return Url.parse(f"http://{self._policy.host}/")
            raise
        return secure


def _announced(answer: Answer, subject: Subject) -> Digest | None:
    text = answer.header("Docker-Content-Digest")
    try:
        return Digest.parse(text.strip()) if text else None
    except Error as error:
        message = f"{subject.domain} gives the {subject.thing} of {subject.reference} a digest that is none: {error}"
        raise Error(CORRUPT, message) from error


def _error_body(answer: Answer, transport: Transport) -> bytes:
    try:
        return read_body(answer, MAX_ERROR_BODY, transport, seconds=30)
    except Error:
        return b""
