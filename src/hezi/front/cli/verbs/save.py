"""``hezi save`` and ``hezi image save``."""

from __future__ import annotations

import os

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

_FORMATS = ("docker-archive", "oci-archive")


def _format(text: str) -> str:
    if text not in _FORMATS:
        message = f"must be one of {', '.join(_FORMATS)}"
        raise ValueError(message)
    return text


VERB = Verb(
    "[OPTIONS] IMAGE [IMAGE...]",
    "Write images as an archive that docker, podman and skopeo load",
    options=(
        Option("format", help='"docker-archive" (the default) or "oci-archive"', check=_format, choices=_FORMATS),
        Option("output", help="Write to a file instead of standard output", short="o"),
        Option("platform", help="Save only the image for this platform (os/arch[/variant])"),
        Option("uncompressed", "bool", "Save layers as plain tars, for readers that do not know their compression"),
    ),
    arguments=(1, None),
).documented(
    ("save -o busybox.tar busybox:latest", "One image, by its name"),
    ("save -o tools.tar team/tool", "All tags of a repository"),
    ("save alpine debian:12 | zstd > images.tar.zst", "Several images, packed; hezi load takes it as it is"),
    spellings=("image save", "save"),
    notes="The archive is an OCI image layout with docker's manifest.json in it; digests of manifests are kept.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Write the archive; never to a terminal."""
    from hezi.front.cli import output

    path = parsed.text("output")
    if not path and os.isatty(1):
        message = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        raise Error(INVALID, message)
    chunks = session.engine.images.save(
        parsed.args,
        format=parsed.text("format") or _FORMATS[0],
        platform=parsed.text("platform"),
        uncompressed=parsed.flag("uncompressed"),
    )
    if path:
        try:
            output.write_file(path, chunks)
        except Error as error:
            if error.message.startswith(("invalid output path", "cannot write")):
                error.message = f"failed to save image: {error.message}"
            raise
    else:
        output.write_chunks(1, chunks)
    return 0
