"""``hezi image inspect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.verbs.inspect import FORMAT, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.moving.manifests import Referrer
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] IMAGE [IMAGE...]",
    "Show all about images",
    options=(
        FORMAT,
        Option("platform", help="The image must be for this platform"),
        Option("referrers", "bool", "Ask its registry what refers to it: signatures, attestations"),
    ),
    arguments=(1, None),
).documented(
    ("image inspect busybox", "The whole document"),
    ("image inspect -f '{{json .Config.Env}}' busybox", "One value of it"),
    spellings=("image inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    platform = parsed.text("platform")
    images = session.engine.images

    def document(name: str) -> dict[str, Any]:
        found = images.inspect(name, platform=platform)
        if parsed.flag("referrers"):
            found["Referrers"] = [_referrer(one) for one in images.referrers(name)]
        return found

    return show(session, parsed, document)


def _referrer(one: Referrer) -> dict[str, Any]:
    return {
        "Digest": one.digest,
        "MediaType": one.media_type,
        "ArtifactType": one.artifact_type,
        "Size": one.size,
        "Annotations": dict(one.annotations),
    }
