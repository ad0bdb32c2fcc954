"""One registry, spoken to by the OCI distribution spec 1.1 (and Docker Registry HTTP API V2, which is the same)."""

from __future__ import annotations

from hezi import __version__
from hezi.errors import CORRUPT, INVALID, UNAVAILABLE, Error
from hezi.registry import push
from hezi.registry import upload as uploads
from hezi.registry.blob import BlobStream
from hezi.registry.config import HostPolicy, host_policy
from hezi.registry.connections import Answer, Connections, Request, Url
from hezi.registry.credentials import CredentialSource, DockerConfig
from hezi.registry.faults import Subject, refusal
from hezi.registry.session import Session
from hezi.registry.transport import Pace, Transport
from hezi.spec.digest import Digest, shown
from hezi.spec.distribution import MAX_TAG_PAGE, next_link, parse_tags
from hezi.spec.image import ACCEPTED, MAX_MANIFEST
from hezi.spec.reference import is_path, is_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.registry.search import Found
    from hezi.registry.upload import Readable
    from hezi.spec.image import Descriptor

_USER_AGENT = f"hezi/{__version__}"
_MAX_TAG_PAGES = 1000
_MAX_TAGS = 1_000_000


class RegistryClient:
    """A client for one registry; safe to share by threads.

    :param domain: the registry's name as in a reference: ``docker.io``, ``registry.example:5000``.
    :param policy: what is allowed; default: what the configuration says.
    :param credentials: who we are; default: what docker's configuration says.
    :param pace: time, for tests.
    """

    def __init__(
        self,
        domain: str,
        *,
        policy: HostPolicy | None = None,
        credentials: CredentialSource | None = None,
        user_agent: str = _USER_AGENT,
        connections: Connections | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.domain = domain
        policy = policy if policy is not None else host_policy(domain)
        transport = Transport(connections or Connections(policy), user_agent=user_agent, pace=pace, rate=policy.rate)
        source = credentials if credentials is not None else DockerConfig()
        self._session = Session(policy, source, transport)

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._session.transport.close()

    def cancel(self) -> None:
        """Make all threads that use this client stop with CANCELLED; for another thread, or a signal's handler.

        What waits for the head of an answer ends only with it, or with the time-out.
        """
        self._session.transport.cancel()

    def distrust(self) -> bool:
        """There is nobody else to ask; see :class:`hezi.registry.mirrors.Mirrored`."""
        return False

    def manifest(self, path: str, tag_or_digest: str, accept: tuple[str, ...] = ACCEPTED) -> tuple[str, Digest, bytes]:
        """Fetch a manifest or an index.

        :return: the Content-Type, the digest computed over the bytes, the bytes; not parsed yet.
        :raises Error: CORRUPT if they are not what was asked for or what the registry's own header says.
        """
        name = _checked_name(tag_or_digest)
        subject = Subject(self.domain, _checked_path(path), "manifest", name)
        content_type, announced, raw = self._session.document(
            f"/v2/{path}/manifests/{name}", subject, (("Accept", ", ".join(accept)),), MAX_MANIFEST
        )
        asked = name if isinstance(name, Digest) else None
        digest = Digest.of(raw, asked.algorithm if asked else "sha256")
        if asked is not None and digest != asked:
            raise Error(CORRUPT, f"the registry sent another manifest for {subject.reference}: it is {digest}")
        if announced is not None and Digest.of(raw, announced.algorithm) != announced:
            message = f"the manifest of {subject.reference} is not what the registry says: {digest} is not {announced}"
            raise Error(CORRUPT, message)
        return content_type, digest, raw

    def blob(self, path: str, descriptor: Descriptor, offset: int = 0) -> BlobStream:
        """Fetch a blob from ``offset`` on. The descriptor's ``urls`` are not used: they could lead anywhere.

        The size is enforced; the digest is for the reader to check.
        """
        digest = Digest.parse(descriptor.digest)
        subject = Subject(self.domain, _checked_path(path), "blob", digest)

        def open_at(position: int) -> Answer:
            headers = (("Range", f"bytes={position}-"),) if position else ()
            answer = self._session.call("GET", f"/v2/{path}/blobs/{digest}", subject, headers)
            if answer.status not in {200, 206, 416}:
                raise refusal(answer, subject)
            return answer

        return BlobStream(open_at, descriptor, offset, self._session.transport)

    def document(self, path: str, descriptor: Descriptor, limit: int) -> bytes:
        """Fetch a whole small blob, such as an image config, and verify it.

        :param limit: the most bytes it may have.
        :raises Error: CORRUPT if it is not what the descriptor says.
        """
        if descriptor.size > limit:
            message = f"blob {descriptor.digest} is said to have {descriptor.size} bytes, the limit is {limit}"
            raise Error(CORRUPT, message)
        with self.blob(path, descriptor) as stream:
            raw = b"".join(stream)
        if Digest.of(raw, descriptor.digest.algorithm) != descriptor.digest:
            message = f"blob {descriptor.digest} of {self.domain}/{path} is corrupt: its content has another digest"
            raise Error(CORRUPT, message, hint="pull again; if it stays so, push the image again")
        return raw

    def tags(self, path: str) -> tuple[str, ...]:
        """Return all tags of a repository, over as many pages as it takes."""
        subject = Subject(self.domain, _checked_path(path), "tag list")
        target: str | Url = f"/v2/{path}/tags/list"
        found: dict[str, None] = {}
        for _ in range(_MAX_TAG_PAGES):
            answer, raw = self._session.whole(target, subject, MAX_TAG_PAGE)
            if answer.status != 200:
                raise refusal(answer, subject)
            link = next_link(answer.header("Link"))
            before = len(found)
            found.update(dict.fromkeys(parse_tags(raw)))
            # a page that brings nothing new would bring nothing new for ever
            if link is None or len(found) == before:
                return tuple(found)
            target = self._same_origin(link, answer.url)
            if len(found) > _MAX_TAGS:
                break
        raise Error(UNAVAILABLE, f"{subject.repository} has more tags than hezi lists: {len(found)} and more")

    def search(self, term: str, limit: int) -> tuple[Found, ...]:
        """Return repositories that have to do with ``term``; see :mod:`hezi.registry.search`."""
        from hezi.registry import search

        return search.search(self._session, term, limit)

    def referrers(self, path: str, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what names a manifest as its subject: signatures, attestations, bills of materials."""
        from hezi.registry import referrers

        return referrers.list_all(self._session, _checked_path(path), Digest.parse(digest), self.manifest)

    def ping(self) -> None:
        """Ask whether the registry speaks to us, with the credentials that we have if it wants any.

        :raises Error: UNAUTHORIZED, UNAVAILABLE, ...
        """
        subject = Subject(self.domain, "", "login")
        answer = self._session.call("GET", "/v2/", subject)
        if answer.status != 200:
            raise refusal(answer, subject)
        answer.discard()

    def reach(self) -> None:
        """See that somebody answers, whatever it is, before work is begun; a refusal is for the work itself to meet.

        :raises Error: UNAVAILABLE, TIMEOUT: nobody does.
        """
        self._session.transport.send(Request("GET", self._session.base()._replace(target="/v2/"))).discard()

    @property
    def address(self) -> str:
        """The URL of the registry's API, once it has been spoken to."""
        return self._session.base()._replace(target="/v2/").public

    def has_blob(self, path: str, digest: Digest) -> bool:
        """Tell whether the registry has a blob in this repository."""
        return push.has_blob(self._session, _checked_path(path), Digest.parse(digest))

    def has_manifest(self, path: str, digest: Digest) -> bool:
        """Tell whether the registry has a manifest in this repository."""
        return push.has_manifest(self._session, _checked_path(path), Digest.parse(digest))

    def push_blob(self, path: str, digest: Digest, size: int, reader: Readable) -> None:
        """Upload a blob of ``size`` bytes from ``reader``."""
        uploads.upload(self._session, uploads.Job(_checked_path(path), Digest.parse(digest), size, reader))

    def bring_blob(
        self,
        path: str,
        descriptor: Descriptor,
        reader: Readable,
        *,
        mount_from: tuple[str, ...] = (),
        progress: Callable[[int], None] | None = None,
    ) -> tuple[str, str]:
        """Have a blob in a repository, with as little traffic as may be.

        :param mount_from: repositories of this registry that may have it.
        :param progress: called with the bytes sent so far.
        :return: ``exists``, ``mounted`` (with the repository it came from) or ``pushed``.
        """
        if push.has_blob(self._session, _checked_path(path), descriptor.digest, pushing=True):
            return uploads.EXISTS, ""
        job = uploads.Job(path, descriptor.digest, descriptor.size, reader, mount_from, progress)
        return uploads.upload(self._session, job)

    def push_manifest(self, path: str, reference: str, media_type: str, raw: bytes) -> Digest:
        """Upload a manifest under a tag or its digest, and return its digest."""
        return push.push_manifest(self._session, _checked_path(path), _checked_name(reference), media_type, raw)

    def _same_origin(self, link: str, base: Url) -> Url:
        target = Url.parse(link, base)
        if target.origin != self._session.base().origin:
            message = f"{self.domain} continues its tag list at another server, {target.origin.authority}: refused"
            raise Error(INVALID, message)
        return target


def _checked_path(path: str) -> str:
    if not is_path(path):
        raise Error(INVALID, f"invalid repository name: {shown(path)}")
    return path


def _checked_name(name: str) -> str:
    """Return a tag or a digest; it becomes part of a URL."""
    if isinstance(name, Digest):
        return name
    if ":" in name:
        return Digest.parse(name)
    if not is_tag(name):
        raise Error(INVALID, f"invalid tag: {shown(name)}")
    return name
