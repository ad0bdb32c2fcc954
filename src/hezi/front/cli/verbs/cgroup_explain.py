"""``hezi cgroup explain``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "GROUP|CONTAINER|PID",
    "Say what limits a control group in the end, who sets it, and what came of it",
    arguments=(1, 1),
).documented(
    ("cgroup explain web", "A container"),
    ("cgroup explain 4711", "A process"),
    ("cgroup explain /hezi", "A group"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print sentences.

    :raises hezi.errors.Error: there is no such group, container or process.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroup_explain

    (text,) = parsed.args
    print("\n".join(cgroup_explain.explain(text if text.isdigit() else cgroup_names.group(session, text))))
    return 0
