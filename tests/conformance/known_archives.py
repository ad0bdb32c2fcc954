"""Where hezi answers otherwise than docker about archives and registries, and why. Every line is one of a session."""

from __future__ import annotations

_REASONS: dict[str, list[str]] = {
    "docker makes a manifest anew for a push, so its digest is another; hezi sends the one that the image came with": [
        "rmi %r/app:1 @one:1 localhost:1/x:1 %a/x:1",
    ],
    "a registry without docker's search is searched by its catalog": [
        "search @one",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
