"""``hezi import`` and ``hezi image import``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Make an image from the archive of a root directory",
    options=(
        Option("change", "list", "Apply a Dockerfile instruction to the image's configuration", short="c"),
        Option("message", help="A word about it, for its history", short="m"),
        Option("platform", help="What the image is for (os/arch[/variant]); default is this machine's"),
    ),
    arguments=(1, 2),
).documented(
    ("import rootfs.tar.xz local/debian:12", "From a file"),
    ("export web | hezi import -c 'CMD [\"nginx\"]' - web:flat", "What a container is, as one layer"),
    spellings=("image import", "import"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Import and print the image's id."""
    source = parsed.args[0]
    done = session.engine.images.import_image(
        0 if source == "-" else source,
        parsed.args[1] if len(parsed.args) > 1 else "",
        changes=parsed.texts("change"),
        message=parsed.text("message") or "",
        platform=parsed.text("platform"),
    )
    print(done)
    return 0
