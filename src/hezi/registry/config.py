"""How to speak to which registry: ``/etc/hezi/registries.toml`` and docker's ``/etc/docker/certs.d``.

    [registry."registry.example:5000"]
    insecure = true                    # plain HTTP, or TLS whose certificate nobody checks
    ca = "/etc/ssl/example-ca.pem"     # an authority to trust beside the system's
    cert = "/etc/ssl/client.pem"       # what to show a registry that asks for a client certificate
    key = "/etc/ssl/client.key"
    chunk = 50000000                   # bytes to upload at once, where a proxy takes no more
    rate = 10                          # requests in a second, at most

TLS with the system's authorities is the rule. Plain HTTP is for registries named ``insecure`` here and for the
loopback interface, from which nobody can listen in. A key or value that is not known is an error: a misspelt
``insecure`` must not change how a password travels.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, Error, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_FILE = "/etc/hezi/registries.toml"
DOCKER_CERTS = "/etc/docker/certs.d"
DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"
_KEYS = {"insecure": bool, "ca": str, "cert": str, "key": str, "chunk": int, "rate": int}


class HostPolicy(NamedTuple):
    """What is allowed in speaking to one registry.

    :param domain: the registry's name as references have it.
    :param host: where its API is, ``HOST[:PORT]``.
    :param insecure: named so by the administrator: plain HTTP, and TLS without verification.
    :param loopback: on this machine: plain HTTP if it speaks no TLS.
    :param ca_files: authorities beside the system's.
    :param client_certificates: pairs of certificate and key file.
    :param chunk: most bytes to upload in one request, 0 for no limit.
    :param rate: most requests to send in a second, 0 for no limit.
    """

    domain: str
    host: str
    insecure: bool = False
    loopback: bool = False
    ca_files: tuple[str, ...] = ()
    client_certificates: tuple[tuple[str, str], ...] = ()
    chunk: int = 0
    rate: int = 0

    @property
    def plain_allowed(self) -> bool:
        """Whether plain HTTP may be spoken to it."""
        return self.insecure or self.loopback


def host_policy(domain: str, *, config: str | None = None, certs_d: str = DOCKER_CERTS) -> HostPolicy:
    """Return the policy for the registry called ``domain``.

    :param config: the configuration file; default $HEZI_REGISTRIES_CONFIG, else ``/etc/hezi/registries.toml``.
    :raises Error: the configuration is wrong or cannot be read.
    """
    port = split_port(domain)[1]
    if port is not None and not 0 < port < 1 << 16:
        raise Error(INVALID, f"invalid registry {domain}: there is no port {port}")
    path = config or os.environ.get("HEZI_REGISTRIES_CONFIG") or DEFAULT_FILE
    settings = _settings(path).get(domain, {})
    ca_files, pairs = _docker_certificates(os.path.join(certs_d, domain))
    ca = settings.get("ca")
    certificate = settings.get("cert")
    if isinstance(ca, str):
        ca_files = (ca, *ca_files)
    if isinstance(certificate, str):
        pairs = ((certificate, str(settings.get("key") or certificate)), *pairs)
    return HostPolicy(
        domain=domain,
        host=DOCKER_HUB_HOST if domain == DOCKER_HUB else domain,
        insecure=settings.get("insecure") is True,
        loopback=is_loopback(split_port(domain)[0]),
        ca_files=ca_files,
        client_certificates=pairs,
        chunk=_number(settings.get("chunk")),
        rate=_number(settings.get("rate")),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def is_loopback(host: str) -> bool:
    """Tell whether a host is surely this machine: ``localhost``, ``::1`` and four decimal numbers from 127.

    Other spellings that a resolver would accept (``127.1``, ``2130706433``) are not: they get TLS like any stranger.
    """
    name = host.lower().strip("[]")
    if name in {"localhost", "::1"}:
        return True
    parts = name.split(".")
    numeric = all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts)
    return len(parts) == 4 and numeric and parts[0] == "127"


def split_port(host: str) -> tuple[str, int | None]:
    """Split ``HOST[:PORT]``; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]") or not port.isdigit():
        return host, None
    return name, int(port)


def _settings(path: str) -> dict[str, dict[str, object]]:
    try:
        with open(path, "rb") as stream:
            raw = stream.read(1 << 20)
    except FileNotFoundError:
        return {}
    except OSError as error:
        doing = "cannot read the registries' configuration"
        raise from_os_error(doing, error) from error
    import tomllib

    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Error(INVALID, f"invalid configuration: {error}", path=path) from error
    for key in document:
        if key != "registry":
            _refuse(path, f"unknown key '{key}'")
    tables = document.get("registry", {})
    if not isinstance(tables, dict):
        _refuse(path, "'registry' is not a table")
    return {name: _check_table(path, name, table) for name, table in tables.items()}


def _check_table(path: str, name: str, table: object) -> dict[str, object]:
    if not isinstance(table, dict):
        hint = f'write [registry."{name}"], with the quotes: the name has dots'
        raise Error(INVALID, f"invalid configuration: registry '{name}' is not a table", path=path, hint=hint)
    for key, value in table.items():
        if key not in _KEYS:
            hint = f'write [registry."HOST:PORT"], with the quotes; the keys are {", ".join(_KEYS)}'
            message = f"invalid configuration: registry '{name}' has an unknown key '{key}'"
            raise Error(INVALID, message, path=path, hint=hint)
        if type(value) is not _KEYS[key]:
            _refuse(path, f"'{key}' of registry '{name}' is not a {_KEYS[key].__name__}")
        if isinstance(value, int) and value < 0:
            _refuse(path, f"'{key}' of registry '{name}' is negative")
    return table


def _refuse(path: str, why: str) -> NoReturn:
    raise Error(INVALID, f"invalid configuration: {why}", path=path)


def _docker_certificates(directory: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return what docker finds in ``certs.d/HOST``: ``*.crt`` are authorities, ``*.cert`` with ``*.key`` are ours."""
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return (), ()
    except OSError as error:
        doing = "cannot read the registry's certificates"
        raise from_os_error(doing, error) from error
    authorities = tuple(os.path.join(directory, name) for name in names if name.endswith(".crt"))
    pairs: list[tuple[str, str]] = []
    for name in names:
        if name.endswith(".cert"):
            key = name.removesuffix(".cert") + ".key"
            if key not in names:
                message = f"the registry's client certificate has no key {key}"
                raise Error(INVALID, message, path=os.path.join(directory, name))
            pairs.append((os.path.join(directory, name), os.path.join(directory, key)))
    return authorities, tuple(pairs)
