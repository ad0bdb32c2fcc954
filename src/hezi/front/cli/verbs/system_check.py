"""``hezi system check``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Verify every blob, layer and row of the store, and repair it",
    options=(
        Option("repair", "bool", "Mend what can be mended, and remove what nothing needs"),
        Option("quiet", "bool", "Show only what is wrong", short="q"),
    ),
).documented(
    ("system check", "Read everything once; others may work on meanwhile"),
    ("system check --repair", "Unpack damaged layers again, and say which images to pull again"),
    spellings=("system check",),
    notes="Exit code 1 says that something is wrong, and still is.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Print a line for each fault, what to do about it, and a summary."""
    import sys

    quiet = parsed.flag("quiet")
    terminal = not quiet and sys.stderr.isatty()

    def tell(text: str) -> None:
        sys.stderr.write(f"\r\x1b[Kchecking {text}")
        sys.stderr.flush()

    report = session.engine.system.check(repair=parsed.flag("repair"), tell=tell if terminal else None)
    if terminal:
        sys.stderr.write("\r\x1b[K")
    for one in report.findings:
        print(f"{one.subject} {one.text}{' (repaired)' if one.repaired else ''}")
        if one.hint:
            print(f"  hint: {one.hint}")
    if quiet:
        return 0 if report.ok else 1
    from hezi.front.cli import columns

    print(f"Checked {report.images} images, {report.blobs} blobs, {report.layers} layers")
    if report.skipped:
        print(f"{report.skipped} layers were not compared with their blobs: the disk is full")
    if report.leftovers:
        size = columns.size(report.leftover_bytes, 4)
        print(
            f"{report.leftovers} blobs and layers ({size}) are needed by nothing: --repair or system prune removes them"
        )
    wrong = sum(not one.repaired for one in report.findings)
    repaired = len(report.findings) - wrong
    print(f"{wrong or 'No'} fault{'' if wrong == 1 else 's'} found" + (f", {repaired} repaired" if repaired else ""))
    return 0 if report.ok else 1
