"""``search``: repositories of a registry by words, with docker's filters."""

from __future__ import annotations

from hezi import errors
from hezi.registry.search import HUB_SEARCH_HOST, Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LIMIT = 25
_FILTERS = ("is-automated", "is-official", "stars")
_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})


def search(term: str, *, limit: int = 0, filters: Iterable[str] = ()) -> tuple[Found, ...]:
    """See :meth:`hezi.engine.moving.registries.Registries.search`."""
    if "://" in term:
        message = "invalid repository name: repository name cannot contain a schema"
        raise errors.Error(errors.INVALID, message)
    if limit and not 1 <= limit <= 100:
        raise errors.Error(errors.INVALID, f"Limit {limit} is outside the range of [1, 100]")
    wanted = [_filter(text) for text in filters]
    domain, words = _split(term)
    found = _ask(domain, words, limit or DEFAULT_LIMIT)
    return tuple(one for one in found if all(_passes(one, *entry) for entry in wanted))


def _split(term: str) -> tuple[str, str]:
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and first not in {"docker.io", HUB_SEARCH_HOST}:
        return first, rest
    if slash and first in {"docker.io", HUB_SEARCH_HOST}:
        term = rest
    return "docker.io", term.removeprefix("library/")


def _ask(domain: str, words: str, limit: int) -> tuple[Found, ...]:
    from hezi.registry.client import RegistryClient
    from hezi.registry.config import DOCKER_HUB, host_policy

    policy = host_policy(domain)
    if domain == DOCKER_HUB:
        # The Hub's search is not where its registry is.
        policy = policy._replace(host=HUB_SEARCH_HOST)
    with RegistryClient(domain, policy=policy) as client:
        return client.search(words, limit)


def _filter(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    name, value = name.strip().lower(), value.strip().lower()
    if name not in _FILTERS:
        raise errors.Error(errors.INVALID, f"Invalid filter '{name}'")
    if name == "stars" and value.isascii() and value.isdigit() and len(value) < 10:
        return name, int(value)
    if name != "stars" and value in _TRUE | _FALSE:
        return name, int(value in _TRUE)
    raise errors.Error(errors.INVALID, f"Invalid filter '{name}={value}'")


def _passes(one: Found, name: str, value: int) -> bool:
    if name == "stars":
        return one.stars >= value
    return (one.official if name == "is-official" else one.automated) == bool(value)
