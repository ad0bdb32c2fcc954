"""``hezi login``."""

from __future__ import annotations

import os
import sys

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.moving.login import Login
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [SERVER]",
    "Log in to a registry; Docker Hub when none is named",
    options=(
        Option("password", help="Password or access token; others on this machine can see it", short="p"),
        Option("password-stdin", "bool", "Take the password or access token from standard input"),
        Option("username", help="User name", short="u"),
    ),
    arguments=(0, 1),
).documented(
    ("login -u ann registry.example:5000", "Asks for the password"),
    ("login -u robot --password-stdin registry.example < token", "From a script"),
    notes=(
        "The credentials are tried first and then given to the credential helper that docker's config.json names for"
        " the registry (credHelpers, credsStore), or written into that file."
    ),
)
_UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
"""
_NO_TERMINAL = "Cannot perform an interactive login from a non TTY device"
_MAX_PASSWORD = 64 << 10


def call(session: Session, parsed: Parsed) -> int:
    """Log in with what was given, what is known, or what the user types."""
    server = parsed.args[0] if parsed.args else ""
    username, password = (parsed.text("username") or "").strip(), parsed.text("password") or ""
    if parsed.flag("password-stdin"):
        if parsed.text("password") is not None:
            message = "conflicting options: cannot specify both --password and --password-stdin"
            raise Error(INVALID, message)
        if not username:
            message = "the --password-stdin option requires --username to be set"
            raise Error(INVALID, message)
        password = _from_stdin()
    elif password:
        session.notice("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    registries = session.engine.registries
    if not username and not password and (found := registries.known(server)) is not None:
        _greet(session, found)
        try:
            registries.check(server)
        except Error as error:
            if error.kind != "unauthorized" or not sys.stdin.isatty():
                raise
            session.notice(f"{session.program}: {error.message}")
        else:
            print("Login Succeeded")
            return 0
    if not username or not password:
        username, password = _ask(username, password)
    done = registries.login(server, username, password)
    if not done.helper:
        session.notice(_UNENCRYPTED.format(path=done.path))
    print("Login Succeeded")
    return 0


def _greet(session: Session, found: Login) -> None:
    who = f" [Username: {found.username}]" if found.username else ""
    session.notice(f"Authenticating with existing credentials...{who}")
    text = f"run '{session.program} logout' followed by '{session.program} login'"
    session.notice(f"\n Info -> To login with a different account, {text}\n")


def _from_stdin() -> str:
    data = b""
    while len(data) <= _MAX_PASSWORD and (chunk := os.read(0, _MAX_PASSWORD)):
        data += chunk
    return data.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")


def _ask(username: str, password: str) -> tuple[str, str]:
    """Ask on the terminal; the password without echo."""
    if not sys.stdin.isatty():
        raise Error(INVALID, _NO_TERMINAL, hint="give -u and --password-stdin")
    if not username:
        sys.stderr.write("Username: ")
        sys.stderr.flush()
        username = sys.stdin.readline().strip()
        if not username:
            message = "Non-null Username Required"
            raise Error(INVALID, message)
    if not password:
        import getpass

        password = getpass.getpass("Password: ")
        if not password:
            message = "Password Required"
            raise Error(INVALID, message)
    return username, password
