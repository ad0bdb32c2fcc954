"""``hezi mount ls``, which is findmnt(8) on what is mounted."""

from __future__ import annotations

from hezi.front.cli.getopt import Grammar
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session
    from hezi.front.tools.mountls import Request

_TABLES = "is not built: this lists what is mounted, not what files say"
_POLL = "is not built: this lists once"

# With the fields of the request that they set
_SWITCHES = (
    (Option("shell", "bool", "Make names of shell variables of the columns' names", short="y"), "shell"),
    (Option("ascii", "bool", "Draw the tree with ASCII characters", short="a"), "ascii"),
    (Option("submounts", "bool", "Show all that is mounted below, too", short="R"), "submounts"),
    (Option("first-only", "bool", "Show the first one only", short="f"), "first"),
    (Option("invert", "bool", "Show those that do not fit", short="i"), "invert"),
    (Option("uniq", "bool", "Leave out what is covered at the same place", short="U"), "uniq"),
    (Option("bytes", "bool", "Show sizes in bytes", short="b"), "bytes"),
    (Option("df", "bool", "Show sizes and use as df(1) does, of what has a size", short="D"), "df"),
    (Option("all", "bool", "With --df: leave nothing out", short="A"), "all"),
)
_TEXTS = (
    (Option("target", "path", "Show the mount that PATH is on", short="T"), "parents"),
    (Option("mountpoint", "dir", "Show what is mounted on DIR", short="M"), "mountpoint"),
    (Option("source", "string", "Show mounts of this device, by name or MAJ:MIN", short="S"), "source"),
    (Option("types", "list", "Show these types; with no in front, all but these", short="t"), "types"),
    (Option("options", "list", "Show those with these options; with no in front, without", short="O"), "options"),
)
# What cannot be given together
_APART = (
    ("json", "pairs", "raw", "verify"),
    ("pairs", "list", "raw", "verify"),
    ("pseudo", "real"),
    ("mountpoint", "target"),
)

OPTIONS = (
    *(option for option, _ in _SWITCHES),
    *(option for option, _ in _TEXTS),
    Option("output", "list", "Show these columns; with + in front, these too", short="o"),
    Option("output-all", "bool", "Show all columns"),
    Option("list-columns", "bool", "List the columns", short="H"),
    Option("json", "bool", "Print JSON", short="J"),
    Option("list", "bool", "Print a plain list instead of a tree", short="l"),
    Option("tree", "bool", "Draw a tree also where a list is usual"),
    Option("pairs", "bool", 'Print NAME="value" pairs', short="P"),
    Option("raw", "bool", "Print words without blanks", short="r"),
    Option("noheadings", "bool", "Print no headings", short="n"),
    Option("notruncate", "bool", "Cut no columns to fit the terminal", short="u"),
    Option("task", "pid", "Of the mount namespace of a process, or container", short="N"),
    Option("direction", "word", "forward or backward", short="d"),
    Option("pseudo", "bool", "Show file systems without a device only"),
    Option("real", "bool", "Show file systems with a device only"),
    Option("shadowed", "bool", "Show what is covered at the same place only"),
    Option("nofsroot", "bool", "Do not show [/dir] behind the device of bind mounts", short="v"),
    Option("nocanonicalize", "bool", "Compare paths as they are typed", short="C"),
    Option("canonicalize", "bool", "Accepted: mount points are canonical", short="c"),
    Option("kernel", "bool", "Accepted: the kernel is always asked", short="k"),
    Option("version", "bool", "Print the version", short="V"),
    Option("fstab", "bool", short="s", refusal=_TABLES),
    Option("mtab", "bool", short="m", refusal=_TABLES),
    Option("tab-file", "string", short="F", refusal=_TABLES),
    Option("poll", "string", short="p", bare="", refusal=_POLL),
    Option("timeout", "string", short="w", refusal=_POLL),
    Option("evaluate", "bool", "Accepted: what is mounted has no labels left", short="e"),
    Option("verify", "bool", short="x", refusal=_TABLES),
    Option("vfs-all", "bool", refusal="is not built"),
)
VERB = Verb("[OPTIONS] [DEVICE|MOUNTPOINT]", "List mounts and their propagation", options=OPTIONS).documented(
    ("mount ls -o TARGET,PROPAGATION,OPT-FIELDS", "Which mounts pass events on, and to which groups"),
    ("mount ls -N web -R /data", "What the container web has mounted on /data and below"),
    notes="Flags and columns are findmnt(8)'s.",
)
# Since util-linux 2.39
_NEWER = ("list-columns",)
_GRAMMAR = Grammar(OPTIONS, newer=_NEWER)


def raw(session: Session, words: list[str]) -> int:
    """Read findmnt's options and print the list; 1 when nothing fits."""
    from hezi.front.cli import boxes
    from hezi.front.tools import mountls
    from hezi.front.tools import words as reading

    given, plain = _GRAMMAR.parse(words)
    flags = {name for name, _ in given}
    if "version" in flags:
        from hezi.front.cli.verbs import ns_ls

        return ns_ls.print_version(session)
    if "list-columns" in flags:
        for column in mountls.COLUMNS:
            print(f"{column.name:>11}  {column.help}")
        return 0
    request = mountls.Request()
    _take(request, given)
    for name, value in given:
        if name == "output":
            defaults = mountls.SIZES if request.df else mountls.DEFAULT
            request.columns = mountls.read_columns(value or "", defaults)
        elif name == "task":
            text = value or ""
            request.pid = (
                reading.number(text, "invalid TID argument") if text.isdigit() else boxes.pid_of(session, text)
            )
    _take_plain(request, plain[:2])
    return 0 if mountls.show(request) else 1


def _take(request: Request, given: list[tuple[str, str | None]]) -> None:
    from hezi.front.tools import mountls, words

    flags = {name for name, _ in given}
    for names in _APART:
        if len(flags & {*names}) > 1:
            words.wrong(f"mutually exclusive arguments: --{' --'.join(names)}")
    request.form = next((name for name in ("json", "pairs", "raw") if name in flags), "table")
    if "df" in flags:
        request.columns = list(mountls.SIZES)
    if "output-all" in flags:
        request.columns = list(mountls.BY_NAME)
    request.headings = "noheadings" not in flags
    request.cut = "notruncate" not in flags
    request.fsroot = "nofsroot" not in flags
    request.canonical = "nocanonicalize" not in flags
    if flags & {"list", "df"}:
        request.tree = False
    if "tree" in flags:
        request.tree = True
    for option, field in _SWITCHES:
        setattr(request, field, option.name in flags)
    texts = {option.name: field for option, field in _TEXTS}
    kinds = [name for name in ("pseudo", "real", "shadowed") if name in flags]
    request.kind = kinds[-1] if kinds else None
    for name, value in given:
        if name in texts:
            setattr(request, texts[name], value)
        elif name == "direction":
            if value not in {"forward", "backward"}:
                words.wrong(f"unknown direction '{value}'")
            request.backward = value == "backward"


def _take_plain(request: Request, plain: list[str]) -> None:
    """Read ``DEVICE``, ``MOUNTPOINT`` or both: what is alone is whichever has mounts."""
    if plain and any(place is not None for place in (request.source, request.mountpoint, request.parents)):
        from hezi.front.tools import words

        words.wrong(
            "options --target and --source can't be used together with command line element that is not an option"
        )
    if len(plain) == 2:
        request.source, request.target = plain
    elif plain:
        import os

        path = os.path.realpath(plain[0]) if request.canonical else plain[0]
        if os.path.isdir(path) or os.path.isfile(path):
            request.target = plain[0]
        else:
            request.source = plain[0]
