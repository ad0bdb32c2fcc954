"""What documents show: ```console blocks, where ``$ `` begins a command and what follows is its output, and programs.

``...`` in expected output stands for anything, over several lines when it is a line of its own. Runs of blanks in a
line are compared as one, so that tables may be shown narrower than they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """One command of a document, with the line it is on."""

    line: int
    command: str
    expected: str


def commands(document: Path) -> list[Command]:
    """Return the commands of all console blocks, in order.

    :raises ValueError: a block begins with output.
    """
    found: list[Command] = []
    inside = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append(Command(number, line[2:], ""))
        elif inside and found:
            last = found[-1]
            found[-1] = last._replace(expected=f"{last.expected}{line}\n")
        elif inside:
            raise ValueError(f"{document.name}:{number}: output before the first command")
    return found


def programs(document: Path) -> list[tuple[int, str]]:
    """Return line and text of each ```python block."""
    found: list[tuple[int, str]] = []
    inside = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```python"
            if inside:
                found.append((number, ""))
        elif inside:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def matches(expected: str, actual: str) -> bool:
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        words = [re.escape(part) for part in re.split(r"\.\.\.", re.sub(r"[ \t]+", " ", line.strip()))]
        pattern += ".*?".join(words).replace(r"\ ", r" *") + " *\n"
    squeezed = "".join(re.sub(r"[ \t]+", " ", line.strip()) + "\n" for line in actual.splitlines())
    return re.fullmatch(pattern, squeezed) is not None
