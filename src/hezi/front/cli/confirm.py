"""The question before something is removed."""

from __future__ import annotations

import sys


def confirmed(warning: str) -> bool:
    """Show what is about to happen, and tell whether the answer is yes."""
    print(f"{warning}\nAre you sure you want to continue? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
