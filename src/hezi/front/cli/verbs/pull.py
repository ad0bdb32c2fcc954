"""``hezi pull`` and ``hezi image pull``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

_FORMS = ("auto", "plain", "tty", "json")


def _form(text: str) -> str:
    if text not in _FORMS:
        message = "must be one of auto, plain, tty, json"
        raise ValueError(message)
    return text


VERB = Verb(
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    "Get an image from a registry",
    options=(
        Option("all-tags", "bool", "Get every tag of the repository", short="a"),
        Option("platform", help="Platform to choose (os/arch[/variant])"),
        Option("progress", help='How to show progress ("auto", "plain", "tty", "json")', check=_form, choices=_FORMS),
        Option("quiet", "bool", "Print only the name of what was pulled", short="q"),
        *refused(why.TRUST, "disable-content-trust:bool=true"),
    ),
    arguments=(1, 1),
).documented(
    ("pull debian:bookworm", "From Docker Hub"),
    ("pull localhost:5000/team/tool@sha256:...", "From another registry, by digest"),
    ("pull --platform linux/arm64 -q alpine", "For another machine, without progress"),
    spellings=("image pull", "pull"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Pull, showing progress in the form that was asked for."""
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
    reporter = Reporter("none" if quiet else parsed.text("progress") or "auto", descriptor=1)
    if not (everything or reference.tag or reference.digest):
        reporter.say("Using default tag: latest")
    images, platform = session.engine.images, parsed.text("platform")
    try:
        if everything:
            pulled = images.pull_all(name, platform=platform, progress=reporter)
        else:
            pulled = (images.pull(name, platform=platform, progress=reporter),)
    finally:
        reporter.close()
    if everything:
        # One for all; what each is known by was said when it was there.
        new = any(image.new for image in pulled)
        reporter.say(pulled[0]._replace(name=reference.familiar_name, new=new).status)
    else:
        reporter.say(f"Digest: {pulled[0].digest}")
        reporter.say(pulled[0].status)
    if quiet or not reporter.is_json:
        print(reference if everything else reference.with_default_tag())
    return 0
