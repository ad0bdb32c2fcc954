"""A file from a web server, for ``import URL``: the registry's connections without a registry."""

from __future__ import annotations

from contextlib import contextmanager

from hezi.errors import INVALID, NOT_FOUND, UNAVAILABLE, Error
from hezi.registry.config import HostPolicy, host_policy, is_loopback
from hezi.registry.connections import Connections, Request, Url
from hezi.registry.transport import Transport
from hezi.spec.distribution import parse_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.registry.connections import Answer

_CHUNK = 1 << 20
# What the answer itself may have at most; what it unpacks to is bounded elsewhere.
_MAX_BYTES = 256 << 30


class Download:
    """The bytes of an answer, in pieces.

    :ivar where: the server's name and port.
    """

    def __init__(self, answer: Answer) -> None:
        self.where = answer.url.origin.authority
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes.

        :raises Error: the connection broke, or it is not what was announced.
        """
        promised = parse_length(self._answer.header("Content-Length"))
        done = 0
        while data := self._answer.read(_CHUNK):
            done += len(data)
            if done > _MAX_BYTES:
                raise Error(UNAVAILABLE, f"{self.where} sends more than {_MAX_BYTES} bytes")
            yield data
        if promised is not None and done != promised:
            raise Error(UNAVAILABLE, f"{self.where} sent {done} of {promised} bytes")


@contextmanager
def opened(text: str) -> Iterator[Download]:
    """Request a URL; plain HTTP only from this machine itself, or what registries.toml names insecure.

    :raises Error: NOT_FOUND, UNAVAILABLE, ...
    """
    from hezi import __version__

    url = Url.parse(text)
    policy = _policy(url)
    if url.origin.scheme == "http" and not policy.plain_allowed:
        message = f"refused to download from {url.origin.authority} by plain HTTP: anybody could change it on the way"
        hint = f"use https, or download it yourself, check it and pipe it: curl ... | hezi import - ({url.public})"
        raise Error(INVALID, message, hint=hint)
    transport = Transport(Connections(policy), user_agent=f"hezi/{__version__}")
    try:
        answer = transport.send(Request("GET", url))
        try:
            if answer.status != 200:
                kind = NOT_FOUND if answer.status == 404 else UNAVAILABLE
                raise Error(kind, f"cannot download {url.public}: HTTP status {answer.status}")
            yield Download(answer)
        finally:
            answer.close()
    finally:
        transport.close()


def _policy(url: Url) -> HostPolicy:
    found = host_policy(url.origin.authority)
    # docker.io's API lives elsewhere; here its name means what it says.
    return found._replace(host=url.origin.authority, loopback=is_loopback(url.origin.host))
