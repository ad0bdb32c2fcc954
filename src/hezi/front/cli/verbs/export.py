"""``hezi export`` and ``hezi container export``."""

from __future__ import annotations

import os

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER",
    "Write a container's file system as a tar archive",
    options=(Option("output", help="Write to a file instead of standard output", short="o"),),
    arguments=(1, 1),
).documented(
    ("export web > web.tar", "Everything but what is in volumes"),
    spellings=("container export", "export"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Write the archive; never to a terminal."""
    from hezi.engine.rootfs import export
    from hezi.front.cli import output

    path = parsed.text("output")
    if not path and os.isatty(1):
        message = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        raise Error(INVALID, message)
    chunks = export.export(session.engine.paths, parsed.args[0])
    if path:
        try:
            output.write_file(path, chunks)
        except Error as error:
            error.message = f"failed to export container: {error.message}"
            raise
    else:
        output.write_chunks(1, chunks)
    return 0
