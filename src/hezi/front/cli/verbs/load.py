"""``hezi load`` and ``hezi image load``."""

from __future__ import annotations

import os

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Get images from an archive",
    options=(
        Option("input", help="Read from a file instead of standard input", short="i"),
        Option("platform", help="Take only the image for this platform (os/arch[/variant])"),
        Option("quiet", "bool", "Show no progress", short="q"),
    ),
).documented(
    ("load -i images.tar", "What docker, podman, skopeo or hezi saved"),
    ("load < images.tar.zst", "Packed by gzip, zstd, xz or bzip2, from standard input"),
    spellings=("image load", "load"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Load, and print the names as docker does; progress is shown on a terminal only."""
    from hezi.front.cli.progress import Reporter

    path = parsed.text("input")
    if not path and os.isatty(0):
        message = "requested load from stdin, but stdin is empty"
        raise Error(INVALID, message)
    quiet = parsed.flag("quiet") or not os.isatty(1)
    reporter = Reporter("none" if quiet else "auto", descriptor=1)
    try:
        loaded = session.engine.images.load(path or 0, platform=parsed.text("platform"), progress=reporter)
    finally:
        reporter.close()
    for image in loaded:
        if image.replaced:
            print(
                f"The image {image.name} already exists, renaming the old one with ID {image.replaced} to empty string"
            )
        print(f"Loaded image: {image.name}" if image.name else f"Loaded image ID: {image.image_id}")
    return 0
