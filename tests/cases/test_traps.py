"""Traps of the file format: what goes wrong silently when weights or configs are moved naively."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import OrderedDict

import pytest

from tests.cases.case_tools import bits, called, give_values, names, numbers, rewritten

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

WHOLE = "sources: {net: {from: net.keras, prefix: p_}}"
TWICE = """
inputs: {x: {shape: [3]}}
sources:
  a: {from: a.keras, prefix: a_, inputs: x}
  b: {from: b.keras, prefix: b_, inputs: x}
outputs: [a, b]
"""


def test_removing_a_layer_shifts_counters_and_no_weights(case):
    import keras

    def net():
        x = keras.Input((3,), name="x")
        steps = [keras.layers.Dense(3, name=f"d{n}") for n in range(3)]
        return keras.Model(x, [steps[0](x), steps[2](steps[1](x))])

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, exclude: [d0]}}")
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))[1:]
    with zipfile.ZipFile(case.folder / "result_built.keras") as archive:
        held = json.loads(archive.read("config.json"))["config"]["layers"]
    assert [entry["name"] for entry in held] == ["x", "d1", "d2"]


def test_equal_object_ids_of_two_sources_are_two_objects(case):
    """To the loader equal ids are one object: one file's layer would serve for both."""
    import keras

    def net():
        x = keras.Input((3,), name="x")
        steps = keras.layers.Reshape((1, 3), name="steps")(x)
        each = keras.layers.TimeDistributed(keras.layers.Dense(2, name="inner"), name="each")
        return keras.Model(x, each(steps))

    models = [case.save(name, net, seed) for seed, name in enumerate("ab")]
    for name in "ab":
        rewritten(
            case.folder / f"{name}.keras",
            "config.json",
            lambda text: text.replace(
                '"registered_name": "Dense"', '"registered_name": "Dense", "shared_object_id": 7'
            ).replace(
                '"class_name": "Dense", "config"',
                '"class_name": "Dense", "shared_object_id": 7, "config"',
            ),
        )
    built = case.build(TWICE)
    assert built.get_layer("a_each").layer is not built.get_layer("b_each").layer
    assert called(built, numbers(2, 3)) == [called(m, numbers(2, 3))[0] for m in models]


def test_a_layer_shared_with_a_nested_model_is_repaired_by_flattening(case):
    import keras

    def net():
        shared = keras.layers.Dense(3, name="shared")
        inside = keras.Input((3,), name="inside")
        inner = keras.Model(inside, shared(inside), name="inner")
        x = keras.Input((3,), name="x")
        return keras.Model(x, shared(inner(x)))

    source = case.save("net", net)
    with pytest.raises(Exception):  # noqa: B017 - Keras raises what it happens to meet
        keras.saving.load_model(case.folder / "net.keras")
    assert "flatten: true" in case.refused(WHOLE)[0].help
    built = case.build("sources: {net: {from: net.keras, flatten: true}}")
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))


def test_layers_frozen_one_by_one_can_be_made_trainable(case):
    """A model whose flag is True already ignores being set to True; its layers must be set."""
    import keras

    def net():
        x = keras.Input((3,), name="x")
        inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")], name="i")
        model = keras.Model(x, keras.layers.Dense(2, name="head")(inner(x)))
        inner.layers[0].trainable = False
        model.get_layer("head").trainable = False
        return model

    case.save("net", net)
    assert case.build(WHOLE).trainable_variables == []
    built = case.build("sources: {net: {from: net.keras, trainable: true}}")
    assert len(built.trainable_variables) == 4


def test_a_compiled_nested_model_is_compiled_no_more(case):
    import keras

    def net():
        inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")], name="i")
        inner.compile("adam", "mse")
        inner.fit(numbers(4, 3), numbers(4, 3), verbose=0)
        x = keras.Input((3,), name="x")
        model = keras.Model(x, inner(x))
        model.compile("adam", "mse")
        model.fit(numbers(4, 3), numbers(4, 3), verbose=0)
        return model

    source = case.save("net", net)
    path = case.artifact(WHOLE)
    with zipfile.ZipFile(path) as archive:
        assert b"compile_config" not in archive.read("config.json")
    built = keras.saving.load_model(path)
    assert built.get_layer("p_i").compiled is False
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))


def test_a_model_that_saves_constructor_arguments_is_refused_with_the_way_out(case):
    import keras

    @keras.saving.register_keras_serializable(package="traps")
    class Backbone(keras.Model):
        def __init__(self, units, **kwargs):
            x = keras.Input((3,), name="x")
            super().__init__(x, keras.layers.Dense(units, name="d")(x), **kwargs)
            self.units = units

        def get_config(self):
            return {"name": self.name, "units": self.units}

    backbone = case.save("net", lambda: Backbone(2, name="backbone"))
    refusal = case.refused(WHOLE)[0]
    assert refusal.code == "CMP506"
    assert "keras.Model(model.input, model.output)" in refusal.help
    assert "py:MODULE:FUNCTION" in refusal.help
    keras.Model(backbone.input, backbone.output).save(case.folder / "net.keras")
    assert called(case.build(WHOLE), numbers(2, 3)) == called(backbone, numbers(2, 3))


def test_a_custom_layer_that_keeps_no_name_is_not_renamed_silently(case):
    import keras

    @keras.saving.register_keras_serializable(package="traps")
    class Nameless(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

        def get_config(self):
            return {}

    x = keras.Input((3,), name="x")
    source = keras.Model(x, Nameless(name="nameless")(x))
    source.save(case.folder / "net.keras")
    assert case.refused(WHOLE)[0].code == "CMP305"


def test_a_slash_in_a_final_name_is_refused(case):
    import keras

    def net():
        x = keras.Input((3,), name="x")
        return keras.Model(x, keras.layers.Dense(2, name="d")(x))

    case.save("net", net)
    assert case.refused("sources: {net: {from: net.keras, prefix: p/}}")[0].code == "CMP303"


def test_a_dictionary_of_inputs_has_the_final_names(case):
    import keras

    def net():
        pair = {name: keras.Input((3,), name=name) for name in ("right", "left")}
        return keras.Model(pair, keras.layers.Subtract(name="s")([pair["left"], pair["right"]]))

    source = case.save("net", net)
    values = {"left": numbers(2, 3), "right": numbers(2, 3, seed=8)}
    built = case.build(f"{WHOLE}\noutput: {{signature: dict}}")
    renamed = {f"p_{name}": value for name, value in values.items()}
    assert bits(built(renamed)) == bits(source(values))


def test_weights_go_by_name_where_plain_keras_loads_them_wrong(case):
    """Keras saves by the order in which it met the outputs, and rebuilds them sorted by key."""
    import keras

    def net():
        x = keras.Input((3,), name="x")
        first, second = (keras.layers.Dense(3, name=name) for name in ("first", "second"))
        return keras.Model(x, OrderedDict([("z", first(x)), ("a", second(x))]))

    source = case.save("net", net)
    reloaded = keras.saving.load_model(case.folder / "net.keras")
    given = {key: bits(value) for key, value in source(numbers(2, 3)).items()}
    assert {key: bits(value) for key, value in reloaded(numbers(2, 3)).items()} != given
    assert [item.code for item in case.warnings(WHOLE)] == ["CMP507"]
    built = case.build(f"{WHOLE}\noutputs: {{z: net:first, a: net:second}}")
    assert {key: bits(value) for key, value in built(numbers(2, 3)).items()} == given


def test_vocabularies_move_with_their_layers(case):
    import keras

    def net(words):
        x = keras.Input((1,), dtype="string", name="x")
        lookup = keras.layers.StringLookup(vocabulary=words, output_mode="one_hot", name="lookup")
        return keras.Model(x, keras.layers.Dense(2, name="d")(lookup(x)))

    a = case.save("a", lambda: net(["red", "green"]), 0)
    b = case.save("b", lambda: net(["blue", "red"]), 1)
    built = case.build(TWICE.replace("{shape: [3]}", "{shape: [1], dtype: string}"))
    words = keras.ops.convert_to_tensor([["red"], ["blue"]])
    assert bits(built(words)) == bits(a(words)) + bits(b(words))
    assert (
        built.get_layer("a_lookup").get_vocabulary() != built.get_layer("b_lookup").get_vocabulary()
    )


def test_a_layer_inside_two_wrappers_is_refused_since_keras_cannot_load_it(case):
    import keras

    def net():
        x = keras.Input((3, 2), name="x")
        tied = keras.layers.Dense(2, name="tied")
        one = keras.layers.TimeDistributed(tied, name="one")
        other = keras.layers.TimeDistributed(tied, name="other")
        return keras.Model(x, other(keras.layers.ReLU(name="relu")(one(x))))

    source = case.save("net", net)
    with pytest.raises(ValueError, match="expected 2 variables, but received 0"):
        keras.saving.load_model(case.folder / "net.keras")
    refusal = case.refused(WHOLE)[0]
    assert refusal.code == "CMP508"
    assert "'other'" in refusal.message
    built = case.build("sources: {net: {from: net.keras, exclude: [other]}}")
    reference = keras.Model(source.input, source.get_layer("relu").output)
    assert called(built, numbers(2, 3, 2)) == called(reference, numbers(2, 3, 2))


def test_names_that_end_in_numbers_do_not_mix_up_groups(case):
    """Groups are counted by class (dense, dense_1); layers may be named like other groups."""
    import keras

    def net():
        x = keras.Input((3,), name="x")
        y = keras.layers.Dense(3, name="dense_1")(x)
        y = keras.layers.Dense(3, name="dense")(y)
        return keras.Model(x, keras.layers.Dense(3, name="dense_7")(y))

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, rename: {dense: dense_9}}}")
    assert names(built) == {"x", "dense_1", "dense_9", "dense_7"}
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))


def test_the_same_source_twice_has_no_object_in_common(case):
    import keras

    def net():
        x = keras.Input((3,), name="x")
        return keras.Model(x, keras.layers.Dense(3, name="d", dtype="mixed_bfloat16")(x))

    source = case.save("a", net)
    shutil.copy(case.folder / "a.keras", case.folder / "b.keras")
    built = case.build(TWICE)
    give_values(built.get_layer("a_d"), 99)
    assert called(built, numbers(2, 3))[1] == called(source, numbers(2, 3))[0]


def test_calls_may_be_listed_in_any_order(case):
    """Keras makes the calls of a layer in the order of the file; a later one can't feed the first."""
    import keras

    def net():
        x = keras.Input((3,), name="x")
        there, back = (keras.layers.Dense(3, name=name) for name in ("there", "back"))
        return keras.Model(x, back(there(x)))

    source = case.save("net", net)
    built = case.build(
        """
inputs: {x: {shape: [3]}}
sources:
  net:
    from: net.keras
    calls:
      outer: {inputs: net@inner}
      inner: {inputs: x}
outputs: net@outer
""",
        deep=True,
    )
    assert len(built.weights) == len(source.weights)
    assert called(built, numbers(2, 3)) == called(source, source(numbers(2, 3)).numpy())


def test_a_call_that_reaches_no_output_takes_nothing_along(case):
    import keras

    def net():
        x = keras.Input((3,), name="x")
        shared = keras.layers.Dense(3, name="shared")
        return keras.Model(x, shared(keras.layers.Dense(3, name="between")(shared(x))))

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras}}\noutputs: net:shared#0")
    assert names(built) == {"x", "shared"}
    assert called(built, numbers(2, 3)) == [
        source.get_layer("shared")(numbers(2, 3)).numpy().tobytes()
    ]


def test_an_input_with_all_layers_behind_it_bypassed_is_an_output(case):
    import keras

    def net():
        x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
        ends = [keras.layers.Dropout(0.5, name="drop")(x), keras.layers.Dense(2, name="d")(y)]
        return keras.Model([x, y], ends)

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, exclude: [drop]}}")
    assert names(built) == {"x", "y", "d"}
    x, y = numbers(2, 3), numbers(2, 3, seed=8)
    assert called(built, x, y) == called(source, x, y)
