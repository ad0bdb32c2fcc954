"""``hezi push`` and ``hezi image push``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] NAME[:TAG]",
    "Bring an image into a registry",
    options=(
        Option("all-tags", "bool", "Push all tags of the repository", short="a"),
        Option("platform", help="Push only the image for this platform (os/arch[/variant])"),
        Option("quiet", "bool", "Print only the name of what was pushed", short="q"),
        *refused(why.TRUST, "disable-content-trust:bool=true"),
    ),
    arguments=(1, 1),
).documented(
    ("push registry.example/team/tool:1.2", "One image"),
    ("push -a registry.example/team/tool", "All tags of a repository"),
    spellings=("image push", "push"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Push, in docker's words."""
    from hezi.errors import INVALID, Error
    from hezi.front.cli.progress import Reporter
    from hezi.spec.reference import Reference

    name = parsed.args[0]
    reference = Reference.parse(name)
    everything = parsed.flag("all-tags")
    if everything and (reference.tag or reference.digest):
        message = "tag can't be used with --all-tags/-a"
        raise Error(INVALID, message)
    quiet = parsed.flag("quiet")
    reporter = Reporter("none" if quiet else "auto", descriptor=1)
    if not (everything or reference.tag or reference.digest):
        reporter.say("Using default tag: latest")
    images, platform = session.engine.images, parsed.text("platform")
    try:
        if everything:
            images.push_all(name, platform=platform, progress=reporter)
        else:
            images.push(name, platform=platform, progress=reporter)
    finally:
        reporter.close()
    if quiet:
        print(reference if everything else reference.with_default_tag())
    return 0
