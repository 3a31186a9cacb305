# SPDX-License-Identifier: Apache-2.0
"""completion: a script that teaches a shell the words of the command line, read off its parser."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import falloff
from falloff.cli.commands import Subparsers

_FILE = re.compile(r"FILE|PATH|FOLDER|\.(np[yz]|mlir)\b")
"""What a metavar of a file or a folder looks like."""


@dataclass(frozen=True)
class Word:
    """An option, or a place on the command line that is filled by its order."""

    names: tuple[str, ...]  # of an option; none of a place
    help: str
    takes_value: bool
    values: tuple[str, ...]
    is_file: bool = False
    is_pattern: bool = False


@dataclass
class Command:
    """A parser: the whole program (no names), a command, or a command of a command."""

    names: tuple[str, ...]
    help: str = ""
    options: list[Word] = field(default_factory=list)
    places: list[Word] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    def walk(self) -> Iterator[Command]:
        yield self
        for command in self.commands:
            yield from command.walk()


def add_completion(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "completion",
        help="print a script that completes the words of this command in a shell",
        description="Prints a completion script. bash: source <(falloff completion bash), in "
        "~/.bashrc; zsh: falloff completion zsh > _falloff, in a folder of $fpath; fish: "
        "falloff completion fish > ~/.config/fish/completions/falloff.fish.",
    )
    parser.add_argument("shell", choices=sorted(_WRITERS))
    parser.set_defaults(run=completion)


def completion(arguments: argparse.Namespace) -> int:
    from falloff.cli import build_parser  # which names this module

    print(_WRITERS[arguments.shell](read(build_parser())), end="")
    return 0


# ---- reading the parser


def read(parser: argparse.ArgumentParser, names: tuple[str, ...] = (), help_: str = "") -> Command:
    command = Command(names, help_)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                command.commands.append(read(child, (*names, name), helps.get(name, "")))
        elif action.help != argparse.SUPPRESS:
            (command.options if action.option_strings else command.places).append(_word(action))
    return command


def _word(action: argparse.Action) -> Word:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    values = tuple(map(str, action.choices or ()))
    if "|" in metavar and not values:  # exact|outward|nearest[:SHARE]
        values = tuple(word.partition("[")[0] for word in metavar.split("|"))
    return Word(
        names=tuple(action.option_strings),
        help=" ".join((action.help or "").replace("%%", "%").split()),
        takes_value=action.nargs != 0,
        values=values,
        is_file=not values and (action.type is Path or bool(_FILE.search(metavar))),
        is_pattern=metavar == "PATTERN",
    )


def _patterns() -> list[str]:
    return falloff.patterns()


# ---- bash


def _bash(root: Command) -> str:
    cases = "\n".join(_bash_command(command) for command in root.walk())
    names = sorted({" ".join(command.names) for command in root.walk() if command.names})
    known = " | ".join(f"'{name}'" for name in names)
    return f"""\
# bash completion of falloff, made by `falloff completion bash`.
_falloff() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" before="" command="" place=0 words="" kind="" option=""
  local index word
  # bash cuts --option=value at the sign.
  if [[ "$cur" == "=" ]]; then
    cur="" option="${{COMP_WORDS[COMP_CWORD-1]}}"
  elif [[ "${{COMP_WORDS[COMP_CWORD-1]}}" == "=" ]]; then
    option="${{COMP_WORDS[COMP_CWORD-2]}}"
  fi
  for ((index = 1; index < COMP_CWORD; ++index)); do
    word="${{COMP_WORDS[index]}}"
    case "$word" in
      =) before="=" ;;
      -*) before="$word" ;;
      *)
        if [[ -n "$before" ]] && {{ [[ "$before" == "=" ]] || _falloff_takes "$before"; }}; then
          :
        else
          case "${{command:+$command }}$word" in
            {known}) command="${{command:+$command }}$word" place=0 ;;
            *) place=$((place + 1)) ;;
          esac
        fi
        before="" ;;
    esac
  done
  if [[ -z "$option" && -n "$before" && "$before" != "=" ]] && _falloff_takes "$before"; then
    option="$before"
  fi
  case "$command" in
{cases}
  esac
  COMPREPLY=()
  local IFS=$'\\n'
  if [[ -n "$words" ]]; then
    COMPREPLY=($(IFS=' ' compgen -W "$words" -- "$cur"))
  fi
  case "$kind" in
    file) COMPREPLY+=($(compgen -f -- "$cur")) ;;
    pattern) COMPREPLY+=($(compgen -f -X '!*.mlir' -- "$cur") $(compgen -d -S / -- "$cur")) ;;
  esac
  [[ "$kind" && "${{COMPREPLY[0]}}" == */ ]] && compopt -o nospace 2> /dev/null
  return 0
}}
_falloff_takes() {{
  case "$1" in
    {_bash_takers(root)}) return 0 ;;
  esac
  return 1
}}
complete -o filenames -F _falloff falloff
"""


def _bash_takers(root: Command) -> str:
    options = (word for command in root.walk() for word in command.options if word.takes_value)
    return " | ".join(sorted({name for word in options for name in word.names}))


def _bash_command(command: Command) -> str:
    lines = [f"    '{' '.join(command.names)}')", '      case "$option" in']
    for word in command.options:
        if word.takes_value:
            lines.append(f"        {' | '.join(word.names)}) {_bash_value(word)} ;;")
    names = [name for word in command.options for name in word.names]
    names = [name for name in names if name.startswith("--")] or names
    lines += ['        "")', '          if [[ "$cur" == -* ]]; then']
    lines += [f'            words="{" ".join(names)}"', "          else"]
    if command.commands:
        words = " ".join(child.names[-1] for child in command.commands)
        lines.append(f'            words="{words}"')
    elif command.places:
        lines.append("            case $place in")
        for place, word in enumerate(command.places):
            lines.append(f"              {place}) {_bash_value(word)} ;;")
        lines.append("            esac")
    else:
        lines.append("            :")
    return "\n".join([*lines, "          fi ;;", "      esac ;;"])


def _bash_value(word: Word) -> str:
    if word.is_pattern:
        return f'words="{" ".join(_patterns())}" kind=pattern'
    if word.is_file:
        return "kind=file"
    return f'words="{" ".join(word.values)}"'


# ---- zsh


def _zsh(root: Command) -> str:
    functions = "\n".join(_zsh_command(command) for command in root.walk())
    return f"""\
#compdef falloff
# zsh completion of falloff, made by `falloff completion zsh`.
{functions}
_falloff "$@"
"""


def _zsh_name(command: Command) -> str:
    return "_".join(["_falloff", *command.names])


def _zsh_command(command: Command) -> str:
    specs = [_zsh_option(word, name) for word in command.options for name in word.names]
    if command.commands:
        described = "\n".join(
            f"        {_quote(f'{child.names[-1]}:{child.help}')}" for child in command.commands
        )
        cases = "\n".join(
            f"        {child.names[-1]}) {_zsh_name(child)} ;;" for child in command.commands
        )
        specs += ["'1: :->command'", "'*:: :->rest'"]
        tail = f"""
  case $state in
    command)
      local -a commands=(
{described}
      )
      _describe command commands ;;
    rest)
      case $words[1] in
{cases}
      esac ;;
  esac"""
    else:
        for place, word in enumerate(command.places, 1):
            specs.append(_quote(f"{place}:value:{_zsh_value(word)}"))
        tail = ""
    joined = " \\\n    ".join(specs)
    return f"""\
{_zsh_name(command)}() {{
  local curcontext="$curcontext" state line
  local -a words_
  _arguments -C \\
    {joined}{tail}
}}"""


def _zsh_option(word: Word, name: str) -> str:
    meaning = re.sub(r"([\[\]:\\])", r"\\\1", word.help)
    if not word.takes_value:
        return _quote(f"{name}[{meaning}]")
    return _quote(f"*{name}=[{meaning}]:value:{_zsh_value(word)}")


def _zsh_value(word: Word) -> str:
    if word.is_pattern:
        choose = f"({' '.join(_patterns())})"
        return f'{{_alternative "patterns:pattern:{choose}" "files:file:_files -g \\*.mlir"}}'
    if word.is_file:
        return "_files"
    return f"({' '.join(word.values)})" if word.values else " "


# ---- fish


def _fish(root: Command) -> str:
    lines = ["# fish completion of falloff, made by `falloff completion fish`."]
    lines.append("complete -c falloff -f")
    for command in root.walk():
        others = [child.names[-1] for child in command.commands]
        seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in command.names)
        none = f"not __fish_seen_subcommand_from {' '.join(others)}" if others else ""
        here = "; and ".join(part for part in (seen, none) if part)
        condition = f" -n {_quote(here)}" if here else ""
        start = f"complete -c falloff{condition}"
        for child in command.commands:
            lines.append(f"{start} -a {child.names[-1]} -d {_quote(child.help)}")
        for word in command.options:
            lines.append(f"{start} {_fish_option(word)}")
        if not command.commands:
            for word in command.places:
                lines.append(f"{start} {_fish_value(word)}")
    return "\n".join(lines) + "\n"


def _fish_option(word: Word) -> str:
    parts = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in word.names]
    if word.takes_value:
        parts += ["-r" if word.is_file else "-x", _fish_value(word)]
    return " ".join(part for part in (*parts, f"-d {_quote(word.help)}") if part)


def _fish_value(word: Word) -> str:
    if word.is_pattern:
        return f"-a {_quote(' '.join(_patterns()) + ' (__fish_complete_suffix .mlir)')}"
    if word.is_file:
        return "-F"
    return f"-a {_quote(' '.join(word.values))}" if word.values else ""


def _quote(text: str) -> str:
    """One word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


_WRITERS: dict[str, Callable[[Command], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
