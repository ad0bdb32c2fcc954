"""``hezi info`` and ``hezi system info``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli.option import Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Show what the machine offers and what hezi uses",
    options=refused(why.TEMPLATES, "format:string:f"),
).documented(
    ("info", "Kernel features, control group layout, storage driver"),
    spellings=("system info", "info"),
)


def call(session: Session, _parsed: Parsed) -> int:
    """Print the engine's facts as an indented list."""
    print("\n".join(_lines(session.engine.system.info(), "")))
    return 0


def _lines(facts: object, indent: str) -> list[str]:
    if not isinstance(facts, dict):
        return [f"{indent}{facts}"]
    lines = []
    for name, value in facts.items():
        title = str(name).replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{indent}{title}:", *_lines(value, indent + " ")]
        else:
            lines.append(f"{indent}{title}: {_text(value)}")
    return lines


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(_text(one) for one in value) or "none"
    return "none" if value is None else str(value)
