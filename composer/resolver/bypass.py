"""When an excluded layer is short-circuited: what is an identity at inference, or asked for."""

from __future__ import annotations

from composer.graphs.graph import Operation, TensorRef
from composer.resolver.topology import Topology

_INFERENCE_IDENTITIES = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    }
)


def stand_in(operation: Operation, ref: TensorRef) -> TensorRef:
    """Return the tensor that stands in for ``ref``, an output of a layer that can be passed over.

    Args:
        operation: a layer of which :func:`why_not_bypass` says that it can be.
        ref: a tensor of it.
    """
    return next(operation.calls[ref.call].tensors()).ref


def why_not_bypass(operation: Operation, ref: TensorRef, topology: Topology) -> str | None:
    """Return why a layer can't be short-circuited at ``ref``, or None when it can."""
    if operation.kind == "input" or ref.call >= len(operation.calls):
        return "it is an input and has nothing before it"
    taken = list(operation.calls[ref.call].tensors())
    if len(taken) != 1:
        return f"it takes {len(taken)} tensors"
    if topology.output_count(operation.name, ref.call) != 1:
        return "it has several outputs"
    before = topology.specs.get(taken[0].ref)
    after = topology.specs.get(ref)
    if operation.refused is not None and before is not None and after is None:
        return (
            "the file does not record what it puts out; where that is of the shape and dtype of "
            "what it takes, wire that in its place"
        )
    if before is None or after is None:
        return "the file does not record the shape and dtype on both of its sides"
    if before != after:
        return f"it takes {before} and gives {after}"
    return None


def is_identity(operation: Operation, call: int) -> bool:
    """Tell whether Keras passes the input through unchanged at inference."""
    if operation.class_name not in _INFERENCE_IDENTITIES:
        return False
    if not (operation.module or "").startswith("keras"):
        return False
    # Called with training=True it stays active at inference (Monte Carlo dropout).
    return operation.calls[call].kwargs.get("training") is not True
