"""What a registry can be asked for by words: the search of Docker Hub and its kin, else the catalog.

    GET /v1/search?q=TERM&n=LIMIT     Docker Hub and a few others
    GET /v2/_catalog?n=PAGE           names of repositories, where the registry shows them to us

Source: moby, registry/search; distribution, docs/spec/api.md, "Listing Repositories" (not in the OCI specification).
"""

from __future__ import annotations

from urllib.parse import quote

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, UNAUTHORIZED, UNSUPPORTED, Error
from hezi.registry.config import DOCKER_HUB
from hezi.registry.connections import Url
from hezi.registry.faults import Subject, refusal
from hezi.spec.distribution import next_link
from hezi.spec.fields import Fields
from hezi.spec.jsondoc import load_object
from hezi.spec.reference import is_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.registry.session import Session

HUB_SEARCH_HOST = "index.docker.io"
_MAX_BODY = 8 << 20
_PAGE = 1000
_MAX_PAGES = 100
_ABSENT = frozenset({400, 401, 403, 404, 405, 501})
_LONGEST_NAME = 512
_LONGEST_TEXT = 4096


class Found(NamedTuple):
    """One repository."""

    name: str
    description: str = ""
    stars: int = 0
    official: bool = False
    automated: bool = False


def search(session: Session, term: str, limit: int) -> tuple[Found, ...]:
    """Return up to ``limit`` repositories whose name or description has to do with ``term``.

    :raises Error: UNSUPPORTED: the registry offers neither search nor catalog.
    """
    subject = Subject(session.domain, "", "search")
    answer, raw = session.whole(f"/v1/search?q={quote(term, safe='')}&n={limit}", subject, _MAX_BODY)
    if answer.status == 200:
        return _results(raw)[:limit]
    if session.domain == DOCKER_HUB or answer.status not in _ABSENT:
        raise refusal(answer, subject)
    answer.discard()
    return _catalog(session, term, limit)


def _results(raw: bytes) -> tuple[Found, ...]:
    fields = Fields(load_object(raw, limit=_MAX_BODY, what="search result"), "search result")
    return tuple(
        Found(
            entry.text("name")[:_LONGEST_NAME],
            entry.text("description")[:_LONGEST_TEXT],
            entry.integer("star_count"),
            entry.flag("is_official"),
            entry.flag("is_automated"),
        )
        for entry in fields.children("results")
    )


def _catalog(session: Session, term: str, limit: int) -> tuple[Found, ...]:
    subject = Subject(session.domain, "", "catalog")
    target: str | Url = f"/v2/_catalog?n={_PAGE}"
    found: dict[str, None] = {}
    for _ in range(_MAX_PAGES):
        try:
            answer, raw = session.whole(target, subject, _MAX_BODY)
        except Error as error:
            if error.kind == UNAUTHORIZED:
                raise _no_search(session.domain) from error
            raise
        if answer.status in _ABSENT:
            answer.discard()
            raise _no_search(session.domain)
        if answer.status != 200:
            raise refusal(answer, subject)
        link, url = next_link(answer.header("Link")), answer.url
        fields = Fields(load_object(raw, limit=_MAX_BODY), "catalog")
        names = [name for name in fields.texts("repositories") if is_path(name)]
        found.update((name, None) for name in names if term.lower() in name)
        if link is None or not names or len(found) >= limit:
            break
        target = Url.parse(link, url)
        if target.origin != url.origin:
            message = f"{session.domain} continues its catalog at another server, {target.origin.authority}: refused"
            raise Error(INVALID, message)
    return tuple(Found(f"{session.domain}/{name}") for name in list(found)[:limit])


def _no_search(domain: str) -> Error:
    message = f"{domain} offers no search: it has neither /v1/search nor a catalog that it shows us"
    return Error(UNSUPPORTED, message, hint="look at the registry's web page, or ask for a name with hezi pull")
