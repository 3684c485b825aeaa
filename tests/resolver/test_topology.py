"""What is known of a source's tensors without Keras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from composer.graphs.graph import Call, Graph, TensorRef, TensorSpec
from composer.model_files.nest import nested
from composer.model_files.read_model import read_model
from composer.resolver.topology import Topology

_FIRST, _SECOND = TensorRef("whole", 0, 0), TensorRef("whole", 0, 1)


def _whole(models: Path) -> Graph:
    return nested(read_model(models / "two_heads.keras"), "whole").graph


def test_a_nested_model_on_its_own_inputs_puts_out_what_its_graph_says(models: Path) -> None:
    specs = Topology.of(_whole(models)).specs
    assert specs[_FIRST] == TensorSpec((None, 2), "float32")
    assert specs[_SECOND] == TensorSpec((None, 5), "float32")


def test_a_nested_model_on_other_inputs_is_left_to_keras(models: Path) -> None:
    graph = _whole(models)
    *inputs, whole = graph.operations
    (call,) = whole.calls
    ((first, second),) = call.args
    wider = replace(first, spec=TensorSpec((None, 9), "float32"))
    config = {**inputs[0].config, "batch_shape": [None, 9]}
    changed = replace(
        graph,
        operations=(
            replace(inputs[0], config=config),
            *inputs[1:],
            replace(whole, calls=(Call(args=([wider, second],)),)),
        ),
    )
    specs = Topology.of(changed).specs
    assert _FIRST not in specs
    assert _SECOND not in specs
