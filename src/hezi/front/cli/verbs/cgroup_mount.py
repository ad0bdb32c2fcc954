"""``hezi cgroup mount``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] DIRECTORY",
    "Mount a hierarchy of control groups",
    options=(
        Option("controllers", "string", "Its controllers, of v1 (net_cls,net_prio)", short="c"),
        Option("name", "string", "Its name, with controllers or without", short="n"),
        Option("v2", "bool", "The v2 hierarchy"),
    ),
    arguments=(1, 1),
).documented(
    ("cgroup mount --name jobs /mnt", "One that groups processes and limits nothing"),
    ("cgroup mount -c net_cls /mnt", "One with a controller"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Mount it.

    :raises hezi.errors.Error: with the rule that was broken.
    """
    del session
    from hezi.front.tools import cgroups

    cgroups.mount(parsed.args[0], parsed.text("controllers") or "", parsed.text("name") or "", v2=parsed.flag("v2"))
    return 0
