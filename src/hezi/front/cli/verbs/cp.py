"""``hezi cp`` and ``hezi container cp``."""

from __future__ import annotations

import os
import sys

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.rootfs.copy import Copied
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-",
    "Copy files between a container and the host",
    options=(
        Option("archive", "bool", "Keep the owners of the files", short="a"),
        Option("follow-link", "bool", "Copy what SRC_PATH points to when it is a link", short="L"),
        Option("quiet", "bool", "Say nothing; the default without a terminal", short="q"),
    ),
    arguments=(2, 2),
).documented(
    ("cp web:/etc/nginx ./nginx", "A directory out of a container"),
    ("cp ./page.html web:/usr/share/nginx/html/", "A file into a directory of a container"),
    ("cp web:/var/log/. logs", "What is in a directory, without the directory itself"),
    ("cp web:/data - | gzip > data.tar.gz", "As a tar archive"),
    spellings=("container cp", "cp"),
    notes='The other direction is "SRC_PATH|- CONTAINER:DEST_PATH". "-" reads or writes a tar archive.',
)


def call(session: Session, parsed: Parsed) -> int:
    """Copy in the one direction or the other."""
    from hezi.engine.rootfs import copy

    source, destination = parsed.args
    for name, text in (("source", source), ("destination", destination)):
        if not text:
            message = f"{name} can not be empty"
            raise Error(INVALID, message)
    container_from, source_path = _split(source)
    container_to, destination_path = _split(destination)
    if container_from and container_to:
        message = "copying between containers is not supported"
        raise Error(INVALID, message)
    if not container_from and not container_to:
        message = "must specify at least one container source"
        raise Error(INVALID, message)
    paths = session.engine.paths
    options = copy.Options(archive=parsed.flag("archive"), follow=parsed.flag("follow-link"))
    quiet = parsed.flag("quiet") if parsed.given("quiet") else not sys.stdout.isatty()
    if container_from and destination_path == "-":
        from hezi.front.cli.output import write_chunks

        write_chunks(1, copy.archive_out(paths, container_from, source_path, options))
        return 0
    if container_from:
        done = copy.copy_out(paths, container_from, source_path, destination_path, options)
    elif source_path == "-":
        done = copy.archive_in(paths, copy.read_chunks(0), container_to, destination_path, options)
    else:
        done = copy.copy_in(paths, source_path, container_to, destination_path, options)
    if not quiet:
        _tell(done)
    return 0


def _tell(done: Copied) -> None:
    from hezi.front.cli import columns, errors

    errors.line(f"Successfully copied {columns.size(done.transferred)} to {done.destination}")


def _split(text: str) -> tuple[str, str]:
    """Split ``CONTAINER:PATH``; ``/a:b`` and ``./a:b`` are paths of the host."""
    if os.path.isabs(text):
        return "", text
    container, colon, path = text.partition(":")
    if not colon or container.startswith("."):
        return "", text
    return container, path
