"""Write the command reference and the man pages from the option tables.

python3 tools/gen_docs.py            write docs/reference/cli.md and docs/man/*.1
python3 tools/gen_docs.py --check    write nothing; exit 1 when a file is not what would be written
"""

from __future__ import annotations

import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "src"))

from hezi import __version__  # noqa: E402 - found through the path above
from hezi.front.cli import commands, completions, pages  # noqa: E402
from hezi.front.cli.global_options import GLOBAL_OPTIONS  # noqa: E402
from hezi.front.cli.option import Option, Verb  # noqa: E402


def files() -> dict[str, str]:
    """Return path below the repository -> text, for everything that is generated."""
    made = {"docs/reference/cli.md": markdown(), "docs/man/hezi.1": overview_page()}
    for path, verb in documented().items():
        made[f"docs/man/hezi-{path.replace(' ', '-')}.1"] = verb_page(path, verb)
    return made


def documented() -> dict[str, Verb]:
    """Return path -> table of the commands that have a page: those of one word, and of two without such a spelling."""
    short = {module for path, (module, _, _) in commands.BUILT.items() if " " not in path}
    verbs = completions.verbs()
    return {path: verb for path, verb in verbs.items() if " " not in path or commands.BUILT[path][0] not in short}


def markdown() -> str:
    """Return the reference: the pages of ``--help``, and what is refused and why."""
    parts = [
        "# The command line",
        "<!-- written by tools/gen_docs.py from the option tables; edit those -->",
        "Commands, flags, texts and exit codes are docker's. What hezi does not do is refused by name, never ignored.",
        f"```text\n{pages.overview('hezi')}\n```",
    ]
    for path, verb in documented().items():
        parts += [f"## hezi {path}", f"```text\n{pages.page('hezi', f'hezi {path}', verb)}\n```"]
        refused = [one for one in verb.options if one.refusal]
        if refused:
            rows = "\n".join(f"| `--{one.name}` | {one.refusal} |" for one in sorted(refused, key=lambda one: one.name))
            parts.append(f"| refused | why |\n|---|---|\n{rows}")
    parts += ["## Commands of docker that are not here", _missing()]
    return "\n\n".join(parts) + "\n"


def _missing() -> str:
    rows = []
    for reasons, word in ((commands.PLANNED, "not built yet"), (commands.REFUSED, "refused")):
        for reason, groups in reasons.items():
            names = [f"`{group} {name}`".replace("` ", "`") for group, text in groups.items() for name in text.split()]
            rows.append(f"| {', '.join(names)} | {word}: {reason} |")
    return "| command | |\n|---|---|\n" + "\n".join(rows)


def overview_page() -> str:
    """Return hezi(1)."""
    parts = [_head("hezi", "a container engine without a daemon"), ".SH SYNOPSIS\n.B hezi\n[OPTIONS] COMMAND [ARG...]"]
    rows = [(path, line) for path, (_, _, line) in commands.BUILT.items() if " " not in path]
    parts.append(
        ".SH COMMANDS\n" + "\n".join(f".TP\n.BR hezi\\-{_roff(name)} (1)\n{_roff(line)}" for name, line in rows)
    )
    parts.append(".SH OPTIONS\n" + _options(GLOBAL_OPTIONS))
    parts.append(
        ".SH ENVIRONMENT\n.TP\n.B HEZI_ROOT\nWhere images and containers are kept.\n.TP\n.B HEZI_NETWORK\n"
        "Network of containers that are given none: bridge, unless this says otherwise.\n.TP\n.B HEZI_RUNROOT\n"
        "What need not outlive a boot.\n.TP\n.B DOCKER_CONFIG\nDirectory of config.json with registry credentials."
    )
    parts.append(
        ".SH FILES\n.TP\n.I /var/lib/hezi\nImages and containers.\n.TP\n.I /etc/hezi/registries.toml\n"
        "Registries that may be spoken to without TLS.\n.TP\n.I ~/.docker/config.json\nCredentials."
    )
    return "\n".join(parts) + "\n"


def verb_page(path: str, verb: Verb) -> str:
    """Return the man page of one command."""
    parts = [
        _head(f"hezi-{path.replace(' ', '-')}", verb.summary),
        f".SH SYNOPSIS\n.B hezi {_roff(path)}\n{_roff(verb.use)}",
    ]
    if verb.spellings:
        parts.append(
            ".SH ALIASES\n" + ", ".join(f".B hezi {_roff(one)}" for one in verb.spellings).replace(", ", "\n.br\n")
        )
    parts.append(".SH OPTIONS\n" + _options(verb.options))
    refused = ", ".join(f"\\-\\-{_roff(one.name)}" for one in verb.options if one.refusal)
    if refused:
        parts.append(f".SH REFUSED OPTIONS\nThese options of docker are refused by name:\n{refused}.")
    if verb.notes:
        parts.append(f".SH NOTES\n.nf\n{_roff(verb.notes)}\n.fi")
    if verb.examples:
        shown = "\n".join(f".TP\n{_roff(what)}\n.B hezi {_roff(line)}" for line, what in verb.examples)
        parts.append(f".SH EXAMPLES\n{shown}")
    parts.append(".SH SEE ALSO\n.BR hezi (1)")
    return "\n".join(parts) + "\n"


def _head(name: str, summary: str) -> str:
    return f'.TH {name.upper()} 1 "" "hezi {__version__}"\n.SH NAME\n{_roff(name)} \\- {_roff(summary)}'


def _options(options: tuple[Option, ...]) -> str:
    rows = []
    for one in completions.accepted(options):
        names = (f"\\fB\\-{one.short}\\fR, " if one.short else "") + f"\\fB\\-\\-{_roff(one.name)}\\fR"
        value = "" if one.kind == "bool" else f"[=\\fI{one.kind}\\fR]" if one.bare else f" \\fI{one.kind}\\fR"
        rows.append(f".TP\n{names}{value}\n{_roff(one.help)}")
    return "\n".join(rows)


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in escaped.splitlines())


def main() -> int:
    """Write or check all files."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in files().items():
        path = os.path.join(TOP, name)
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == text
        except FileNotFoundError:
            same = False
        if same:
            continue
        stale.append(name)
        if not check:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    for name in stale:
        print(f"{'stale' if check else 'wrote'}: {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
