"""``hezi ns keep``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER|PID KIND=FILE [KIND=FILE...]",
    "Keep namespaces alive by files, without processes",
    arguments=(2, None),
).documented(
    ("ns keep web net=/run/netns/web", "For `ip netns exec web`, even when the container has ended"),
    notes="Kinds: uts ipc pid net mnt user cgroup time. `hezi ns release FILE` lets go.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Bind all, or none."""
    from hezi.front.cli import boxes
    from hezi.front.tools import nsshow, words

    wanted = []
    for text in parsed.args[1:]:
        kind, equals, path = text.partition("=")
        if not equals or not path:
            words.wrong(f"{text} is not KIND=FILE")
        wanted.append((kind, path))
    nsshow.keep(boxes.target(session, parsed.args[0]), wanted)
    return 0
