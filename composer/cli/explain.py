"""``compose explain``: the page of a diagnostic code, or the list of all codes."""

from __future__ import annotations

import click

from composer.cli import candidates, console


@click.command(name="explain", short_help="Explain a diagnostic code.")
@click.argument("code", required=False, shell_complete=candidates.codes)
def command(code: str | None) -> int:
    """Explain a diagnostic CODE such as CMP301; without one, list all codes."""
    from composer.diagnostics.codes import codes, page

    if code is None:
        console.data("".join(f"{known}  {page(known).title}\n" for known in codes()))
        return 0
    text = page(code).text
    place = console.terminal("stdout")
    if not place.is_terminal:
        console.data(text)
        return 0
    from rich.markdown import Markdown

    console.show_parts(place, [Markdown(text, hyperlinks=False)])
    return 0
