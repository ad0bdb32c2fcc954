"""Registries themselves: who we are there, what they have."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from hezi.engine.moving.login import Login
    from hezi.registry.search import Found


class Registries:
    """Registries, by their names as in references: ``registry.example:5000``; empty means Docker Hub."""

    def login(self, server: str, username: str, password: str) -> Login:
        """Try credentials and keep them where docker keeps them: in a credential helper, else in its config.json.

        :raises hezi.Error: the registry refuses them (``unauthorized``), the helper fails, ...
        """
        from hezi.engine.moving import login

        return login.login(server, username, password)

    def known(self, server: str) -> Login | None:
        """Return what is kept for a registry, without the secret; None when there is nothing."""
        from hezi.engine.moving import login

        return login.known(server)

    def check(self, server: str) -> None:
        """Try what is kept for a registry.

        :raises hezi.Error: it is refused (``unauthorized``), ...
        """
        from hezi.engine.moving import login

        login.check(server)

    def key(self, server: str) -> str:
        """Return under what name the credentials for a registry are kept."""
        from hezi.engine.moving import login

        return login.key(server)

    def logout(self, server: str) -> None:
        """Forget the credentials for a registry; that there are none is no failure.

        :raises hezi.Error: the helper fails, the file cannot be written.
        """
        from hezi.engine.moving import login

        login.logout(server)

    def search(self, term: str, *, limit: int = 0, filters: Iterable[str] = ()) -> tuple[Found, ...]:
        """Return repositories by words: of Docker Hub, or of the registry that ``term`` begins with.

        :param term: ``WORDS`` or ``HOST/WORDS``.
        :param limit: at most so many, 1 to 100; 0 means 25.
        :param filters: ``is-official=true``, ``is-automated=false``, ``stars=3``.
        :raises hezi.Error: the registry offers no search (``unsupported``), ...
        """
        from hezi.engine.moving import search

        return search.search(term, limit=limit, filters=filters)

    def manifest(
        self, name: str, *, insecure: bool = False, verbose: bool = False
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Return a manifest or index as a registry has it, without pulling anything.

        :param insecure: plain HTTP, and TLS whose certificate nobody checks, for this one question.
        :param verbose: with descriptors and raw bytes, as ``manifest inspect -v``; a list for an index.
        :raises hezi.Error: there is none (``not-found``), ...
        """
        from hezi.engine.moving import manifests

        return manifests.inspect(name, insecure=insecure, verbose=verbose)
