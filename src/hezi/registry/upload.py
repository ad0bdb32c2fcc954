"""A blob on its way to a registry: mounted from another repository, in one piece, or in parts; resumed when it breaks.

    POST  /v2/NAME/blobs/uploads/[?mount=DIGEST&from=OTHER]   201: it is there now; 202: a session, at Location
    PUT   Location?digest=DIGEST   all of it                  a small blob
    PATCH Location                 from where the session is  a large one, in as few parts as possible
    GET   Location                 204, Range: 0-N            after a fault: how far it came
    PUT   Location?digest=DIGEST   nothing                    201: verified and in its place

A session's answers are the registry's word only: what it claims to have beyond what was sent is a reason to begin anew,
and the digest that it computes at the end is what counts. Source: OCI distribution-spec 1.1, "Push".
"""

from __future__ import annotations

from urllib.parse import quote

from hezi._util.record import NamedTuple
from hezi.errors import CORRUPT, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry.connections import Answer, ConnectionFault, Url
from hezi.registry.faults import Subject, refusal
from hezi.spec.distribution import parse_length, parse_retry_after, parse_uploaded
from hezi.spec.reference import is_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from hezi.registry.session import Session
    from hezi.spec.digest import Digest

    class Readable(Protocol):
        """What an upload is read from, several times if need be."""

        def read(self, amount: int = -1, /) -> bytes:
            """Return at most ``amount`` bytes; none at the end."""

        def seek(self, offset: int, whence: int = 0, /) -> int:
            """Go to an offset."""

        def tell(self) -> int:
            """Return the offset."""


_CHUNK = 256 << 10
# Up to here a blob goes in one request: two round trips instead of three, and nothing to resume.
_WHOLE = 4 << 20
_TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})
_SESSION_GONE = frozenset({404, 410})
_MAX_CANDIDATES = 3
EXISTS = "exists"
MOUNTED = "mounted"
PUSHED = "pushed"


class Job(NamedTuple):
    """What is to be uploaded.

    :param path: the repository.
    :param reader: has the blob's ``size`` bytes from where it stands.
    :param mount_from: repositories of the same registry that may have it.
    :param progress: called with the bytes sent so far; they can become fewer when the registry lost some.
    """

    path: str
    digest: Digest
    size: int
    reader: Readable
    mount_from: tuple[str, ...] = ()
    progress: Callable[[int], None] | None = None


class _Restart(Exception):
    """The session is of no use any more."""


def upload(session: Session, job: Job) -> tuple[str, str]:
    """Bring a blob into a repository that has not got it.

    :return: MOUNTED and the repository it came from, or PUSHED and nothing.
    :raises Error: refused, or the registry cannot do it however often it is asked.
    """
    one = _Upload(session, job)
    mounted = one.begin_by_mount()
    if mounted:
        return MOUNTED, mounted
    one.run()
    return PUSHED, ""


class _Upload:
    def __init__(self, session: Session, job: Job) -> None:
        self._session = session
        self._job = job
        self._subject = Subject(session.domain, job.path, "upload", job.digest)
        self._base = job.reader.tell()
        self._url: Url | None = None
        self._position = 0
        # The most that may have arrived in this session, and the furthest that any session came.
        self._sent = 0
        self._best = 0
        self._least = 0
        self._failures = 0

    def begin_by_mount(self) -> str:
        """Ask for the blob of another repository; return which one it was, empty when it is to be uploaded."""
        for other in self._job.mount_from[:_MAX_CANDIDATES]:
            if not is_path(other) or other == self._job.path:
                continue
            query = f"?mount={quote(self._job.digest, safe='')}&from={quote(other, safe='')}"
            try:
                answer = self._call("POST", self._uploads() + query, (("Content-Length", "0"),), b"", also=other)
            except Error as error:
                # Without a right to read there, or the registry's server for tokens says so: then without it.
                if error.kind in {UNAUTHORIZED, NOT_FOUND}:
                    continue
                raise
            if answer.status == 201:
                answer.discard()
                return other
            if answer.status == 202:
                self._take_session(answer)
                return ""
            answer.discard()
        return ""

    def run(self) -> None:
        """Upload; broken connections and temporary refusals are survived as often as there is progress."""
        broken = False
        try:
            while True:
                try:
                    if broken and self._recover():
                        return
                    broken = False
                    if self._url is None:
                        self._begin()
                    if self._transfer():
                        return
                except _Restart:
                    self._forget()
                    self._failed(None)
                except ConnectionFault as fault:
                    if not fault.transient:
                        raise
                    self._failed(fault)
                    broken = True
        except BaseException:
            self._abort()
            raise

    def _begin(self) -> None:
        answer = self._call("POST", self._uploads(), (("Content-Length", "0"),), b"")
        if answer.status != 202:
            raise refusal(answer, self._subject)
        self._take_session(answer)

    def _take_session(self, answer: Answer) -> None:
        location = answer.header("Location")
        if not location:
            raise refusal(answer, self._subject)
        self._least = parse_length(answer.header("OCI-Chunk-Min-Length")) or 0
        answer.discard()
        self._url = self._session.url_from(location, answer.url)
        self._position = 0

    def _transfer(self) -> bool:
        """Send what is left and close the session; False: something is to be tried again."""
        limit = self._session.chunk_bytes
        if self._position == 0 and self._job.size <= min(_WHOLE, limit or _WHOLE):
            return self._finish(self._job.size)
        while self._position < self._job.size:
            end = min(self._position + max(limit, self._least), self._job.size) if limit else self._job.size
            if not self._patch(end):
                return False
        return self._finish(0)

    def _patch(self, end: int) -> bool:
        start = self._position
        headers = (
            ("Content-Type", "application/octet-stream"),
            ("Content-Range", f"{start}-{end - 1}"),
            ("Content-Length", str(end - start)),
        )
        answer = self._call("PATCH", self._at(), headers, lambda: self._bytes(start, end))
        if answer.status == 202:
            location, found = answer.header("Location"), parse_uploaded(answer.header("Range"))
            answer.discard()
            if location:
                self._url = self._session.url_from(location, answer.url)
            # Some say nothing; then what was sent is taken for what is there, and the digest will tell.
            self._place(end if found is None else found)
            return True
        return self._refused(answer)

    def _finish(self, size: int) -> bool:
        """Close the session, with the whole blob or with nothing more."""
        url = self._at()
        joint = "&" if "?" in url.target else "?"
        url = url._replace(target=f"{url.target}{joint}digest={quote(self._job.digest, safe='')}")
        headers = (("Content-Type", "application/octet-stream"), ("Content-Length", str(size)))
        answer = self._call("PUT", url, headers, (lambda: self._bytes(0, size)) if size else b"")
        if answer.status in {201, 204}:
            announced = answer.header("Docker-Content-Digest")
            answer.discard()
            same = f"{self._job.digest.algorithm}:"
            if announced and announced.startswith(same) and announced != self._job.digest:
                message = f"the registry stored another blob than was sent: {announced} is not {self._job.digest}"
                raise Error(CORRUPT, message)
            return True
        if answer.status == 416:
            answer.discard()
            raise _Restart
        return self._refused(answer)

    def _refused(self, answer: Answer) -> bool:
        """Judge a refusal: temporary ones are waited for, a lost session begins anew; the others are raised."""
        if answer.status in _SESSION_GONE:
            answer.discard()
            raise _Restart
        if answer.status == 416:
            answer.discard()
            before = self._position
            if self._recover():
                return True
            if self._position == before:
                raise _Restart  # it contradicts itself; "0-0" may mean nothing or one byte
            self._failed(None)
            return False
        if answer.status not in _TEMPORARY:
            error = refusal(answer, self._subject)
            if answer.status == 413:
                error.hint = "send less at once: set chunk (bytes) for this registry in /etc/hezi/registries.toml"
            raise error
        wait = parse_retry_after(answer.header("Retry-After"), self._session.transport.pace.wall())
        transport = self._session.transport
        if self._failures + 1 >= transport.limits.tries or (wait or 0) > transport.limits.longest_retry_after:
            raise refusal(answer, self._subject)
        answer.discard()
        self._failures += 1
        transport.pause(transport.backoff(self._failures) if wait is None else wait)
        return self._recover()

    def _recover(self) -> bool:
        """Ask how far the session came; True when the blob turns out to be there. A session that is gone is left."""
        if self._url is None:
            return False
        answer = self._call("GET", self._url, (), None)
        found = parse_uploaded(answer.header("Range"))
        location = answer.header("Location")
        answer.discard()
        if answer.status not in {200, 202, 204} or found is None:
            if self._there():
                return True
            self._forget()
            return False
        if location:
            self._url = self._session.url_from(location, answer.url)
        self._place(found)
        return False

    def _there(self) -> bool:
        answer = self._call("HEAD", f"/v2/{self._job.path}/blobs/{self._job.digest}", (), None)
        answer.discard()
        return answer.status == 200

    def _place(self, position: int) -> None:
        """Go on from where the registry says that it is."""
        if position > self._sent:
            raise _Restart  # it claims what nobody has sent
        if position > self._best:
            # Only what is further than ever counts: a registry may lose everything again and again.
            self._best = position
            self._failures = 0
        self._position = position

    def _bytes(self, start: int, end: int) -> Iterator[bytes]:
        """Exactly the bytes from ``start`` to ``end``: a blob that shrinks meanwhile must not become half a request."""
        self._job.reader.seek(self._base + start)
        at = start
        while at < end:
            self._session.transport.check_cancelled()
            data = self._job.reader.read(min(_CHUNK, end - at))
            if not data:
                raise Error(UNAVAILABLE, f"the blob to upload is {end - at} bytes shorter than it should be")
            at += len(data)
            self._sent = max(self._sent, at)
            yield data
            if self._job.progress is not None:
                self._job.progress(at)

    def _failed(self, fault: ConnectionFault | None) -> None:
        transport = self._session.transport
        self._failures += 1
        if self._failures >= transport.limits.tries:
            if fault is not None:
                message = f"the upload broke off at byte {self._position} of {self._job.size}: {fault.message}"
                raise Error(fault.kind, message, hint="push again: what is there is not sent again") from fault
            message = f"{self._session.domain} loses the upload of {self._job.digest} each time"
            raise Error(UNAVAILABLE, message, hint="ask the registry's administrator")
        transport.pause(transport.backoff(self._failures))

    def _forget(self) -> None:
        self._url = None
        self._position = self._sent = 0

    def _abort(self) -> None:
        """Tell the registry that the session is over, if it listens."""
        if self._url is None:
            return
        try:
            self._session.call("DELETE", self._url, self._subject, retry=False).discard()
        except Error:
            return

    def _at(self) -> Url:
        if self._url is None:
            raise _Restart
        return self._url

    def _uploads(self) -> str:
        return f"/v2/{self._job.path}/blobs/uploads/"

    def _call(
        self,
        method: str,
        target: str | Url,
        headers: tuple[tuple[str, str], ...],
        body: bytes | Callable[[], Iterator[bytes]] | None,
        also: str = "",
    ) -> Answer:
        # What moves a session is not simply repeated: how far it came has to be asked first.
        retry = method not in {"PATCH", "PUT"}
        return self._session.call(method, target, self._subject, headers, body, also=also, retry=retry)
