"""Where hezi answers otherwise than docker about containers that live, and why. Every line here is one of a session."""

from __future__ import annotations

_REASONS = {
    "a filter that is not known is refused; docker's engine 20.10 passes over it, newer ones refuse it": [
        "events --since {since} --until {now} -f nosuch=1",
    ],
    "docker's engine 20.10 says PIDS 0 of a running container on some hybrid hosts; hezi counts its processes": [
        "stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}} {{.Container}}' one two",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
