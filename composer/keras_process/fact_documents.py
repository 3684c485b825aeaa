"""Questions and facts as JSON, for the way to the Keras process and for the store.

A leaf of a call's arguments that is no plain JSON is written as a mapping with one key that
starts with ``$``: ``{"$tensor": {shape, dtype}}`` or ``{"$pending": {question, call, output}}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from composer.graphs.graph import Json, TensorSpec, Tree
from composer.resolver.facts import AskedCall, Fact, OwnedVariable, Pending, Question, Recorded


def question_document(question: Question) -> dict[str, Json]:
    """Return ``question`` as plain JSON."""
    return {
        "id": question.id,
        "kind": question.kind,
        "layer": dict(question.layer),
        "name": question.name,
        "seed": question.seed,
        "calls": [
            {"args": [_wire(arg) for arg in call.args], "kwargs": _wire(dict(call.kwargs))}
            for call in question.calls
        ],
        "recorded": [
            None
            if recorded is None
            else {
                "inputs": [_spec_document(spec) for spec in recorded.inputs],
                "outputs": [_spec_document(spec) for spec in recorded.outputs],
            }
            for recorded in question.recorded
        ],
    }


def question_from(document: Mapping[str, Any]) -> Question:
    """Return the question that :func:`question_document` wrote."""
    return Question(
        id=document["id"],
        kind=document["kind"],
        layer=document["layer"],
        name=document["name"],
        seed=document["seed"],
        calls=tuple(
            AskedCall(
                args=tuple(_domain(arg) for arg in call["args"]), kwargs=_domain(call["kwargs"])
            )
            for call in document["calls"]
        ),
        recorded=tuple(
            None
            if recorded is None
            else Recorded(
                inputs=tuple(_spec_from(spec) for spec in recorded["inputs"]),
                outputs=tuple(_spec_from(spec) for spec in recorded["outputs"]),
            )
            for recorded in document["recorded"]
        ),
    )


def fact_document(fact: Fact) -> dict[str, Json]:
    """Return ``fact`` as plain JSON."""
    return {
        "error": fact.error,
        "unknown_class": fact.unknown_class,
        "failed_on": fact.failed_on,
        "layer": dict(fact.layer),
        "outputs": [[_spec_document(spec) for spec in call] for call in fact.outputs],
        "variables": [
            {"path": variable.path, "shape": list(variable.shape), "dtype": variable.dtype}
            for variable in fact.variables
        ],
        "object": fact.object,
    }


def fact_from(document: Mapping[str, Any]) -> Fact:
    """Return the fact that :func:`fact_document` wrote.

    Raises:
        KeyError, TypeError, ValueError: the document is of another form.
    """
    return Fact(
        error=document["error"],
        # Missing in the store from before: what it remembers has no error.
        unknown_class=document.get("unknown_class", False),
        failed_on=document["failed_on"],
        layer=dict(document["layer"]),
        outputs=tuple(tuple(_spec_from(spec) for spec in call) for call in document["outputs"]),
        variables=tuple(
            OwnedVariable(
                path=variable["path"], shape=tuple(variable["shape"]), dtype=variable["dtype"]
            )
            for variable in document["variables"]
        ),
        object=document["object"],
    )


def map_asked(tree: Tree, function: Callable[[TensorSpec | Pending], Any]) -> Tree:
    """Return ``tree`` with ``function`` applied to its tensor leaves, known and pending."""
    if isinstance(tree, TensorSpec | Pending):
        return function(tree)
    if isinstance(tree, list | tuple):
        return [map_asked(item, function) for item in tree]
    if isinstance(tree, Mapping):
        return {key: map_asked(value, function) for key, value in tree.items()}
    return tree


def pending_in(question: Question) -> tuple[Pending, ...]:
    """Return the outputs of other questions that ``question`` waits for."""
    found: list[Pending] = []

    def note(leaf: TensorSpec | Pending) -> None:
        if isinstance(leaf, Pending):
            found.append(leaf)

    for call in question.calls:
        map_asked([list(call.args), dict(call.kwargs)], note)
    return tuple(found)


def _wire(tree: Tree) -> Json:
    return map_asked(tree, _leaf_document)


def _leaf_document(leaf: TensorSpec | Pending) -> Json:
    if isinstance(leaf, TensorSpec):
        return {"$tensor": _spec_document(leaf)}
    return {"$pending": {"question": leaf.question, "call": leaf.call, "output": leaf.output}}


def _domain(document: Json) -> Tree:
    if isinstance(document, list):
        return [_domain(item) for item in document]
    if isinstance(document, dict):
        if document.keys() == {"$tensor"}:
            return _spec_from(document["$tensor"])
        if document.keys() == {"$pending"}:
            return Pending(**document["$pending"])
        return {key: _domain(value) for key, value in document.items()}
    return document


def _spec_document(spec: TensorSpec) -> Json:
    return {"shape": None if spec.shape is None else list(spec.shape), "dtype": spec.dtype}


def _spec_from(document: Mapping[str, Any]) -> TensorSpec:
    shape = document["shape"]
    return TensorSpec(None if shape is None else tuple(shape), document["dtype"])
