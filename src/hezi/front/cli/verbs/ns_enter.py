"""``hezi ns enter``, which is nsenter(1)."""

from __future__ import annotations

from hezi.front.cli import linked
from hezi.front.cli.getopt import Grammar
from hezi.front.cli.option import Option, Verb
from hezi.front.tools import faces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session

OPTIONS = (
    Option("all", "bool", "Enter all namespaces of the target", short="a"),
    Option("target", "pid", "Whose: a process, PID:INODE of its pidfd, or a container", short="t"),
    *(Option(face.option, "file", face.entered, short=face.short, bare="") for face in faces.TABLE),
    Option("user-parent", "bool", "Enter the user namespace that owns the others"),
    Option("setuid", "uid", "Be this user there", short="S"),
    Option("setgid", "gid", "Be this group there", short="G"),
    Option("preserve-credentials", "bool", "Do not touch users and groups"),
    Option("keep-caps", "bool", "Keep the capabilities when the program is executed"),
    Option("root", "dir", "Run with the target's root directory, or DIR", short="r", bare=""),
    Option("wd", "dir", "Run in the target's working directory, or DIR as it is outside", short="w", bare=""),
    Option("wdns", "dir", "Run in DIR as it is inside", short="W", bare=""),
    Option("env", "bool", "Run with the target's environment", short="e"),
    Option("no-fork", "bool", "Do not start a child for the PID namespace", short="F"),
    Option("version", "bool", "Print the version", short="V"),
    Option("follow-context", "bool", "Run with the target's SELinux context, where there is SELinux", short="Z"),
    Option("join-cgroup", "bool", "Join the control groups of the target", short="c"),
    Option("net-socket", "fd", "Enter the network namespace of that descriptor of the target, a socket", short="N"),
)
VERB = Verb(
    "[OPTIONS] [PROGRAM [ARG...]]", "Run a program in the namespaces of another", options=OPTIONS, arguments=(0, None)
).documented(
    ("ns enter -t 4711 -n ss -lt", "Who listens in the network of process 4711"),
    ("ns enter -a -t web sh", "A shell in all namespaces of the container web"),
    notes="Flags and exit codes are nsenter(1)'s; linked as `nsenter`, hezi stands in for it.",
)
# Since util-linux 2.39
_NEWER = ("user-parent", "keep-caps", "env", "join-cgroup", "net-socket")
_GRAMMAR = Grammar(
    OPTIONS, permute=False, attached="".join(face.short for face in faces.TABLE) + "rw", needed="W", newer=_NEWER
)


def raw(session: Session, words: list[str]) -> int:
    """Read nsenter's options and do it."""
    from hezi.front.tools import nsenter

    given, argv = _GRAMMAR.parse(words)
    if ("version", None) in given:
        from hezi.front.cli.verbs import ns_ls

        return ns_ls.print_version(session)
    find = None
    if session.program not in linked.NAMES:
        from hezi.front.cli import boxes

        def find(name: str) -> int:
            return boxes.pid_of(session, name)

    return nsenter.run(session.path, nsenter.request(given, find), argv)
