"""``hezi port`` and ``hezi container port``."""

from __future__ import annotations

from hezi.errors import INVALID, NOT_FOUND, Error
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.containers.api import Containers
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    "List the published ports of a container, or change them while it runs",
    arguments=(1, None),
).documented(
    ("port web", "All of them"),
    ("port web 80", "Where port 80 is published"),
    ("port add web 8081:80", "Port 80 is reached on port 8081 of the host from now on"),
    ("port rm web 8080:80", "Port 8080 of the host is free again; connections that there are go on"),
    spellings=("container port", "port"),
    notes="port add CONTAINER [[IP:]HOST:]PORT[/PROTOCOL]... and port rm, alike, are hezi's own: they are told from a\n"
    "container called add or rm by what follows.",
)
_CHANGES = ("add", "rm")
_MOST = 2


def call(session: Session, parsed: Parsed) -> int:
    """Print the ports, or where one of them is published.

    :raises hezi.errors.Error: no such container, or the port that was asked for is not published.
    """
    containers = session.engine.containers
    if len(parsed.args) > _MOST:
        return _change(containers, *parsed.args)
    published = containers.get(parsed.args[0]).ports()
    if len(parsed.args) == 1 or not parsed.args[1]:
        for port, where in published:
            print(f"{port} -> {where}")
        return 0
    wanted = parsed.args[1]
    wanted = wanted if "/" in wanted else f"{wanted}/tcp"
    found = [where for port, where in published if port == wanted]
    if not found:
        message = f"No public port '{parsed.args[1]}' published for {parsed.args[0]}"
        raise Error(NOT_FOUND, message)
    print("\n".join(found))
    return 0


def _change(containers: Containers, what: str, name: str, *ports: str) -> int:
    if what not in _CHANGES:
        raise Error(INVALID, f"port takes at most {_MOST} arguments, unless the first is add or rm")
    one = containers.get(name)
    for port, where in (one.publish if what == "add" else one.unpublish)(*ports):
        print(f"{port} -> {where}")
    return 0
