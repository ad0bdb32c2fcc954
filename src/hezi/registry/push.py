"""What a push asks a registry besides its blobs' bytes: whether a blob is there, and to take a manifest."""

from __future__ import annotations

from hezi.errors import CORRUPT, Error
from hezi.registry.faults import Subject, refusal
from hezi.spec.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.registry.session import Session


def has_blob(session: Session, path: str, digest: Digest, *, pushing: bool = False) -> bool:
    """Ask for a blob's head.

    :param pushing: with the rights of a push, which is about to follow.
    """
    subject = Subject(session.domain, path, "upload" if pushing else "blob", digest)
    answer = session.call("HEAD", f"/v2/{path}/blobs/{digest}", subject)
    if answer.status not in {200, 404}:
        raise refusal(answer, subject)
    answer.discard()
    return answer.status == 200


def has_manifest(session: Session, path: str, digest: Digest) -> bool:
    """Ask for a manifest's head, with the rights of a push."""
    from hezi.spec.image import ACCEPTED

    subject = Subject(session.domain, path, "upload", digest)
    answer = session.call("HEAD", f"/v2/{path}/manifests/{digest}", subject, (("Accept", ", ".join(ACCEPTED)),))
    if answer.status not in {200, 404}:
        raise refusal(answer, subject)
    answer.discard()
    return answer.status == 200


def push_manifest(session: Session, path: str, name: str, media_type: str, raw: bytes) -> Digest:
    """Upload a manifest under a tag or a digest."""
    subject = Subject(session.domain, path, "upload", name)
    headers = (("Content-Type", media_type), ("Content-Length", str(len(raw))))
    answer = session.call("PUT", f"/v2/{path}/manifests/{name}", subject, headers, raw)
    announced = answer.header("Docker-Content-Digest")
    if answer.status not in {200, 201, 202}:
        raise refusal(answer, subject)
    answer.discard()
    digest = Digest.of(raw, name.algorithm if isinstance(name, Digest) else "sha256")
    if announced and announced.startswith(f"{digest.algorithm}:") and announced != digest:
        raise Error(CORRUPT, f"the registry stored another manifest than was sent: {announced} is not {digest}")
    return digest
