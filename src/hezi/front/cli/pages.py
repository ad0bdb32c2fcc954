"""The pages of ``--help``, laid out as docker's, from the tables that the parser reads."""

from __future__ import annotations

import sys

from hezi.front.cli import commands
from hezi.front.cli.global_options import GLOBAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.option import Option, Verb

_WIDTH = 80


def print_overview(program: str, *, to_stderr: bool = False) -> int:
    """Print the list of commands; docker sends it to standard error when nothing was asked for."""
    _print(overview(program), to_stderr=to_stderr)
    return 0


def print_group(program: str, path: str, *, to_stderr: bool = False) -> int:
    """Print the commands of a group."""
    _print(group(program, path), to_stderr=to_stderr)
    return 0


def print_verb(program: str, path: str, verb: Verb) -> int:
    """Print the page of one command."""
    _print(page(program, path, verb), to_stderr=False)
    return 0


def _print(text: str, *, to_stderr: bool) -> None:
    print(text, file=sys.stderr if to_stderr else sys.stdout)


def overview(program: str) -> str:
    """Return the page of ``hezi --help``."""
    parts = [f"Usage:  {program} [OPTIONS] COMMAND", "A container engine without a daemon"]
    for heading in ("Common Commands", "Management Commands", "Commands"):
        if heading == "Management Commands":
            rows = [(name, text) for name, text in commands.GROUPS.items() if commands.names_in(name)]
        else:
            rows = [(path, line) for path, (_, place, line) in commands.BUILT.items() if place == heading]
        parts.append(f"{heading}:\n{_columns(rows)}")
    parts.append(f"Not built yet:\n{_paragraph(', '.join(commands.planned_in('')), 2)}")
    parts.extend(
        (
            f"Global Options:\n{_options(GLOBAL_OPTIONS)}",
            f"Run '{program} COMMAND --help' for more information on a command.",
        )
    )
    return "\n\n".join(parts)


def group(program: str, path: str) -> str:
    """Return the page of a group such as ``image``."""
    rows = [(name, commands.BUILT[f"{path} {name}"][2]) for name in commands.names_in(path)]
    parts = [f"Usage:  {program} {path} COMMAND", commands.GROUPS[path], f"Commands:\n{_columns(rows)}"]
    planned = commands.planned_in(path)
    if planned:
        parts.append(f"Not built yet:\n{_paragraph(', '.join(planned), 2)}")
    parts.append(f"Run '{program} {path} COMMAND --help' for more information on a command.")
    return "\n\n".join(parts)


def page(program: str, path: str, verb: Verb) -> str:
    """Return the page of one command."""
    parts = [f"Usage:  {path} {verb.use}".rstrip(), verb.summary]
    if verb.spellings:
        parts.append("Aliases:\n  " + ", ".join(f"{program} {spelling}" for spelling in verb.spellings))
    if any(option.refusal is None for option in verb.options):
        parts.append(f"Options:\n{_options(verb.options)}")
    refused = [option for option in verb.options if option.refusal is not None]
    if refused:
        names = ", ".join(f"--{option.name}" for option in refused)
        parts.append(f"Options of docker that are refused by name:\n{_paragraph(names, 2)}")
    if verb.notes:
        parts.append(verb.notes)
    if verb.examples:
        lines = [f"  # {what}\n  {program} {line}" for line, what in verb.examples]
        parts.append("Examples:\n" + "\n\n".join(lines))
    return "\n\n".join(parts)


def _options(options: tuple[Option, ...]) -> str:
    rows = []
    for option in sorted((one for one in options if one.help), key=lambda one: one.name):
        head = f"{'-' + option.short + ', ' if option.short else '    '}--{option.name}"
        if option.bare is None:
            head += f" {option.kind}"
        elif option.kind != "bool":
            head += f"[={option.kind}]"
        rows.append((head, option.help))
    return _columns(rows, gap=3)


def _columns(rows: list[tuple[str, str]], gap: int = 2) -> str:
    left = max((len(head) for head, _ in rows), default=0) + gap
    indent = left + 2
    return "\n".join(f"  {head.ljust(left)}{_wrap(text, indent)}" for head, text in rows)


def _wrap(text: str, indent: int) -> str:
    return _paragraph(text, indent).lstrip(" ")


def _paragraph(text: str, indent: int) -> str:
    # textwrap would import re
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > max(_WIDTH - indent, 24):
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    lines.append(current)
    return "\n".join(" " * indent + line for line in lines)
