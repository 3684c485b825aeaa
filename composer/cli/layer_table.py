"""The screen of ``compose inspect``: a table of layers, nested models indented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from composer.authoring.inspection import InspectedLayer, InspectedPort, InspectedSource, Inspection
from composer.cli.console import Terminal, show_parts
from composer.cli.numbers import UNREAD, count, size
from composer.cli.selected_layers import Caught, rows
from composer.cli.shapes import shape_text
from composer.diagnostics.render.terminal_text import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_INDENT = "  "
_DIGITS = 12
"""How much of a digest a person compares; --json has all of it."""
_NARROW = 72
"""Columns below which even shapes are broken over lines, so that nothing is cut."""


def show_inspection(
    inspection: Inspection, place: Terminal, caught: Mapping[str, Caught] | None = None
) -> None:
    """Write what is in a model file.

    Args:
        inspection: of the file.
        place: where to.
        caught: for each selector what it picks; the table then shows only these.
    """
    narrow = place.width is not None and place.width < _NARROW
    show_parts(place, _parts(inspection, caught, narrow=narrow))


def _parts(
    inspection: Inspection, caught: Mapping[str, Caught] | None, *, narrow: bool
) -> Iterator[RenderableType]:
    from rich.text import Text

    kind = "Sequential" if inspection.sequential else "Functional"
    version = f", written by Keras {inspection.keras_version}" if inspection.keras_version else ""
    yield Text(shown(f"{inspection.path}: {inspection.name} ({kind}{version})"), style="bold")
    for line in _source_lines(inspection.sources):
        yield Text(shown(line))
    for warning in inspection.warnings:
        yield Text(shown(f"  warning: {warning}"), style="yellow")
    yield Text("")
    if caught is None:
        yield _table(inspection.layers, linked=bool(inspection.sources), narrow=narrow)
    else:
        picked = rows(inspection, caught)
        if picked:
            yield _table(picked, linked=bool(inspection.sources), narrow=narrow)
            yield Text("")
        total = count(len(inspection.layers), "operation")
        for text, found in caught.items():
            where = "inside nested models" if found.opened else f"of {total}"
            yield Text(shown(f"{text}: {len(found.names):,} {where}"))
        return
    yield Text("")
    for label, ports in (("input", inspection.inputs), ("output", inspection.outputs)):
        for port in ports:
            yield Text(f"{label:<8}{_port(port)}")
    yield Text(
        f"total   {count(len(inspection.layers), 'operation')}, "
        f"{count(inspection.parameters, 'parameter')}, {size(inspection.nbytes)}; {UNREAD}"
    )


def _source_lines(sources: tuple[InspectedSource, ...], depth: int = 1) -> Iterator[str]:
    for source in sources:
        parts = [f"{_INDENT * depth}linked from {source.id} = {source.location}"]
        if source.revision:
            parts.append(f"revision {source.revision}")
        if source.weights:
            parts[0] += f" with weights of {source.weights}"
        if digest := source.sha256:
            parts.append(f"sha256 {digest[:_DIGITS]}…")
        elif digest := source.content:
            parts.append(f"content {digest[:_DIGITS]}…")
        if source.license:
            parts.append(f"licence {source.license}")
        yield ", ".join(parts)
        yield from _source_lines(source.sources, depth + 1)


def _port(port: InspectedPort) -> str:
    plain = port.key in (None, port.operation)
    name = port.operation if plain else f"{port.key} = {port.operation}"
    return shown(f"{name} {shape_text(port.spec, dtype='always')}")


def _table(layers: tuple[InspectedLayer, ...], *, linked: bool, narrow: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("name", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("output", overflow="fold", no_wrap=not narrow)
    table.add_column("parameters", justify="right", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("trains", overflow="fold")
    if linked:
        table.add_column("from", overflow="fold")
    for layer in layers:
        _add(table, layer, 0, linked=linked)
    return table


def _add(table: Table, layer: InspectedLayer, depth: int, *, linked: bool) -> None:
    from rich.text import Text

    calls = f" (called {layer.calls} times)" if layer.calls > 1 else ""
    trains = {True: "yes", False: "no", None: ""}[layer.trainable]
    cells = [
        shown(f"{_INDENT * depth}{layer.name}{calls}"),
        shown(layer.class_name),
        "\n".join(shown(shape_text(spec)) for spec in layer.outputs),
        f"{layer.parameters:,}" if layer.parameters else "",
        size(layer.nbytes) if layer.nbytes else "",
        trains if layer.parameters else "",
    ]
    if linked:
        cells.append(shown(" ← ".join(layer.lineage)))
    table.add_row(*(Text(cell) for cell in cells))
    for inner in layer.inner:
        _add(table, inner, depth + 1, linked=linked)
