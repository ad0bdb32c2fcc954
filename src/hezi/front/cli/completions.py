"""Completion scripts for bash, zsh and fish, from the tables that the parser reads.

The scripts hold everything themselves: completing must not start an interpreter at each press of Tab, except for the
names of images, which only the store knows.
"""

from __future__ import annotations

from hezi.front.cli import commands
from hezi.front.cli.global_options import GLOBAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hezi.front.cli.option import Option, Verb

# Verbs whose arguments are images in the store.
_WITH_IMAGES = frozenset({"run", "rmi", "images", "pull"})
_FILES = frozenset({"env-file", "cidfile", "label-file", "config", "root", "runroot", "device"})


def verbs() -> dict[str, Verb]:
    """Return path -> table for every built command."""
    found = {}
    for path, (module_name, _, _) in commands.BUILT.items():
        module: Any = __import__(f"hezi.front.cli.verbs.{module_name}", fromlist=["VERB"])
        found[path] = module.VERB
    return found


def accepted(options: tuple[Option, ...]) -> list[Option]:
    """Return what is worth offering: options that work and are documented, with ``--help``."""
    from hezi.front.cli.parser import HELP

    return sorted((one for one in (*options, HELP) if one.refusal is None and one.help), key=lambda one: one.name)


def bash(program: str, _descriptions: bool) -> str:
    """Return the bash script; bash shows no descriptions."""
    words = _spellings(accepted(GLOBAL_OPTIONS))
    valued = _valued(accepted(GLOBAL_OPTIONS))
    cases = [_bash_case(path, verb) for path, verb in verbs().items()]
    groups = [name for name in commands.GROUPS if commands.names_in(name)]
    cases += [f"    '{name}') words='{' '.join(commands.names_in(name))}' ;;" for name in groups]
    return _BASH.format(
        program=program,
        function=program.replace("-", "_"),
        groups="|".join(groups),
        global_words=" ".join([*commands.names_in(""), *groups, *words]),
        global_valued="|".join(valued),
        cases="\n".join(cases),
    )


def _bash_case(path: str, verb: Verb) -> str:
    options = accepted(verb.options)
    lines = [f"    '{path}')", f"      words='{' '.join(_spellings(options))}'"]
    lines.append(f"      valued='|{'|'.join(_valued(options))}|'")
    choices = [(one, " ".join(one.choices)) for one in options if one.choices and one.bare is None]
    arms = [f"{'|'.join(_spellings([one]))}) chosen='{text}' ;;" for one, text in choices]
    if arms:
        lines.append(f"      case $prev in {' '.join(arms)} esac")
    if commands.BUILT[path][0] in _WITH_IMAGES:
        lines.append("      images=yes")
    if path == "completion":
        lines.append("      words+=' bash fish zsh'")
    return "\n".join([*lines, "      ;;"])


def _spellings(options: list[Option]) -> list[str]:
    return [text for one in options for text in ((f"-{one.short}",) if one.short else ()) + (f"--{one.name}",)]


def _valued(options: list[Option]) -> list[str]:
    return _spellings([one for one in options if one.bare is None])


_BASH = """\
# bash completion for {program}, written by `{program} completion bash`
_{function}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local path= words= valued='|{global_valued}|' chosen= images= i word skip=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    if [[ $skip ]]; then skip=; continue; fi
    case $word in
      -*) [[ $valued == *"|$word|"* ]] && skip=yes ;;
      *)
        if [[ -z $path ]]; then path=$word
        elif [[ $path =~ ^({groups})$ ]]; then path="$path $word"; fi ;;
    esac
  done
  case $path in
    '') words='{global_words}' ;;
{cases}
  esac
  if [[ $chosen ]]; then COMPREPLY=($(compgen -W "$chosen" -- "$cur")); return; fi
  if [[ $prev == -* && $valued == *"|$prev|"* ]]; then COMPREPLY=($(compgen -f -- "$cur")); return; fi
  if [[ $images && $cur != -* ]]; then
    words=$({program} images 2>/dev/null | awk 'NR > 1 {{ print $1 ":" $2 }}')
    declare -F __ltrim_colon_completions > /dev/null && {{
      COMPREPLY=($(compgen -W "$words" -- "$cur")); __ltrim_colon_completions "$cur"; return; }}
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _{function} {program}"""


def zsh(program: str, descriptions: bool) -> str:
    """Return the zsh script."""
    function = program.replace("-", "_")
    lines = [f"#compdef {program}", f"# written by `{program} completion zsh`", f"_{function}() {{"]
    lines += ["  local curcontext=$curcontext state line", "  local -A opt_args"]
    lines.append(f"  _arguments -C {_zsh_options(GLOBAL_OPTIONS, descriptions)} '1: :->command' '*:: :->rest'")
    lines.append("  case $state in")
    groups = [(name, text) for name, text in commands.GROUPS.items() if commands.names_in(name)]
    tops = [(path, line) for path, (_, _, line) in commands.BUILT.items() if " " not in path]
    lines.append(f"    command) {_zsh_describe([*tops, *groups], descriptions)} ;;")
    lines.append("    rest) case $line[1] in")
    for path, verb in verbs().items():
        if " " not in path:
            lines.append(f"      {path}) {_zsh_verb(program, path, verb, descriptions)} ;;")
    for name, _ in groups:
        lines.append(f"      {name})")
        lines.append("        _arguments -C '1: :->sub' '*:: :->subrest'; case $state in")
        rows = [(sub, commands.BUILT[f"{name} {sub}"][2]) for sub in commands.names_in(name)]
        lines.append(f"          sub) {_zsh_describe(rows, descriptions)} ;;")
        lines.append("          subrest) case $line[1] in")
        for sub in commands.names_in(name):
            path = f"{name} {sub}"
            lines.append(f"            {sub}) {_zsh_verb(program, path, verbs()[path], descriptions)} ;;")
        lines.append("          esac ;;\n        esac ;;")
    lines += ["    esac ;;", "  esac", "}"]
    # Found in fpath the file is the function's first call; sourced it only declares it.
    lines.append(
        f'if [[ $funcstack[1] == _{function} ]]; then _{function} "$@"; else compdef _{function} {program}; fi'
    )
    return "\n".join(lines)


def _zsh_describe(rows: list[tuple[str, str]], descriptions: bool) -> str:
    words = " ".join(_zsh_quote(f"{name}:{text}" if descriptions else name) for name, text in rows)
    return f"local -a words; words=({words}); _describe command words"


def _zsh_verb(program: str, path: str, verb: Verb, descriptions: bool) -> str:
    # `-A "-*"`: after the image, what follows is the program's
    stop = "" if verb.interspersed else "-A '-*' "
    rest = "'*: :_files'"
    if path == "completion":
        rest = "'1: :(bash fish zsh)'"
    elif commands.BUILT[path][0] in _WITH_IMAGES:
        names = f'${{${{(f)"$({program} images 2>/dev/null | awk \\\'NR > 1 {{ print $1 ":" $2 }}\\\')"}}//:/\\:}}'
        rest = f"'*:image:({names})'".replace("\\'", "'\\''")
    return f"_arguments {stop}{_zsh_options(verb.options, descriptions)} {rest}"


def _zsh_options(options: tuple[Option, ...], descriptions: bool) -> str:
    return " ".join(_zsh_option(one, descriptions) for one in accepted(options))


def _zsh_option(option: Option, descriptions: bool) -> str:
    text = f"[{option.help.replace('[', '(').replace(']', ')')}]" if descriptions else ""
    text = text.replace(":", "\\:")
    value = ""
    if option.bare is None:
        action = f"({' '.join(option.choices)})" if option.choices else "_files" if option.name in _FILES else ""
        value = f":{option.kind}:{action}"
    names = [
        f"--{option.name}{'=' if value else ''}",
        *((f"-{option.short}{'+' if value else ''}",) if option.short else ()),
    ]
    star = "*" if option.many else ""
    return " ".join(_zsh_quote(f"{star}{name}{text}{value}") for name in names)


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(program: str, descriptions: bool) -> str:
    """Return the fish script."""
    lines = [f"# fish completion for {program}, written by `{program} completion fish`", f"complete -c {program} -f"]
    tops = [(path, line) for path, (_, _, line) in commands.BUILT.items() if " " not in path]
    groups = [(name, text) for name, text in commands.GROUPS.items() if commands.names_in(name)]
    for name, text in (*tops, *groups):
        lines.append(_fish(program, "__fish_use_subcommand", f"-a {name}", text, descriptions))
    lines.extend(
        _fish(program, "__fish_use_subcommand", _fish_flag(option), option.help, descriptions)
        for option in accepted(GLOBAL_OPTIONS)
    )
    for name, _ in groups:
        names = " ".join(commands.names_in(name))
        condition = f"__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from {names}"
        lines += [
            _fish(program, condition, f"-a {sub}", commands.BUILT[f"{name} {sub}"][2], descriptions)
            for sub in commands.names_in(name)
        ]
    for path, verb in verbs().items():
        condition = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in path.split())
        for option in accepted(verb.options):
            lines.append(_fish(program, condition, _fish_flag(option), option.help, descriptions))
        if commands.BUILT[path][0] in _WITH_IMAGES:
            names = f'({program} images 2>/dev/null | awk "NR > 1 {{ print \\$1 \\":\\" \\$2 }}")'
            lines.append(f"complete -c {program} -n '{condition}' -a '{names}'")
    lines.append(f"complete -c {program} -n '__fish_seen_subcommand_from completion' -a 'bash fish zsh'")
    return "\n".join(lines)


def _fish(program: str, condition: str, what: str, text: str, descriptions: bool) -> str:
    described = " -d '" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" if descriptions else ""
    return f"complete -c {program} -n '{condition}' {what}{described}"


def _fish_flag(option: Option) -> str:
    text = f"-l {option.name}" + (f" -s {option.short}" if option.short else "")
    if option.bare is None:
        text += " -r" + (f" -a '{' '.join(option.choices)}'" if option.choices else "")
        text += " -F" if option.name in _FILES else ""
    return text


WRITERS: dict[str, Callable[[str, bool], str]] = {"bash": bash, "fish": fish, "zsh": zsh}
