"""``hezi version``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Show the versions of hezi, Python and the kernel",
    options=(Option("format", help='Print by a Go template; "json" for one line of JSON', short="f"),),
).documented(
    ("version", "All versions, for a bug report"),
    ("version -f '{{.Server.Version}}'", "One of them, under docker's names"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the versions; nothing of the engine is imported, because this is the floor of every start-up time."""
    import os
    import sys

    from hezi import __version__

    fmt = parsed.text("format")
    if fmt:
        return _print(session, fmt)
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


def _print(session: Session, fmt: str) -> int:
    """Print by a template. Client and server are one program here, so both have its version; there is no API."""
    from hezi.front.cli import facts
    from hezi.spec.platform import host_platform

    own = session.engine.system.version()
    architecture = host_platform(own.architecture).architecture
    here = {"Version": own.version, "ApiVersion": "", "Os": own.os, "Arch": architecture}
    server = {
        "Platform": {"Name": "hezi"},
        "Components": [{"Name": "Python", "Version": own.python, "Details": {}}],
        **here,
        "MinAPIVersion": "",
        "KernelVersion": own.kernel,
    }
    return facts.show(session.program, fmt, {"Client": here, "Server": server}, {"APIVersion": "ApiVersion"})
