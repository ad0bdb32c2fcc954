"""``hezi volume create``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [VOLUME]",
    "Make a volume",
    options=(
        Option("driver", help="The driver; local is the only one", short="d"),
        Option("label", "list", "Put a label on it (KEY=VALUE)", check=values.label),
        Option("opt", "map", "Set an option of the driver (type=, device=, o=, as mount takes them)", short="o"),
    ),
    arguments=(0, 1),
).documented(
    ("volume create data", "A named volume"),
    ("volume create -o type=none -o o=bind -o device=/srv/data data", "One that stands for a directory of the host"),
    (
        "volume create -o type=tmpfs -o device=tmpfs -o o=size=64m ram",
        "One in memory, mounted while containers have it",
    ),
    spellings=("volume create",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Make it and print its name."""
    labels = dict(text.partition("=")[::2] for text in parsed.texts("label"))
    options = dict(text.partition("=")[::2] for text in parsed.texts("opt"))
    name = parsed.args[0] if parsed.args else ""
    made = session.engine.volumes.create(name, driver=parsed.text("driver") or "local", labels=labels, options=options)
    print(made.name)
    return 0
