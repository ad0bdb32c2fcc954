"""``hezi create`` and ``hezi container create``."""

from __future__ import annotations

from hezi.front.cli.option import Verb
from hezi.front.cli.verbs import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.request import RunRequest
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

_RUN_ONLY = frozenset({"detach", "detach-keys", "plan", "sig-proxy"})

VERB = Verb(
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    "Make a container without starting it",
    options=tuple(option for option in run.VERB.options if option.name not in _RUN_ONLY),
    arguments=(1, None),
    interspersed=False,
).documented(
    ("create --name web busybox sleep 60", "Prints the container's id"),
    spellings=("container create", "create"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Make it and print its id."""
    from hezi.front.cli.progress import LazyReporter

    request = _request(session, parsed)
    run.warn_of_loopback(session, request)
    reporter = LazyReporter("none" if request.quiet else "auto", descriptor=2)
    try:
        made = session.engine.containers.create_from(request, notice=session.told, progress=reporter)
    finally:
        reporter.close()
    print(made.id)
    return 0


def _request(session: Session, parsed: Parsed) -> RunRequest:
    """Read the flags. What docker's command line refuses by itself is 125, what its engine refuses 1."""
    session.failure = run.VERB.failure
    request = run.build_request(parsed, VERB.options)
    session.engine.containers.check(request)
    session.failure = VERB.failure
    return request
