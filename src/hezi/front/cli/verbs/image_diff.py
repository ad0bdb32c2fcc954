"""``hezi image diff``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] IMAGE IMAGE",
    "Show which files the second image has otherwise than the first",
    options=(Option("size", "bool", "Show the bytes of each file", short="s"),),
    arguments=(2, 2),
).documented(
    ("image diff app:1 app:2", "A for files added, C for changed, D for removed"),
    spellings=("image diff",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print a line for each file, sorted by path."""
    import sys

    sizes = parsed.flag("size")
    out = sys.stdout.buffer
    for change in session.engine.images.diff(parsed.args[0], parsed.args[1]):
        ending = f"\t{change.size}".encode() if sizes else b""
        out.write(change.kind.encode() + b" " + _printable(change.path) + ending + b"\n")
    out.flush()
    return 0


def _printable(path: bytes) -> bytes:
    """Names come from an image: no line breaks, no terminal control."""
    text = path.decode("utf-8", "surrogateescape")
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown.encode("utf-8", "backslashreplace")
