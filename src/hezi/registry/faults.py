"""What a registry's refusal means, in the words that Docker's users know."""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.errors import EXHAUSTED, INVALID, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Error
from hezi.registry.connections import Answer, ConnectionFault
from hezi.spec import distribution
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.spec.distribution import Fault


class Subject(NamedTuple):
    """What was asked for: a ``manifest`` by tag or digest, a ``blob``, the ``tag list``, an ``upload``."""

    domain: str
    path: str
    thing: str
    name: str = ""

    @property
    def repository(self) -> str:
        """The repository as its users write it; the registry when it is about no repository."""
        return Reference(self.domain, self.path).familiar_name if self.path else self.domain

    @property
    def reference(self) -> str:
        """The repository with the tag or digest."""
        return f"{self.repository}{'@' if ':' in self.name else ':'}{self.name}"


def refusal(answer: Answer, subject: Subject) -> Error:
    """Read what is left of an answer that is not the one hoped for, and return the error that says why."""
    status = answer.status
    retry_after = answer.header("Retry-After")
    faults = distribution.parse_faults(_body(answer)) if status >= 400 else ()
    said = "; ".join(f"{fault.code.lower().replace('_', ' ')}: {fault.message}" for fault in faults)
    codes = {fault.code for fault in faults}
    if distribution.TOOMANYREQUESTS in codes or status == 429:
        return _too_many(subject, said, retry_after)
    if status in {401, 403}:
        return access_denied(subject, faults)
    if status == 404:
        return _not_found(subject, codes, said)
    where = answer.url.origin.authority
    if status >= 500:
        message = f"{where} cannot answer now (HTTP status {status}){_tail(said)}"
        return Error(UNAVAILABLE, message, hint="try again later, or ask the registry's administrator")
    kind = INVALID if 400 <= status < 500 else UNAVAILABLE
    return Error(
        kind, f"{where} refused the {subject.thing} of {subject.repository} (HTTP status {status}){_tail(said)}"
    )


def access_denied(subject: Subject, faults: tuple[Fault, ...] = ()) -> Error:
    """Return the error for a 401 or 403. Registries do not tell strangers what exists, hence docker's "or"."""
    verb = "push" if subject.thing == "upload" else "pull"
    message = f"{verb} access denied for {subject.repository}, repository does not exist or may require authorization"
    if faults and faults[0].message:
        message = f"{message}: {faults[0].message}"
    login = "hezi login" if subject.domain == "docker.io" else f"hezi login {subject.domain}"
    return Error(UNAUTHORIZED, message, hint=f"check the name; or log in: {login}")


def _not_found(subject: Subject, codes: set[str], said: str) -> Error:
    if subject.thing == "manifest" and distribution.NAME_UNKNOWN not in codes:
        reason = "manifest unknown" if distribution.MANIFEST_UNKNOWN in codes else said or "HTTP status 404"
        message = f"manifest for {subject.reference} not found: {reason}"
        return Error(NOT_FOUND, message, hint="check the name and the tag")
    if subject.thing == "blob" and distribution.NAME_UNKNOWN not in codes:
        message = f"blob {subject.name} of {subject.repository} not found: the registry lacks a part of the image"
        return Error(NOT_FOUND, message, hint="push the image again")
    if not subject.path:
        message = f"{subject.domain} answers, but not as a registry does: {said or 'HTTP status 404'}"
        return Error(NOT_FOUND, message, hint="check the registry's name and port")
    message = f"repository {subject.repository} not found: {said or 'HTTP status 404'}"
    return Error(NOT_FOUND, message, hint="check the name")


def _too_many(subject: Subject, said: str, retry_after: str | None) -> Error:
    message = f"{subject.domain} limits the rate of requests{_tail(said)}"
    return Error(EXHAUSTED, message, hint=wait_hint(retry_after))


def wait_hint(retry_after: str | None) -> str:
    """Return what to do about a rate limit, from what ``Retry-After`` says of it."""
    wait = f"wait {retry_after} seconds" if retry_after and retry_after.isdigit() else "wait some minutes"
    return f"{wait}, or log in: registries allow more to users they know"


def _tail(said: str) -> str:
    return f": {said}" if said else ""


def _body(answer: Answer) -> bytes:
    """Read the start of an error body; that the connection breaks meanwhile changes nothing."""
    chunks: list[bytes] = []
    left = distribution.MAX_ERROR_BODY
    try:
        while left > 0 and len(chunks) < 1024 and (data := answer.read(left)):
            chunks.append(data)
            left -= len(data)
    except ConnectionFault:
        return b"".join(chunks)
    answer.close()
    return b"".join(chunks)
