"""The reference of the command line, made from the commands themselves."""

from __future__ import annotations

import inspect

import click

from composer.cli.commands import compose


def commands_page() -> str:
    """Return the page as Markdown."""
    context = click.Context(compose, info_name="compose")
    parts = [
        "# Commands\n\nMade from the command line itself; `compose VERB --help` shows the same.\n\n"
        f"{compose.epilog}\n\n"
    ]
    for name in compose.list_commands(context):
        command = compose.get_command(context, name)
        assert command is not None
        parts.extend(_verb(name, command, context))
    return "".join(parts)


def _verb(name: str, command: click.Command, above: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=above)
    usage = " ".join(["compose", name, *command.collect_usage_pieces(context)])
    rows = [
        _row(*record)
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context)) is not None
    ]
    # A group shows its own verbs instead of options that nobody would look for.
    below = []
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            verb = command.get_command(context, inner)
            assert verb is not None
            below.extend(_verb(f"{name} {inner}", verb, above))
    return [
        f"## compose {name}\n\n```text\n{usage}\n```\n\n",
        inspect.cleandoc(command.help or "").replace("\b\n", ""),
        "\n\n| option | |\n|---|---|\n",
        *rows,
        "\n",
        *below,
    ]


def _row(option: str, text: str) -> str:
    said = " ".join(text.split()).replace("|", "\\|")
    return f"| `{option.replace('|', chr(92) + '|')}` | {said} |\n"
