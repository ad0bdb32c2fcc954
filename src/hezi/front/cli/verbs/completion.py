"""``hezi completion bash|zsh|fish``: scripts written from the tables that the parser reads."""

from __future__ import annotations

from hezi.front.cli import errors
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "bash|fish|zsh",
    "Print the completion script for a shell",
    options=(Option("no-descriptions", "bool", "Leave out the descriptions"),),
    arguments=(1, 1),
).documented(
    ("completion bash > /etc/bash_completion.d/hezi", "For every new bash"),
    ("completion zsh > /usr/local/share/zsh/site-functions/_hezi", "For every new zsh"),
    ("completion fish > /etc/fish/completions/hezi.fish", "For every new fish"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the script for the shell that was named."""
    from hezi.front.cli import completions

    shell = parsed.args[0]
    writer = completions.WRITERS.get(shell)
    if writer is None:
        errors.line(f"{session.program}: no completion for {shell!r}: choose bash, fish or zsh")
        return 1
    print(writer(session.program, not parsed.flag("no-descriptions")))
    return 0
