"""Surgery on graphs: each operation as a spec, against the same operation written in Keras."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import called, names, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def residual(width=3):
    """x -> first -> second -> (+ x) -> drop -> probs, with an Embedding-free front."""
    import keras

    layers = keras.layers
    x = keras.Input((width,), name="x")
    y = layers.Dense(width, activation="tanh", name="first")(x)
    y = layers.Dense(width, activation="tanh", name="second")(y)
    y = layers.Add(name="sum")([x, y])
    y = layers.Dropout(0.5, name="drop")(y)
    return keras.Model(x, layers.Dense(2, name="probs")(y), name="residual")


def embedded():
    import keras

    layers = keras.layers
    words = keras.Input((5,), name="words", dtype="int32")
    y = layers.Embedding(11, 4, name="embedding")(words)
    y = layers.LSTM(3, name="lstm")(y)
    return keras.Model(words, layers.Dense(2, name="probs")(y), name="text")


def test_case_12_the_embedding_at_the_front_gives_way_to_a_new_input(case):
    import keras

    source = case.save("text", embedded)
    built = case.build("""
inputs: {vectors: {shape: [5, 4]}}
sources: {text: {from: text.keras, exclude: [embedding], inputs: {embedding: vectors}}}
""")
    assert names(built) == {"vectors", "lstm", "probs"}
    vectors = keras.Input((5, 4))
    reference = keras.Model(vectors, source.layers[-1](source.get_layer("lstm")(vectors)))
    assert called(built, numbers(2, 5, 4)) == called(reference, numbers(2, 5, 4))


def vgg_like(name="vgg"):
    import keras

    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, activation="relu", name="block1_conv1")(image)
    y = layers.MaxPooling2D(name="block1_pool")(y)
    y = layers.Conv2D(4, 2, activation="relu", name="block2_conv1")(y)
    return keras.Model(image, layers.Flatten(name="flatten")(y), name=name)


def around_vgg(training=None):
    import keras

    layers = keras.layers
    photo = keras.Input((8, 8, 3), name="photo")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(photo)
    inner = vgg_like()
    y = inner(scaled) if training is None else inner(scaled, training=training)
    return keras.Model(photo, layers.Dense(2, name="probs")(y), name="classifier")


def test_case_14_an_output_inside_a_nested_model(case):
    import keras

    source = case.save("net", around_vgg)
    refusal = case.refused("""
sources: {net: {from: net.keras}}
outputs: [net:vgg/block1_pool, net]
""")
    assert refusal[0].code == "CMP407"
    assert "flatten: true" in refusal[0].help
    built = case.build("""
sources: {net: {from: net.keras, flatten: true}}
outputs: ["net:vgg/block1_pool", "net:probs"]
""")
    inner = source.get_layer("vgg")
    photo = keras.Input((8, 8, 3))
    middle = keras.Model(inner.input, inner.get_layer("block1_pool").output)
    reference = keras.Model(photo, [middle(source.get_layer("scale")(photo)), source(photo)])
    assert called(built, numbers(2, 8, 8, 3)) == called(reference, numbers(2, 8, 8, 3))


def test_case_15_a_vgg_embedded_in_another_model_is_recovered_from_it(case):
    source = case.save("net", around_vgg)
    built = case.build("""
inputs: {image: {shape: [8, 8, 3]}}
sources:
  net:
    from: net.keras
    flatten: true
    include: ["vgg/*"]
    rename: [{regex: "vgg/(.*)", to: '\\1'}]
    inputs: {scale: image}
""")
    inner = source.get_layer("vgg")
    assert names(built) == {layer.name for layer in inner.layers}
    assert called(built, numbers(2, 8, 8, 3)) == called(inner, numbers(2, 8, 8, 3))


@pytest.mark.parametrize("training", [False, True])
def test_a_nested_model_that_is_called_with_training_can_be_flattened(case, training):
    import keras

    def net():
        layers = keras.layers
        x = keras.Input((4,), name="inside")
        y = layers.BatchNormalization(name="bn")(layers.Dense(4, name="dense")(x))
        y = layers.Activation("tanh", name="act")(layers.Dropout(0.5, name="drop")(y))
        inner = keras.Model(x, y, name="inner")
        x = keras.Input((4,), name="x")
        y = layers.Dense(2, name="probs")(inner(x, training=training))
        return keras.Model(x, y, name="net")

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, flatten: true, bypass: []}}")
    assert names(built) == {"x", "inner_dense", "inner_bn", "inner_drop", "inner_act", "probs"}
    if not training:
        assert called(built, numbers(3, 4)) == called(source, numbers(3, 4))
    # As Keras hands it on: to the layers that take it, whatever their own calls said.
    kwargs = {
        layer.name: layer._inbound_nodes[0].arguments.kwargs.get("training", "nothing")
        for layer in built.layers
        if layer.name.startswith("inner_")
    }
    told = dict.fromkeys(("inner_dense", "inner_bn", "inner_drop"), training)
    assert kwargs == {**told, "inner_act": "nothing"}
    # In training, what the whole model is called with wins in both.
    means = []
    for model in (source, built):
        keras.utils.set_random_seed(0)
        model(numbers(3, 4), training=True)
        means.append(next(w.numpy().tolist() for w in model.weights if "moving_mean" in w.path))
    assert means[0] == means[1]


def test_a_nested_model_of_several_inputs_can_be_flattened(case):
    """Keras records a mask for each of several inputs, None for None."""
    import keras

    def net():
        layers = keras.layers
        a, b = keras.Input((3,), name="in_a"), keras.Input((3,), name="in_b")
        inner = keras.Model([a, b], layers.Dense(2, name="dense")(layers.Add(name="add")([a, b])))
        x = keras.Input((3,), name="x")
        return keras.Model(x, inner([x, layers.Dense(3, name="first")(x)]), name="net")

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, flatten: true}}")
    assert not any(isinstance(layer, keras.Model) for layer in built.layers)
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))


def test_case_17_a_layer_in_the_middle_is_deleted(case):
    import keras

    source = case.save("net", residual)
    built = case.build("""
sources: {net: {from: net.keras, exclude: [second], inputs: {second: "net:first"}}}
""")
    assert names(built) == {"x", "first", "sum", "drop", "probs"}
    x = keras.Input((3,))
    y = source.get_layer("first")(x)
    reference = keras.Model(x, source.get_layer("probs")(keras.layers.Add()([x, y])))
    assert called(built, numbers(2, 3)) == called(reference, numbers(2, 3))


def test_case_17_a_layer_in_the_middle_is_bypassed(case):
    import keras

    source = case.save("net", residual)
    built = case.build("sources: {net: {from: net.keras, exclude: [second], bypass: [second]}}")
    x = keras.Input((3,))
    y = source.get_layer("first")(x)
    reference = keras.Model(x, source.get_layer("probs")(keras.layers.Add()([x, y])))
    assert called(built, numbers(2, 3)) == called(reference, numbers(2, 3))


def test_case_17_a_layer_in_the_middle_is_replaced(case):
    import keras

    source = case.save("net", residual)
    built = case.build(
        """
sources: {net: {from: net.keras, exclude: [second], inputs: {second: another}}}
layers: {another: {class: Dense, args: {units: 3, activation: relu}, inputs: "net:first"}}
""",
        deep=True,
    )
    assert names(built) == {"x", "first", "another", "sum", "drop", "probs"}
    x = keras.Input((3,))
    another = keras.layers.Dense(3, activation="relu")
    y = another(source.get_layer("first")(x))
    reference = keras.Model(x, source.get_layer("probs")(keras.layers.Add()([x, y])))
    another.set_weights(built.get_layer("another").get_weights())
    assert called(built, numbers(2, 3)) == called(reference, numbers(2, 3))


def test_case_17_a_layer_is_inserted_in_the_middle(case):
    import keras

    source = case.save("net", residual)
    built = case.build(
        """
inputs: {x: {shape: [3]}}
sources:
  front: {from: net.keras, include: [{upto: first}], inputs: x}
  back: {from: net.keras, exclude: [first], inputs: {first: between, x: x}}
layers: {between: {class: Dense, args: {units: 3, activation: relu}, inputs: front}}
outputs: back
""",
        deep=True,
    )
    assert names(built) == {"x", "first", "between", "second", "sum", "drop", "probs"}
    x = keras.Input((3,))
    between = keras.layers.Dense(3, activation="relu")
    y = source.get_layer("second")(between(source.get_layer("first")(x)))
    reference = keras.Model(x, source.get_layer("probs")(keras.layers.Add()([x, y])))
    between.set_weights(built.get_layer("between").get_weights())
    assert called(built, numbers(2, 3)) == called(reference, numbers(2, 3))


def test_case_18_a_layer_shared_across_sub_models_saves_and_loads_once_flattened(case):
    import keras

    def net():
        shared = keras.layers.Dense(3, activation="tanh", name="shared")
        towers = []
        for name in ("left", "right"):
            inside = keras.Input((3,), name=f"{name}_in")
            own = keras.layers.Dense(3, name=f"{name}_own")
            towers.append(keras.Model(inside, own(shared(inside)), name=name))
        x = keras.Input((3,), name="x")
        return keras.Model(x, [shared(towers[0](x)), towers[1](x)], name="net")

    source = case.save("net", net)
    built = case.build("sources: {net: {from: net.keras, flatten: true}}")
    assert called(built, numbers(2, 3)) == called(source, numbers(2, 3))
    assert len(built.variables) == len(source.variables)


def test_case_19_one_sub_model_called_twice(case):
    import keras

    source = case.save("tower", residual)
    spec = """
inputs: {{one: {{shape: [3]}}, two: {{shape: [3]}}}}
sources:
  tower: {{from: tower.keras{0}, calls: {{left: {{inputs: one}}, right: {{inputs: two}}}}}}
layers: {{apart: {{class: Subtract, inputs: [tower@left, tower@right]}}}}
"""
    one, two = keras.Input((3,)), keras.Input((3,))
    reference = keras.Model([one, two], keras.layers.Subtract()([source(one), source(two)]))
    inputs = numbers(2, 3), numbers(2, 3, seed=8)
    for kind in ("", ", nested: tower"):
        built = case.build(spec.format(kind), deep=True)
        assert len(built.variables) == len(source.variables)
        assert called(built, *inputs) == called(reference, *inputs)


def test_case_20_two_models_in_turn_each_twice(case):
    import keras

    def one_layer(name):
        x = keras.Input((3,), name=f"{name}_in")
        y = keras.layers.Dense(3, activation="tanh", name=name)(x)
        return keras.Model(x, y, name=f"model_{name}")

    a = case.save("a", lambda: one_layer("a"))
    b = case.save("b", lambda: one_layer("b"), 1)
    x = keras.Input((3,))
    reference = keras.Model(x, a(b(a(b(x)))))
    for kind in ("", ", nested: {0}"):
        built = case.build(f"""
inputs: {{x: {{shape: [3]}}}}
sources:
  a: {{from: a.keras{kind.format("a")}, calls: {{first: {{inputs: b@first}}, second: {{inputs: b@second}}}}}}
  b: {{from: b.keras{kind.format("b")}, calls: {{first: {{inputs: x}}, second: {{inputs: a@first}}}}}}
outputs: a@second
""")
        assert called(built, numbers(2, 3)) == called(reference, numbers(2, 3))
        assert len(built.variables) == 4


def test_an_encoder_out_of_an_autoencoder(case):
    import keras

    def autoencoder():
        layers = keras.layers
        x = keras.Input((6,), name="x")
        code = layers.Dense(2, name="code")(layers.Dense(4, activation="relu", name="enc")(x))
        y = layers.Dense(6, name="out")(layers.Dense(4, activation="relu", name="dec")(code))
        return keras.Model(x, y, name="autoencoder")

    source = case.save("auto", autoencoder)
    encoder = case.build("sources: {auto: {from: auto.keras, include: [{upto: code}]}}")
    decoder = case.build("""
inputs: {code: {shape: [2]}}
sources: {auto: {from: auto.keras, exclude: [{upto: code}], inputs: {code: code}}}
""")
    assert names(encoder) == {"x", "enc", "code"}
    assert names(decoder) == {"code", "dec", "out"}
    reference = keras.Model(source.input, source.get_layer("code").output)
    assert called(encoder, numbers(2, 6)) == called(reference, numbers(2, 6))
    assert called(decoder, encoder(numbers(2, 6))) == called(source, numbers(2, 6))


def test_the_trunk_of_one_model_on_the_stem_of_another(case):
    import keras

    a, b = (case.save(name, vgg_like, seed) for seed, name in enumerate("ab"))
    built = case.build("""
sources:
  a: {from: a.keras, include: [{upto: block1_pool}]}
  b: {from: b.keras, exclude: [{upto: block1_pool}], inputs: {block1_pool: a}}
outputs: b
""")
    image = keras.Input((8, 8, 3))
    y = a.get_layer("block1_pool")(a.get_layer("block1_conv1")(image))
    y = b.get_layer("flatten")(b.get_layer("block2_conv1")(y))
    assert called(built, numbers(2, 8, 8, 3)) == called(keras.Model(image, y), numbers(2, 8, 8, 3))


def test_another_input_size_where_the_architecture_allows_it(case):
    import keras

    def pooled():
        inner = vgg_like()
        y = keras.layers.GlobalAveragePooling2D(name="pool")(inner.get_layer("block2_conv1").output)
        return keras.Model(inner.input, keras.layers.Dense(2, name="probs")(y), name="net")

    source = case.save("net", pooled)
    spec = """
inputs: {{large: {{shape: [{0}, {0}, 3]}}}}
sources: {{net: {{from: net.keras, inputs: large}}}}
"""
    built = case.build(spec.format(20), deep=True)
    image = keras.Input((20, 20, 3))
    y = image
    for layer in source.layers[1:]:
        y = layer(y)
    assert built.input_shape == (None, 20, 20, 3)
    assert called(built, numbers(2, 20, 20, 3)) == called(
        keras.Model(image, y), numbers(2, 20, 20, 3)
    )


def test_a_new_head_on_any_inner_layer_of_a_nested_model(case):
    import keras

    source = case.save("net", around_vgg)
    built = case.build(
        """
sources: {net: {from: net.keras, flatten: true, include: [{upto: vgg/block1_pool}]}}
layers:
  pool: {class: GlobalAveragePooling2D, inputs: net}
  head: {class: Dense, args: {units: 5}, inputs: pool}
outputs: head
""",
        deep=True,
    )
    inner = source.get_layer("vgg")
    photo = keras.Input((8, 8, 3))
    y = source.get_layer("scale")(photo)
    for name in ("block1_conv1", "block1_pool"):
        y = inner.get_layer(name)(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    head = keras.layers.Dense(5)
    reference = keras.Model(photo, head(y))
    head.set_weights(built.get_layer("head").get_weights())
    assert called(built, numbers(2, 8, 8, 3)) == called(reference, numbers(2, 8, 8, 3))
