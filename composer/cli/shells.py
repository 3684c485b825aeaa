"""How bash, zsh and fish ask for candidates and are told them.

The script of each shell hands over the line up to the cursor in ``COMP_LINE``; what comes back is
one candidate a line, a tab and a description behind it where there is one.
"""

from __future__ import annotations

import os
import re
import shlex

from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

from composer.cli.candidates import OPEN

_BASH = """\
_compose_completion() {
    local value
    COMPREPLY=()
    while IFS= read -r value; do
        COMPREPLY+=("$value")
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        _COMPOSE_COMPLETE=bash_complete "$1" 2>/dev/null)
}
complete -o nospace -o nosort -F _compose_completion compose 2>/dev/null ||
    complete -o nospace -F _compose_completion compose
"""

_ZSH = """\
#compdef compose
_compose_completion() {
    local -a whole open
    local value
    for value in "${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" \\
        _COMPOSE_COMPLETE=zsh_complete ${words[1]} 2>/dev/null)}"; do
        case "${value%%$'\\t'*}" in
            '') ;;
            *[/.=:]) open+=("${${value//:/\\\\:}/$'\\t'/:}") ;;
            *) whole+=("${${value//:/\\\\:}/$'\\t'/:}") ;;
        esac
    done
    _describe -V '' whole -- open -S ''
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _compose_completion "$@"
else
    compdef _compose_completion compose
fi
"""

_FISH = """\
function _compose_completion
    set -lx COMP_LINE (commandline -cp | string collect)
    set -lx _COMPOSE_COMPLETE fish_complete
    compose 2>/dev/null
end
complete --command compose --no-files --keep-order --arguments "(_compose_completion)"
"""

_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")


class _Shell(ShellComplete):
    """The words of the line, and the candidates as zsh and fish take them."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words behind the command's name, and the one that is being typed."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        typed = "" if not words or (line[-1:].isspace() and _is_whole(line)) else words.pop()
        return words[1:], typed

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the candidates, which may look at all words of the line as ``context.obj``."""
        self.ctx_args = {"obj": tuple(args)}
        option, equals, _ = incomplete.partition("=")
        # The terminal shows candidates as they are: what holds an escape sequence is none.
        candidates = super().get_completions(args, incomplete)
        found = [item for item in candidates if str(item.value).isprintable()]
        if not equals or not option.startswith("--"):
            return found
        # Click takes --option=value apart; for the shells it is one word.
        return [CompletionItem(f"{option}={item.value}", help=item.help) for item in found]

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return the line for one candidate."""
        if not item.help:
            return item.value
        return f"{item.value}\t{' '.join(item.help.split())}"


class _Bash(_Shell):
    """What bash is to put in the place of the piece of a word that it sees.

    Bash takes apart words at ``COMP_WORDBREAKS``, colons and equal signs among them, knows nothing
    of descriptions, and neither quotes what is special nor, as it is asked here, adds the space
    behind a word.
    """

    name = "bash"
    source_template = _BASH

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return the line for one candidate."""
        line = os.environ.get("COMP_LINE", "")
        if not _is_whole(line):  # in quotes, which are kept, and where nothing is taken apart
            return item.value
        breaks = set(os.environ.get("COMP_BREAKS", "")) - set(" \t\n\"'")
        _, typed = self.get_completion_args()
        seen_from = max((typed.rfind(char) for char in breaks), default=-1) + 1
        end = "" if item.value.endswith(OPEN) else " "
        return _SPECIAL.sub(r"\\\1", item.value[seen_from:]) + end


class _Zsh(_Shell):
    name = "zsh"
    source_template = _ZSH


class _Fish(_Shell):
    name = "fish"
    source_template = _FISH


SCRIPTS = {shell.name: shell.source_template for shell in (_Bash, _Zsh, _Fish)}
"""What each shell has to read once, by its name."""


def answer_shells() -> None:
    """Let click answer the scripts of :data:`SCRIPTS` when it finds ``_COMPOSE_COMPLETE``."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)


def _is_whole(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True
