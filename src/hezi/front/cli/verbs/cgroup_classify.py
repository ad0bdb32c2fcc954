"""``hezi cgroup classify``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "GROUP PID...",
    "Move processes into a control group",
    arguments=(2, None),
).documented(
    ("cgroup classify /jobs/one 4711", "One process with all its threads"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Move them.

    :raises hezi.errors.Error: no such group or process, or the rule that was broken.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroups

    cgroups.move(cgroup_names.group(session, parsed.args[0]), parsed.args[1:])
    return 0
