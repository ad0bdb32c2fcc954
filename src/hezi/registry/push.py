"""Uploads: a blob in one piece (POST, then PUT), a manifest (PUT). distribution-spec 1.1, "Push"."""

from __future__ import annotations

from urllib.parse import quote

from hezi.errors import CORRUPT, UNAVAILABLE, Error
from hezi.registry.faults import Subject, refusal
from hezi.spec.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from hezi.registry.session import Session

    class Readable(Protocol):
        """What an upload is read from."""

        def read(self, amount: int = -1, /) -> bytes:
            """Return at most ``amount`` bytes; none at the end."""


_CHUNK = 256 << 10


def has_blob(session: Session, path: str, digest: Digest) -> bool:
    """Ask for a blob's head."""
    subject = Subject(session.domain, path, "blob", digest)
    answer = session.call("HEAD", f"/v2/{path}/blobs/{digest}", subject)
    if answer.status not in {200, 404}:
        raise refusal(answer, subject)
    answer.discard()
    return answer.status == 200


def push_blob(session: Session, path: str, digest: Digest, size: int, reader: Readable) -> None:
    """Upload a blob.

    :param size: how many bytes ``reader`` has from where it stands.
    """
    subject = Subject(session.domain, path, "upload", digest)
    answer = session.call("POST", f"/v2/{path}/blobs/uploads/", subject, (("Content-Length", "0"),), b"")
    location = answer.header("Location")
    if answer.status != 202 or not location:
        raise refusal(answer, subject)
    answer.discard()
    url = session.url_from(location, answer.url)
    joint = "&" if "?" in url.target else "?"
    url = url._replace(target=f"{url.target}{joint}digest={quote(digest, safe='')}")
    headers = (("Content-Type", "application/octet-stream"), ("Content-Length", str(size)))
    answer = session.call("PUT", url, subject, headers, exactly(reader, size))
    if answer.status != 201:
        raise refusal(answer, subject)
    answer.discard()


def push_manifest(session: Session, path: str, name: str, media_type: str, raw: bytes) -> Digest:
    """Upload a manifest under a tag or a digest."""
    subject = Subject(session.domain, path, "upload", name)
    headers = (("Content-Type", media_type), ("Content-Length", str(len(raw))))
    answer = session.call("PUT", f"/v2/{path}/manifests/{name}", subject, headers, raw)
    announced = answer.header("Docker-Content-Digest")
    if answer.status != 201:
        raise refusal(answer, subject)
    answer.discard()
    digest = Digest.of(raw, name.algorithm if isinstance(name, Digest) else "sha256")
    if announced and announced.startswith(f"{digest.algorithm}:") and announced != digest:
        raise Error(CORRUPT, f"the registry stored another manifest than was sent: {announced} is not {digest}")
    return digest


def exactly(reader: Readable, size: int) -> Iterator[bytes]:
    """Yield exactly ``size`` bytes: a blob that grows or shrinks meanwhile must not become half a request.

    :raises Error: UNAVAILABLE, when the reader ends before.
    """
    left = size
    while left:
        data = reader.read(min(left, _CHUNK))
        if not data:
            raise Error(UNAVAILABLE, f"the blob to upload is {left} bytes shorter than it should be")
        left -= len(data)
        yield data
