"""``hezi images`` and ``hezi image ls``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.results import ImageSummary
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images",
    options=(
        Option("all", "bool", "Show all images; hezi keeps no intermediate ones, so this changes nothing", short="a"),
        Option("digests", "bool", "Show digests"),
        Option("no-trunc", "bool", "Show ids in full"),
        Option("quiet", "bool", "Show ids only", short="q"),
        *refused(why.IMAGES, "filter:filter:f tree:bool"),
        *refused(why.TEMPLATES, "format:string=table"),
    ),
    arguments=(0, 1),
).documented(
    ("images", "All images, newest first"),
    ("images --digests debian", "The tags of one repository, with the digests they were pulled by"),
    spellings=("image ls", "image list", "images"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, or only ids."""
    images = session.engine.images.list(parsed.args[0] if parsed.args else None)
    full = parsed.flag("no-trunc")
    if parsed.flag("quiet"):
        for image in images:
            print(_id(image, full=full))
        return 0
    from hezi.front.cli import columns

    digests = parsed.flag("digests")
    header = ("REPOSITORY", "TAG", *(("DIGEST",) if digests else ()), "IMAGE ID", "CREATED", "SIZE")
    print(columns.table([header, *(_row(image, full=full, digests=digests) for image in images)]))
    return 0


def _row(image: ImageSummary, *, full: bool, digests: bool) -> tuple[str, ...]:
    from hezi._util.clock import now_ns
    from hezi.front.cli import columns

    digest = (image.digest or "<none>",) if digests else ()
    created = f"{columns.age(now_ns() - image.created)} ago" if image.created else "N/A"
    return (image.repository, image.tag, *digest, _id(image, full=full), created, columns.size(image.size))


def _id(image: ImageSummary, *, full: bool) -> str:
    return image.image_id if full else image.image_id.partition(":")[2][:12]
