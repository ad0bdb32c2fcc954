"""How to speak to which registry: ``/etc/hezi/registries.toml`` and docker's ``/etc/docker/certs.d``.

    [registry."registry.example:5000"]
    insecure = true                    # plain HTTP, or TLS whose certificate nobody checks
    ca = "/etc/ssl/example-ca.pem"     # an authority to trust beside the system's
    cert = "/etc/ssl/client.pem"       # what to show a registry that asks for a client certificate
    key = "/etc/ssl/client.key"
    chunk = 50000000                   # bytes to upload at once, where a proxy takes no more
    rate = 10                          # requests in a second, at most
    mirrors = ["mirror.example/hub"]   # asked before it, in this order; by their own names' settings and credentials
    by-digest-only = true              # mirrors are not asked what a tag means
    location = "other.example/team"    # where its images really are

    [registry."registry.example:5000/team"]
    mirrors = ["cache.example"]        # for what begins with this; the longest name that fits decides

TLS with the system's authorities is the rule. Plain HTTP is for registries named ``insecure`` here and for the
loopback interface, from which nobody can listen in. A key or value that is not known is an error: a misspelt
``insecure`` must not change how a password travels.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.errors import INVALID, Error, from_os_error
from hezi.spec.digest import shown
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_FILE = "/etc/hezi/registries.toml"
DOCKER_CERTS = "/etc/docker/certs.d"
DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"
_HOST_KEYS = {"insecure": bool, "ca": str, "cert": str, "key": str, "chunk": int, "rate": int}
_PLACE_KEYS = {"mirrors": list, "by-digest-only": bool, "location": str}
_KEYS = {**_HOST_KEYS, **_PLACE_KEYS}
_MAX_MIRRORS = 16


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


class Place(NamedTuple):
    """A repository somewhere: the registry's name and the path there."""

    domain: str
    path: str


class Places(NamedTuple):
    """Where an image may be had.

    :param origin: where it belongs; pushes go there.
    :param mirrors: who is asked before, in this order.
    :param by_digest_only: whether mirrors are asked for digests only, which cannot be wrong.
    """

    origin: Place
    mirrors: tuple[Place, ...] = ()
    by_digest_only: bool = False


def places(domain: str, path: str, *, config: str | None = None) -> Places:
    """Return where the repository ``path`` of the registry ``domain`` is to be looked for.

    :raises Error: the configuration is wrong or cannot be read.
    """
    file = _file(config)
    settings = _settings(file)
    name = f"{domain}/{path}"
    prefix = name
    while prefix not in settings or not settings[prefix].keys() & _PLACE_KEYS.keys():
        prefix = prefix.rpartition("/")[0]
        if not prefix:
            return Places(Place(domain, path))
    table, rest = settings[prefix], name[len(prefix) + 1 :]
    location, mirrors = table.get("location"), table.get("mirrors")
    return Places(
        _place(file, location, rest) if isinstance(location, str) else Place(domain, path),
        tuple(_place(file, mirror, rest) for mirror in mirrors) if isinstance(mirrors, list) else (),
        table.get("by-digest-only") is True,
    )


def _place(file: str, where: object, rest: str) -> Place:
    """Put the rest of a name behind ``HOST[:PORT][/PATH]``."""
    if not rest and "/" not in str(where):
        _refuse(file, f"'{shown(str(where))}' has no path, where the name of a whole repository is replaced")
    try:
        found = Reference.parse(f"{where}/{rest}" if rest else str(where))
    except Error:
        found = None
    text = str(where)
    if found is None or found.tag or found.digest or not f"{found.domain}/".startswith(text.partition("/")[0] + "/"):
        _refuse(file, f"'{shown(text)}' is no HOST[:PORT][/PATH]")
    return Place(found.domain, found.path)


def _file(config: str | None) -> str:
    return config or os.environ.get("HEZI_REGISTRIES_CONFIG") or DEFAULT_FILE


def host_policy(domain: str, *, config: str | None = None, certs_d: str = DOCKER_CERTS) -> HostPolicy:
    """Return the policy for the registry called ``domain``.

    :param config: the configuration file; default $HEZI_REGISTRIES_CONFIG, else ``/etc/hezi/registries.toml``.
    :raises Error: the configuration is wrong or cannot be read.
    """
    port = split_port(domain)[1]
    if port is not None and not 0 < port < 1 << 16:
        raise Error(INVALID, f"invalid registry {domain}: there is no port {port}")
    settings = _settings(_file(config)).get(domain, {})
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
        if key in _HOST_KEYS and "/" in name:
            _refuse(path, f"'{key}' is for a whole registry, not for '{name}'")
        if isinstance(value, list) and not (
            len(value) <= _MAX_MIRRORS and all(isinstance(one, str) and one for one in value)
        ):
            _refuse(path, f"'{key}' of registry '{name}' is not a list of up to {_MAX_MIRRORS} names")
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
