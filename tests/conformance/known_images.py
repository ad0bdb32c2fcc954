"""Where hezi answers otherwise than docker about images, and why. Every line here is one of a session.

Beside these the sizes of what was reclaimed are not compared: hezi counts blobs as well as unpacked layers
(docs/adr/0015), docker keeps no blobs.
"""

from __future__ import annotations

_REASONS: dict[str, list[str]] = {
    "an engine of 2020 has neither trees nor platforms; that of 2025 has": [
        "images --tree",
        "history --platform linux/amd64 @one:1",
        "image inspect --platform linux/amd64 -f '{{.Os}}' @one:1",
        "rmi --platform linux/arm64 @one:1",
    ],
    "what docker's newer engines take": [
        "images -f dangling=1",
    ],
    "one more section: layers, blobs, broken-off downloads and logs": [
        "system df -v",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
