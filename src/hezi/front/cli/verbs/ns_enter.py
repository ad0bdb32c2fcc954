"""``hezi ns enter``, which is nsenter(1)."""

from __future__ import annotations

from hezi.front.cli import linked
from hezi.front.cli.getopt import Grammar
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session

OPTIONS = (
    Option("all", "bool", "Enter all namespaces of the target", short="a"),
    Option("target", "pid", "Whose: a process, PID:INODE of its pidfd, or a container", short="t"),
    Option("mount", "file", "Enter the mount namespace, of the target or FILE", short="m", bare=""),
    Option("uts", "file", "Enter the UTS namespace", short="u", bare=""),
    Option("ipc", "file", "Enter the IPC namespace", short="i", bare=""),
    Option("net", "file", "Enter the network namespace", short="n", bare=""),
    Option("pid", "file", "Enter the PID namespace", short="p", bare=""),
    Option("cgroup", "file", "Enter the cgroup namespace", short="C", bare=""),
    Option("user", "file", "Enter the user namespace, and be root there", short="U", bare=""),
    Option("time", "file", "Enter the time namespace", short="T", bare=""),
    Option("user-parent", "bool", "Enter the user namespace that owns the others"),
    Option("setuid", "uid", "Be this user there", short="S"),
    Option("setgid", "gid", "Be this group there", short="G"),
    Option("preserve-credentials", "bool", "Do not touch users and groups"),
    Option("keep-caps", "bool", "Keep the capabilities when the program is executed"),
    Option("root", "dir", "Run with the target's root directory, or DIR", short="r", bare=""),
    Option("wd", "dir", "Run in the target's working directory, or DIR as it is outside", short="w", bare=""),
    Option("wdns", "dir", "Run in DIR as it is inside", short="W"),
    Option("env", "bool", "Run with the target's environment", short="e"),
    Option("no-fork", "bool", "Do not start a child for the PID namespace", short="F"),
    Option("version", "bool", "Print the version", short="V"),
    Option("follow-context", "bool", short="Z", refusal="needs SELinux, which hezi does not drive"),
    Option("join-cgroup", "bool", short="c", refusal="is not built; `hezi exec` joins a container's control groups"),
    Option("net-socket", "fd", short="N", refusal="is not built; give the network namespace's file to --net"),
)
VERB = Verb(
    "[OPTIONS] [PROGRAM [ARG...]]", "Run a program in the namespaces of another", options=OPTIONS, arguments=(0, None)
).documented(
    ("ns enter -t 4711 -n ss -lt", "Who listens in the network of process 4711"),
    ("ns enter -a -t web sh", "A shell in all namespaces of the container web"),
    notes="Flags and exit codes are nsenter(1)'s; linked as `nsenter`, hezi stands in for it.",
)
_GRAMMAR = Grammar(OPTIONS, permute=False, attached="muinpCUTrw")


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
