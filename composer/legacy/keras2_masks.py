"""Where a mask of Keras 2 may not arrive in today's Keras, so that other numbers come out.

A mask travels with a tensor, unseen in the config. Keras 3 changed three rules: merging layers
join masks by "or" where Keras 2 took "and", and lose them where one input has none
(``compute_mask`` of ``keras/src/layers/merging/base_merge.py``); MultiHeadAttention takes the mask
off the tensors that it is given, so that what else takes them sees none; and layers that dropped
a mask may hand it on. Which of this matters depends on the numbers, so it is a warning.
"""

from __future__ import annotations

from typing import Final

from composer.graphs.graph import Graph, Operation
from composer.graphs.order import operation_order

_READERS: Final = frozenset(
    """
    AdditiveAttention Attention Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU
    GlobalAveragePooling1D LSTM MultiHeadAttention RNN SimpleRNN Softmax TimeDistributed
    """.split()  # noqa: SIM905 - as in keras2_repairs.py
)
"""Layers whose numbers depend on a mask."""

_ALIKE: Final = frozenset(
    """
    Activation AlphaDropout Dense Dropout ELU GaussianDropout GaussianNoise LayerNormalization
    LeakyReLU Masking ReLU SpatialDropout1D
    """.split()  # noqa: SIM905
) | (_READERS - {"MultiHeadAttention"})
"""Layers that hand a mask on, or keep it, in Keras 2 as today."""


def mask_warnings(graph: Graph) -> tuple[str, ...]:
    """Return a sentence for each layer that may see another mask than it saw in Keras 2.

    Args:
        graph: of a model of Keras 2. Nested models are looked at as a whole: a mask that enters
            or leaves one counts as doubtful.
    """
    takers: dict[str, set[str]] = {}
    for operation in graph.operations:
        for call in operation.calls:
            for tensor in call.tensors():
                takers.setdefault(tensor.ref.operation, set()).add(operation.name)
    by_name = {operation.name: operation for operation in graph.operations}
    masked: set[str] = {op.name for op in graph.operations if _makes_mask(op)}
    doubts: dict[str, str] = {}
    for name in operation_order(graph):
        operation = by_name[name]
        producers = sorted({t.ref.operation for call in operation.calls for t in call.tensors()})
        carried = [producer for producer in producers if producer in masked]
        if not carried:
            continue
        masked.add(name)
        for producer in carried:
            cause = doubts.get(producer) or _doubt(operation, producer, takers, by_name)
            if cause is not None:
                doubts.setdefault(name, cause)
    return tuple(
        f"layer {name!r} takes a mask that passes {cause!r}; today's Keras hands masks on by other "
        "rules there than Keras 2 did, so that masked steps may count otherwise"
        for name, cause in doubts.items()
        if by_name[name].class_name in _READERS and cause != name
    )


def _makes_mask(operation: Operation) -> bool:
    return operation.class_name == "Masking" or bool(operation.config.get("mask_zero"))


def _doubt(
    operation: Operation, producer: str, takers: dict[str, set[str]], by_name: dict[str, Operation]
) -> str | None:
    """Return the layer at which a mask from ``producer`` may be lost before ``operation``."""
    for other in sorted(takers[producer] - {operation.name}):
        if by_name[other].class_name == "MultiHeadAttention":
            return other
    if operation.class_name in _ALIKE or operation.class_name == "MultiHeadAttention":
        return None
    return operation.name
