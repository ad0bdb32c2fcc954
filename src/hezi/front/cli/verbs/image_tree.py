"""``hezi image tree``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.images.tree import TreeLayer
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [IMAGE...]",
    "Show the layers of images as they stand on each other, and who shares them",
    options=(Option("no-trunc", "bool", "Show ids in full"),),
    arguments=(0, None),
).documented(
    ("image tree", "All layers, with the images that end at each"),
    ("image tree busybox", "The layers of one image, and how many images have them"),
    spellings=("image tree",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print a line for each layer, those that stand on it indented below."""
    from hezi.front.cli import columns

    full = parsed.flag("no-trunc")
    lines: list[tuple[str, ...]] = [("LAYER", "SIZE", "SHARED BY", "IMAGES")]
    for layer in session.engine.images.tree(parsed.args):
        shown = layer.chain_id[7:] if full else layer.chain_id[7:19]
        many = f"{layer.shared_by} image{'s' if layer.shared_by != 1 else ''}"
        lines.append((_branch(layer) + shown, columns.size(layer.size), many, ", ".join(layer.images)))
    print("\n".join(line.rstrip() for line in columns.table(lines).splitlines()))
    return 0


def _branch(layer: TreeLayer) -> str:
    if not layer.depth:
        return ""
    above = "".join("   " if last else "│  " for last in layer.last[1:-1])
    return above + ("└─ " if layer.last[-1] else "├─ ")
