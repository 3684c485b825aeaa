"""Weights go where their order puts them, and nowhere if their names contradict it."""

from __future__ import annotations

from composer.keras_process.h5_pairing import StoredWeight, Variable, contradiction


def variables(*paths: str, shape: tuple[int, ...] = (2, 2)) -> list[Variable]:
    parts = [path.split("/") for path in paths]
    return [Variable(owners=tuple(p[:-1]), name=p[-1], shape=shape) for p in parts]


def weights(*names: str, shape: tuple[int, ...] = (2, 2)) -> list[StoredWeight]:
    return [StoredWeight(name=name, shape=shape) for name in names]


def test_names_that_agree_are_no_contradiction() -> None:
    made = variables("inner/a/kernel", "inner/a/bias", "inner/b/kernel")
    assert contradiction(weights("a/kernel", "a/bias", "inner/b/kernel"), made) is None


def test_names_that_say_nothing_leave_it_to_the_order() -> None:
    made = variables("left/left_a/kernel", "left/left_b/kernel")
    assert contradiction(weights("a/kernel", "b/kernel"), made) is None
    cells = variables("bi/forward_lstm/lstm_cell/kernel", "bi/backward_lstm/lstm_cell/kernel")
    numbered = weights("bi/forward_lstm/lstm_cell_3/kernel", "bi/backward_lstm/lstm_cell_4/kernel")
    assert contradiction(numbered, cells) is None


def test_another_layer_of_the_same_shape_is_a_contradiction() -> None:
    made = variables("inner/a/kernel", "inner/b/kernel")
    found = contradiction(weights("b/kernel", "a/kernel"), made)
    assert found == "the file's b/kernel stands in the place of inner/a/kernel"


def test_another_variable_of_the_same_layer_is_a_contradiction() -> None:
    made = variables("bn/gamma", "bn/beta", shape=(4,))
    found = contradiction(weights("bn/beta", "bn/gamma", shape=(4,)), made)
    assert found == "the file's bn/beta stands in the place of bn/gamma"


def test_names_of_earlier_versions_count_as_what_they_became() -> None:
    made = variables("bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance")
    old = ("bn_gamma", "bn_beta", "bn_running_mean", "bn_running_std")
    assert contradiction(weights(*old), made) is None
    swapped = (*old[:2], old[3], old[2])
    assert "bn_running_std" in str(contradiction(weights(*swapped), made))
    made = variables("conv/kernel", "conv/bias")
    assert contradiction(weights("conv/depthwise_kernel", "conv/bias"), made) is None


def test_another_number_of_weights_or_another_shape_is_said() -> None:
    made = variables("d/kernel", "d/bias")
    assert "has 1 weights for it (d/kernel)" in str(contradiction(weights("d/kernel"), made))
    found = contradiction(weights("d/kernel", "d/bias", shape=(3,)), made)
    assert found == ("the file's d/kernel has shape (3,), and d/kernel of today's Keras (2, 2)")
