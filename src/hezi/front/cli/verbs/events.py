"""``hezi events`` and ``hezi system events``."""

from __future__ import annotations

from hezi.front.cli import times, values
from hezi.front.cli.option import Option, Verb
from hezi.front.cli.template.errors import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.events import Event
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Struct

VERB = Verb(
    "[OPTIONS]",
    "Show what happens, and what has happened",
    options=(
        Option("filter", "filter", "Show only what passes (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template, or "json"'),
        Option("since", help="Begin at a time (2026-01-02T03:04:05Z, seconds since 1970) or so long ago (42m)"),
        Option("until", help="End at a time, or so long ago; without it this goes on for ever"),
    ),
).documented(
    ("events --since 10m --until 0s", "What has happened in the last ten minutes"),
    ("events -f container=web -f event=die --format '{{.Actor.Attributes.exitCode}}'", "How web ends, each time"),
    spellings=("events", "system events"),
    notes="Filters: container daemon event image label network scope type volume.",
)

# Docker's exit code for it, of this command alone.
_BAD_FORMAT = 64
_ALIASES = {"Status": "status", "ID": "id", "From": "from", "Scope": "scope", "Time": "time", "TimeNano": "timeNano"}


def call(session: Session, parsed: Parsed) -> int:
    """Print events as they come; the interrupt key ends it."""
    from hezi.engine import events
    from hezi.engine.containers import filters

    wanted = filters.read(parsed.texts("filter"), events.KEYS)
    selection = events.Selection(times.bound(parsed, "since"), times.bound(parsed, "until"), wanted)
    stream = events.read(session.engine.paths, selection)
    try:
        show = _shower(parsed.text("format") or "")
        for event in stream:
            print(show(event), flush=True)
    except TemplateError as error:
        session.notice(f"{session.program}: Error parsing format: {error}")
        return _BAD_FORMAT
    return 0


class _shower:
    """Makes a line of an event."""

    def __init__(self, fmt: str) -> None:
        self._template = None
        if fmt:
            from hezi.front.cli.template.functions import FUNCTIONS
            from hezi.front.cli.template.parser import parse

            self._template = parse("{{json .}}" if fmt == "json" else fmt, FUNCTIONS)
            # As docker: tried on an event with nothing in it, before any is asked for.
            from hezi.engine.events import Event

            self(Event(0, "", "", "", {}))

    def __call__(self, event: Event) -> str:
        if self._template is None:
            return _line(event)
        from hezi.front.cli.template.evaluate import execute

        return execute(self._template, _struct(event))


def _line(event: Event) -> str:
    import time

    moment = time.localtime(event.time_ns // 10**9)
    zone = time.strftime("%z", moment)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    text = f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{event.time_ns % 10**9:09d}{zone}"
    text = f"{text} {event.type} {event.action} {event.id}"
    if event.attributes:
        text += f" ({', '.join(f'{key}={value}' for key, value in event.attributes.items())})"
    return text


def _struct(event: Event) -> Struct:
    """Return docker's document of an event; the first three are for old clients, of containers and images only."""
    from hezi.front.cli.template.values import Struct, Texts

    old = event.type in {"container", "image"}
    fields: dict[str, object] = {
        "status": event.action if old else "",
        "id": event.id if old else "",
        "from": event.attributes.get("image", "") if event.type == "container" else "",
        "Type": event.type,
        "Action": event.action,
        "Actor": Struct({"ID": event.id, "Attributes": Texts(event.attributes)}),
        "scope": "local",
        "time": event.time_ns // 10**9,
        "timeNano": event.time_ns,
    }
    unseen = frozenset(name for name in ("status", "id", "from") if not fields[name])
    return Struct(fields, "*events.Message", _ALIASES, unseen=unseen, escapes=True)
