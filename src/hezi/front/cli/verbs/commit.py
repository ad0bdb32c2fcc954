"""``hezi commit`` and ``hezi container commit``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    "Make an image from what a container has changed",
    options=(
        Option("author", help='Who made it ("Ann Other <ann@example.org>")', short="a"),
        Option("change", "list", "Apply a Dockerfile instruction to the image's configuration", short="c"),
        Option("message", help="A word about it, for its history", short="m"),
        Option("pause", "bool", "Pause the container meanwhile; the default, --pause=false does not", short="p"),
    ),
    arguments=(1, 2),
).documented(
    ("commit web web:patched", "With the name web:patched"),
    ('commit -c \'CMD ["nginx", "-g", "daemon off;"]\' web', "With another command, and without a name"),
    spellings=("container commit", "commit"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Commit and print the image's id."""
    from hezi.engine.rootfs import commit

    options = commit.CommitOptions(
        name=parsed.args[1] if len(parsed.args) > 1 else "",
        author=parsed.text("author") or "",
        message=parsed.text("message") or "",
        changes=parsed.texts("change"),
        pause=parsed.flag("pause", default=True),
    )
    print(commit.commit(session.engine.paths, parsed.args[0], options))
    return 0
