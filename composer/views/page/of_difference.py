"""What two models differ in → its page: one picture of both, and every change in a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from composer.difference.compare import LayerChange, ModelDifference, Pair
from composer.difference.compared_model import Calls, ComparedModel, Layer
from composer.difference.words import distance_in_words
from composer.views.page.layer import arguments_of, calls_of, facts_of, in_words, weights_of
from composer.views.page.model import Detail, Mark, Page, Row, Section, Table
from composer.views.page.union import Union, gone, marks_of, union_of

_SIGNS: dict[Mark, str] = {
    "added": "+ added",
    "removed": "\N{MINUS SIGN} removed",
    "changed": "~ changed",
    "rewired": "\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW} rewired",
    "weights": "\N{NOT EQUAL TO} other weights",
    "renamed": "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK} renamed",
}


def page_of_difference(before: ComparedModel, now: ComparedModel, found: ModelDifference) -> Page:
    """Return the page of what two models differ in.

    Args:
        before: the first; where its values come from a file, that is still there.
        now: the second.
        found: what they differ in.

    Raises:
        FormatError: the bytes of a file can't be read.
    """
    union = union_of(before, now, found)
    wired = any(
        layer.calls for view in (before, now) for layer in view.layers.values() if layer.calls
    )
    return Page(
        title=f"{before.shown} → {now.shown}",
        summary=_summary(found),
        picture=union.picture,
        details=_details(before, now, found, union),
        tables=(_changes(found, union), _layers(now, found, union)),
        edge_marks=union.edge_marks,
        differences=True,
        wired=wired,
    )


def _summary(found: ModelDifference) -> str:
    return "; ".join((_counts(found), *found.notes))


def _counts(found: ModelDifference) -> str:
    if not found.any:
        what = "names and origins of " if found.names_only else ""
        return f"no difference in {what}{found.equal:,} layers"
    renamed = sum(change.renamed_only for change in found.changed)
    counts = (
        (len(found.added), "added"),
        (len(found.removed), "removed"),
        (renamed, "renamed"),
        (len(found.changed) - renamed, "changed"),
        (found.equal, "of equal name and origin" if found.names_only else "equal"),
    )
    return f"layers: {', '.join(f'{number:,} {word}' for number, word in counts if number)}"


def _details(
    before: ComparedModel, now: ComparedModel, found: ModelDifference, union: Union
) -> dict[str, Detail]:
    changes = {change.name: change for change in found.changed}
    details: dict[str, Detail] = {}
    pairs = [(name, layer) for name, layer in now.layers.items()]
    pairs.extend((gone(layer.name), before.layers[layer.name]) for layer in found.removed)
    for key, layer in pairs:
        change = changes.get(layer.name) if key == layer.name else None
        rows = tuple(_rows(change)) if change is not None else ()
        node = union.nodes[key]
        details[node] = Detail(
            facts=tuple(facts_of(layer)),
            sections=(
                Section(title="What changed", rows=rows, columns=("", "before", "now")),
                calls_of(layer),
                arguments_of(layer.config),
                weights_of(layer),
            ),
            marks=union.marks.get(node, ()),
        )
    for node in union.picture.nodes:
        if node not in details:
            details[node] = Detail(marks=union.marks.get(node, ()))
    return details


def _rows(change: LayerChange) -> Iterator[tuple[str, str, str]]:
    """Yield what changed about a layer: what it is called, before, now."""
    if change.was is not None:
        yield "name", change.was, change.name
    for what, pair in (
        ("class", change.class_name),
        ("from", change.origin),
        ("output", change.output),
    ):
        if pair is not None:
            yield what, *_pair(pair)
    for path, pair in change.config:
        yield path, *_pair(pair)
    if change.calls is not None:
        yield "called on", _calls(change.calls[0]), _calls(change.calls[1])
    for weight in change.weights:
        if weight.form is not None:
            yield weight.path, *_pair(weight.form)
        elif weight.distance is None:
            yield weight.path, "", "other values"
        else:
            yield weight.path, "", distance_in_words(weight.distance)


def _pair(pair: Pair) -> tuple[str, str]:
    return _value(pair[0]), _value(pair[1])


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return "nothing" if value is None else in_words(value)


def _calls(calls: Calls) -> str:
    return " and ".join(f"({', '.join(call)})" for call in calls) or "nothing"


def _changes(found: ModelDifference, union: Union) -> Table:
    rows = [
        Row(
            node=union.nodes[gone(layer.name)],
            cells=(_SIGNS["removed"], layer.name, layer.class_name, "", _origin(layer), ""),
        )
        for layer in found.removed
    ]
    rows.extend(
        Row(
            node=union.nodes[layer.name],
            cells=(_SIGNS["added"], layer.name, layer.class_name, "", "", _origin(layer)),
        )
        for layer in found.added
    )
    for change in sorted(found.changed, key=lambda change: change.renamed_only):
        words = ", ".join(_SIGNS[mark] for mark in marks_of(change))
        rows.extend(
            Row(node=union.nodes[change.name], cells=(words, change.name, "", *row))
            for row in _rows(change)
        )
    ports = (("inputs", found.inputs), ("outputs", found.outputs))
    told = ((what, tuple(map(str, pair))) for what, pair in ports if pair is not None)
    for what, pair in (*told, *found.facts):
        rows.append(Row(cells=(_SIGNS["changed"], "", "", what, *_pair(pair))))
    return Table(
        id="changes",
        title="Changes",
        columns=("mark", "layer", "class", "what", "before", "now"),
        rows=tuple(rows),
    )


def _origin(layer: Layer) -> str:
    return f"from {layer.origin}" if layer.origin else ""


def _layers(now: ComparedModel, found: ModelDifference, union: Union) -> Table:
    marks: dict[str, str] = {
        change.name: ", ".join(_SIGNS[mark] for mark in marks_of(change))
        for change in found.changed
    }
    marks |= {layer.name: _SIGNS["added"] for layer in found.added}
    return Table(
        id="layers",
        title="Layers now",
        columns=("mark", "layer", "class", "from", "output"),
        rows=tuple(
            Row(
                node=union.nodes[layer.name],
                cells=(
                    marks.get(layer.name, ""),
                    layer.name,
                    layer.class_name,
                    layer.origin,
                    layer.output,
                ),
            )
            for layer in now.layers.values()
        ),
    )
