"""Arguments of new layers: what is wrong is told at the argument, with its code and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.spec import layer_arguments, spec_from_text

HEAD = (
    "version: 1\nname: model\ninputs:\n  x: {shape: [16]}\n  i: {shape: [16, 16, 3]}\n"
    "  s: {shape: [5, 4]}\nlayers:\n  new: "
)


def read(layer: str, **more: str):
    """Return the spec with one new layer, and the diagnostics."""
    text = HEAD + layer + "\n" + "".join(f"{key}: {value}\n" for key, value in more.items())
    spec, found = spec_from_text(text, file="spec.yaml", directory=Path())
    return text, spec, found


def dense(args: str, after: str = "inputs: x") -> str:
    return f"{{class: Dense, args: {{{args}}}, {after}}}"


# What is written, what is told of it (code, path below the layer, text under the span), and what
# --fix puts there, if anything.
WRONG = [
    (dense("units: 3, activaton: relu"), "CMP224", "args.activaton", "activaton", "activation"),
    (dense("units: 3, foo: 1"), "CMP224", "args.foo", "foo", None),
    (dense("units: 3, out_features: 1, bias: true"), "CMP224", "args.bias", "bias", "use_bias"),
    (dense("units: 3, training: true"), "CMP224", "args.training", "training", None),
    (dense("units: 3", "inputs: x, call: {trainin: true}"), "CMP224", "call.trainin", "trainin", "training"),
    (dense("activation: relu"), "CMP225", "args", "args", None),
    (dense('units: "5"'), "CMP226", "args.units", '"5"', "5"),
    (dense("units: 5.0"), "CMP226", "args.units", "5.0", "5"),
    (dense("units: true"), "CMP226", "args.units", "true", None),
    (dense("units: [3]"), "CMP226", "args.units", "[3]", None),
    (dense("units: 3, use_bias: no"), "CMP226", "args.use_bias", "no", "false"),
    (dense("units: 3, use_bias:"), "CMP226", "args.use_bias", "use_bias", None),
    (dense("units: 3, kernel_initializer: 0"), "CMP226", "args.kernel_initializer", "0", None),
    (dense("units: 3, activation: sofmax"), "CMP227", "args.activation", "sofmax", "softmax"),
    (dense("units: 3, activation: None"), "CMP227", "args.activation", "None", "null"),
    (dense("units: 3, activation: tf.nn.relu"), "CMP227", "args.activation", "tf.nn.relu", "relu"),
    (dense("units: 3, kernel_initializer: he_norma"), "CMP227", "args.kernel_initializer", "he_norma", "he_normal"),
    (dense("units: 3, kernel_regularizer: L7"), "CMP227", "args.kernel_regularizer", "L7", None),
    (dense("units: 3, bias_constraint: non_ng"), "CMP227", "args.bias_constraint", "non_ng", "non_neg"),
    (dense("units: 3, dtype: flaot32"), "CMP227", "args.dtype", "flaot32", "float32"),
    (dense("units: 3, kernel_initializer: {class_name: HeNrmal, config: {}}"), "CMP227",
     "args.kernel_initializer.class_name", "HeNrmal", "HeNormal"),
    (dense("units: -5"), "CMP228", "args.units", "-5", None),
    ("{class: keras.layers:Dense, args: {units: -5}, inputs: x}", "CMP228", "args.units", "-5", None),
    ("{class: Rescaling, args: {scale: 1/255}, inputs: i}", "CMP226", "args.scale", "1/255", "0.00392156862745098"),
    ("{class: Rescaling, args: {scale: 2., offset: '1'}, inputs: i}", "CMP226", "args.offset", "'1'", "1"),
    ("{class: MaxPooling2D, args: {padding: sam}, inputs: i}", "CMP227", "args.padding", "sam", "same"),
    ('{class: MaxPooling2D, args: {pool_size: "(2, 2)"}, inputs: i}', "CMP226", "args.pool_size", '"(2, 2)"', "[2, 2]"),
    ("{class: MaxPooling2D, args: {pool_size: [2, 2, 2]}, inputs: i}", "CMP228", "args.pool_size", "[2, 2, 2]", None),
    ("{class: MaxPooling2D, args: {strides: [2, -1]}, inputs: i}", "CMP228", "args.strides.1", "-1", None),
    ("{class: MaxPooling2D, args: {data_format: channel_last}, inputs: i}", "CMP227", "args.data_format",
     "channel_last", "channels_last"),
    ("{class: BatchNormalization, args: {momentum: 9}, inputs: i}", "CMP228", "args.momentum", "9", None),
    ("{class: Dropout, args: {rate: 50}, inputs: x}", "CMP228", "args.rate", "50", None),
    ("{class: Dropout, args: {p: 0.5}, inputs: x}", "CMP224", "args.p", "p", "rate"),
    ("{class: Reshape, args: {target_shape: 16}, inputs: x}", "CMP226", "args.target_shape", "16", "[16]"),
    ("{class: Conv2D, args: {filters: 4, kernel_size: 3, groups: 3}, inputs: i}", "CMP229", "args.groups", "groups", None),
    ("{class: Conv2D, args: {filters: 4, kernel_size: 3, strides: 2, dilation_rate: [1, 2]}, inputs: i}", "CMP229",
     "args.dilation_rate", "dilation_rate", None),
    ("{class: Conv2DTranspose, args: {filters: 4, kernel_size: 3, output_padding: 1}, inputs: i}", "CMP229",
     "args.output_padding", "output_padding", None),
    ("{class: Normalization, args: {mean: 1.5}, inputs: i}", "CMP229", "args.mean", "mean", None),
    ("{class: MultiHeadAttention, args: {num_heads: 2, key_dim: 4}, inputs: s}", "CMP225", "inputs", "inputs", None),
    ("{class: MultiHeadAttention, args: {num_heads: 2, key_dim: 4}, inputs: {query: s, valeu: s}}", "CMP224",
     "inputs.valeu", "valeu", "value"),
    ("{class: Bidirectional, args: {layer: LSTM}, inputs: s}", "CMP226", "args.layer", "LSTM", None),
    ("{class: Bidirectional, args: {layer: {class_name: LSTM, config: {unit: 3}}}, inputs: s}", "CMP224",
     "args.layer.config.unit", "unit", "units"),
    ("{class: TimeDistributed, args: {layer: {class_name: Dense, config: {}}}, inputs: s}", "CMP225",
     "args.layer.config", "config", None),
    ("{class: TimeDistributed, args: {layer: {class_name: Dence, config: {units: 3}}}, inputs: s}", "CMP227",
     "args.layer.class_name", "Dence", "Dense"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "code", "place", "under", "put"), WRONG)
def test_a_wrong_argument_is_told_where_it_stands(layer, code, place, under, put):
    text, _, found = read(layer)
    told = [item for item in found if item.code == code and _place(item) == place]
    assert len(told) == 1, [(item.code, _place(item)) for item in found]
    (item,) = told
    assert _under(item) == under
    assert [edit.replacement for edit in item.fix] == ([] if put is None else [put])
    if put is not None:
        _, _, after = read(_edited(text, item).partition("  new: ")[2].rstrip("\n"))
        assert all((other.code, other.path) != (code, item.path) for other in after)


def _place(item) -> str:
    assert item.path[:2] == ("layers", "new")
    return ".".join(map(str, item.path[2:]))


def _under(item) -> str:
    span = item.span
    assert span.line == span.end_line
    return span.text[0][span.column - 1 : span.end_column - 1]


def _edited(text: str, item) -> str:
    lines = text.split("\n")
    (edit,) = item.fix
    line = lines[edit.span.line - 1]
    lines[edit.span.line - 1] = (
        line[: edit.span.column - 1] + edit.replacement + line[edit.span.end_column - 1 :]
    )
    return "\n".join(lines)


RIGHT = [
    dense("units: 3, activation: relu, use_bias: false"),
    dense("units: 3, activation:, kernel_regularizer: null"),
    dense("units: 3, use_bias: 0"),
    dense("units: 3, kernel_initializer: HeNormal, bias_initializer: my_package>Odd"),
    dense("units: 3, kernel_regularizer: {class_name: L2, config: {l2: 0.01}}"),
    dense("units: 3, activation: {module: my_package, class_name: f, config: {}, registered_name: f}"),
    dense("units: 3, dtype: mixed_bfloat16, trainable: false"),
    dense("units: 3, dtype: {module: keras, class_name: DTypePolicy, config: {name: float32}, registered_name: null}"),
    dense("units: 3, input_shape: [16]"),
    dense("units: 3", "inputs: x, call: {training: false}"),
    dense("units: 3", "calls: {a: {inputs: x}, b: {inputs: x, call: {training: true}}}"),
    "{class: my_layers:Scale, args: {anything: at, all: 1/2}, inputs: x, call: {more: 1}}",
    "{class: Rescaling, args: {scale: [0.1, 0.2, 0.3], offset: 1}, inputs: i}",
    "{class: Conv2D, args: {filters: 4, kernel_size: [3, 3], strides: 2, padding: SAME}, inputs: i}",
    "{class: MaxPooling2D, args: {pool_size: 2, strides: null}, inputs: i}",
    "{class: Add, inputs: [x, x]}",
    "{class: Average, args: {}, inputs: [x, x]}",
    "{class: Flatten, inputs: i, call: {training: false}}",
    "{class: MultiHeadAttention, args: {num_heads: 2, key_dim: 4}, inputs: {query: s, value: s}, call: {use_causal_mask: true}}",
    "{class: Bidirectional, args: {layer: {class_name: LSTM, config: {units: 3, name: inner}}}, inputs: s}",
    "{class: RNN, args: {cell: {class_name: LSTMCell, config: {units: 3}}}, inputs: s}",
    "{class: LSTM, args: {units: 3, implementation: 1}, inputs: s}",
    "{class: Reshape, args: {target_shape: [-1, 4]}, inputs: x}",
]  # fmt: skip


@pytest.mark.parametrize("layer", RIGHT)
def test_a_right_argument_is_let_in(layer):
    _, spec, found = read(layer)
    assert found == ()
    assert [new.id for new in spec.layers] == ["new"]


def test_several_arguments_are_told_at_once():
    _, _, found = read(dense('units: "5", activation: sofmax, use_bias: no, foo: 1'))
    assert [item.code for item in found] == ["CMP226", "CMP227", "CMP226", "CMP224"]


def test_an_interpolated_value_is_checked_once_it_is_put_in():
    _, _, found = read(dense('units: "${vars.n}"'), vars='{n: "5"}')
    (item,) = found
    assert (item.code, _place(item), item.fix) == ("CMP226", "args.units", ())
    assert [note.span.line for note in item.notes] == [9]
    assert read(dense('units: "${vars.n}"'), vars="{n: 5}")[2] == ()


def test_a_layer_whose_mistakes_leave_no_doubt_is_judged_as_it_was_meant():
    _, spec, found = read(dense('units: "5", activaton: relu'))
    assert [item.code for item in found] == ["CMP226", "CMP224"]
    (layer,) = spec.layers
    assert layer.args == {"units": 5, "activation": "relu"}


def test_a_layer_that_leaves_doubt_is_left_out():
    for args in ("units: -5", "units: 5, activaton: sofmax"):
        _, spec, _ = read(dense(args))
        assert spec.layers == ()


def test_a_newer_keras_may_know_more_names(monkeypatch):
    monkeypatch.setattr(layer_arguments, "is_of_installed", lambda: False)
    _, spec, found = read(dense("units: 3, new_thing: 1, activation: newest"))
    assert found == ()
    assert spec.layers[0].unchecked == ("new_thing", "activation")
    # What a number may be is no matter of versions.
    assert [item.code for item in read(dense("units: -3"))[2]] == ["CMP228"]


def test_no_metadata_is_read_for_a_spec_without_mistakes(monkeypatch):
    monkeypatch.setattr(layer_arguments, "is_of_installed", lambda: pytest.fail("was asked"))
    assert read(dense("units: 3"))[2] == ()


def test_arguments_that_can_t_be_read_are_not_called_missing():
    assert [item.code for item in read(dense('units: "${vars.n}"'))[2]] == ["CMP140"]
    assert [item.code for item in read("{class: Dense, args: 5, inputs: x}")[2]] == ["CMP203"]
