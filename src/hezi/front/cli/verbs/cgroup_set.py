"""``hezi cgroup set``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "GROUP NAME=VALUE...",
    "Set values of a control group, by the names of v1 or v2",
    arguments=(2, None),
).documented(
    ("cgroup set /jobs/one memory.max=64M cpu.max='50000 100000'", "The same on v1 and v2"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Write them.

    :raises hezi.errors.Error: there is none such, or the kernel refuses.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroups

    cgroups.assign(cgroup_names.group(session, parsed.args[0]), parsed.args[1:])
    return 0
