"""Case 44: selectors that follow the graph, where layers are called again behind a path's end."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def again():
    """``shared`` is called before ``h``, behind it, and once more beside it."""
    import keras

    x = keras.Input((4,), name="x")
    shared = keras.layers.Dense(4, activation="tanh", name="shared")
    first = shared(x)
    h = keras.layers.Dense(4, name="h")(first)
    behind = shared(h)
    beside = shared(keras.layers.Dense(4, name="side")(x))
    out = keras.layers.Add(name="out")([behind, beside])
    return keras.Model(x, out, name="again")


def part(model, *layers):
    """Return the model from its input to the first call of each of these layers."""
    import keras

    ends = [model.get_layer(name)._inbound_nodes[0].output_tensors[0] for name in layers]
    return keras.Model(model.input, ends[0] if len(ends) == 1 else ends)


@pytest.mark.parametrize(
    "selectors",
    [
        "include: [{upto: h}]",
        "include: [{from: shared, to: h}]",
        "exclude: [{after: h}, side, {after: side}]",
        "include: [{upto: h}, side], exclude: [side, {after: side}]",
    ],
)
def test_case_44_calls_behind_the_end_are_not_part_of_it(case, selectors):
    source = case.save("again", again)
    built = case.build(f"sources: {{s: {{from: again.keras, {selectors}}}}}")
    assert called(built, numbers(2, 4)) == called(part(source, "h"), numbers(2, 4))
    assert len(built.get_layer("shared")._inbound_nodes) == 1


def test_case_44_the_plan_says_which_calls_are_gone(case):
    case.save("again", again)
    plan = case.prepared("sources: {s: {from: again.keras, include: [{upto: h}]}}").plan
    (entry,) = (entry for entry in plan.link_map if entry.layer == "shared")
    assert (entry.fate, entry.calls) == ("kept", 1)
    assert "2 of its 3 calls" in entry.note
    assert not plan.sources[0].whole
    assert plan.wholes == ()


def test_case_44_what_comes_after_takes_a_wire_and_is_the_other_half(case):
    """The source, cut behind h and joined again, is the source."""
    source = case.save("again", again)
    built = case.build("""
inputs: {x: {shape: [4]}}
sources:
  front: {from: again.keras, prefix: f_, include: [{upto: h}], inputs: x}
  back: {from: again.keras, exclude: [{upto: h}], inputs: {h: front, x: x}}
""")
    assert called(built, numbers(2, 4)) == called(source, numbers(2, 4))
    assert len(built.get_layer("f_shared")._inbound_nodes) == 1
    assert len(built.get_layer("shared")._inbound_nodes) == 2


def test_case_44_a_reference_to_the_call_that_is_kept_needs_no_number(case):
    import keras

    source = case.save("again", again)
    spec = """
sources: {{s: {{from: again.keras, include: [{{upto: h}}]}}}}
outputs: {{a: "s:shared{0}", h: s}}
"""
    built = case.build(spec.format(""))
    found = built(numbers(2, 4), training=False)
    end = source.get_layer("shared")._inbound_nodes[0].output_tensors[0]
    expected = keras.Model(source.input, end)(numbers(2, 4))
    assert keras.ops.convert_to_numpy(found["a"]).tobytes() == expected.numpy().tobytes()
    (error,) = case.refused(spec.format("#1"))
    assert (error.code, error.path) == ("CMP407", ("outputs", "a"))


def test_case_44_an_excluded_call_can_be_replaced(case):
    """The call of ``shared`` behind h is left out, and something else stands in its place."""
    import keras

    source = case.save("again", again)
    spec = """
inputs: {x: {shape: [4]}, other: {shape: [4]}}
sources:
  s: {from: again.keras, exclude: [{from: h, to: h}], inputs: {x: x, h: other}}
  t: {from: again.keras, prefix: t_, include: [{upto: side}, {upto: h}, out],
      inputs: {x: x, "shared#1": other, "shared#2": other}}
outputs: {s: "s:out", t: "t:out"}
"""
    built = case.build(spec)
    x, other = numbers(2, 4), numbers(2, 4, seed=9)
    found = built([x, other], training=False)
    tanh = source.get_layer("shared")
    expected = tanh(keras.ops.convert_to_tensor(other)) + tanh(source.get_layer("side")(x))
    assert keras.ops.convert_to_numpy(found["s"]).tobytes() == expected.numpy().tobytes()
    assert keras.ops.convert_to_numpy(found["t"]).tobytes() == (other + other).tobytes()


def chained():
    """One layer called three times in a row, others between."""
    import keras

    x = keras.Input((4,), name="x")
    step = keras.layers.Dense(4, activation="tanh", name="step")
    between = keras.layers.Dense(4, name="between")
    return keras.Model(x, step(step(between(step(x)))), name="chained")


def test_case_44_a_layer_after_itself(case):
    import keras

    source = case.save("chained", chained)
    whole = case.build("sources: {s: {from: chained.keras, include: [{upto: step}]}}")
    assert called(whole, numbers(2, 4)) == called(source, numbers(2, 4))
    first = case.build("sources: {s: {from: chained.keras, exclude: [{after: step}]}}")
    end = source.get_layer("step")._inbound_nodes[0].output_tensors[0]
    reference = keras.Model(source.input, end)
    assert called(first, numbers(2, 4)) == called(reference, numbers(2, 4))
    # Flags are of layers, and a layer does not come after itself.
    frozen = case.build("sources: {s: {from: chained.keras, freeze: [{after: step}]}}")
    assert not frozen.get_layer("between").trainable
    assert frozen.get_layer("step").trainable
