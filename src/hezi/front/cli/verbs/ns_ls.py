"""``hezi ns ls``, which is lsns(8)."""

from __future__ import annotations

from hezi.front.cli import linked
from hezi.front.cli.getopt import Grammar
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session
    from hezi.front.tools.nsls import Request

OPTIONS = (
    Option("json", "bool", "Print JSON", short="J"),
    Option("list", "bool", "Print a plain list instead of a tree", short="l"),
    Option("noheadings", "bool", "Print no headings", short="n"),
    Option("output", "list", "Show these columns; with + in front, these too", short="o"),
    Option("output-all", "bool", "Show all columns"),
    Option("list-columns", "bool", "List the columns", short="H"),
    Option("persistent", "bool", "Show only those without processes, kept by files", short="P"),
    Option("task", "pid", "Show only those of this process, or container", short="p"),
    Option("raw", "bool", "Print words without blanks", short="r"),
    Option("notruncate", "bool", "Cut no columns to fit the terminal", short="u"),
    Option("nowrap", "bool", "Put several paths of a namespace in one line", short="W"),
    Option("type", "kind", "Show only mnt, net, ipc, user, pid, uts, cgroup or time", short="t"),
    Option("tree", "relation", "Draw a tree by parent, owner (as the flag alone) or process", short="T", bare="owner"),
    Option("version", "bool", "Print the version", short="V"),
    Option("filter", "string", short="Q", refusal="is not built; --type, --task and a namespace's number select"),
)
VERB = Verb("[OPTIONS] [NAMESPACE]", "List namespaces, or the processes of one", options=OPTIONS).documented(
    ("ns ls -t net", "All network namespaces"),
    ("ns ls -p web", "The namespaces of the container web"),
    ("ns ls --tree=owner -o NS,TYPE,PID,CONTAINER", "Which user namespace owns what"),
    notes=(
        "Flags and columns are lsns(8)'s, and CONTAINER; linked as `lsns`, hezi stands in for it.\n"
        "Namespaces without processes are listed too; PATH has the file or descriptor that keeps one."
    ),
)
# Since util-linux 2.39
_NEWER = ("list-columns", "persistent", "filter")
_GRAMMAR = Grammar(OPTIONS, attached="T", newer=_NEWER)


def print_version(session: Session) -> int:
    """Print the version in the form of util-linux's tools."""
    from hezi import __version__

    print(f"{session.path} (hezi {__version__})")
    return 0


def raw(session: Session, words: list[str]) -> int:
    """Read lsns's options and print the list."""
    from hezi.front.cli import boxes
    from hezi.front.tools import nsls

    given, plain = _GRAMMAR.parse(words)
    flags = {name for name, _ in given}
    if "version" in flags:
        return print_version(session)
    if "list-columns" in flags:
        for column in nsls.COLUMNS:
            print(f"{column.name:>11}  {column.help}")
        return 0
    own = session.program not in linked.NAMES
    request = nsls.Request()
    request.names = lambda: boxes.names(session)
    _take(session, request, given, own=own)
    request.held = own and not request.pid and not plain
    if plain:
        _take_space(request, plain[0], plain_list="list" in flags)
    defaults = _defaults(request, own=own)
    chosen = dict(given).get("output")
    if "output-all" in flags:
        defaults = list(nsls.BY_NAME if own else nsls.ALL_OF_LSNS)
    known = tuple(nsls.BY_NAME) if own else nsls.ALL_OF_LSNS
    request.columns = defaults if chosen is None else nsls.read_columns(chosen, defaults, known)
    nsls.show(request)
    return 0


def _defaults(request: Request, *, own: bool) -> list[str]:
    from hezi.front.tools import nsls

    names = nsls.default_columns(request)
    if own and request.inode is None:
        names.insert(-1, "CONTAINER")
    return names


def _take(session: Session, request: Request, given: list[tuple[str, str | None]], *, own: bool) -> None:
    from hezi.front.tools import nsls, words

    flags = {name for name, _ in given}
    if "output-all" in flags:
        request.tree = None
    if {"json", "raw"} <= flags:
        words.wrong("mutually exclusive arguments: --json --raw")
    request.form = "json" if "json" in flags else "raw" if "raw" in flags else "table"
    request.headings = "noheadings" not in flags
    request.cut = "notruncate" not in flags
    request.wrap = not {"nowrap", "raw"} & flags
    request.persistent = "persistent" in flags
    for name, value in given:
        if name == "list":
            request.tree = None
        elif name == "tree":
            request.tree = "owner" if value is None else value
            if request.tree not in nsls.RELATIONS:
                words.wrong(f"unknown tree type: {value}")
        elif name == "type":
            if value not in nsls.KINDS:
                words.wrong(f"unknown namespace type: {value}")
            if value not in request.kinds:
                request.kinds.append(value or "")
        elif name == "task":
            text = value or ""
            if own and not text.lstrip("-").isdigit():
                from hezi.front.cli import boxes

                request.pid = boxes.pid_of(session, text)
            else:
                request.pid = words.number(text, "invalid PID argument", words.MOST_PID)


def _take_space(request: Request, text: str, *, plain_list: bool) -> None:
    from hezi.front.tools import words

    if request.pid:
        words.wrong("--task is mutually exclusive with <namespace>")
    request.inode = words.number(text, "invalid namespace argument", words.MOST_INODE)
    request.tree = None if plain_list or request.tree != "process" else "process"
