"""Case 34: layers that keep a state for batches of one size."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

SPEC = """
inputs: {{i: {{shape: {shape}{batch}}}}}
sources: {{s: {{from: s.keras, inputs: i{more}}}}}
"""


def recurrent(kind="LSTM", front=None):
    import keras

    layers = keras.layers
    made = {
        "LSTM": lambda: layers.LSTM(3, stateful=True, name="rnn"),
        "GRU": lambda: layers.GRU(3, stateful=True, name="rnn"),
        "RNN": lambda: layers.RNN(
            [layers.LSTMCell(3), layers.GRUCell(2)], stateful=True, name="rnn"
        ),
        "ConvLSTM1D": lambda: layers.ConvLSTM1D(2, 2, stateful=True, name="rnn"),
        "Bidirectional": lambda: layers.Bidirectional(
            layers.SimpleRNN(3, stateful=True), name="rnn"
        ),
    }

    def make():
        shape = (5, 4, 2) if kind == "ConvLSTM1D" else (5, 4)
        x = keras.Input(batch_shape=(2, *shape), name="x")
        h = x if front is None else front()(x)
        return keras.Model(x, made[kind]()(h), name="recurrent")

    return make


def nested(sequential):
    import keras

    def make():
        if sequential:
            x = keras.Input(batch_shape=(2, 5, 4), name="z")
            inner = keras.Sequential([x, keras.layers.GRU(3, stateful=True)], name="inner")
        else:
            inner = recurrent("Bidirectional")()
        x = keras.Input(batch_shape=(2, 5, 4), name="y")
        return keras.Model(x, inner(x), name="outer")

    return make


MADE = {
    **{kind: recurrent(kind) for kind in ("LSTM", "GRU", "RNN", "ConvLSTM1D", "Bidirectional")},
    "functional inside": nested(sequential=False),
    "sequential inside": nested(sequential=True),
}


@pytest.mark.parametrize("kind", MADE)
def test_case_34_batches_of_another_size_are_refused_before_the_build(case, kind):
    source = case.save("s", MADE[kind])
    shape = list(source.inputs[0].shape[1:])
    for batch in ("", ", batch_size: 1", ", batch_size: 4"):
        (error,) = case.refused(SPEC.format(shape=shape, batch=batch, more=""))
        assert (error.code, error.path) == ("CMP413", ("sources", "s", "inputs"))
        assert "batch_size: 2" in error.help
        (error,) = case.refused(SPEC.format(shape=shape, batch=batch, more=", nested: n"))
        assert error.code == "CMP413"
    built = case.build(SPEC.format(shape=shape, batch=", batch_size: 2", more=""))
    x = numbers(2, *shape)
    for _ in range(2):  # the second batch begins with the state that the first has left
        assert called(built, x) == called(source, x)


def test_case_34_behind_other_layers(case):
    import keras

    case.save("s", recurrent("LSTM", front=lambda: keras.layers.Dense(4, name="front")))
    (error,) = case.refused(SPEC.format(shape=[5, 4], batch="", more=""), deep=True)
    assert error.code == "CMP413"


def test_case_34_a_fixed_batch_that_no_layer_depends_on_is_free(case):
    import keras

    def fixed():
        x = keras.Input(batch_shape=(2, 4), name="x")
        h = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(3, name="d")(x))
        return keras.Model(x, h, name="fixed")

    source = case.save("s", fixed)
    for more in ("", ", nested: n"):
        built = case.build(SPEC.format(shape=[4], batch="", more=more), deep=True)
        assert called(built, numbers(2, 4)) == called(source, numbers(2, 4))
        assert built(numbers(3, 4)).shape == (3, 3)


def test_case_34_an_outer_model_that_leaves_the_size_open(case):
    """Keras builds it, and runs it on batches of the size that is inside."""
    import keras

    def outer():
        inner = recurrent("Bidirectional")()
        x = keras.Input((5, 4), name="y")
        return keras.Model(x, inner(x), name="outer")

    source = case.save("s", outer)
    (error,) = case.refused(SPEC.format(shape=[5, 4], batch=", batch_size: 1", more=""))
    assert error.code == "CMP413"
    built = case.build(SPEC.format(shape=[5, 4], batch="", more=""))
    assert called(built, numbers(2, 5, 4)) == called(source, numbers(2, 5, 4))
