"""``login`` and ``logout``: credentials for a registry, tried before they are kept where docker keeps them."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.registry.credentials import Credential, DockerConfig, Fixed, Secret, hostname, key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.registry.credentials import CredentialSource

_HUB = frozenset({"", "docker.io", "index.docker.io", "registry-1.docker.io"})


class Login(NamedTuple):
    """What came of a login.

    :param server: what the credentials are kept under.
    :param username: who we are there; empty for a token.
    :param helper: the credential helper that keeps them; empty when they are in ``path``, readable by whoever reads it.
    :param path: docker's configuration file.
    """

    server: str
    username: str
    helper: str
    path: str


def login(server: str, username: str, password: str) -> Login:
    """See :meth:`hezi.engine.moving.registries.Registries.login`."""
    domain = _domain(server)
    credential = Credential(username, Secret(password))
    _try(domain, Fixed(domain, credential))
    config = DockerConfig()
    helper = config.store(domain, credential)
    return Login(key_of(domain), username, helper, config.path)


def known(server: str) -> Login | None:
    """See :meth:`hezi.engine.moving.registries.Registries.known`."""
    domain = _domain(server)
    config = DockerConfig()
    found = config.get(domain)
    if found is None:
        return None
    return Login(key_of(domain), found.username, config.helper(domain), config.path)


def check(server: str) -> None:
    """See :meth:`hezi.engine.moving.registries.Registries.check`."""
    _try(_domain(server), DockerConfig())


def logout(server: str) -> None:
    """See :meth:`hezi.engine.moving.registries.Registries.logout`."""
    DockerConfig().erase(_domain(server, known=False))


def key(server: str) -> str:
    """See :meth:`hezi.engine.moving.registries.Registries.key`."""
    return key_of(_domain(server, known=False))


def _domain(server: str, *, known: bool = True) -> str:
    """Return the registry's name as references have it, whatever people write: ``https://host/v2/`` is ``host``.

    :param known: it must be one that a reference can name. Whatever else is in the file can be taken out of it.
    """
    host = hostname(server.strip())
    if host in _HUB:
        return "docker.io"
    from hezi.spec.reference import Reference

    try:
        # The grammar of names decides what a registry can be called.
        found = Reference.parse(f"{host}/x").domain
    except errors.Error:
        found = ""
    if found != host and known:
        hint = "it is HOST or HOST:PORT; a single word needs a port or a dot to be one"
        raise errors.Error(errors.INVALID, f"invalid registry name: {host[:200]!r}", hint=hint)
    return host


def _try(domain: str, source: CredentialSource) -> None:
    from hezi.registry.client import RegistryClient

    with RegistryClient(domain, credentials=source) as client:
        try:
            client.ping()
        except errors.Error as error:
            if error.kind != errors.UNAUTHORIZED:
                raise
            message = f"login attempt to {client.address} failed with status: 401 Unauthorized"
            hint = "check user name and password; some registries want an access token instead"
            raise errors.Error(errors.UNAUTHORIZED, message, hint=hint) from error
