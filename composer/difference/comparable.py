"""Views of what composer knows: plans, model files and plan documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from composer.difference.compared_model import Calls, ComparedModel, Layer, Ports, Weight
from composer.difference.tensor_values import TensorValues
from composer.graphs.graph import (
    Call,
    Graph,
    TensorRef,
    TensorSpec,
    named_leaves,
    structure_form,
)
from composer.graphs.model_file import LayerState, ModelFile
from composer.resolver.plan import Plan
from composer.resolver.topology import Topology

_NOT_IN_PLANS = (
    "it holds no arguments of layers but trainable, and no values of weights, so that these were "
    "not compared"
)


def view_of_plan(
    plan: Plan, shown: str, arguments: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> ComparedModel:
    """View what a spec would be linked to, with the values of its sources.

    Args:
        plan: of the spec.
        shown: what messages call it.
        arguments: what the spec gives its new layers, by id, for those that Keras has not made.
    """
    values = TensorValues(plan.tensors)
    weights = {
        state.name: tuple(
            Weight(
                path=tensor.path,
                shape=tensor.value.shape,
                dtype=tensor.value.dtype,
                tensor=f"{state.group}/{tensor.path}",
                values=values,
            )
            for tensor in state.tensors
        )
        for state in plan.states
    }
    origins = {name: str(origin) for name, origin in plan.origins.items()}
    view = _view_of_graph(plan.graph, shown, weights, origins)
    unmade = unmade_layers(plan)
    if not plan.deferred:
        return view
    layers = {
        name: replace(layer, config=arguments.get(name, {}), weights=None, known="given")
        if name in unmade
        else layer
        for name, layer in view.layers.items()
    }
    # Fresh weights are not known, but from what they are drawn.
    facts = {"seed": plan.seed} if unmade else {}
    return replace(view, layers=layers, facts=facts, notes=tuple(_deferred(plan, shown)))


def unmade_layers(plan: Plan) -> tuple[str, ...]:
    """Return the new layers that Keras has not made yet."""
    waiting = frozenset(plan.deferred)
    return tuple(
        state.name
        for state in plan.states
        if state.file is None and plan.origins[state.name].kind == "layer" and state.name in waiting
    )


def _deferred(plan: Plan, shown: str) -> Iterator[str]:
    unmade = unmade_layers(plan)
    if unmade:
        yield (
            f"Keras has not made {', '.join(unmade)} of {shown} yet: arguments are compared as the "
            "spec gives them, shapes and weights are not; --deep asks Keras"
        )
    others = [name for name in plan.deferred if name not in unmade]
    if others:
        yield (
            f"what {', '.join(others)} of {shown} put out for their new inputs is deferred and not "
            "compared; --deep asks Keras"
        )


def view_of_model(file: ModelFile, shown: str, origins: Mapping[str, str]) -> ComparedModel:
    """View a model file; ``origins`` is what a linked one says of its layers."""
    values = TensorValues.of_file(file.listing)
    weights = {name: _weights(state, values) for name, state in file.states.items()}
    return _view_of_graph(file.graph, shown, weights, origins)


def view_of_plan_document(document: Mapping[str, Any], shown: str) -> ComparedModel:
    """View what ``compose plan --json`` wrote: of arguments ``trainable`` alone, and no values."""
    waiting = frozenset(document["deferred"])
    weights = {
        entry["operation"]: tuple(
            Weight(
                # Below the group that the layer has in its source, whose number is no property.
                path=variable["path"],
                shape=tuple(variable["shape"]),
                dtype=variable["dtype"],
            )
            for variable in entry["variables"]
        )
        for entry in document["weights"]
    }
    return ComparedModel(
        shown=shown,
        layers={
            entry["name"]: Layer(
                name=entry["name"],
                class_name=entry["class"],
                origin=entry["origin"],
                calls=tuple(
                    tuple(str(TensorRef(*tensor)) for tensor in call) for call in entry["calls"]
                ),
                weights=None
                if entry["name"] in waiting and not weights.get(entry["name"])
                else weights.get(entry["name"], ()),
                config={} if entry["trainable"] is None else {"trainable": entry["trainable"]},
                known="some",
            )
            for entry in document["operations"]
        },
        inputs=_written_ports(document, "inputs"),
        outputs=_written_ports(document, "outputs"),
        facts={
            f"sources.{source['id']}.sha256": sha256
            for source in document["sources"]
            if (sha256 := (source["download"] or source)["sha256"]) is not None
        },
        notes=(f"{shown} is a plan: {_NOT_IN_PLANS}",),
    )


def _view_of_graph(
    graph: Graph,
    shown: str,
    weights: Mapping[str, tuple[Weight, ...]],
    origins: Mapping[str, str],
) -> ComparedModel:
    topology = Topology.of(graph)
    return ComparedModel(
        shown=shown,
        layers={
            operation.name: Layer(
                name=operation.name,
                class_name=operation.class_name,
                origin=origins.get(operation.name),
                config={key: item for key, item in operation.config.items() if key != "name"},
                calls=_calls(operation.calls),
                output=_spec(topology.specs.get(TensorRef(operation.name))),
                weights=weights.get(operation.name, ()),
            )
            for operation in graph.operations
        },
        inputs=_taken(_ports(graph.inputs)),
        outputs=_ports(graph.outputs),
    )


def _spec(spec: TensorSpec | None) -> str | None:
    return None if spec is None or spec.shape is None else str(spec)


def _calls(calls: Sequence[Call]) -> Calls:
    return tuple(tuple(str(tensor.ref) for tensor in call.tensors()) for call in calls)


def _ports(tree: Any) -> Ports:
    return Ports(
        form=structure_form(tree),
        tensors=tuple((key, str(ref)) for key, ref in named_leaves(tree)),
    )


def _taken(ports: Ports) -> Ports:
    """Return inputs as Keras takes them: a list of one and that one are no different."""
    if ports.form == "list" and len(ports.tensors) == 1:
        return replace(ports, form="single")
    return ports


def _written_ports(document: Mapping[str, Any], which: Literal["inputs", "outputs"]) -> Ports:
    # A plan of an earlier version says no form.
    form = document.get("forms", {}).get(which)
    pairs = ((port["name"], str(TensorRef(*port["tensor"]))) for port in document[which])
    if form in ("map", "nested"):
        return Ports(form=form, tensors=tuple(sorted(pairs)))
    return Ports(form=form, tensors=tuple((None, ref) for _, ref in pairs))


def _weights(state: LayerState, values: TensorValues) -> tuple[Weight, ...]:
    return tuple(
        Weight(
            path=variable.path,
            shape=variable.shape,
            dtype=variable.dtype,
            tensor=f"{state.group}/{variable.path}",
            values=values,
        )
        for variable in state.variables
    )
