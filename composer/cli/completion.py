"""``compose completion``: the script that makes a shell complete ``compose``."""

from __future__ import annotations

import click

from composer.cli import console


@click.command(name="completion", short_help="Print the script that makes a shell complete.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print what makes a SHELL complete verbs, flags, specs, keys, sources and layers.

    Once read, for bash from ~/.bashrc as eval "$(compose completion bash)", for zsh the same from
    ~/.zshrc behind compinit, for fish from ~/.config/fish/config.fish as
    compose completion fish | source, it lasts for all later versions.
    """
    from composer.cli.shells import SCRIPTS

    console.data(SCRIPTS[shell])
    return 0
