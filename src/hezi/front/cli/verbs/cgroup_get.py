"""``hezi cgroup get``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] GROUP [NAME...]",
    "Show values of a control group, by the names of v1 or v2",
    options=(Option("values-only", "bool", "Without their names", short="v"),),
    arguments=(1, None),
).documented(
    ("cgroup get /jobs/one memory.max pids.max", "Two of them"),
    ("cgroup get cpu:/jobs/one", "All that the controller has"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print them.

    :raises hezi.errors.Error: there is no such group or value.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroups

    for name, value in cgroups.get(cgroup_names.group(session, parsed.args[0]), parsed.args[1:]):
        shown = value.replace("\n", "\n\t")
        print(shown if parsed.flag("values-only") else f"{name}: {shown}")
    return 0
