"""Registries themselves: who we are there, what they have."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.moving.login import Login


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
