"""Shape, dtype, lineage and key follow from an expression alone; a wrong one can't be made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from composer.errors import PluginError
from composer.tensors.expression import (
    Cast,
    Combine,
    Join,
    Product,
    Stored,
    Take,
    Zeros,
    attributes,
    cast,
    lineage,
    merge,
    take,
    walk,
)
from composer.tensors.key import key
from composer.tensors.merge_method import GROUP, merge_method, merge_method_names
from tests.plugin.install import register
from tests.tensors import sources
from tests.tensors.methods import BY_NORM, LARGEST

LINEAR = merge_method("linear")


@pytest.fixture
def x(tmp_path):
    return sources.one(tmp_path / "x.h5", np.zeros((4, 6), "f4"))


@pytest.fixture
def numbers(tmp_path):
    return sources.one(tmp_path / "n.h5", np.zeros((4, 6), "i4"))


def test_shape_and_dtype_are_known_without_a_byte(x, numbers):
    x.source.path.unlink()
    expression = Cast(
        Product(Take(x, 1, (0, 5, 5)), Zeros(shape=(3, 9), dtype="float16")), "bfloat16"
    )
    assert (expression.shape, expression.dtype, expression.storage) == ((4, 9), "bfloat16", "|V2")
    assert attributes(expression) == (("dtype", "bfloat16"),)
    assert (expression.operand.dtype, expression.operand.storage) == ("float64", "<f8")
    joined = Join((numbers, Take(numbers, 0, ())), 0)
    assert (joined.shape, joined.dtype, joined.size) == ((4, 6), "int32", 24)
    assert attributes(joined) == ()
    assert Combine(x, 0, ()).shape == (0, 6)


def test_what_changes_nothing_is_the_operand_itself(x):
    assert cast(x, "float32") is x
    assert take(x, 0, range(4)) is x
    assert take(x, 0, range(3)) is not x


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, n: Cast(n, "float32"),
        lambda x, n: Cast(x, "int32"),
        lambda x, n: Take(x, 2, (0,)),
        lambda x, n: Take(x, -1, (0,)),
        lambda x, n: Take(x, 0, (4,)),
        lambda x, n: Take(x, 0, (-1,)),
        lambda x, n: Join((x, n), 0),
        lambda x, n: Join((x, Take(x, 1, (0,))), 0),
        lambda x, n: Join((x, Cast(x, "float64")), 0),
        lambda x, n: Combine(n, 0, (((0, 1.0),),)),
        lambda x, n: Combine(x, 0, ((),)),
        lambda x, n: Combine(x, 0, (((4, 1.0),),)),
        lambda x, n: Combine(x, 0, (((0, float("nan")),),)),
        lambda x, n: Product(x, x),
        lambda x, n: Product(x, Take(x, 0, (0,))),
        lambda x, n: Product(Take(x, 1, ()), Take(x, 0, ())),
        lambda x, n: Product(Take(x, 1, (0,)), Take(n, 0, (0,))),
        lambda x, n: merge(LINEAR, [x, n], {}),
        lambda x, n: merge(LINEAR, [x, Take(x, 0, (0,))], {}),
        lambda x, n: merge(LINEAR, [], {}),
        lambda x, n: Zeros(shape=(2,), dtype="string"),
    ],
)
def test_a_wrong_expression_can_not_be_made(x, numbers, wrong):
    with pytest.raises(ValueError):
        wrong(x, numbers)


def test_lineage_is_every_stored_tensor_once_in_order(x, tmp_path):
    y = sources.one(tmp_path / "y.h5", np.zeros((4, 6), "f2"))
    expression = merge(LINEAR, [y, Cast(x, "float16"), merge(LINEAR, [x, y], {})], {})
    assert lineage(expression) == (y.source, x.source)
    nodes = list(walk(expression))
    assert nodes[-1] is expression
    assert all(nodes.index(o) < nodes.index(node) for node in nodes for o in node.operands)


def test_an_expression_with_shared_parts_is_not_walked_again_and_again(x):
    expression = x
    for _ in range(200):
        expression = (
            Join((expression, expression), 0)
            if expression.shape[0] < 99
            else Take(Join((expression, expression), 0), 0, tuple(range(4)))
        )
    assert len(list(walk(expression))) < 800
    assert len(key(expression, str)) == 64
    assert lineage(expression) == (x.source,)


def digest(path):
    return "same for every file"


def test_a_key_says_all_that_decides_the_bytes(x, numbers):
    product = Product(Take(x, 1, (0,)), Take(x, 0, (0,)))
    other = Stored(replace(x.source, tensor=replace(x.source.tensor, path="other")))
    expressions = [
        x, other, product,
        Cast(x, "float16"), Cast(x, "bfloat16"), Cast(other, "float16"),
        Cast(Cast(x, "float16"), "float32"),
        Take(x, 0, (0, 1)), Take(x, 1, (0, 1)), Take(x, 0, (1, 0)),
        Join((x, other), 0), Join((other, x), 0), Join((x, other), 1),
        Combine(x, 0, (((0, 1.0), (1, 2.0)),)), Combine(x, 0, (((1, 2.0), (0, 1.0)),)),
        Combine(x, 0, (((0, 1.0),), ((1, 2.0),))),
        Zeros(shape=(4, 6), dtype="float32"), Zeros(shape=(4, 6), dtype="float16"),
        merge(LINEAR, [x, other], {}), merge(LINEAR, [other, x], {}),
        merge(LINEAR, [x, other], {"weight": (1.0, 0.5)}),
        merge(LINEAR, [x, other], {"normalize": False}),
        merge(replace(LINEAR, version=2), [x, other], {}),
        merge(BY_NORM, [x, other], {}),
    ]  # fmt: skip
    keys = [key(expression, digest) for expression in expressions]
    assert len(set(keys)) == len(expressions)
    assert keys == [key(expression, digest) for expression in expressions]


def test_a_key_knows_nothing_of_the_machine(x, tmp_path):
    stamp = replace(x.source.stamp, inode=1, modified=2)
    moved = Stored(replace(x.source, path=Path("/elsewhere/y.h5"), stamp=stamp))
    assert key(Cast(moved, "float16"), digest) == key(Cast(x, "float16"), digest)
    assert key(x, lambda path: "a") != key(x, lambda path: "b")
    # Written down, so that a change of it is noticed: keys are in stores and locks.
    expected = "949164a52938146442d54137b26774991375179078e0068abfca9222e3429e9c"
    assert key(merge(LINEAR, [Cast(x, "float16"), x], {}), digest) == expected


# ---------------------------------------------------------------- methods


def test_defaults_are_part_of_a_merge(x):
    assert merge(LINEAR, [x, x], {}).parameters == (("weight", (1.0, 1.0)), ("normalize", True))
    assert merge(LINEAR, [x, x], {"weight": 2}).parameters[0] == ("weight", (2.0, 2.0))


@pytest.mark.parametrize(
    "given",
    [
        {"wait": 1.0},
        {"weight": (1.0,)},
        {"weight": (1.0, True)},
        {"weight": "1"},
        {"normalize": 1},
        {"normalize": (True, True)},
        {"weight": (1.0, -1.0)},
    ],
)
def test_parameters_that_make_no_sense_are_refused(x, given):
    with pytest.raises(ValueError):
        merge(LINEAR, [x, x], given)


def test_weights_that_sum_to_zero_need_no_mean(x):
    merge(LINEAR, [x, x], {"weight": (1.0, -1.0), "normalize": False})


def test_a_method_says_what_it_needs():
    assert (LINEAR.needs, BY_NORM.needs, LARGEST.needs) == ("elements", "passes", "tensors")
    with pytest.raises(ValueError, match="prepare"):
        replace(LINEAR, needs="passes")
    with pytest.raises(ValueError, match="prepare"):
        replace(BY_NORM, needs="elements")


TOY = """
from composer.tensors.merge_method import MergeMethod

METHOD = MergeMethod(name="toy", version=3, apply=lambda elements, parameters, found: 2 * elements.arrays[0])
"""


def test_a_package_brings_a_method(site, x):
    (site / "toy_method.py").write_text(TOY)
    register(site, "one", "1.0", f"[{GROUP}]\ntoy = toy_method:METHOD\n")
    assert merge_method_names() == ("linear", "toy")
    toy = merge_method("toy")
    assert merge(toy, [x], {}).method.version == 3
    assert merge_method("other") is None


@pytest.mark.parametrize("entry", ["other = toy_method:METHOD", "other = toy_method:MergeMethod"])
def test_a_package_that_brings_something_else_is_refused(site, entry):
    (site / "toy_method.py").write_text(TOY)
    register(site, "one", "1.0", f"[{GROUP}]\n{entry}\n")
    with pytest.raises(PluginError):
        merge_method("other")


def test_a_package_can_not_replace_a_method_of_ours(site):
    register(site, "one", "1.0", f"[{GROUP}]\nlinear = toy_method:METHOD\n")
    assert merge_method("linear") is LINEAR
    assert merge_method_names() == ("linear",)
