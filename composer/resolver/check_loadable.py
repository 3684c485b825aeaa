"""Check of the whole plan: layers that can be linked as data and that Keras would not load again.

Linking copies what a file holds and runs none of it. A result that no Keras loads is of no use
all the same, so it is refused before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from composer.graphs.graph import Json, Operation
from composer.graphs.keras_names import in_own_layers, text_kind
from composer.resolver.link import Link
from composer.resolver.plan import PlannedState
from composer.resolver.problems import Problems

_QUANTISED = "_from_"
"""Part of the name of every quantised dtype policy, such as ``int8_from_float32``."""


def check_loadable(link: Link, problems: Problems) -> None:
    """Report layers of sources that Keras refuses to load (CMP509)."""
    plan = link.plan
    assert plan is not None
    states = {state.name: state for state in plan.states}
    for operation in plan.graph.operations:
        origin = plan.origins[operation.name]
        if origin.source is None:
            continue
        why = _unloadable(operation, states.get(operation.name))
        if why is None:
            continue
        sure = (operation.module or "").startswith("keras")
        problems.add(
            "CMP509",
            ("sources", origin.source),
            f"Keras would not load the result: layer {origin.layer!r} ({operation.class_name}) "
            f"of source {origin.source!r} {why}",
            at_key=True,
            severity="error" if sure else "warning",
            help=f"put a layer of your own in its place (exclude: [{origin.layer}] with "
            f"inputs: {{{origin.layer}: …}}), or save the source without it",
        )


def _unloadable(operation: Operation, state: PlannedState | None) -> str | None:
    if operation.inner is None and state is not None and _lost_quantisation(operation, state):
        return (
            "holds quantised layers and its config does not say so, so that their weights find "
            "no place"
        )
    for key, text in in_own_layers(_entry(operation)):
        if text_kind(key) != "initializer":  # of those, CMP533 tells
            return f"has the {key} {text!r}, which Keras does not have"
    return None


def _entry(operation: Operation) -> dict[str, Json]:
    return {
        "module": operation.module,
        "class_name": operation.class_name,
        "config": operation.config,
    }


def _lost_quantisation(operation: Operation, state: PlannedState) -> bool:
    """Tell whether parts of a layer were quantised while nothing in its config records it.

    ``MultiHeadAttention`` makes its parts anew from its own policy, for one, and after
    ``quantize("int8")`` that is still the one it had.
    """
    quantised = any(
        tensor.value.dtype in ("int8", "uint8") and not tensor.path.startswith("vars/")
        for tensor in state.tensors
    )
    return quantised and not any(_records_quantisation(e) for e in _serialised(operation))


def _records_quantisation(entry: Mapping[str, Json]) -> bool:
    config = entry.get("config")
    if not isinstance(config, Mapping):
        return False
    names = (config.get("name"), config.get("dtype"))
    quantised = any(isinstance(name, str) and _QUANTISED in name for name in names)
    return quantised or config.get("quantization_config") is not None


def _serialised(operation: Operation) -> Iterator[Mapping[str, Json]]:
    """Yield the operation and every object inside its config, with ``class_name`` and config."""
    yield {"class_name": operation.class_name, "config": operation.config}
    stack: list[Json] = [operation.config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if "class_name" in value:
                yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
