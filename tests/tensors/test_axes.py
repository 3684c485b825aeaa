"""Pad, repeat, reduce and interpolate, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from composer.tensors.axes import interpolate, pad, reduce, repeat
from composer.tensors.expression import Cast, Combine, Join, Take, lineage
from tests.tensors import sources
from tests.tensors.test_evaluate import made_array

KERNEL = np.arange(24, dtype="f4").reshape(2, 3, 4)


@pytest.fixture
def kernel(tmp_path):
    return sources.one(tmp_path / "kernel.h5", KERNEL)


def test_zeros_are_put_behind(kernel):
    padded = pad(kernel, 1, 5)
    assert padded.dtype == "float32"
    assert made_array(padded).tolist() == np.pad(KERNEL, [(0, 0), (0, 2), (0, 0)]).tolist()
    assert pad(kernel, 1, 3) is kernel
    with pytest.raises(ValueError, match="2"):
        pad(kernel, 1, 2)


def test_fresh_slices_are_put_behind(kernel, tmp_path):
    fresh = sources.one(
        tmp_path / "fresh.h5", np.full((2, 3, 6), 7, "f4") + np.arange(6, dtype="f4")
    )
    padded = pad(kernel, 2, 6, fresh=fresh)
    assert made_array(padded)[1, 2].tolist() == [20, 21, 22, 23, 11, 12]
    assert lineage(padded) == (kernel.source, fresh.source)
    with pytest.raises(ValueError, match="float16"):
        pad(kernel, 2, 6, fresh=Cast(fresh, "float16"))


def test_slices_are_repeated_in_turn(kernel):
    for length in (1, 3, 4, 8):
        expected = KERNEL[:, [index % 3 for index in range(length)]]
        assert made_array(repeat(kernel, 1, length)).tolist() == expected.tolist()
    assert repeat(kernel, 1, 3) is kernel
    assert isinstance(repeat(kernel, 1, 2), Take)


def test_scaled_repetition_keeps_the_sum(kernel):
    scaled = made_array(repeat(kernel, 1, 7, scale=True))
    assert np.allclose(scaled.sum(1), KERNEL.astype(float).sum(1), rtol=1e-15)
    assert scaled[0, :, 1].tolist() == [1 / 3, 5 / 2, 9 / 2, 1 / 3, 5 / 2, 9 / 2, 1 / 3]
    assert repeat(kernel, 1, 3, scale=True) is kernel
    with pytest.raises(ValueError, match="2 of 3"):
        repeat(kernel, 1, 2, scale=True)


def test_groups_are_summed_or_averaged(kernel):
    assert made_array(reduce(kernel, 1, 1, "sum")).tolist() == KERNEL.sum(1, keepdims=True).tolist()
    means = KERNEL.reshape(2, 3, 2, 2).mean(3)
    assert made_array(reduce(kernel, 2, 2, "mean")).tolist() == means.tolist()
    assert reduce(kernel, 2, 4, "mean") is kernel
    for length in (0, 3, 8):
        with pytest.raises(ValueError, match="groups"):
            reduce(kernel, 2, length, "sum")


def test_a_gray_channel_is_the_sum_of_three(tmp_path):
    weights = np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype("f4")
    x = sources.one(tmp_path / "x.h5", weights)
    gray = Cast(reduce(x, 2, 1, "sum"), "float32")
    by_hand = weights.astype(float).sum(2, keepdims=True).astype("f4")
    assert made_array(gray).tobytes() == by_hand.tobytes()


def test_positions_on_a_line(tmp_path):
    x = sources.one(tmp_path / "x.h5", np.array([[0], [4]], "f4"))
    assert made_array(interpolate(x, 0, [2], [4])).ravel().tolist() == [0, 1, 3, 4]
    assert made_array(interpolate(x, 0, [2], [1])).ravel().tolist() == [2]
    assert made_array(interpolate(x, 0, [2], [3])).ravel().tolist() == [0, 2, 4]
    assert interpolate(x, 0, [2], [2]) is x


def test_positions_on_a_grid_with_a_class_token(tmp_path):
    table = np.concatenate([[[99.0]], np.arange(4.0).reshape(4, 1)]).astype("f4")
    x = sources.one(tmp_path / "x.h5", table)
    grown = made_array(interpolate(x, 0, [2, 2], [4, 4], keep=1)).ravel()
    line = np.array([0, 0.25, 0.75, 1])
    assert grown.tolist() == [99, *(line[:, None] * 2 + line).ravel()]


@pytest.mark.parametrize(
    ("grid", "to", "keep"),
    [((2, 2), (4,), 1), ((2, 2), (4, 4), 0), ((5,), (0,), 0), ((1, 1, 5), (1, 1, 5), 0)],
)
def test_grids_that_do_not_fit_are_refused(tmp_path, grid, to, keep):
    x = sources.one(tmp_path / "x.h5", np.zeros((5, 1), "f4"))
    with pytest.raises(ValueError, match="grid|interpolation"):
        interpolate(x, 0, grid, to, keep=keep)


@pytest.mark.slow
@pytest.mark.parametrize(("grid", "to"), [((7, 5), (13, 11)), ((7, 5), (3, 4)), ((4, 4), (8, 2))])
def test_the_convention_is_that_of_tensorflow(tmp_path, grid, to):
    import tensorflow as tf

    image = np.random.default_rng(5).normal(size=(*grid, 3)).astype("f4")
    x = sources.one(tmp_path / "x.h5", image.reshape(-1, 3))
    found = made_array(interpolate(x, 0, grid, to)).reshape(*to, 3)
    # TensorFlow computes where the positions are in float32.
    assert np.abs(found - tf.image.resize(image, to).numpy()).max() < 5e-6


def test_a_combination_of_what_was_joined(kernel):
    mixed = Combine(pad(kernel, 2, 6), 2, (((5, 1.0), (0, 2.0)), ((3, -1.0),)))
    assert isinstance(mixed.operand, Join)
    assert made_array(mixed)[0, 0].tolist() == [0, -3]
