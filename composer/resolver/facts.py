"""What only Keras knows: questions as values, answers as facts, and the key that joins them.

A question is about one operation with all its calls. A call's arguments are a tree in which a
tensor is either known (:class:`TensorSpec`) or an output of another question of the same batch
(:class:`Pending`); one Keras process answers a batch in one topological pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from composer.files.keys import key_of
from composer.graphs.foreign import foreign_classes
from composer.graphs.graph import Json, TensorSpec, Tree
from composer.graphs.model_file import ModelFile


@dataclass(frozen=True, slots=True)
class Pending:
    """Output ``output`` of call ``call`` of the operation that question ``question`` is about."""

    question: str
    call: int
    output: int


@dataclass(frozen=True, slots=True)
class AskedCall:
    """Arguments of one call, with :class:`TensorSpec` and :class:`Pending` leaves."""

    args: tuple[Tree, ...]
    kwargs: Mapping[str, Tree]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a source recorded of one call: tensors in (visiting order) and tensors out.

    A call that turns out to take exactly these puts these out; nothing needs to be inferred.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What does this operation put out, given these inputs, and what does it own?

    Attributes:
        id: names the operation in this batch: a layer id, or ``source:layer``.
        kind: ``make`` a new layer with fresh weights, or ``infer`` for one that a source holds.
        layer: for ``infer`` the serialised layer (module, class_name, registered_name, config,
            build_config left out); for ``make`` ``{"class": …, "args": …}`` from the spec.
        name: the layer's name (``make`` only: weights depend on it by way of the seed).
        seed: for ``make`` the layer's own seed.
        calls: one a call, in order.
        recorded: for ``infer``, beside each call what the source recorded, or None. Part of the
            fact's key where the first call is as it was in the source.
    """

    id: str
    kind: Literal["make", "infer"]
    layer: Mapping[str, Json]
    calls: tuple[AskedCall, ...]
    name: str | None = None
    seed: int | None = None
    recorded: tuple[Recorded | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedVariable:
    """A variable that the layer has after it was built: its path inside the layer, for people."""

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The answer to one question.

    Attributes:
        error: what Keras said when it refused; then nothing below ``failed_on`` is set.
        unknown_class: whether it refused because nobody registered the layer's class.
        failed_on: the shapes of the data that the layer was run on, where that is what it refused.
        layer: the layer as Keras serialises it: module, class_name, registered_name, config,
            build_config.
        outputs: for each call the specs of its flattened output tensors.
        variables: what the layer owns once built.
        object: digest of the stored ``.keras`` file that holds the new layer (``make`` only).
    """

    error: str | None = None
    unknown_class: bool = False
    failed_on: str | None = None
    layer: Mapping[str, Json] = field(default_factory=dict)
    outputs: tuple[tuple[TensorSpec, ...], ...] = ()
    variables: tuple[OwnedVariable, ...] = ()
    object: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A fact as a resolver is given it.

    Attributes:
        fact: what Keras said.
        made: the file that holds the new layer (``make`` only).
    """

    fact: Fact
    made: ModelFile | None = None


def tensors_of(call: AskedCall) -> tuple[TensorSpec | Pending, ...]:
    """Return the tensors of a call in visiting order: dicts by sorted key."""
    found: list[TensorSpec | Pending] = []

    def collect(tree: Tree) -> None:
        if isinstance(tree, TensorSpec | Pending):
            found.append(tree)
        elif isinstance(tree, Mapping):
            for key in sorted(tree):
                collect(tree[key])
        elif isinstance(tree, list | tuple):
            for item in tree:
                collect(item)

    collect(call.args)
    collect(call.kwargs)
    return tuple(found)


def recorded_outputs(
    question: Question, number: int, call: AskedCall
) -> tuple[TensorSpec, ...] | None:
    """Return what the source recorded that call ``number`` puts out, if it takes what it took.

    Args:
        question: with what was recorded.
        number: of the call.
        call: the same call with the inputs that it really takes.
    """
    recorded = question.recorded[number] if number < len(question.recorded) else None
    if recorded is None or tensors_of(call) != recorded.inputs:
        return None
    return recorded.outputs


def unchanged(question: Question) -> Fact | None:
    """Return the fact of a question all of whose calls take what the source recorded.

    Such a fact has outputs only: the layer itself is as the source has it, and there is nothing
    to remember.
    """
    outputs = [
        recorded_outputs(question, number, call) for number, call in enumerate(question.calls)
    ]
    if question.kind != "infer" or not outputs or any(found is None for found in outputs):
        return None
    return Fact(outputs=tuple(found for found in outputs if found is not None))


def fact_key(question: Question, versions: str) -> str:
    """Return the digest that a fact is remembered under.

    Args:
        question: with no :class:`Pending` leaf left.
        versions: of the Keras that answers, and of what it runs on.

    Returns:
        64 hexadecimal digits (SHA-256).

    Raises:
        ValueError: an input of the question is still pending.
    """
    layer = dict(question.layer)
    if question.kind == "infer":
        # What a layer computes does not depend on what it is called, unless a DTypePolicyMap
        # finds its parts by that name. Code outside of Keras may do anything with it.
        config = layer.get("config")
        if (
            isinstance(config, Mapping)
            and not _holds_policy_map(config)
            and not foreign_classes(layer)
        ):
            layer["config"] = {k: v for k, v in config.items() if k != "name"}
    document = {
        # 2: what was remembered before was not run; 3: nor was it kept apart by what a spec names.
        "format": 3,
        "versions": versions,
        "kind": question.kind,
        "layer": layer,
        "name": question.name,
        "seed": question.seed,
        "calls": [
            {"args": [_leaf(a) for a in call.args], "kwargs": _leaf(dict(call.kwargs))}
            for call in question.calls
        ],
        # What a file says of its own calls goes into the answer, and the file may be wrong.
        "taken": [
            None if recorded is None else [_leaf(spec) for spec in recorded.outputs]
            for recorded in question.recorded
        ]
        if question.calls and recorded_outputs(question, 0, question.calls[0]) is not None
        else [],
    }
    # Keys keep their order: the order of arguments can carry meaning (keras-format facts).
    return key_of(document)


def _holds_policy_map(config: Mapping[str, Json]) -> bool:
    policy = config.get("dtype")
    return isinstance(policy, Mapping) and policy.get("class_name") == "DTypePolicyMap"


def _leaf(tree: Any) -> Any:
    if isinstance(tree, TensorSpec):
        return {"$tensor": {"shape": list(tree.shape or ()), "dtype": tree.dtype}}
    if isinstance(tree, Pending):
        raise ValueError(f"the input {tree} of a question is not known yet")  # noqa: TRY004
    if isinstance(tree, dict):
        return {k: _leaf(v) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [_leaf(v) for v in tree]
    return tree
