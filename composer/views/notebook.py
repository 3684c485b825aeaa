"""How plans and specs look in a notebook: tables, and a picture where the extra is there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from composer.errors import ComposeError
from composer.resolver.plan import Plan
from composer.spec.affixes import affixed
from composer.spec.model import Source, Spec
from composer.views.page.model import Row, Table
from composer.views.page.of_plan import summary_of
from composer.views.page.plan_tables import (
    Places,
    link_map_table,
    ports_table,
    seams_table,
    sources_table,
)
from composer.views.picture.collect import picture_of_plan
from composer.views.picture.model import Picture
from composer.views.picture.of_spec import inputs_of, picture_of_spec

_ROWS = 500
"""Of a table in a notebook; the page of ``compose plan --html`` has them all."""


def mimebundle(value: Any) -> Mapping[str, str]:
    """Return a plan or spec as text and as HTML, by MIME type.

    Args:
        value: a plan or a spec.

    Raises:
        TypeError: it is neither.
    """
    show = _WAYS.get(type(value))
    if show is None:
        raise TypeError(f"{type(value).__name__} has no form for notebooks")
    text, page = show(value)
    return {"text/plain": text, "text/html": page}


def _plan(plan: Plan) -> tuple[str, str]:
    picture = picture_of_plan(plan)
    places = Places(picture)
    summary = summary_of(plan)
    parts = [
        _head(plan.name, summary),
        _drawn(picture),
        *_titled(sources_table(plan)),
        *_titled(seams_table(plan, places)),
        *_titled(ports_table(plan, places)),
        *_folded(link_map_table(plan, places)),
    ]
    return f"Plan {plan.name!r}: {summary}", _page(parts)


def _spec(spec: Spec) -> tuple[str, str]:
    words = ", ".join(
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in (
            (len(spec.inputs), "input"),
            (len(spec.sources), "source"),
            (len(spec.layers), "new layer"),
        )
        if number
    )
    parts = [
        _head(spec.name, f"{spec.description}\n{words}" if spec.description else words),
        _drawn(picture_of_spec(spec)),
        *_titled(_sources(spec)),
        *_titled(_layers(spec)),
    ]
    return f"Spec {spec.name!r}: {words}", _page(parts)


_WAYS: Mapping[type, Callable[[Any], tuple[str, str]]] = {Plan: _plan, Spec: _spec}


def _sources(spec: Spec) -> Table:
    return Table(
        id="sources",
        title="Sources",
        columns=("source", "from", "names", "leaves out", "takes"),
        rows=tuple(
            Row(
                cells=(
                    source.id,
                    source.location,
                    affixed("…", source.prefix, source.suffix)
                    if source.prefix or source.suffix
                    else "",
                    ", ".join(map(str, source.exclude)),
                    ", ".join(_takes(source)),
                )
            )
            for source in spec.sources
        ),
    )


def _takes(source: Source) -> Iterator[str]:
    for wire in source.inputs:
        yield f"{wire.target}: {wire.reference}" if wire.target else str(wire.reference)
    for use in source.calls:
        yield from (f"{use.id}: {wire.reference}" for wire in use.inputs)


def _layers(spec: Spec) -> Table:
    return Table(
        id="layers",
        title="New layers",
        columns=("layer", "class", "called on"),
        rows=tuple(
            Row(
                cells=(
                    layer.id,
                    layer.class_name,
                    " and ".join(", ".join(map(str, inputs_of(call))) for call in layer.calls),
                )
            )
            for layer in spec.layers
        ),
    )


# ---------------------------------------------------------------- HTML


def _page(parts: list[str]) -> str:
    return f"<div>{''.join(parts)}</div>"


def _head(name: str, summary: str) -> str:
    return f"<p><strong>{escape(name)}</strong><br>{escape(summary).replace(chr(10), '<br>')}</p>"


def _drawn(picture: Picture) -> str:
    """Return the picture, in an image of its own so that no style of it reaches the notebook."""
    from composer.views.picture.svg import svg
    from composer.views.picture.visible import view_of

    try:
        drawn = svg(view_of(picture))
    except ComposeError as error:
        return f"<p><em>No picture: {escape(f'{error.message}; {error.help}')}</em></p>"
    data = b64encode(drawn.encode("utf-8", "replace")).decode()
    return (
        f'<p><img alt="{escape(f"Picture of {picture.name}")}" '
        f'src="data:image/svg+xml;base64,{data}"></p>'
    )


def _titled(table: Table) -> Iterator[str]:
    if table.rows:
        yield f"<p><strong>{escape(table.title)}</strong></p>{_table(table)}"


def _folded(table: Table) -> Iterator[str]:
    if table.rows:
        title = f"{table.title}: {len(table.rows):,} operations"
        yield f"<details><summary>{escape(title)}</summary>{_table(table)}</details>"


def _table(table: Table) -> str:
    used = [
        place
        for place in range(len(table.columns))
        if any(row.cells[place] not in (None, "") for row in table.rows)
    ]
    head = "".join(f"<th>{escape(table.columns[place])}</th>" for place in used)
    body = "".join(
        f"<tr>{''.join(_cell(row.cells[place]) for place in used)}</tr>"
        for row in table.rows[:_ROWS]
    )
    more = len(table.rows) - _ROWS
    rest = f"<p>and {more:,} more</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cell(value: str | int | None) -> str:
    return f"<td>{f'{value:,}' if isinstance(value, int) else escape(value or '')}</td>"
