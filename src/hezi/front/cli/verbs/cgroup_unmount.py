"""``hezi cgroup unmount``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "DIRECTORY",
    "Unmount a hierarchy of control groups",
    arguments=(1, 1),
).documented(
    ("cgroup unmount /mnt", "It goes when it has no groups left and no other mount"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Unmount it.

    :raises hezi.errors.Error: it is none, or busy.
    """
    del session
    from hezi.front.tools import cgroups

    cgroups.unmount(parsed.args[0])
    return 0
