"""Identifiers of containers and of temporary things: random, lower-case hexadecimal."""

from __future__ import annotations

import os


def new_id() -> str:
    """Return a fresh 64-digit container id (256 random bits, as docker's ids are)."""
    while True:
        value = os.urandom(32).hex()
        # Docker avoids short ids that are all digits: they could be taken for a numeric host name.
        if not value[:12].isdigit():
            return value


def short(identifier: str) -> str:
    """Return the 12 digits that people are shown, without an algorithm prefix."""
    return identifier.partition(":")[2][:12] if ":" in identifier else identifier[:12]
