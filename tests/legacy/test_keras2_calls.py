from __future__ import annotations

import pytest

from composer.errors import FormatError
from composer.graphs.graph import Graph, TensorRef
from composer.graphs.writer import model_config
from composer.legacy.read_config import read_any_graph
from tests.legacy.keras2_documents import functional, image, layer, sequential


def refs(graph: Graph, name: str) -> list[list[str]]:
    """Return for each call of a layer the tensors that it takes."""
    (operation,) = (op for op in graph.operations if op.name == name)
    return [[str(tensor.ref) for tensor in call.tensors()] for call in operation.calls]


def call_of(graph: Graph, name: str):
    (operation,) = (op for op in graph.operations if op.name == name)
    return operation.calls[0]


def two_calls_of(tower) -> dict:
    first = tower["calls_from"]
    model = {key: value for key, value in tower.items() if key != "calls_from"}
    return functional(
        image("a", 4),
        image("b", 4),
        model | {"inbound_nodes": [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]},
        layer("Add", "sum", [["tower", first, 0, {}], ["tower", first + 1, 0, {}]]),
        inputs=[["a", 0, 0], ["b", 0, 0]],
        outputs=[["sum", 0, 0], ["tower", first + 1, 0]],
    )


FUNCTIONAL = functional(
    image("i", 4),
    layer("Dense", "d", [["i", 0, 0, {}]]),
    inputs=[["i", 0, 0]],
    outputs=[["d", 0, 0]],
    name="tower",
) | {"calls_from": 1}
WITH_INPUT = sequential(image("i", 4), layer("Dense", "d"), name="tower") | {"calls_from": 1}
DEFERRED = sequential(
    layer("Dense", "d") | {"build_config": {"input_shape": [None, 4]}}, name="tower"
) | {"calls_from": 0}
DEFERRED["config"]["build_input_shape"] = [None, 4]
OPAQUE = layer("Backbone", "tower") | {"module": "shop", "calls_from": 1}


@pytest.mark.parametrize("tower", [FUNCTIONAL, WITH_INPUT, DEFERRED, OPAQUE])
def test_calls_of_nested_models_count_from_zero_once_read(tower):
    graph = read_any_graph(two_calls_of(tower))
    assert refs(graph, "sum") == [["tower", "tower#1"]]
    assert graph.outputs == [TensorRef("sum"), TensorRef("tower", 1)]


def test_only_a_nested_functional_counts_from_one_in_the_outputs_of_keras_3():
    def written(tower) -> list:
        return model_config(read_any_graph(two_calls_of(tower)))["config"]["output_layers"][1]

    assert written(FUNCTIONAL) == ["tower", 2, 0]
    assert written(WITH_INPUT) == ["tower", 1, 0]
    assert written(DEFERRED) == ["tower", 1, 0]


def test_a_list_of_one_tensor_is_a_tensor():
    graph = read_any_graph(
        functional(
            image("x", 4),
            layer("Dense", "d", [["x", 0, 0, {}]]),
            inputs=[["x", 0, 0]],
            outputs=[["d", 0, 0]],
        )
    )
    assert graph.inputs == TensorRef("x")
    assert graph.outputs == TensorRef("d")
    assert call_of(graph, "d").args[0].ref == TensorRef("x")


def test_keyword_arguments_hold_tensors_and_plain_values():
    graph = read_any_graph(
        functional(
            image("x", 4),
            image("m", 4),
            layer(
                "MultiHeadAttention",
                "mha",
                [["x", 0, 0, {
                    "value": ["m", 0, 0],
                    "attention_mask": None,
                    "use_causal_mask": True,
                    "training": False,
                    "sizes": [1, 2, 3],
                }]],
            ),
            layer("Attention", "att", [["x", 0, 0, {"mask": [["x", 0, 0], ["m", 0, 0]]}],
                                       ["m", 0, 0, {"mask": [["x", 0, 0], ["m", 0, 0]]}]]),
            layer("Add", "sum", [["mha", 0, 0, {}], ["att", 0, 0, {}]]),
            inputs=[["x", 0, 0], ["m", 0, 0]],
            outputs=[["sum", 0, 0]],
        )
    )  # fmt: skip
    call = call_of(graph, "mha")
    assert call.kwargs["value"].ref == TensorRef("m")
    assert {key: value for key, value in call.kwargs.items() if key != "value"} == {
        "use_causal_mask": True,
        "training": False,
        "sizes": [1, 2, 3],
    }
    assert [tensor.ref.operation for tensor in call_of(graph, "att").kwargs["mask"]] == ["x", "m"]


def test_a_call_with_a_dictionary_of_tensors_keeps_its_keys():
    inner = functional(
        image("p", 4),
        image("q", 4),
        layer("Add", "s", [["p", 0, 0, {}], ["q", 0, 0, {}]]),
        inputs={"p": ["p", 0, 0], "q": ["q", 0, 0]},
        outputs={"s": ["s", 0, 0]},
        name="inner",
        nodes=[{"p": ["x", 0, 0, {}], "q": ["y", 0, 0, {}]}],
    )
    graph = read_any_graph(
        functional(
            image("x", 4),
            image("y", 4),
            inner,
            inputs=[["x", 0, 0], ["y", 0, 0]],
            outputs=[["inner", 1, 0]],
        )
    )
    (argument,) = call_of(graph, "inner").args
    assert {key: str(tensor.ref) for key, tensor in argument.items()} == {"p": "x", "q": "y"}


def test_states_in_the_list_of_a_recurrent_call_become_initial_state():
    graph = read_any_graph(
        functional(
            image("x", 5, 4),
            image("s", 4),
            layer(
                "GRU",
                "gru",
                [
                    ["x", 0, 0, {"initial_state": None, "constants": None}],
                    ["s", 0, 0, {"initial_state": None, "constants": None}],
                ],
            ),
            inputs=[["x", 0, 0], ["s", 0, 0]],
            outputs=[["gru", 0, 0]],
        )
    )
    call = call_of(graph, "gru")
    assert [tensor.ref.operation for tensor in call.args] == ["x"]
    assert [tensor.ref.operation for tensor in call.kwargs["initial_state"]] == ["s"]
    assert list(call.kwargs) == ["initial_state"]


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ([["x", 0, 0, {"constants": [["x", 0, 0]]}]], "constants"),
        ([["x", 0, 0, {}], ["_CONSTANT_VALUE", -1, [1.0], {}]], "constant"),
    ],
)
def test_a_call_that_keras_3_can_not_be_given_is_refused(node, why):
    model = functional(
        image("x", 4), layer("LSTM", "r", node), inputs=[["x", 0, 0]], outputs=[["r", 0, 0]]
    )
    with pytest.raises(FormatError, match=why) as refused:
        read_any_graph(model)
    assert refused.value.case == "keras2-call"
    assert refused.value.fields["layer"] == "r"


def test_a_call_of_a_layer_that_is_not_there_is_refused():
    model = functional(
        image("x", 4),
        layer("Dense", "d", [["gone", 0, 0, {}]]),
        inputs=[["x", 0, 0]],
        outputs=[["d", 0, 0]],
    )
    with pytest.raises(FormatError, match="gone") as refused:
        read_any_graph(model)
    assert refused.value.case == "keras2-missing-layer"
