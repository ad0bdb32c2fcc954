"""Connections to servers: URLs, TLS, pools, and one exchange of request and answer.

What urllib3 and the socket raise is turned into :class:`ConnectionFault` here and nowhere else. Messages name the
server and never a URL's query: storage services sign theirs, and a signature is a secret.
"""

from __future__ import annotations

import threading
import weakref
from urllib.parse import urljoin, urlsplit

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.registry.config import HostPolicy, is_loopback, split_port
from hezi.registry.proxy import proxy_for
from hezi.spec.digest import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPHeaderDict

    from hezi.registry.credentials import Secret

_MAX_URL = 16 << 10
_DEFAULT_PORTS = {"http": 80, "https": 443}
_POOL_SIZE = 8
# What OpenSSL calls an answer to its hello that is no TLS.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)


class Origin(NamedTuple):
    """Whom a secret may be shown to: the same scheme, host and port (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as an error message has them, without a default port."""
        return self.host if _DEFAULT_PORTS[self.scheme] == self.port else f"{self.host}:{self.port}"


class Url(NamedTuple):
    """A URL that was checked; ``target`` is path and query."""

    origin: Origin
    target: str

    @classmethod
    def parse(cls, text: str, base: Url | None = None) -> Url:
        """Check an absolute URL, or one relative to ``base``.

        :raises Error: INVALID for another scheme than http and https, user information, control characters, ...
        """
        if len(text) > _MAX_URL or not text.isascii() or not text.isprintable() or " " in text:
            raise errors.Error(errors.INVALID, "a server sent a URL that is too long or has strange characters")
        try:
            parts = urlsplit(urljoin(str(base), text) if base else text)
            port = parts.port
        except ValueError:
            raise errors.Error(errors.INVALID, "a server sent a URL that is none") from None
        host = parts.hostname or ""
        if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None or parts.password is not None:
            raise errors.Error(errors.INVALID, f"a server sent a URL that is not used: {shown(parts.scheme)}://...")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        bracketed = f"[{host}]" if ":" in host else host
        return cls(Origin(parts.scheme, bracketed, _DEFAULT_PORTS[parts.scheme] if port is None else port), target)

    def __str__(self) -> str:
        return f"{self.origin.scheme}://{self.origin.host}:{self.origin.port}{self.target}"

    @property
    def public(self) -> str:
        """The URL without its query, for messages."""
        return f"{self.origin.scheme}://{self.origin.authority}{self.target.partition('?')[0]}"


class Request(NamedTuple):
    """One request. ``authorization`` goes to ``url.origin`` and to no other."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    authorization: Secret | None = None
    body: bytes | Iterable[bytes] | None = None


class ConnectionFault(errors.Error):
    """No answer, or half of one.

    :ivar transient: trying again may help.
    :ivar refused: nobody was there; it never came to a conversation.
    :ivar not_tls: somebody was there who does not speak TLS.
    """

    def __init__(self, kind: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(kind, message, hint=hint)
        self.transient = False
        self.refused = False
        self.not_tls = False


class Answer:
    """A server's answer whose body is still on the wire."""

    __slots__ = ("__weakref__", "_response", "headers", "status", "url")

    def __init__(self, response: BaseHTTPResponse, url: Url) -> None:
        self._response = response
        self.status = response.status
        self.headers: HTTPHeaderDict = response.headers
        self.url = url

    def header(self, name: str) -> str | None:
        """Return a header; several of one name are joined by commas."""
        return self.headers.get(name)

    def read(self, amount: int) -> bytes:
        """Return what is there, at least one byte and at most ``amount``; nothing at the end.

        :raises ConnectionFault: cut, or silent for too long.
        """
        import http.client

        import urllib3

        try:
            return self._response.read1(amount, decode_content=False) or b""
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            raise _fault(error, self.url.origin) from error

    def finished(self) -> None:
        """Give the connection back for the next request; the body must have been read to its end."""
        self._response.release_conn()

    def discard(self) -> None:
        """Read a short body away so that the connection can be used again; close it if the body is long."""
        try:
            left = 64 << 10
            while left > 0:
                data = self.read(left)
                if not data:
                    self.finished()
                    return
                left -= len(data)
        except ConnectionFault:
            return
        self.close()

    def stop(self) -> None:
        """Wake a thread that waits in :meth:`read`; for another thread to call."""
        try:
            self._response.shutdown()
        except (ValueError, RuntimeError, OSError):
            self._response.close()

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


class Connections:
    """Pools of connections, one for each origin, for work on behalf of one registry; safe to share by threads.

    :param policy: the registry's. Its authorities are trusted for all servers it refers to (token server, storage);
        ``insecure`` and client certificates are for its own host alone.
    """

    def __init__(
        self,
        policy: HostPolicy,
        *,
        connect_seconds: float = 15.0,
        read_seconds: float = 60.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._policy = policy
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._environment = environment
        self._lock = threading.Lock()
        self._pools: dict[Origin, HTTPConnectionPool] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._answers: weakref.WeakSet[Answer] = weakref.WeakSet()

    def exchange(self, request: Request) -> Answer:
        """Send one request and return the answer's head; redirects are answers.

        :raises ConnectionFault: there was no answer.
        :raises Error: plain HTTP to a server that it is not allowed for; a certificate file is wrong.
        """
        import http.client

        import urllib3

        origin = request.url.origin
        if origin.scheme == "http" and not self._plain_allowed(origin):
            message = f"refused to speak plain HTTP to {origin.authority}: others could listen in and change the image"
            hint = (
                f'if you must, name it insecure in /etc/hezi/registries.toml, section [registry."{origin.authority}"]'
            )
            raise errors.Error(errors.INVALID, message, hint=hint)
        headers = dict(request.headers)
        if request.authorization is not None:
            headers["Authorization"] = request.authorization.reveal()
        try:
            pool = self._pool(origin)
            # a proxy is told the whole URL, unless it only makes a tunnel for TLS
            forwarded = pool.proxy is not None and origin.scheme == "http"
            response = pool.urlopen(
                request.method,
                f"http://{origin.authority}{request.url.target}" if forwarded else request.url.target,
                body=request.body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._connect_seconds, read=self._read_seconds),
            )
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise _fault(error, origin) from error
        answer = Answer(response, request.url)
        with self._lock:
            self._answers.add(answer)
        return answer

    def stop(self) -> None:
        """Wake all threads that wait for the body of an answer; for another thread to call."""
        with self._lock:
            answers = list(self._answers)
        for answer in answers:
            answer.stop()

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _plain_allowed(self, origin: Origin) -> bool:
        """Allow the loopback interface only to registries that are there themselves: no one else sends us to it."""
        if self._is_registry(origin):
            return self._policy.plain_allowed
        return self._policy.plain_allowed and is_loopback(origin.host)

    def _is_registry(self, origin: Origin) -> bool:
        return split_port(self._policy.host)[0].lower() == origin.host.lower()

    def _pool(self, origin: Origin) -> HTTPConnectionPool:
        with self._lock:
            pool = self._pools.get(origin)
            if pool is None:
                pool = self._pools[origin] = self._new_pool(origin)
        return pool

    def _new_pool(self, origin: Origin) -> HTTPConnectionPool:
        import urllib3

        proxy = proxy_for(origin.scheme, origin.host, origin.port, self._environment)
        context = self._context(own=self._is_registry(origin)) if origin.scheme == "https" else None
        if proxy is not None:
            return _proxied_pool(proxy, origin, context)
        if context is None:
            return urllib3.HTTPConnectionPool(origin.host, origin.port, maxsize=_POOL_SIZE)
        return urllib3.HTTPSConnectionPool(origin.host, origin.port, maxsize=_POOL_SIZE, ssl_context=context)

    def _context(self, *, own: bool) -> ssl.SSLContext:
        context = self._contexts.get(own)
        if context is None:
            context = self._contexts[own] = _new_context(self._policy, own=own)
        return context


def _new_context(policy: HostPolicy, *, own: bool) -> ssl.SSLContext:
    """Make the TLS settings: for the registry itself (``own``), or for others that it refers to."""
    import ssl

    context = ssl.create_default_context()
    for path in policy.ca_files:
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            message = f"cannot use the certificate authority of {policy.domain}: {error.strerror or error}"
            raise errors.Error(errors.INVALID, message, path=path) from error
    if not own:
        return context
    for certificate, key in policy.client_certificates:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            message = f"cannot use the client certificate for {policy.domain}: {error.strerror or error}"
            raise errors.Error(errors.INVALID, message, path=certificate) from error
    if policy.insecure:
        import urllib3

        # The administrator said so in the configuration; a warning for each request would tell nobody anything.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxied_pool(proxy: str, origin: Origin, context: ssl.SSLContext | None) -> HTTPConnectionPool:
    import urllib3

    try:
        parts = urlsplit(proxy)
        pair = f"{parts.username}:{parts.password or ''}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=pair)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        plain = f"{parts.scheme}://{host}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 80)}"
        manager = urllib3.ProxyManager(plain, proxy_headers=headers, ssl_context=context, maxsize=_POOL_SIZE)
        return manager.connection_from_host(origin.host, origin.port, origin.scheme)
    except (ValueError, AssertionError, urllib3.exceptions.HTTPError) as error:
        message = f"the proxy for {origin.authority} in the environment is not a usable URL"
        raise errors.Error(errors.INVALID, message, hint="look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY") from error


def _fault(error: Exception, origin: Origin) -> ConnectionFault:
    """Say in one line why there is no answer, from the innermost exception that knows."""
    import ssl

    import urllib3

    innermost: BaseException = error
    for _ in range(8):
        inner = innermost.__cause__ or innermost.__context__ or _first_exception(innermost)
        if inner is None or inner is innermost:
            break
        innermost = inner
        if isinstance(innermost, ssl.SSLError):
            break
    if isinstance(innermost, ssl.SSLError):
        return _tls_fault(innermost, origin)
    if isinstance(error, urllib3.exceptions.ProxyError):
        return ConnectionFault(
            errors.UNAVAILABLE, f"cannot reach {origin.authority} through the proxy: {_why(innermost)}"
        )
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        message = f"cannot connect to {origin.authority}: {_why(innermost)}"
        fault = ConnectionFault(errors.UNAVAILABLE, message, hint="check the registry's name and port, and the network")
        fault.refused = True
        return fault
    if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
        connecting = isinstance(error, urllib3.exceptions.ConnectTimeoutError)
        doing = "no connection" if connecting else "no answer"
        message = f"timed out waiting for {origin.authority}: {doing}"
        fault = ConnectionFault(errors.TIMEOUT, message, hint="check the network, or try again later")
        fault.refused = connecting
    else:
        message = f"the connection to {origin.authority} broke: {_why(innermost)}"
        fault = ConnectionFault(errors.UNAVAILABLE, message, hint="check the network, or try again later")
    fault.transient = not fault.refused
    return fault


def _tls_fault(error: ssl.SSLError, origin: Origin) -> ConnectionFault:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".") or "certificate verify failed"
        message = f"cannot trust {origin.authority}: its TLS certificate was refused: {why}"
        hint = f"if its authority is your own, put it into /etc/docker/certs.d/{origin.authority}/ca.crt"
        return ConnectionFault(errors.UNAVAILABLE, message, hint=hint)
    reason = error.reason or ""
    ended = isinstance(error, ssl.SSLEOFError)
    if reason in _NOT_TLS:
        fault = ConnectionFault(errors.UNAVAILABLE, f"cannot connect to {origin.authority}: it does not speak TLS")
        fault.hint = "if it speaks plain HTTP and you accept that, name it insecure in /etc/hezi/registries.toml"
    else:
        why = "it closed the connection" if ended else reason.replace("_", " ").lower() or "unknown TLS error"
        fault = ConnectionFault(errors.UNAVAILABLE, f"no TLS connection to {origin.authority}: {why}")
        fault.transient = ended
    fault.not_tls = reason in _NOT_TLS or ended
    return fault


def _first_exception(error: BaseException) -> BaseException | None:
    for argument in error.args:
        if isinstance(argument, BaseException):
            return argument
    return None


def _why(error: BaseException) -> str:
    """Return the reason without the objects and URLs that urllib3 puts into its messages."""
    # First by its name: the one for a server that hangs up is an OSError without a text of its own.
    known = _REASONS.get(type(error).__name__)
    if known is None and isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return known or type(error).__name__


_REASONS = {
    "RemoteDisconnected": "closed without an answer",
    "IncompleteRead": "cut before the end",
    "InvalidChunkLength": "cut before the end",
    "ValueError": "cut, or not in the chunks that were announced",
    "HTTPException": "the answer's head is too long",
    "BadStatusLine": "the answer is not HTTP",
    "LineTooLong": "the answer's head is too long",
    "LocationParseError": "the name is not a host name",
    "UnicodeError": "the name is not a host name",
}
