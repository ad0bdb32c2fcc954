"""Credentials for registries: where docker keeps them, read the way docker reads them.

    $DOCKER_CONFIG/config.json or ~/.docker/config.json
        credHelpers   {"HOST": "NAME"}     ask the program docker-credential-NAME
        credsStore    "NAME"               the same, for every other host
        auths         {"HOST": {"auth": base64 of user:password} or {"identitytoken": ...}}

``login`` and ``logout`` write there, the same way.

The first that applies decides. A helper that is missing or fails is an error, and nothing else is tried in its place
(CVE-2021-41092: docker's command line fell back and sent the secret to another registry); that a helper says it has
no credentials is no failure. Secrets are held in :class:`Secret`, which does not print.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple, Protocol
from hezi.errors import CORRUPT, INVALID, UNAUTHORIZED, Error, from_os_error
from hezi.spec.fields import Fields
from hezi.spec.jsondoc import dumps, load_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi._util import proc

DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_MAX_FILE = 4 << 20
_HELPER_SECONDS = 60.0
_HELPER_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_NOT_FOUND_TEXT = b"credentials not found in native keychain"
_TOKEN_USER = "<token>"


class Secret:
    """A text that does not show itself: not in ``repr``, not in ``str``, not in a format, not when pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; only for putting it on the wire."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        message = "a secret is not serialised"
        raise TypeError(message)


class Credential(NamedTuple):
    """A user name with a password, or an identity token that stands for both."""

    username: str
    password: Secret
    identity_token: Secret | None = None


class CredentialSource(Protocol):
    """Where a client looks for credentials."""

    def get(self, domain: str) -> Credential | None:
        """Return the credentials for a registry's domain as in a reference (``docker.io``), or None for anonymous.

        :raises Error: what should have told is broken.
        """


class Anonymous:
    """No credentials at all."""

    __slots__ = ()

    def get(self, domain: str) -> Credential | None:
        """Return None."""
        return None


class Fixed:
    """One credential, for one registry."""

    __slots__ = ("_credential", "_domain")

    def __init__(self, domain: str, credential: Credential) -> None:
        self._domain = domain
        self._credential = credential

    def get(self, domain: str) -> Credential | None:
        """Return the credential, if it is for ``domain``."""
        return self._credential if domain == self._domain else None


class DockerConfig:
    """Docker's configuration file and credential helpers."""

    __slots__ = ("_path",)

    def __init__(self, path: str | None = None) -> None:
        self._path = path if path is not None else default_path()

    def get(self, domain: str) -> Credential | None:
        """Return the credentials for ``domain``; None if there is no file or nothing in it for this registry.

        :raises Error: the file or the helper that is responsible for ``domain`` is broken.
        """
        fields = self._read()
        if fields is None:
            return None
        helper = self._helper(fields, domain)
        if helper:
            return _ask_helper(helper, key_of(domain))
        return self._from_file(fields, domain)

    def helper(self, domain: str) -> str:
        """Return the name of the credential helper that is responsible for ``domain``; empty when the file is."""
        fields = self._read()
        return self._helper(fields, domain) if fields is not None else ""

    @property
    def path(self) -> str:
        """The configuration file."""
        return self._path

    def store(self, domain: str, credential: Credential) -> str:
        """Keep a credential; return the helper that has it now, empty when it is the file.

        :raises Error: the helper failed, the file is broken or cannot be written.
        """
        helper, key = self.helper(domain), key_of(domain)
        if helper:
            document = {"ServerURL": key, "Username": credential.username, "Secret": credential.password.reveal()}
            _call_helper(helper, "store", dumps(document), key)
            # As docker: the file says that there is something, and the helper what.
            self._change(lambda auths: auths.__setitem__(key, {}))
            return helper
        pair = encode_basic(credential).reveal().removeprefix("Basic ")
        self._change(lambda auths: auths.__setitem__(key, {"auth": pair}))
        return ""

    def erase(self, domain: str) -> None:
        """Forget the credentials for ``domain``; that there are none is no failure.

        :raises Error: as :meth:`store`.
        """
        helper = self.helper(domain)
        if helper:
            _call_helper(helper, "erase", key_of(domain).encode("utf-8"), key_of(domain))
        wanted = {hostname(key) for key in _keys(domain)}

        def drop(auths: dict[str, object]) -> None:
            for key in [key for key in auths if hostname(key) in wanted]:
                del auths[key]

        if self._read() is not None:
            self._change(drop)

    def _change(self, change: Callable[[dict[str, object]], None]) -> None:
        """Read, change and write the file, whatever else is in it kept; other processes wait meanwhile."""
        import fcntl
        import json

        from hezi._util import atomic

        # A link is kept: what it leads to is written.
        directory, name = os.path.split(os.path.realpath(self._path))
        try:
            atomic.make_private_dir(directory)
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                document = self._document()
                auths = document.get("auths")
                known = dict(auths) if isinstance(auths, dict) else {}
                change(known)
                document["auths"] = {key: known[key] for key in sorted(known)}
                text = json.dumps(document, indent="\t", ensure_ascii=False)
                atomic.write_file(fd, name, text.encode("utf-8", "surrogatepass"), mode=0o600)
            finally:
                os.close(fd)
        except OSError as error:
            doing = "cannot write the credentials"
            raise from_os_error(doing, error) from error

    def _document(self) -> dict[str, object]:
        if self._read() is None:
            return {}
        with open(self._path, "rb") as stream:
            return load_object(stream.read(_MAX_FILE + 1), limit=_MAX_FILE, what="configuration")

    def _read(self) -> Fields | None:
        try:
            with open(self._path, "rb") as stream:
                raw = stream.read(_MAX_FILE + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            doing = "cannot read the credentials"
            raise from_os_error(doing, error) from error
        if not raw.strip():
            return None
        try:
            return Fields(load_object(raw, limit=_MAX_FILE, what="configuration"), "configuration")
        except Error as error:
            raise Error(error.kind, error.message, path=self._path, hint="it is docker's file; repair it") from error

    def _helper(self, fields: Fields, domain: str) -> str:
        helpers = dict(fields.pairs("credHelpers"))
        for key in _keys(domain):
            if key in helpers:
                return helpers[key]
        return fields.text("credsStore")

    def _from_file(self, fields: Fields, domain: str) -> Credential | None:
        auths = fields.child("auths")
        if auths is None:
            return None
        wanted = {hostname(key) for key in _keys(domain)}
        exact = [key for key in _keys(domain) if key in auths]
        similar = [key for key in auths.keys() if hostname(key) in wanted]  # noqa: SIM118 - Fields is no dict
        for key in exact + similar:
            entry = auths.child(key)
            found = _from_entry(entry, self._path, key) if entry else None
            if found:
                return found
        return None


def default_path() -> str:
    """Return where docker keeps its configuration."""
    directory = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    return os.path.join(directory, "config.json")


def key_of(domain: str) -> str:
    """Return under what name docker keeps the credentials for a registry."""
    return DOCKER_HUB_KEY if domain == "docker.io" else domain


def hostname(key: str) -> str:
    """Return the host of a key of ``auths``: people write ``https://host/v1/``, ``host/`` and ``host``."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _keys(domain: str) -> tuple[str, ...]:
    if domain == "docker.io":
        return DOCKER_HUB_KEY, "index.docker.io", "docker.io"
    return (domain,)


def _from_entry(entry: Fields, path: str, key: str) -> Credential | None:
    identity = entry.text("identitytoken")
    username, password = entry.text("username"), entry.text("password")
    encoded = entry.text("auth")
    if encoded:
        username, password = _decode(encoded, path, key)
    if identity:
        return Credential(username, Secret(""), Secret(identity))
    if username or password:
        return Credential(username, Secret(password))
    return None


def _decode(encoded: str, path: str, key: str) -> tuple[str, str]:
    import base64
    import binascii

    try:
        username, colon, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        colon = username = password = ""
    if not colon or not username:
        message = f"invalid credentials for {key}: 'auth' is not the base64 form of user:password"
        raise Error(CORRUPT, message, path=path, hint="log in again") from None
    # docker pads with NUL up to a block; some of its own files have it
    return username, password.rstrip("\0")


def _ask_helper(name: str, key: str) -> Credential | None:
    """Ask ``docker-credential-NAME`` for the credentials of ``key`` (docker-credential-helpers, "get")."""
    result, program = _run_helper(name, "get", key.encode("utf-8"), f"cannot get the credentials for {key}")
    if result.code != 0:
        if _NOT_FOUND_TEXT in result.stdout or _NOT_FOUND_TEXT in result.stderr:
            return None
        # what it wrote may hold the secret; it is not repeated
        message = f"cannot get the credentials for {key}: {program} failed with exit code {result.code}"
        raise Error(UNAUTHORIZED, message, hint=_helper_hint(program))
    return _helper_answer(result.stdout, program)


def _call_helper(name: str, action: str, data: bytes, key: str) -> None:
    """Have ``docker-credential-NAME`` keep or forget something ("store", "erase")."""
    doing = f"cannot {'save' if action == 'store' else 'erase'} the credentials for {key}"
    result, program = _run_helper(name, action, data, doing)
    missing = _NOT_FOUND_TEXT in result.stdout or _NOT_FOUND_TEXT in result.stderr
    if result.code != 0 and not (action == "erase" and missing):
        message = f"{doing}: {program} failed with exit code {result.code}"
        raise Error(UNAUTHORIZED, message, hint=_helper_hint(program))


def _run_helper(name: str, action: str, data: bytes, doing: str) -> tuple[proc.Result, str]:
    from hezi._util import proc

    if not _HELPER_NAME.issuperset(name):
        raise Error(INVALID, f"invalid name of a credential helper: {name!r}")
    program = f"docker-credential-{name}"
    try:
        return proc.run([program, action], input=data, timeout=_HELPER_SECONDS), program
    except Error as error:
        hint = f"install {program}, or take it out of {default_path()}"
        raise Error(error.kind, f"{doing}: {error.message}", hint=hint) from error


def _helper_hint(program: str) -> str:
    # "list" names servers and users; nothing that we tell people to type prints a password.
    return f"see whether it works at all: {program} list"


def _helper_answer(raw: bytes, program: str) -> Credential | None:
    try:
        fields = Fields(load_object(raw, limit=_MAX_FILE, what="answer"), "answer")
        username, secret = fields.text("Username"), fields.text("Secret")
    except Error:
        message = f"{program} gave an answer that is not the JSON it should be"
        raise Error(CORRUPT, message) from None
    if username == _TOKEN_USER:
        return Credential("", Secret(""), Secret(secret))
    return Credential(username, Secret(secret)) if username or secret else None


def encode_basic(credential: Credential) -> Secret:
    """Return the value of a Basic ``Authorization`` header (RFC 7617, UTF-8)."""
    import base64

    pair = f"{credential.username}:{credential.password.reveal()}".encode()
    return Secret("Basic " + base64.b64encode(pair).decode("ascii"))
