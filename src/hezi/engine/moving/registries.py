"""Registries themselves: who we are there, what they have."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from hezi.engine.moving.lists import PushedList
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

    def local_list(
        self, name: str, manifest: str = "", *, verbose: bool = False
    ) -> dict[str, Any] | list[dict[str, Any]] | None:
        """Return a manifest list that was made on this machine, or one manifest of it; None when there is no list.

        :param verbose: as :meth:`manifest`.
        :raises hezi.Error: ``manifest`` is not in it (``not-found``).
        """
        from hezi.engine.moving import lists

        return lists.inspect(name, manifest, verbose=verbose)

    def create_list(self, name: str, manifests: Sequence[str], *, amend: bool = False, insecure: bool = False) -> str:
        """Make a list of manifests that are in a registry, to be pushed under a name; return its full name.

        It is kept below docker's configuration directory, in docker's form.

        :param amend: add to the list if there is one already.
        :param insecure: as :meth:`manifest`.
        :raises hezi.Error: a manifest is missing (``not-found``), the list exists (``conflict``), ...
        """
        from hezi.engine.moving import lists

        return lists.create(name, manifests, amend=amend, insecure=insecure)

    def annotate(
        self,
        name: str,
        manifest: str,
        *,
        os: str = "",
        architecture: str = "",
        variant: str = "",
        os_version: str = "",
        os_features: Sequence[str] = (),
    ) -> None:
        """Say what a manifest of a list of this machine is for; what is left empty stays as it is.

        :raises hezi.Error: it is not in the list (``not-found``), docker knows no such platform (``invalid``).
        """
        from hezi.engine.moving import lists

        changes = lists.Annotations(os, architecture, variant, os_version, tuple(os_features))
        lists.annotate(name, manifest, changes)

    def push_list(
        self, name: str, *, purge: bool = False, insecure: bool = False, pushed: Callable[[str], None] | None = None
    ) -> PushedList:
        """Push a list of this machine as an index; its manifests are brought to the index's repository.

        :param purge: remove the list here when it is pushed.
        :param pushed: called with ``NAME@DIGEST`` of each manifest that was brought.
        :raises hezi.Error: no such list (``not-found``), a manifest is in another registry (``invalid``), ...
        """
        from hezi.engine.moving import lists

        return lists.push(name, purge=purge, insecure=insecure, pushed=pushed)

    def remove_list(self, name: str) -> None:
        """Remove a list of this machine; what was pushed stays.

        :raises hezi.Error: there is none (``not-found``).
        """
        from hezi.engine.moving import lists

        lists.remove(name)
