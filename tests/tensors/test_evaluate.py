"""Expressions evaluated in pieces, against whole tensors in plain numpy."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.errors import BuildError, FormatError
from composer.tensors import evaluate, stored_values
from composer.tensors.dtypes import FLOATS, OTHERS
from composer.tensors.evaluate import Evaluator
from composer.tensors.expression import (
    Cast,
    Combine,
    Join,
    Merge,
    Product,
    Stored,
    Take,
    Zeros,
    merge,
    walk,
)
from composer.tensors.merge_method import merge_method
from composer.tensors.plain_evaluation import reference
from composer.tensors.rounding import array_dtype
from tests.tensors import sources
from tests.tensors.methods import BY_NORM, LARGEST

LINEAR = merge_method("linear")
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def made(expression, **options):
    with Evaluator(**options) as evaluator:
        return b"".join(evaluator.chunks(expression, "layers/x/vars/0"))


def made_array(expression, **options):
    dtype = array_dtype(expression.storage, expression.dtype)
    return np.frombuffer(made(expression, **options), dtype).reshape(expression.shape)


def some_array(draw, shape, dtype):
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    if dtype in FLOATS:
        return generator.normal(size=shape).astype(array_dtype(FLOATS[dtype], dtype))
    return generator.integers(0, 2 if dtype == "bool" else 99, shape).astype(dtype)


class Trees:
    """Draws expressions of a shape and dtype; their stored tensors go into one file."""

    def __init__(self, draw, path):
        self.draw, self.path, self.arrays = draw, path, {}

    def tree(self, shape, dtype, depth):
        kinds = ["stored"]
        if depth:
            kinds += ["zeros"] + (["take", "join"] if shape else [])
            kinds += ["cast"] if dtype in FLOATS else []
            if dtype == "float64":
                kinds += ["merge"] + (["combine", "product"] if shape else [])
        return getattr(self, self.draw(st.sampled_from(kinds)))(shape, dtype, depth - 1)

    def other(self, shape):
        axis = self.draw(st.integers(0, len(shape) - 1))
        length = self.draw(st.integers(1, 7))
        return axis, length, (*shape[:axis], length, *shape[axis + 1 :])

    def any_float(self):
        return self.draw(st.sampled_from(list(FLOATS)))

    def stored(self, shape, dtype, depth):
        name = f"t{len(self.arrays)}"
        storage = self.draw(st.sampled_from(sources.STORAGES))
        self.arrays[name] = (some_array(self.draw, shape, dtype), storage)
        sources.write(self.path, {name: self.arrays[name]})
        return sources.stored(self.path)[name]

    def zeros(self, shape, dtype, depth):
        return Zeros(shape=shape, dtype=dtype)

    def take(self, shape, dtype, depth):
        axis, length, before = self.other(shape)
        index = st.integers(0, length - 1)
        indices = self.draw(st.lists(index, min_size=shape[axis], max_size=shape[axis]))
        return Take(self.tree(before, dtype, depth), axis, tuple(indices))

    def join(self, shape, dtype, depth):
        axis, _, _ = self.other(shape)
        cut = self.draw(st.integers(0, shape[axis]))
        lengths = (cut, shape[axis] - cut)
        shapes = [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
        return Join(tuple(self.tree(part, dtype, depth) for part in shapes), axis)

    def cast(self, shape, dtype, depth):
        return Cast(self.tree(shape, self.any_float(), depth), dtype)

    def combine(self, shape, dtype, depth):
        axis, length, before = self.other(shape)
        weight = st.sampled_from([1.0, -0.5, 1 / 3, 0.1])
        terms = st.lists(st.tuples(st.integers(0, length - 1), weight), min_size=1, max_size=4)
        rows = self.draw(st.lists(terms, min_size=shape[axis], max_size=shape[axis]))
        operand = self.tree(before, self.any_float(), depth)
        return Combine(operand, axis, tuple(map(tuple, rows)))

    def product(self, shape, dtype, depth):
        rank = self.draw(st.integers(1, 5))
        left = self.tree((*shape[:-1], rank), self.any_float(), depth)
        return Product(left, self.tree((rank, shape[-1]), self.any_float(), depth))

    def merge(self, shape, dtype, depth):
        method = self.draw(st.sampled_from([LINEAR, BY_NORM, LARGEST]))
        models = [
            self.tree(shape, self.any_float(), depth) for _ in range(self.draw(st.integers(1, 3)))
        ]
        return merge(method, models, {})


def files_of(draw, folder, shape, dtype):
    """Draw a tree whose stored tensors lie in files of their own."""
    numbers = itertools.count()

    class Many(Trees):
        def stored(self, shape, dtype, depth):
            self.path = folder / f"{next(numbers)}.h5"
            return super().stored(shape, dtype, depth)

    return Many(draw, None).tree(shape, dtype, 3)


@settings(max_examples=150, deadline=None, suppress_health_check=CHECKS)
@given(data=st.data())
def test_any_expression_gives_what_numpy_gives(data, tmp_path):
    shape = tuple(data.draw(st.lists(st.integers(0, 6), max_size=4)))
    dtype = data.draw(st.sampled_from([*FLOATS, "float64", "int32", "bool", "uint8"]))
    expression = files_of(data.draw, tmp_path, shape, dtype)
    array = reference(expression)
    assert (array.shape, expression.shape) == (shape, shape)
    assert array.dtype == array_dtype(expression.storage, expression.dtype)
    elements, threads = data.draw(st.integers(1, 40)), data.draw(st.sampled_from([1, 2, 5]))
    assert made(expression, elements=elements, threads=threads) == array.tobytes()
    assert made(expression) == array.tobytes()


@settings(max_examples=80, deadline=None, suppress_health_check=CHECKS)
@given(data=st.data())
def test_moved_values_keep_every_bit(data, tmp_path):
    dtype = data.draw(st.sampled_from([*FLOATS, *OTHERS]))
    storage = FLOATS.get(dtype) or OTHERS[dtype]
    shape = (5, 7, 3)
    size = np.dtype(storage).itemsize
    raw = np.random.default_rng(data.draw(st.integers(0, 9))).bytes(105 * size)
    bits = np.frombuffer(raw, f"u{size}") & (1 if dtype == "bool" else -1 % 2 ** (8 * size))
    array = bits.astype(f"u{size}").view(array_dtype(storage, dtype)).reshape(shape)
    x = sources.one(tmp_path / "x.h5", array, data.draw(st.sampled_from(sources.STORAGES)))
    axis = data.draw(st.integers(0, 2))
    indices = data.draw(st.lists(st.integers(0, shape[axis] - 1), max_size=12))
    expression = Join((Take(x, axis, tuple(indices)), x), axis)
    expected = np.concatenate([np.take(array, np.array(indices, int), axis), array], axis)
    assert expression.dtype == dtype
    found = made(expression, elements=data.draw(st.integers(1, 99)), threads=2)
    assert found == expected.tobytes()


def test_pieces_larger_than_what_is_read_at_once(tmp_path, monkeypatch):
    array = np.arange(40 * 50, dtype="<f4").reshape(40, 50)
    x = sources.one(tmp_path / "x.h5", array)
    for span, gap in itertools.product([1, 64, 999, 1 << 20], [0, 8, 300]):
        monkeypatch.setattr(stored_values, "SPAN", span)
        monkeypatch.setattr(stored_values, "GAP", gap)
        for rows, columns in [((3, 39, 3, 0), (49, 2, 2, 17)), (range(5, 30), (0, 49))]:
            expression = Take(Take(x, 0, tuple(rows)), 1, columns)
            assert made(expression) == array[list(rows)][:, columns].tobytes()


def test_sums_of_passes_do_not_depend_on_the_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "PASS_ELEMENTS", 1000)
    random = np.random.default_rng(1)
    arrays = {f"t{n}": (random.normal(size=(70, 90)).astype("f4"), "plain") for n in range(2)}
    sources.write(tmp_path / "x.h5", arrays)
    expression = merge(BY_NORM, list(sources.stored(tmp_path / "x.h5").values()), {"t": 0.25})
    results = {
        made(expression, elements=elements, threads=threads)
        for elements in (7, 90, 1001, 10**6)
        for threads in (1, 3)
    }
    assert len(results) == 1
    first, second = (array.astype(float) for array, _ in arrays.values())
    by_hand = first / (1 + (first**2).sum()) + second * 0.25 / (1 + (second**2).sum())
    assert np.allclose(made_array(expression), by_hand, rtol=1e-12)


def test_linear_is_the_weighted_mean(tmp_path):
    values = [np.array([1, 2, 4], "f4"), np.array([3, 2, 1], "f4"), np.array([0, 0, 9], "f4")]
    models = [sources.one(tmp_path / f"{n}.h5", value) for n, value in enumerate(values)]
    assert made_array(merge(LINEAR, models[:2], {})).tolist() == [2, 2, 2.5]
    weights = {"weight": (1, 2, 1)}
    assert made_array(merge(LINEAR, models, weights)).tolist() == [1.75, 1.5, 3.75]
    weights["normalize"] = False
    assert made_array(merge(LINEAR, models, weights)).tolist() == [7, 6, 15]


def test_an_adapter_is_folded_as_keras_folds_it(tmp_path):
    random = np.random.default_rng(3)
    kernel, a, b = (
        random.normal(size=size).astype("f4") for size in [(3, 4, 6), (3, 4, 2), (2, 6)]
    )
    sources.write(tmp_path / "x.h5", {"a": (a, "plain"), "b": (b, "plain"), "w": (kernel, "plain")})
    found = sources.stored(tmp_path / "x.h5")
    product = Product(found["a"], found["b"])
    folded = Cast(
        merge(LINEAR, [found["w"], product], {"weight": (1, 8 / 2), "normalize": False}), "float32"
    )
    by_hand = (kernel.astype(float) + 8 / 2 * (a.astype(float) @ b.astype(float))).astype("f4")
    assert np.abs(made_array(folded) - by_hand).max() <= np.spacing(np.abs(by_hand).max())


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("float16", 65519.0, True),
        ("float16", 65520.0, False),
        ("float16", -1e9, False),
        ("bfloat16", 3.3e38, True),
        ("bfloat16", 3.4e38, False),
    ],
)
def test_a_finite_value_that_a_cast_makes_infinite_is_an_error(tmp_path, dtype, value, fits):
    x = sources.one(tmp_path / "x.h5", np.array([1, np.inf, np.nan, value], "f4"))
    if fits:
        array = made_array(Cast(x, dtype)).astype(float)
        assert np.isinf(array[1])
        assert np.isnan(array[2])
        assert np.isfinite(array[3])
        return
    with pytest.raises(BuildError) as caught:
        made(Cast(x, dtype))
    assert caught.value.code == "CMP546"
    assert caught.value.fields == {
        "tensor": "layers/x/vars/0",
        "dtype": dtype,
        "value": float(np.float32(value)),
        "made_from": ("x",),
    }


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["merge", "combine", "product"])
def test_arithmetic_that_gives_no_number_is_an_error(tmp_path, threads, kind):
    array = np.ones((300, 2), "f4")
    array[250, 1] = np.nan
    x = sources.one(tmp_path / "x.h5", array)
    expression = {
        "merge": merge(LINEAR, [x, x], {}),
        "combine": Combine(x, 1, (((0, 1.0), (1, 0.0)),)),
        "product": Product(x, Take(x, 0, (0, 1))),
    }[kind]
    with pytest.raises(BuildError) as caught:
        made(expression, threads=threads, elements=64)
    assert np.isnan(caught.value.fields["value"])
    assert caught.value.fields["dtype"] == "float64"


@pytest.mark.parametrize(("storage", "most"), [("plain", 16 << 20), ("compressed", 40 << 20)])
def test_memory_does_not_grow_with_the_tensor(tmp_path, storage, most):
    side = 4 << 10
    x = sources.one(tmp_path / "x.h5", np.ones((side, side), "f4"), storage)
    flipped = Take(x, 1, tuple(reversed(range(side))))
    summed = Combine(x, 0, (tuple((index, 1.0) for index in range(side)),))
    for expression in (Cast(merge(LINEAR, [x, flipped], {}), "bfloat16"), summed):
        tracemalloc.start()
        try:
            with Evaluator(threads=2) as evaluator:
                size = sum(map(len, evaluator.chunks(expression, "x")))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size == expression.size * np.dtype(expression.storage).itemsize
        assert 1 << 16 < peak < most < x.nbytes


def test_a_source_that_changed_is_refused(tmp_path):
    x = sources.one(tmp_path / "x.h5", np.ones(3, "f4"))
    stamp = replace(x.source.stamp, modified=x.source.stamp.modified + 1)
    other = Stored(replace(x.source, stamp=stamp))
    for expression in (other, Join((x, other), 0)):
        with pytest.raises(BuildError) as caught:
            made(expression)
        assert caught.value.code == "CMP545"
    with Evaluator(elements=1) as evaluator:
        chunks = evaluator.chunks(x, "x")
        next(chunks)
        os.utime(tmp_path / "x.h5", (1, 1))
        with pytest.raises(BuildError) as caught:
            list(chunks)
    assert caught.value.code == "CMP545"


def test_a_source_that_is_gone_or_too_short_is_an_error(tmp_path):
    x = sources.one(tmp_path / "x.h5", np.ones(3, "f4"))
    beyond = Stored(replace(x.source, tensor=replace(x.source.tensor, offset=10**6)))
    with pytest.raises(FormatError) as short:
        made(beyond)
    assert short.value.case == "tensor-beyond"
    (tmp_path / "x.h5").unlink()
    with pytest.raises(BuildError) as gone:
        made(x)
    assert gone.value.code == "CMP713"


def test_an_evaluation_that_is_given_up_leaves_nothing_open(tmp_path):
    x = sources.one(tmp_path / "x.h5", np.ones((100, 10), "f4"), "compressed")
    before = len(os.listdir("/proc/self/fd"))
    with Evaluator(elements=10, threads=2) as evaluator:
        chunks = evaluator.chunks(Cast(x, "float16"), "x")
        next(chunks)
        chunks.close()
        assert b"".join(evaluator.chunks(x, "x")) == np.ones((100, 10), "f4").tobytes()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_trees_of_these_tests_have_every_kind_of_node(tmp_path):
    kinds = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=CHECKS, database=None)
    @given(data=st.data())
    def collect(data):
        kinds.update(type(node) for node in walk(files_of(data.draw, tmp_path, (2, 3), "float64")))

    collect()
    assert kinds == {Stored, Zeros, Cast, Take, Join, Combine, Product, Merge}
