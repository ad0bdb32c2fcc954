"""``hezi cgroup create``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "GROUP...",
    "Make control groups",
    arguments=(1, None),
).documented(
    ("cgroup create /jobs/one", "In every hierarchy"),
    ("cgroup create cpu,memory:/jobs/two", "In those of two controllers"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Make them.

    :raises hezi.errors.Error: with the rule that was broken.
    """
    del session
    from hezi.front.tools import cgroups

    for text in parsed.args:
        cgroups.create(text)
    return 0
