"""``hezi ns run``, which is unshare(1)."""

from __future__ import annotations

from hezi.front.cli.getopt import Grammar
from hezi.front.cli.option import Option, Verb
from hezi.front.tools import faces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session

_SINCE = "needs a kernel facility that hezi does not drive yet"

OPTIONS = (
    *(Option(face.option, "file", face.new, short=face.short, bare="") for face in faces.TABLE),
    Option("fork", "bool", "Start the program as a child, which is in all of them", short="f"),
    Option("forward-signals", "bool", "Send SIGINT and SIGTERM on to the child (implies --fork)"),
    Option("map-user", "user", "Be this user inside (implies --user)"),
    Option("map-group", "group", "Be this group inside (implies --user)"),
    Option("map-root-user", "bool", "Be root inside (implies --user)", short="r"),
    Option("map-current-user", "bool", "Be the same user and group inside (implies --user)", short="c"),
    Option("map-auto", "bool", "Map the ids that /etc/subuid and /etc/subgid grant, from 0 on (implies --user)"),
    Option("map-subids", "bool", "Map the ids granted there to themselves (implies --user)"),
    Option("map-users", "range", "Map OUTER,INNER,COUNT or INNER:OUTER:COUNT users, or auto (implies --user)"),
    Option("map-groups", "range", "Map groups in the same way (implies --user)"),
    Option("kill-child", "signal", "Kill the child when this process ends (implies --fork)", bare=""),
    Option("mount-proc", "dir", "Mount a procfs there, /proc when not given (implies --mount)", bare=""),
    Option("propagation", "mode", "slave, shared, private or unchanged for all mounts"),
    Option("setgroups", "mode", "allow or deny setgroups(2) in the user namespace"),
    Option("keep-caps", "bool", "Keep the capabilities of the user namespace when the program is executed"),
    Option("root", "dir", "Run with this root directory", short="R"),
    Option("wd", "dir", "Run in this working directory", short="w"),
    Option("setuid", "uid", "Be this user in the namespaces", short="S"),
    Option("setgid", "gid", "Be this group in the namespaces", short="G"),
    Option("monotonic", "seconds", "Shift the monotonic clock of the time namespace"),
    Option("boottime", "seconds", "Shift the boot clock of the time namespace"),
    Option("version", "bool", "Print the version", short="V"),
    Option("load-interp", "string", short="l", refusal=_SINCE),
    Option("mount-binfmt", "string", refusal=_SINCE, bare=""),
    Option("owner", "string", refusal=_SINCE),
)
VERB = Verb(
    "[OPTIONS] [PROGRAM [ARG...]]", "Run a program in new namespaces", options=OPTIONS, arguments=(0, None)
).documented(
    ("ns run -Ur id", "Root in a user namespace, nobody outside"),
    ("ns run -pf --mount-proc ps ax", "A process tree of its own"),
    ("ns run -n=/run/netns/lab true", "A network namespace that stays, for `ip netns exec lab`"),
    notes="Flags and exit codes are unshare(1)'s; linked as `unshare`, hezi stands in for it.",
)
# Since util-linux 2.39
_NEWER = ("forward-signals", "map-subids", "load-interp", "mount-binfmt", "owner")
_GRAMMAR = Grammar(OPTIONS, permute=False, newer=_NEWER)


def raw(session: Session, words: list[str]) -> int:
    """Read unshare's options and do it."""
    from hezi.front.tools import nsrun

    given, argv = _GRAMMAR.parse(words)
    if ("version", None) in given:
        from hezi.front.cli.verbs import ns_ls

        return ns_ls.print_version(session)
    return nsrun.run(session.path, nsrun.request(given), argv)
