"""``hezi cgroup exec``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "GROUP COMMAND [ARG...]",
    "Run a program in a control group",
    arguments=(2, None),
    interspersed=False,
    failure=125,
).documented(
    ("cgroup exec /jobs/one make", "With the limits of the group, and its children too"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Move this process and become the program.

    :raises hezi.errors.Error: there is no such group, or the kernel refuses.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroups

    return cgroups.execute(cgroup_names.group(session, parsed.args[0]), parsed.args[1:])
