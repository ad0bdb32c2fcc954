"""``hezi mount make``: mount(8)'s flags for propagation, bind and move."""

from __future__ import annotations

from hezi.front.cli.getopt import Grammar, Misused
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session
    from hezi.front.tools.mountmake import Request

_STATES = (
    ("shared", "Pass mounts on to the peer group, and take them from it"),
    ("slave", "Take mounts from the group that it leaves, pass none on"),
    ("private", "Neither pass on nor take"),
    ("unbindable", "Private, and cannot be bound"),
)
OPTIONS = (
    *(Option(f"make-{name}", "bool", text) for name, text in _STATES),
    *(Option(f"make-r{name}", "bool", f"The same for all that is mounted below: {name}") for name, _ in _STATES),
    Option("bind", "bool", "Show SOURCE at TARGET too", short="B"),
    Option("rbind", "bool", "Show SOURCE at TARGET too, with all that is mounted below", short="R"),
    Option("move", "bool", "Move a mount", short="M"),
    Option("beneath", "bool", "Put it under what is mounted on TARGET (Linux 6.5)"),
    Option("map", "string", "Show owners as others: [u:|g:|b:]ID:SHOWN-AS:COUNT words (Linux 5.12)"),
    Option("verbose", "bool", "Say what became of it", short="v"),
    Option("version", "bool", "Print the version", short="V"),
)
VERB = Verb(
    "[OPTIONS] [SOURCE] TARGET", "Change what a mount passes on, bind it or move it", options=OPTIONS
).documented(
    ("mount make --make-rshared /data", "Mounts below /data reach those who have it as shared or slave"),
    ("mount make --bind --make-slave /data /srv/data", "A copy that takes new mounts and gives none"),
    ("mount make --bind --map b:0:1000:1 /srv/tree /home/ann/tree", "root's files as user 1000's"),
    notes="Flags and exit codes are mount(8)'s (32: the kernel refused).",
)
_GRAMMAR = Grammar(OPTIONS)


def raw(session: Session, words: list[str]) -> int:
    """Read mount's options and do it."""
    from hezi.front.tools import mountmake

    given, plain = _GRAMMAR.parse(words)
    flags = {name for name, _ in given}
    if "version" in flags:
        from hezi.front.cli.verbs import ns_ls

        return ns_ls.print_version(session)
    request = _request(given, plain)
    session.failure = mountmake.FAILED
    mountmake.apply(request)
    if "verbose" in flags:
        print(f"{session.path}: {request.target} is {mountmake.describe(request.target)}.")
    return 0


def _request(given: list[tuple[str, str | None]], plain: list[str]) -> Request:
    from hezi.front.tools import mountmake, words

    names = [name for name, _ in given]
    states = [mountmake.STATES[name] for name in names if name in mountmake.STATES]
    hows = [name for name in names if name in mountmake.ATTACHING]
    if not 1 <= len(plain) <= 2 or (not states and not hows):
        message = "bad usage"
        raise Misused(message)
    if len(set(hows)) > 1:
        words.wrong("mutually exclusive arguments: --bind --move --rbind")
    request = mountmake.Request(states, hows[-1] if hows else None, plain)
    request.beneath = "beneath" in names
    for name, value in given:
        if name == "map":
            request.uid_ranges, request.gid_ranges = mountmake.read_map(value or "")
    if (request.beneath or request.uid_ranges or request.gid_ranges) and request.how is None:
        message = "--beneath and --map go with --bind, --rbind or --move"
        raise Misused(message)
    return request
