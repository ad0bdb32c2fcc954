"""``hezi exec`` and ``hezi container exec``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    "Run a program in a container that runs",
    options=(
        Option("detach", "bool", "Leave it to itself", short="d"),
        Option("detach-keys", help='Keys that leave a terminal (default "ctrl-p,ctrl-q")'),
        Option(
            "env",
            "list",
            "Set an environment variable (NAME=value, or NAME alone)",
            short="e",
            check=values.env,
        ),
        Option("env-file", "list", "Read environment variables from a file"),
        Option("interactive", "bool", "Keep standard input open", short="i"),
        Option("privileged", "bool", "Give it all capabilities"),
        Option("tty", "bool", "Give it a terminal", short="t"),
        Option("user", help="User name or id, with an optional group (name|uid[:group|gid])", short="u"),
        Option("workdir", help="Working directory inside the container", short="w"),
    ),
    arguments=(2, None),
    interspersed=False,
    failure=1,
).documented(
    ("exec -it web sh", "A shell beside what runs there"),
    ("exec -u nobody -w /srv -e A=b web env", "As somebody else, elsewhere, with one variable more"),
    spellings=("container exec", "exec"),
    notes="Exit codes:\n  126 the program cannot be executed, 127 it is not there; all others are its own.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Start it, stay with it, and return its exit code."""
    from hezi.engine.containers.exec import ExecRequest
    from hezi.front.cli import foreground

    name, *command = parsed.args
    request = ExecRequest(
        tuple(command),
        env=tuple(parsed.texts("env")),
        env_file=tuple(parsed.texts("env-file")),
        user=parsed.text("user") or None,
        workdir=parsed.text("workdir") or None,
        interactive=parsed.flag("interactive"),
        tty=parsed.flag("tty"),
        privileged=parsed.flag("privileged"),
        detach=parsed.flag("detach"),
        detach_keys=parsed.text("detach-keys"),
    )
    return foreground.execute(session, name, request)
