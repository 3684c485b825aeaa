"""What two models differ in, as lines for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from composer.cli.numbers import count
from composer.diagnostics.render.terminal_text import shown
from composer.difference.compare import LayerChange, ModelDifference, Pair, WeightChange
from composer.difference.compared_model import Calls, Layer
from composer.difference.words import distance_in_words

_LONGEST = 60
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MANY = 4
"""So many layers with one and the same change are told as one."""


def diff_lines(found: ModelDifference) -> Iterator[str]:
    """Yield a line a layer, the details of a changed one below it, and a sum at the end."""
    yield shown(f"{found.before} → {found.now}")
    if not found.any:
        what = "what was compared of " if found.not_compared else ""
        what = "names and origins of " if found.names_only else what
        yield f"no difference in {what}{count(found.equal, 'layer')}"
        yield from _notes(found)
        return
    renamed = [change for change in found.changed if change.renamed_only]
    other = [change for change in found.changed if not change.renamed_only]
    yield from (f"- {_described(layer)}" for layer in found.removed)
    yield from (f"+ {_described(layer)}" for layer in found.added)
    yield from (shown(line) for line in _renames(renamed))
    yield from (shown(line) for line in _changes(other))
    if found.inputs is not None:
        yield shown(f"inputs   {found.inputs[0]} → {found.inputs[1]}")
    if found.outputs is not None:
        yield shown(f"outputs  {found.outputs[0]} → {found.outputs[1]}")
    yield from (shown(f"{name}: {_values(pair)}") for name, pair in found.facts)
    parts = [
        f"{number} {word}"
        for number, word in (
            (len(found.added), "added"),
            (len(found.removed), "removed"),
            (len(renamed), "renamed"),
            (len(other), "changed"),
            (found.equal, "of equal name and origin" if found.names_only else "equal"),
        )
        if number
    ]
    yield f"layers: {', '.join(parts)}" if parts else "no layer differs"
    yield from _notes(found)


def _notes(found: ModelDifference) -> Iterator[str]:
    return (shown(f"note: {note}") for note in found.notes)


def _renames(renamed: Sequence[LayerChange]) -> Iterator[str]:
    """Yield a line a layer, or one for many whose beginnings changed alike."""
    groups: dict[tuple[str, str], list[LayerChange]] = {}
    for change in renamed:
        groups.setdefault(_beginnings(str(change.was), change.name), []).append(change)
    for (old, new), changes in groups.items():
        first, last = changes[0], changes[-1]
        if len(changes) < _MANY:
            yield from (f"» {change.was} → {change.name}" for change in changes)
        else:
            yield f"» {old}* → {new}*  {len(changes)} layers, {first.was} … {last.was}"


def _beginnings(was: str, now: str) -> tuple[str, str]:
    """Return what stands before the end that two names share, up to a separator."""
    common = 0
    while common < min(len(was), len(now)) and was[-1 - common] == now[-1 - common]:
        common += 1
    before = was[: len(was) - common], now[: len(now) - common]
    if common and all(not text or not text[-1].isalnum() for text in before):
        return before
    # The ends of two prefixes may be alike: t_conv1 and left_conv1.
    parts = re.split(r"(?<=[^0-9A-Za-z])", was[len(was) - common :], maxsplit=1)
    if len(parts) == 1:
        return was, now
    return before[0] + parts[0], before[1] + parts[0]


def _changes(changed: Sequence[LayerChange]) -> Iterator[str]:
    """Yield each layer with what changed below it; many that changed alike are told as one."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for change in changed:
        name = f"{change.was} → {change.name}" if change.was else change.name
        groups.setdefault(tuple(_details(change)), []).append(name)
    for details, names in groups.items():
        if len(names) < _MANY:
            for name in names:
                yield f"~ {name}"
                yield from (f"    {line}" for line in details)
        else:
            yield f"~ {len(names)} layers, {names[0]} … {names[-1]}"
            yield from (f"    {line}" for line in details)


def _described(layer: Layer) -> str:
    parts = (layer.name, layer.class_name, layer.output, layer.origin and f"from {layer.origin}")
    return shown("  ".join(part for part in parts if part))


def _details(change: LayerChange) -> Iterator[str]:
    if change.class_name is not None:
        yield f"class: {_values(change.class_name)}"
    if change.origin is not None:
        yield f"from: {_values(change.origin)}"
    for path, pair in change.config:
        yield f"{path}: {_values(pair)}"
    if change.calls is not None:
        yield f"called on: {_calls(change.calls[0])} → {_calls(change.calls[1])}"
    if change.output is not None:
        yield f"output: {_values(change.output)}"
    yield from (f"{weight.path}: {_weight(weight)}" for weight in change.weights)


def _weight(weight: WeightChange) -> str:
    if weight.form is not None:
        return _values(weight.form)
    return "other values" if weight.distance is None else distance_in_words(weight.distance)


def _calls(calls: Calls) -> str:
    return " and ".join(f"({_listed(call)})" for call in calls) or "nothing"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _values(pair: Pair) -> str:
    return f"{_value(pair[0])} → {_value(pair[1])}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _DIGEST.fullmatch(text):
        return f"{text[:12]}…"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
