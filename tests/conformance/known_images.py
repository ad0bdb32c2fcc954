"""Where hezi answers otherwise than docker about images, and why. Every line here is one of a session."""

from __future__ import annotations

_REASONS: dict[str, list[str]] = {}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
