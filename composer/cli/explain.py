"""``compose explain``: the page of a diagnostic code or of a layer, or the list of all codes."""

from __future__ import annotations

import click

from composer.cli import candidates, console


@click.command(name="explain", short_help="Explain a diagnostic code, or a layer's arguments.")
@click.argument("topic", required=False, shell_complete=candidates.topics)
def command(topic: str | None) -> int:
    """Explain a diagnostic code such as CMP301, or the arguments of a layer such as Dense.

    TOPIC may also be activation, initializer, regularizer, constraint or dtype, for the names that
    there are. Without one, all codes are listed.
    """
    from composer.diagnostics.codes import codes, page

    if topic is None:
        console.data("".join(f"{known}  {page(known).title}\n" for known in codes()))
        return 0
    text = _text(topic)
    place = console.terminal("stdout")
    if not place.is_terminal:
        console.data(text)
        return 0
    from rich.markdown import Markdown

    console.show_parts(place, [Markdown(text, hyperlinks=False)])
    return 0


def _text(topic: str) -> str:
    from composer.diagnostics.codes import codes, page
    from composer.diagnostics.suggest import did_you_mean
    from composer.errors import UsageError
    from composer.plugins import codes as of_plugins
    from composer.signatures.page import page_of, topics

    text = page_of(topic.strip()) or of_plugins.page_of(topic.strip())
    if text is not None:
        return text
    if not topic.strip().upper().startswith("CMP"):
        known = did_you_mean(topic, (*topics(), *codes()))
        if known is not None:
            raise UsageError("CMP113.explain-layer", name=topic, help=known)
    try:
        return page(topic).text
    except KeyError:
        raise UsageError(
            "CMP113.diagnostic-code",
            name=topic,
            example=codes()[0],
            help=did_you_mean(topic.strip().upper(), codes()),
        ) from None
