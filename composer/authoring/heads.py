"""What looks like the head of a model: the last layer with weights before an output, and its tail.

A guess, for a first spec. It goes by classes alone, and takes nothing that another layer needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from composer.graphs.graph import Operation, TensorRef, TensorSpec, leaves
from composer.resolver.topology import Topology

_DROPOUTS = frozenset(
    {"AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
     "SpatialDropout2D", "SpatialDropout3D"}
)  # fmt: skip
_WITHOUT_WEIGHTS = _DROPOUTS | {
    "Activation", "ELU", "Flatten", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Identity", "LeakyReLU", "ReLU", "Rescaling",
    "Reshape", "Softmax",
}  # fmt: skip
_OF_A_HEAD = _WITHOUT_WEIGHTS | {
    "Dense", "BatchNormalization", "LayerNormalization", "Normalization", "Concatenate", "Add",
    "Average", "Multiply",
}  # fmt: skip
"""A model of a vector that holds nothing but these is a head itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One head.

    Attributes:
        names: of its operations, in the graph's order; those that only lead to it come along.
        layer: the one with the weights.
        units: how many numbers it puts out for each sample; None where it does not say.
        activation: its own or that of its tail; None for none.
        takes: the tensor that it takes.
    """

    names: tuple[str, ...]
    layer: Operation
    units: int | None
    activation: str | None
    takes: TensorRef


def heads(topology: Topology, outputs: object) -> tuple[Head, ...]:
    """Return the heads of a model, none where it is one itself.

    Args:
        topology: of its graph.
        outputs: of its graph.
    """
    found: dict[str, Head] = {}
    for ref in leaves(outputs):
        head = _head(topology, ref.operation)
        if head is not None:
            found.setdefault(head.layer.name, head)
    taken = {name for head in found.values() for name in head.names}
    left = [op for name, op in topology.operations.items() if name not in taken]
    if is_head(topology) or all(_is_light(op) for op in left):
        return ()
    return tuple(found.values())


def is_head(topology: Topology) -> bool:
    """Tell whether a model is what others end in: layers of a vector and nothing else."""
    inputs = [topology.specs.get(TensorRef(name)) for name in topology.inputs]
    return all(_is_vector(spec) for spec in inputs) and all(
        operation.kind == "input" or operation.class_name in _OF_A_HEAD
        for operation in topology.operations.values()
    )


def _is_vector(spec: TensorSpec | None) -> bool:
    return spec is not None and spec.shape is not None and len(spec.shape) == 2  # noqa: PLR2004


def _is_light(operation: Operation) -> bool:
    return operation.kind != "layer" or operation.class_name in _WITHOUT_WEIGHTS


def _head(topology: Topology, output: str) -> Head | None:
    """Return the head that ends in ``output``."""
    operations = topology.operations
    name, tail = output, [output]
    while operations[name].class_name in _WITHOUT_WEIGHTS and len(topology.producers[name]) == 1:
        name = topology.producers[name][0]
        tail.append(name)
    layer = operations[name]
    if len(layer.calls) != 1 or len(topology.producers[name]) != 1 or layer.inner is not None:
        return None
    if layer.shared is not None:  # with a layer inside a nested model, which needs it
        return None
    if not _ends_a_model(layer, [operations[below] for below in tail[:-1]]):
        return None
    if not topology.descendants(name) <= set(tail):
        return None
    if any(len(operations[below].calls) != 1 for below in tail):
        return None
    names = {*tail, *_only_leading_to(topology, name)}
    return Head(
        names=tuple(known for known in operations if known in names),
        layer=layer,
        units=_units(layer.config),
        activation=_activation([operations[below] for below in reversed(tail)]),
        takes=next(layer.calls[0].tensors()).ref,
    )


def _ends_a_model(layer: Operation, tail: Iterable[Operation]) -> bool:
    """Whether a layer is a Dense, or a convolution of single points that is one by its use."""
    if layer.class_name == "Dense":
        return True
    sizes = layer.config.get("kernel_size")
    points = isinstance(sizes, list | tuple) and all(size == 1 for size in sizes)
    classes = {operation.class_name for operation in tail}
    ends = {"Softmax", "Activation", "GlobalAveragePooling2D", "Reshape", "Flatten"}
    return layer.class_name in ("Conv1D", "Conv2D") and points and bool(classes & ends)


def _only_leading_to(topology: Topology, name: str) -> Iterable[str]:
    """Yield the Dropouts in front of a head, which nothing else takes."""
    (before,) = topology.producers[name]
    while (
        topology.operations[before].class_name in _DROPOUTS
        and topology.consumers[before] == (name,)
        and len(topology.producers[before]) == 1
    ):
        yield before
        name, (before,) = before, topology.producers[before]


def _units(config: Any) -> int | None:
    for key in ("units", "filters"):
        if isinstance(config.get(key), int):
            return int(config[key])
    return None


def _activation(operations: Iterable[Operation]) -> str | None:
    """Return the last activation that is named, the layer's own or that of what follows it."""
    found = None
    for operation in operations:
        if operation.class_name == "Softmax":
            found = "softmax"
        value = operation.config.get("activation")
        if isinstance(value, str) and value != "linear":
            found = value
    return found
