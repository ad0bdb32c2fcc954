"""``hezi volume create``."""

from __future__ import annotations

from hezi.errors import INVALID, Error
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
        Option("label", "list", "Put a label on it (KEY=VALUE)"),
        Option("opt", "map", "Set an option of the driver (type=none, o=bind, device=PATH)", short="o"),
    ),
    arguments=(0, 1),
).documented(
    ("volume create data", "A named volume"),
    ("volume create -o type=none -o o=bind -o device=/srv/data data", "One that stands for a directory of the host"),
    spellings=("volume create",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Make it and print its name."""
    labels = dict(_pair(text) for text in parsed.texts("label"))
    options = dict(_pair(text) for text in parsed.texts("opt"))
    name = parsed.args[0] if parsed.args else ""
    made = session.engine.volumes.create(name, driver=parsed.text("driver") or "local", labels=labels, options=options)
    print(made.name)
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name:
        message = f"invalid argument: '{text}'"
        raise Error(INVALID, message)
    return name, value
