"""``compose completion``: the script that makes a shell complete ``compose``."""

from __future__ import annotations

import click

from composer.cli import console


@click.command(name="completion", short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print a script that makes SHELL complete commands, options, specs, keys and layers.

    \b
    bash: add eval "$(compose completion bash)" to ~/.bashrc.
    zsh: add eval "$(compose completion zsh)" to ~/.zshrc, after compinit.
    fish: add compose completion fish | source to ~/.config/fish/config.fish.
    """  # noqa: D301 - click reads a real \b as "keep these lines"
    from composer.cli.shells import SCRIPTS

    console.data(SCRIPTS[shell])
    return 0
