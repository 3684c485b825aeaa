"""A model as one ONNX file, the same bytes each time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import tensorflow
import tf2onnx
from tf2onnx.graph import Node

from composer.errors import BuildError
from composer.keras_process.tasks.served import Served


def export(served: Served, target: Path) -> None:
    """Write the model to ``target``.

    Raises:
        BuildError: it holds an operation that has no operator in ONNX.
    """
    _number_nodes()
    model = _converted(served)
    missing = dict(_without_operator(model.graph))
    if missing:
        layer = served.layer_of(next(iter(missing.values())))
        raise BuildError("CMP710.onnx-operator", layer=layer or None, operators=list(missing))
    target.write_bytes(model.SerializeToString(deterministic=True))


def _converted(served: Served) -> Any:
    """Return what tf2onnx makes of the model.

    Its own way from a function takes constants that layers hold, such as the means of a
    Normalization, for inputs.
    """
    function = tensorflow.function(
        served.__call__, input_signature=served.signature(), autograph=False
    )
    concrete = function.get_concrete_function()
    inputs = [tensor.name for tensor in concrete.inputs if tensor.op.type == "Placeholder"]
    inputs = inputs[: len(served.inputs)]  # behind them stand the variables
    outputs = [tensor.name for tensor in concrete.outputs]
    named = {tensor.name: name for name, tensor in concrete.structured_outputs.items()}
    frozen = tf2onnx.tf_loader.from_function(concrete, inputs, outputs)
    model, _ = tf2onnx.convert.from_graph_def(
        frozen,
        name=served.model.name,
        input_names=inputs,
        output_names=outputs,
        tensors_to_rename={**dict(zip(inputs, served.inputs, strict=True)), **named},
    )
    return model


def _without_operator(graph: Any) -> Iterator[tuple[str, str]]:
    """Yield type and name of the nodes that are no operators of ONNX, of inner graphs too.

    What tf2onnx can't convert it leaves as it is.
    """
    for node in graph.node:
        if node.domain not in {"", "ai.onnx", "ai.onnx.ml"} or not onnx.defs.has(
            node.op_type, node.domain
        ):
            yield node.op_type, node.name
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _without_operator(attribute.g)


def _number_nodes() -> None:
    """Let sets of nodes have an order that does not depend on addresses in memory.

    tf2onnx walks through such sets when it merges what is equal, and names what it merges.
    """
    numbers = itertools.count()
    make = Node.__init__

    def make_numbered(node: Any, *args: Any, **kwargs: Any) -> None:
        node.number = next(numbers)
        make(node, *args, **kwargs)

    Node.__init__ = make_numbered
    Node.__hash__ = lambda node: node.number
