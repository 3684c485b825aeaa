"""A tree that the schema accepts to a :class:`Spec`, with the checks that a schema can't make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Note, SpecPath
from composer.spec import lower_output
from composer.spec.lower_parts import Parts
from composer.spec.model import (
    LayerCall,
    ModelInput,
    NewLayer,
    Outputs,
    Reference,
    Source,
    Spec,
)
from composer.spec.positions import TreePositions
from composer.spec.schema import ITEMS, Checked
from composer.spec.source_arguments import check_arguments
from composer.spec.source_text import COMMAND_LINE
from composer.spec.tree import MapNode, Scalar, find, plain
from composer.spec.trust import Grant, moved

_UNNAMED = "model"


def lower(
    checked: Checked,
    *,
    file: str,
    known: Mapping[str, SpecPath],
    grants: Collection[Grant] | None = None,
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Return the spec that ``checked`` holds, and what is wrong with it.

    Inputs, sources and layers with a problem are left out, and with them all that refers to
    them; what is left is a spec of its own that later stages can judge.

    Args:
        checked: what the schema left.
        file: the spec's path as the user gave it.
        known: every id of the spec, those of broken entries too, with its place in the spec.
        grants: what the texts of the spec trust; None where that is not known, as of a lock.

    Returns:
        None in the place of a spec when nothing is left of it.
    """
    tree = checked.tree
    if tree is None:
        return None, ()
    data = plain(tree)
    positions = TreePositions(tree)
    parts = Parts(data, positions, known)
    parts.bad.update(dict.fromkeys(checked.broken))
    shared = _shared_ids(data, positions)
    overridden = tuple(_trusted_by_override(data, positions))
    if grants is not None:
        refused = {found.path[1] for found in overridden}
        more = (found for found in moved(tree, grants) if found.path[1] not in refused)
        overridden = (*overridden, *more)
    parts.bad.update({str(found.path[1]): None for found in overridden})
    inputs = tuple(_input(key, value) for key, value in data.get("inputs", {}).items())
    sources = tuple(
        parts.source(key, _directory(tree, key), _weights_directory(tree, key))
        for key in data.get("sources", {})
    )
    unfit = tuple(d for source in sources for d in check_arguments(source, positions))
    parts.bad.update({str(found.path[1]): None for found in unfit})
    layers = tuple(parts.layer(key) for key in data.get("layers", {}))
    outputs = parts.outputs()
    name = data.get("name", _UNNAMED)
    target, misplaced = lower_output.target(tree, data.get("output", {}), positions, name=name)
    found = (*shared, *overridden, *unfit, *parts.diagnostics, *misplaced)
    bad = _with_dependents(parts.bad, sources, layers)
    spec = Spec(
        name=name,
        file=file,
        description=data.get("description"),
        inputs=tuple(item for item in inputs if item.id not in bad),
        sources=tuple(item for item in sources if item.id not in bad),
        layers=_first_of_each(item for item in layers if item.id not in bad),
        outputs=_without_bad(outputs, bad),
        seed=int(data.get("seed", 0)),
        target=target,
        positions=positions,
        resolved=data,
    )
    broken = bool(bad) or bool(found) or bool(checked.diagnostics)
    empty = not (spec.inputs or spec.sources or spec.layers)
    return (None if broken and empty else _one_name_space(spec)), found


def ids(tree: Any) -> dict[str, SpecPath]:
    """Return the ids of all inputs, sources and layers of ``tree`` and where they stand."""
    found: dict[str, SpecPath] = {}
    for section in ITEMS:
        node = find(tree, (section,))
        for key in node.entries if isinstance(node, MapNode) else ():
            found.setdefault(key, (section, key))
    return found


def _shared_ids(data: Mapping[str, Any], positions: TreePositions) -> list[Diagnostic]:
    """Inputs, sources and layers share one name space: report each id that stands twice."""
    first: dict[str, SpecPath] = {}
    found = []
    for section in ITEMS:
        for key in data.get(section, {}):
            path = (section, key)
            if key not in first:
                first[key] = path
                continue
            here = f"it is first used here, in '{first[key][0]}'"
            found.append(
                positions.problem(
                    "CMP220",
                    path,
                    f"the id '{key}' names two things: inputs, sources and layers share one name "
                    "space",
                    "rename one of them",
                    span=positions.key(path),
                    notes=(Note(message=here, span=positions.key(first[key])),),
                )
            )
    return found


def _trusted_by_override(data: Mapping[str, Any], positions: TreePositions) -> Iterator[Diagnostic]:
    """Report trust that an override gives, by itself or by way of a variable."""
    for key, source in data.get("sources", {}).items():
        path = ("sources", key, "trust")
        origins = positions.origins(path)
        spans = [positions.value(path), *(note.span for note in origins)]
        if source.get("trust") and any(span and span.file == COMMAND_LINE for span in spans):
            yield positions.problem(
                "CMP534",
                path,
                f"source '{key}': trust can't be set on the command line, only in a spec, where "
                "everyone can read it",
                "write trust: true in the source, in this spec or in one that extends it",
            )


def _one_name_space(spec: Spec) -> Spec:
    """Keep the first bearer of an id that was given twice."""
    inputs = {item.id for item in spec.inputs}
    sources = tuple(item for item in spec.sources if item.id not in inputs)
    taken = inputs | {item.id for item in sources}
    layers = tuple(item for item in spec.layers if item.id not in taken)
    return replace(spec, sources=sources, layers=layers)


def _first_of_each(layers: Iterable[NewLayer]) -> tuple[NewLayer, ...]:
    return tuple({layer.id: layer for layer in layers}.values())


def _input(key: str, data: Mapping[str, Any]) -> ModelInput:
    batch_size = data.get("batch_size")
    return ModelInput(
        id=key,
        shape=tuple(None if size is None else int(size) for size in data["shape"]),
        dtype=data.get("dtype", "float32"),
        batch_size=None if batch_size is None else int(batch_size),
    )


def _directory(tree: MapNode, key: str) -> Path:
    node = find(tree, ("sources", key, "from"))
    assert isinstance(node, Scalar)
    return node.directory


def _weights_directory(tree: MapNode, key: str) -> Path | None:
    for path in (("sources", key, "weights", "file"), ("sources", key, "weights")):
        node = find(tree, path)
        if isinstance(node, Scalar):
            return node.directory
    return None


def _with_dependents(
    bad: Mapping[str, None], sources: tuple[Source, ...], layers: tuple[NewLayer, ...]
) -> dict[str, None]:
    """Return ``bad`` and the ids of all that refers to it, at any remove."""
    uses = {source.id: _names_of_source(source) for source in sources}
    uses.update({layer.id: _names_of_layer(layer) for layer in layers})
    found = dict(bad)
    while True:
        more = {
            key: None
            for key, names in uses.items()
            if key not in found and any(name in found for name in names)
        }
        if not more:
            return found
        found.update(more)


def _names_of_source(source: Source) -> tuple[str, ...]:
    calls = (wire for call in source.calls for wire in call.inputs)
    return tuple(wire.reference.name for wire in (*source.inputs, *calls))


def _names_of_layer(layer: NewLayer) -> tuple[str, ...]:
    return tuple(reference.name for call in layer.calls for reference in _references(call))


def _references(call: LayerCall) -> tuple[Reference, ...]:
    if isinstance(call.inputs, Reference):
        return (call.inputs,)
    if isinstance(call.inputs, tuple):
        return call.inputs
    return tuple(call.inputs.values())


def _without_bad(outputs: Outputs, bad: Mapping[str, None]) -> Outputs:
    kept = tuple(pair for pair in outputs.references if pair[1].name not in bad)
    if not kept:
        return Outputs(form="default")
    return replace(outputs, references=kept)
