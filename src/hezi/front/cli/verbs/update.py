"""``hezi update`` and ``hezi container update``."""

from __future__ import annotations

from hezi.errors import INVALID, Error
from hezi.front.cli import refusals as why
from hezi.front.cli.each import each
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Change limits and the restart policy of containers",
    options=(
        Option("blkio-weight", "uint16", "Share of disks among groups that compete (10 to 1000)"),
        Option("cpu-period", "int", "Length of the periods in which a quota is given, in microseconds"),
        Option("cpu-quota", "int", "Processor time in each period, in microseconds"),
        Option("cpu-rt-period", "int", "Length of realtime periods, in microseconds"),
        Option("cpu-rt-runtime", "int", "Realtime processor time in each of these, in microseconds"),
        Option("cpu-shares", "int", "Share of processors among groups that compete", short="c"),
        Option("cpus", "decimal", "Number of processors it may use (1.5)"),
        Option("cpuset-cpus", help="Processors it may run on (0-3,8)"),
        Option("cpuset-mems", help="Memory nodes it may take memory from (0-1)"),
        Option("memory", "bytes", "Most memory (64m)", short="m"),
        Option("memory-reservation", "bytes", "Memory that it is pushed back to when others need some"),
        Option("memory-swap", "limit", "Most memory and swap together (-1 for no limit)"),
        Option("pids-limit", "int", "Most processes (-1 for no limit)"),
        Option("restart", help="What is done when it ends: no, on-failure[:TRIES], always, unless-stopped"),
        *refused(why.KERNEL, "kernel-memory:bytes"),
    ),
    arguments=(1, None),
).documented(
    ("update -m 512m --memory-swap 1g web", "More memory, at once"),
    ("update --restart unless-stopped web db", "Started again whenever they end, but for stop"),
    spellings=("container update", "update"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Change each, and say what this host could not do."""
    known = [option.name for option in VERB.options if not option.refusal]
    changes = {name.replace("-", "_"): parsed.values.get(name) for name in known}
    # docker's sends no 0.
    changes["pids_limit"] = changes["pids_limit"] or None
    if not any(parsed.given(option.name) for option in VERB.options):
        message = "you must provide one or more flags when using this command"
        raise Error(INVALID, message)
    warnings: list[str] = []

    def act(name: str) -> None:
        warnings.extend(session.engine.containers.get(name).update(**changes))

    code = each(session, parsed.args, act)
    for warning in dict.fromkeys(warnings):
        session.notice(warning)
    return code
