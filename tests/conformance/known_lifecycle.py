"""Where hezi answers otherwise than docker about containers, and why. Every line here is one of a session."""

from __future__ import annotations

_REASONS: dict[str, list[str]] = {
    "docker's engine writes what hinders an exec to the program's output; an error belongs on stderr": [
        "exec e1 no-such-program",
        "exec e1 /etc",
        "exec e1 /etc/passwd",
        "exec e1 -- echo x",
        "exec -u nosuch e1 id",
        "exec -w /no/such/dir e1 pwd",
        "exec -w relative e1 pwd",
    ],
    "a program that is not there is 127, also when nobody waits for it; docker's engine of 2020 says 126, or 1": [
        "exec -d e1 no-such-program",
    ],
    "docker gives up where it may not have a capability; hezi goes on with less": [
        "exec --privileged e1 true",
    ],
    "an id on stdout means that it runs; docker prints it before it tries": [
        "run -d --name no @life no-such-program",
        "run -d --name no3 -u nosuch @life true",
        "run -d --name missing --restart always @life no-such-program",
    ],
    "of a container that could never start nothing is kept": [
        "ps -a --format '{{.Names}} {{.Status}}' -f name=no",
    ],
    "the files of an image are looked at when a container starts, not when it is made": [
        "create --name badwd -w /etc/passwd @life true",
        "inspect -f '{{.State.Status}}' badwd",
    ],
    "a signal waits until a paused container goes on; docker's kill unpauses it": [
        "unpause p1",
    ],
    "what was last known of the health is kept; docker calls every stopped container unhealthy": [
        "inspect -f '{{.State.Health.Status}}' h1",
    ],
    "docker's note about the old name of an option goes to the output that scripts read": [
        "stop --time 1 deaf",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
