from __future__ import annotations

import pytest

from composer.errors import FormatError
from composer.graphs.graph import TensorRef
from composer.graphs.writer import model_config
from composer.legacy.keras2 import is_legacy, modernise
from composer.legacy.read_config import read_any_graph
from tests.legacy.keras2_documents import chain, functional, image, layer, sequential


def test_what_was_rewritten_is_no_longer_taken_for_a_file_of_keras_2():
    inner = sequential(image("a", 4), layer("Dense", "d", units=2), name="inner")
    outer = functional(
        image("x", 4),
        {**inner, "inbound_nodes": [[["x", 0, 0, {}]]]},
        inputs=[["x", 0, 0]],
        outputs=[["inner", 1, 0]],
    )
    today, _ = modernise(outer)
    assert is_legacy(outer)
    assert not is_legacy(today)


def test_an_argument_of_a_custom_layer_does_not_make_a_file_of_keras_2():
    today, _ = modernise(chain(layer("Dense", "d", units=2), layer("Flatten", "f")))
    today["config"]["layers"][2]["config"]["batch_input_shape"] = [None, 4]
    assert not is_legacy(today)
    assert read_any_graph(today).operations[2].config["batch_input_shape"] == [None, 4]


def test_a_graph_that_was_written_again_reads_the_same():
    graph = read_any_graph(chain(layer("Conv2D", "c", filters=2), layer("Dense", "d", units=2)))
    again = read_any_graph(model_config(graph))
    assert again.operations == graph.operations
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)


def test_edges_of_keras_2_have_no_spec_until_somebody_knows_it():
    graph = read_any_graph(chain(layer("Conv2D", "c", filters=2)))
    (tensor,) = graph.operations[1].calls[0].tensors()
    assert tensor.ref == TensorRef("image")
    assert tensor.spec.shape is None
    assert tensor.spec.dtype is None


def test_an_input_layer_is_written_with_batch_shape():
    graph = read_any_graph(chain(layer("Flatten", "f")))
    assert graph.operations[0].config == {
        "batch_shape": [None, 8, 8, 3],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "image",
        "optional": False,
    }


def test_layers_without_a_module_are_those_of_keras_2_12():
    old = chain(
        layer("Dense", "d", units=2, kernel_initializer={"class_name": "Ones", "config": {}})
    )
    for entry in old["config"]["layers"]:
        del entry["module"], entry["registered_name"]
    dense = read_any_graph(old).operations[1]
    assert dense.module == "keras.layers"
    assert dense.config["kernel_initializer"] == {
        "module": "keras.initializers",
        "registered_name": None,
        "class_name": "Ones",
        "config": {},
    }


def test_repairs_are_told_with_the_path_of_their_layer():
    inner = sequential(
        image("a", 4),
        layer("LeakyReLU", "leak", alpha=0.25),
        name="inner",
        nodes=[[["x", 0, 0, {}]]],
    )
    graph = read_any_graph(
        functional(
            image("x", 4),
            layer("TimeDistributed", "steps", layer=layer("Embedding", "e", input_length=3)),
            inner,
            inputs=[["x", 0, 0]],
            outputs=[["inner", 1, 0]],
        )
    )
    assert [str(repair) for repair in graph.repairs] == [
        "steps/e: input_length=3 dropped: shapes follow from the tensors",
        "inner/leak: alpha=0.25 renamed to negative_slope",
    ]


def test_layers_inside_layers_are_rewritten_at_every_depth():
    nested = functional(
        image("a", 4),
        layer("BatchNormalization", "norm", [["a", 0, 0, {}]], axis=[1]),
        inputs=[["a", 0, 0]],
        outputs=[["norm", 0, 0]],
        name="nested",
    )
    graph = read_any_graph(chain(layer("TimeDistributed", "steps", layer=nested)))
    inner = graph.operations[1].config["layer"]
    assert inner["module"] == "keras.src.models.functional"
    assert inner["config"]["layers"][1]["config"]["axis"] == 1
    assert inner["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] == {}
    assert inner["config"]["output_layers"] == ["norm", 0, 0]


def test_a_layer_without_an_equivalent_is_refused_by_name_and_reason():
    with pytest.raises(FormatError) as refused:
        read_any_graph(chain(layer("LocallyConnected1D", "local", filters=2)))
    assert refused.value.case == "keras2-layer"
    assert refused.value.fields["layer"] == "local"
    assert refused.value.fields["class_name"] == "LocallyConnected1D"
    assert refused.value.help is not None


def test_a_refused_layer_in_a_nested_model_is_named_with_its_path():
    inner = sequential(
        image("a", 4),
        layer("Dense", "d", activation="hard_sigmoid"),
        name="inner",
        nodes=[[["x", 0, 0, {}]]],
    )
    outer = functional(image("x", 4), inner, inputs=[["x", 0, 0]], outputs=[["inner", 1, 0]])
    with pytest.raises(FormatError, match="inner/d"):
        read_any_graph(outer)


def test_a_custom_layer_keeps_its_arguments_and_its_record():
    custom = layer("Scale", "s", alpha=[1], groups=3, batch_input_shape=[None, 4])
    custom |= {
        "module": "shop.layers",
        "registered_name": "shop>Scale",
        "build_config": {"input_shape": [None, 4]},
    }
    read = read_any_graph(chain(custom)).operations[1]
    assert (read.module, read.registered_name) == ("shop.layers", "shop>Scale")
    assert read.config["alpha"] == [1]
    assert read.config["groups"] == 3
    assert "batch_input_shape" not in read.config
    assert read.build_config == {"input_shape": [None, 4]}


def test_a_build_record_that_keras_3_could_not_build_from_is_left_out():
    single = layer("Dense", "d", units=2) | {"build_config": {"input_shape": [None, 8, 8, 3]}}
    several = layer("Add", "a") | {"build_config": {"input_shape": [[None, 4], [None, 4]]}}
    attention = layer("MultiHeadAttention", "m") | {"build_config": {"input_shape": [None, 4]}}
    operations = read_any_graph(chain(single, several, attention)).operations
    assert [op.build_config for op in operations[1:]] == [
        {"input_shape": [None, 8, 8, 3]},
        None,
        None,
    ]


def test_a_sequential_without_an_input_layer_gets_the_one_that_keras_2_made():
    graph = read_any_graph(sequential(layer("Dense", "d", units=2, batch_input_shape=[None, 4])))
    assert [op.name for op in graph.operations] == ["d_input", "d"]
    assert graph.operations[0].config["batch_shape"] == [None, 4]


@pytest.mark.parametrize("broken", [{"class_name": "Dense"}, "text", {"config": {"name": "d"}}])
def test_a_layer_that_is_no_object_is_refused(broken):
    model = functional(image("x", 4), broken, inputs=[["x", 0, 0]], outputs=[["x", 0, 0]])
    with pytest.raises(FormatError) as refused:
        read_any_graph(model)
    assert refused.value.case == "keras2-layer-object"
