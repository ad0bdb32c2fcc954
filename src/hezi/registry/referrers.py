"""What refers to an image: signatures, bills of materials, attestations. distribution-spec 1.1, "Listing Referrers".

Registries that do not know the endpoint keep an index under a tag made of the digest: ``sha256-<hex>``.
"""

from __future__ import annotations

from hezi.errors import CORRUPT, INVALID, NOT_FOUND, Error
from hezi.registry.connections import Url
from hezi.registry.faults import Subject, refusal
from hezi.spec.distribution import next_link
from hezi.spec.image import MAX_MANIFEST, OCI_INDEX, Descriptor, Index, parse_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.registry.session import Session
    from hezi.spec.digest import Digest

    FetchManifest = Callable[[str, str], tuple[str, Digest, bytes]]

_MAX_PAGES = 100
_LONGEST_TAG = 128


def list_all(session: Session, path: str, digest: Digest, fetch: FetchManifest) -> tuple[Descriptor, ...]:
    """Return the descriptors of all manifests that name ``digest`` as their subject.

    :param fetch: gets a manifest by repository and tag.
    :raises Error: UNAUTHORIZED, UNAVAILABLE, CORRUPT, ...
    """
    subject = Subject(session.domain, path, "referrers", digest)
    target: str | Url = f"/v2/{path}/referrers/{digest}"
    found: dict[Digest, Descriptor] = {}
    for _ in range(_MAX_PAGES):
        answer, raw = session.whole(target, subject, MAX_MANIFEST, (("Accept", OCI_INDEX),))
        if answer.status in {400, 404, 405, 501}:
            answer.discard()
            return _by_tag(fetch, path, digest)
        if answer.status != 200:
            raise refusal(answer, subject)
        link, url = next_link(answer.header("Link")), answer.url
        content_type = answer.header("Content-Type")
        index = _index(raw, content_type)
        found.update((entry.digest, entry) for entry in index.manifests)
        if link is None or not index.manifests:
            break
        target = Url.parse(link, url)
        if target.origin != url.origin:
            message = f"{session.domain} continues its list at another server, {target.origin.authority}: refused"
            raise Error(INVALID, message)
    return tuple(found.values())


def _by_tag(fetch: FetchManifest, path: str, digest: Digest) -> tuple[Descriptor, ...]:
    tag = f"{digest.algorithm}-{digest.hex}"[:_LONGEST_TAG]
    try:
        content_type, _, raw = fetch(path, tag)
    except Error as error:
        if error.kind == NOT_FOUND:
            return ()
        raise
    return _index(raw, content_type).manifests


def _index(raw: bytes, content_type: str | None) -> Index:
    found = parse_manifest(raw, content_type)
    if not isinstance(found, Index):
        raise Error(CORRUPT, "the registry's list of referrers is no index")
    return found
