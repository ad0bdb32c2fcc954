"""``hezi version``."""

from __future__ import annotations

from hezi.front.cli.option import Verb, refused
from hezi.front.cli.refusals import TEMPLATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Show the versions of hezi, Python and the kernel",
    options=refused(TEMPLATES, "format:string:f"),
).documented(("version", "All versions, for a bug report"))


def call(session: Session, _parsed: Parsed) -> int:
    """Print the versions; nothing of the engine is imported, because this is the floor of every start-up time."""
    import os
    import sys

    from hezi import __version__

    kernel = os.uname()
    python = f"{sys.implementation.name} {sys.version.partition(' ')[0]}"
    print(f"{session.program.capitalize()}:")
    for name, value in (
        ("Version:", __version__),
        ("Python:", python),
        ("Kernel:", kernel.release),
        ("OS/Arch:", f"{kernel.sysname.lower()}/{kernel.machine}"),
        ("Daemon:", "none needed"),
    ):
        print(f" {name:<10}{value}")
    return 0
