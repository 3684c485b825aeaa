"""``compose schema``: the JSON Schemas of what users write and read."""

from __future__ import annotations

import click

from composer.cli import console


@click.command(name="schema", short_help="Print the JSON Schema of specs, plans or locks.")
@click.argument("name", type=click.Choice(["spec", "plan", "lock"]), default="spec")
def command(name: str) -> int:
    """Print the JSON Schema (2020-12) of specs, of plan --json, or of lock files."""
    from composer.spec.editor_schema import editor_schema_text
    from composer.spec.schema_file import schema_text

    console.data(editor_schema_text() if name == "spec" else schema_text(name))
    return 0
