"""Real cases from public issue trackers: each built small, linked, and compared with Keras."""

from __future__ import annotations

import re

import pytest

from tests.cases.case_tools import called, names, numbers, rewritten

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def small_efficientnet():
    import keras

    layers = keras.layers
    image = keras.Input((8, 8, 3), name="input_layer")
    x = layers.Rescaling(1 / 255, name="rescaling")(image)
    x = layers.ZeroPadding2D(1, name="stem_conv_pad")(x)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("swish", name="stem_activation")(x)
    gate = layers.GlobalAveragePooling2D(name="block1a_se_squeeze")(x)
    gate = layers.Reshape((1, 1, 4), name="block1a_se_reshape")(gate)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="block1a_se_expand")(gate)
    x = layers.Multiply(name="block1a_se_excite")([x, gate])
    x = layers.Dropout(0.2, name="top_dropout")(layers.GlobalAveragePooling2D(name="avg_pool")(x))
    return keras.Model(image, layers.Dense(3, name="predictions")(x), name="efficientnetb0")


def chain(width=3, name="mlp"):
    import keras

    layers = keras.layers
    parts = [layers.Dense(width, activation="tanh", name=f"step_{n}") for n in range(4)]
    return keras.Sequential([keras.Input((width,), name="features"), *parts], name=name)


TWO_EFFICIENTNETS = """
inputs: {{image: {{shape: [8, 8, 3]}}}}
sources:
  left: {{from: a.keras, exclude: [predictions], inputs: image}}
  right: {{from: b.keras, exclude: [predictions], inputs: image{prefix}}}
layers:
  both: {{class: Concatenate, inputs: [left, right]}}
  probs: {{class: Dense, args: {{units: 2, activation: softmax}}, inputs: both}}
outputs: probs
"""


def test_case_01_two_efficientnets_under_one_head(case):
    import keras

    a, b = (case.save(name, small_efficientnet, seed) for seed, name in enumerate("ab"))
    collision = case.refused(TWO_EFFICIENTNETS.format(prefix=""))
    assert [item.code for item in collision] == ["CMP301"]
    assert "prefix: right_" in collision[0].help
    built = case.build(TWO_EFFICIENTNETS.format(prefix=", prefix: right_"), deep=True)
    assert {"stem_conv_pad", "right_stem_conv_pad"} <= names(built)
    image = keras.Input((8, 8, 3))
    ends = [keras.Model(m.input, m.get_layer("top_dropout").output)(image) for m in (a, b)]
    head = keras.layers.Dense(2, activation="softmax")
    reference = keras.Model(image, head(keras.layers.Concatenate()(ends)))
    head.set_weights(built.get_layer("probs").get_weights())
    assert called(built, numbers(2, 8, 8, 3)) == called(reference, numbers(2, 8, 8, 3))


def test_case_02_two_nested_models_of_the_same_name(case):
    import keras

    def outer():
        inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")], name="inner")
        x = keras.Input((3,), name="x")
        return keras.Model(x, inner(x), name="outer")

    a, b = (case.save(name, outer, seed) for seed, name in enumerate("ab"))
    spec = """
inputs: {{x: {{shape: [3]}}}}
sources:
  a: {{from: a.keras, inputs: x{0}}}
  b: {{from: b.keras, inputs: a{1}}}
outputs: b
"""
    assert case.refused(spec.format("", ""))[0].code == "CMP301"
    built = case.build(spec.format(", prefix: a_", ", prefix: b_"), deep=True)
    assert {"a_inner", "b_inner"} <= names(built)
    assert called(built, numbers(2, 3)) == called(b, a(numbers(2, 3)))


def test_case_03_a_loaded_model_and_a_new_one_both_sequential_1(case):
    a, b = (case.save(n, lambda: chain(name="sequential_1"), s) for s, n in enumerate("ab"))
    built = case.build(
        """
inputs: {x: {shape: [3]}}
sources:
  loaded: {from: a.keras, nested: loaded, inputs: x}
  fresh: {from: b.keras, nested: fresh, inputs: loaded}
outputs: fresh
""",
        deep=True,
    )
    assert names(built) == {"x", "loaded", "fresh"}
    assert called(built, numbers(2, 3)) == called(b, a(numbers(2, 3)))


def test_case_04_the_same_network_twice_each_with_its_own_weights(case):
    source = case.save("net", chain)
    built = case.build("""
inputs: {x: {shape: [3]}, y: {shape: [3]}}
sources:
  left: {from: net.keras, prefix: left_, inputs: x}
  right: {from: net.keras, prefix: right_, inputs: y}
outputs: [left, right]
""")
    x, y = numbers(2, 3), numbers(2, 3, seed=8)
    assert called(built, x, y) == called(source, x) + called(source, y)
    built.get_layer("left_step_0").set_weights([numbers(3, 3), numbers(3)])
    assert called(built, x, y)[0] != called(source, x)[0]
    assert called(built, x, y)[1:] == called(source, y)


def test_case_06_a_renamed_output_layer_renames_the_output(case):
    source = case.save("net", small_efficientnet)
    built = case.build("sources: {net: {from: net.keras, rename: {predictions: breed}}}")
    assert built.output_names == ["breed"]
    assert called(built, numbers(2, 8, 8, 3)) == called(source, numbers(2, 8, 8, 3))


def test_case_07_a_renamed_normalization_keeps_what_it_adapted_to(case):
    import keras

    normalization = keras.layers.Normalization(name="normalization")
    normalization.adapt(numbers(64, 3) * 5 + 2)
    x = keras.Input((3,), name="x")
    source = keras.Model(x, normalization(x))
    source.save(case.folder / "net.keras")
    built = case.build("sources: {net: {from: net.keras, rename: {normalization: scale}}}")
    layer = built.get_layer("scale")
    assert layer.mean.numpy().tobytes() == normalization.mean.numpy().tobytes()
    assert called(built, numbers(4, 3)) == called(source, numbers(4, 3))


def test_case_08_an_operator_and_a_layer_both_called_add(case):
    import keras

    def operator():
        a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
        return keras.Model([a, b], keras.layers.Dense(3, name="d")(a + b))

    def layer():
        a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
        return keras.Model([a, b], keras.layers.Add(name="add")([a, b]))

    one, other = case.save("one", operator), case.save("other", layer)
    assert "add" in names(one)
    spec = """
inputs: {{a: {{shape: [3]}}, b: {{shape: [3]}}}}
sources:
  one: {{from: one.keras, inputs: {{a: a, b: b}}}}
  other: {{from: other.keras, {0}inputs: {{a: one, b: b}}}}
outputs: other
"""
    assert "'add'" in case.refused(spec.format(""))[0].message
    built = case.build(spec.format("prefix: other_, "))
    a, b = numbers(2, 3), numbers(2, 3, seed=8)
    assert called(built, a, b) == called(other, one([a, b]).numpy(), b)


def test_case_11_dropping_the_last_layers_has_an_effect(case):
    import keras

    source = case.save("net", small_efficientnet)
    built = case.build("sources: {net: {from: net.keras, exclude: [{after: block1a_se_excite}]}}")
    reference = keras.Model(source.input, source.get_layer("block1a_se_excite").output)
    assert names(built) == names(reference)
    assert called(built, numbers(2, 8, 8, 3)) == called(reference, numbers(2, 8, 8, 3))


def test_case_13_a_part_from_a_middle_layer_to_the_end(case):
    import keras

    source = case.save("net", small_efficientnet)
    built = case.build("""
inputs: {stem: {shape: [4, 4, 4]}}
sources:
  net: {from: net.keras, exclude: [{upto: stem_bn}], inputs: {stem_bn: stem}}
""")
    assert "stem_conv" not in names(built)
    reference = keras.Model(source.get_layer("stem_bn").output, source.output)
    assert called(built, numbers(2, 4, 4, 4)) == called(reference, numbers(2, 4, 4, 4))


def test_case_16_one_branch_of_a_network_with_two_outputs(case):
    import keras

    def branches():
        x = keras.Input((3,), name="x")
        trunk = keras.layers.Dense(3, name="trunk")(x)
        left, right = (keras.layers.Dense(2, name=n) for n in ("left", "right"))
        return keras.Model(x, [left(trunk), right(trunk)])

    source = case.save("net", branches)
    built = case.build("sources: {net: {from: net.keras}}\noutputs: net:right")
    assert names(built) == {"x", "trunk", "right"}
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))[1:]


def test_case_21_a_clone_keeps_weights_and_sharing(case):
    import keras

    def sharing():
        x = keras.Input((3,), name="x")
        shared = keras.layers.Dense(3, activation="tanh", name="shared")
        return keras.Model(x, shared(keras.layers.Dense(3, name="d")(shared(x))))

    source = case.save("net", sharing)
    built = case.build("sources: {net: {from: net.keras, suffix: _clone}}")
    assert names(built) == {"x_clone", "shared_clone", "d_clone"}
    assert len(built.weights) == len(source.weights)
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))


def test_case_28_a_frozen_sequential_stays_frozen(case):
    import keras

    def outer():
        x = keras.Input((3,), name="x")
        return keras.Model(x, keras.layers.Dense(2, name="head")(chain()(x)))

    source = case.save("net", outer)
    built = case.build("sources: {net: {from: net.keras, freeze: [mlp]}}")
    assert {v.path.split("/")[0] for v in built.trainable_variables} == {"head"}
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))
    case.save("chain", chain)
    alone = case.build("sources: {net: {from: chain.keras, trainable: false}}")
    assert alone.trainable_variables == []


def test_case_29_a_frozen_batch_normalization_called_with_training_false(case):
    import keras

    def frozen():
        x = keras.Input((3,), name="x")
        y = keras.layers.BatchNormalization(name="bn")(x, training=False)
        return keras.Model(x, keras.layers.Dense(2, name="d")(y))

    source = case.save("net", frozen)
    built = case.build("sources: {net: {from: net.keras, prefix: p_, freeze: [bn]}}")
    wanted = called(source, numbers(2, 3))
    before = [value.tobytes() for value in built.get_layer("p_bn").get_weights()]
    assert [built(numbers(2, 3), training=True).numpy().tobytes()] == wanted
    assert [value.tobytes() for value in built.get_layer("p_bn").get_weights()] == before
    assert built.get_layer("p_bn").trainable is False


def test_case_30_policies_of_single_layers_survive(case):
    import keras

    def mixed():
        x = keras.Input((3, 4), name="x")
        policy = keras.dtype_policies.DTypePolicyMap(
            "float32", {"attention/query": keras.DTypePolicy("mixed_bfloat16")}
        )
        attention = keras.layers.MultiHeadAttention(1, 2, dtype=policy, name="attention")
        y = keras.layers.Dense(3, dtype="mixed_bfloat16", name="half")(attention(x, x))
        return keras.Model(x, keras.layers.Dense(2, dtype="float32", name="full")(y))

    source = case.save("net", mixed)
    query = source.get_layer("attention").query_dense.compute_dtype
    assert query == "bfloat16"
    built = case.build("sources: {net: {from: net.keras, prefix: p_}}")
    assert built.get_layer("p_attention").query_dense.compute_dtype == query
    assert built.get_layer("p_attention").key_dense.compute_dtype == "float32"
    assert built.get_layer("p_half").dtype_policy.name == "mixed_bfloat16"
    assert called(built, numbers(2, 3, 4)) == called(source, numbers(2, 3, 4))


def test_case_31_a_layer_removed_from_a_chain_leaves_the_others_their_weights(case):
    source = case.save("net", chain)
    built = case.build("sources: {net: {from: net.keras, exclude: [step_1], bypass: [step_1]}}")
    x = numbers(2, 3)
    for name in ("step_0", "step_2", "step_3"):
        x = source.get_layer(name)(x)
    assert called(built, numbers(2, 3)) == [x.numpy().tobytes()]


def test_case_32_saving_again_does_not_change_what_is_built(case):
    spec = "sources: {net: {from: net.keras, prefix: p_}}"
    case.save("net", small_efficientnet)
    path = case.folder / "net.keras"
    saved = path.read_bytes()
    first = case.artifact(spec, name="first").read_bytes()
    # As Keras saves it on another day, with its objects elsewhere in memory.
    rewritten(path, "metadata.json", lambda text: re.sub(r"20\d\d-", "2001-", text))
    rewritten(
        path,
        "config.json",
        lambda text: re.sub(
            r'(shared_object_id": )(\d+)', lambda m: f"{m[1]}{int(m[2]) + 16}", text
        ),
    )
    assert path.read_bytes() != saved
    assert case.artifact(spec, name="second").read_bytes() == first
