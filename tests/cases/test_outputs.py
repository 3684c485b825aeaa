"""Cases 33, 35 and 36: outputs that are not there, and outputs that keep their arrangement."""

from __future__ import annotations

import pytest

from composer.resolver.plan_document import plan_document
from tests.cases.case_tools import bits, called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def net():
    import keras

    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(3, name="h")(x)
    return keras.Model(x, keras.layers.Dense(2, name="probs")(h), name="net")


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ('outputs: {h: "net:probs#0.1"}', ("outputs", "h")),
        ('outputs: "net:probs#0.7"', ("outputs",)),
        ('outputs: [net, "net:x#0.1"]', ("outputs", 1)),
        ("outputs: {source: net, layer: probs, output: 1}", ("outputs",)),
        ('layers: {q: {class: Dense, args: {units: 2}, inputs: "net:probs#0.1"}}',
         ("layers", "q", "inputs")),
        ('layers: {q: {class: Add, inputs: [net, "net:x#0.1"]}}', ("layers", "q", "inputs", 1)),
        ("layers: {q: {class: Dense, args: {units: 2}, inputs: net}}\noutputs: q#0.1", ("outputs",)),
        (("layers: {r: {class: Reshape, args: {target_shape: [-1, 1]}, inputs: net}, "
          "q: {class: LSTM, args: {units: 2, return_state: true}, inputs: r}}\n"
         "outputs: q#0.3"), ("outputs",)),
    ],
)  # fmt: skip
def test_case_33_an_output_that_a_layer_does_not_have(case, spec, path):
    case.save("net", net)
    (error,) = case.refused(f"sources: {{net: {{from: net.keras}}}}\n{spec}")
    assert (error.code, error.path) == ("CMP407", path)
    assert error.span is not None


def test_case_33_of_a_nested_model_and_at_a_wire(case):
    case.save("net", net)
    (error,) = case.refused("""
sources: {net: {from: net.keras, nested: n}}
outputs: "net:n#0.1"
""")
    assert (error.code, error.path) == ("CMP407", ("outputs",))
    (error,) = case.refused("""
sources:
  net: {from: net.keras}
  b: {from: net.keras, prefix: b_, exclude: [h], inputs: {h: "net:h#0.1"}}
outputs: b
""")
    assert (error.code, error.path) == ("CMP407", ("sources", "b", "inputs", "h"))


def several():
    import keras

    x = keras.Input((6, 4), name="x")
    left, _, _ = keras.ops.split(x, 3, axis=1)
    sequence, _, _ = keras.layers.LSTM(3, return_state=True, name="lstm")(x)
    return keras.Model(x, [left, sequence], name="several")


def test_case_33_outputs_that_nothing_in_the_source_takes(case):
    import keras

    source = case.save("several", several)
    spec = 'sources: {{s: {{from: several.keras}}}}\noutputs: {{a: "s:{0}", b: "s:{1}"}}'
    for tensors in (("split#0.0", "lstm#0.3"), ("lstm#0.0", "lstm#0.9")):
        (error,) = case.refused(spec.format(*tensors))
        assert (error.code, error.path) == ("CMP407", ("outputs", "b"))
    # Only Keras knows how many tensors an operation of keras.ops puts out.
    prepared = case.prepared(spec.format("split#0.1", "split#0.3"))
    assert not prepared.errors
    assert prepared.deferred
    (error,) = case.refused(spec.format("split#0.1", "split#0.3"), deep=True)
    assert (error.code, error.path) == ("CMP407", ("outputs", "b"))
    assert "3 outputs" in error.message
    built = case.build(spec.format("split#0.2", "lstm#0.1"), deep=True)
    split, lstm = (next(o for o in source.operations if o.name == n) for n in ("split", "lstm"))
    reference = keras.Model(source.input, [split.output[2], lstm.output[1]])
    x = numbers(2, 6, 4)
    assert called(built, x) == called(reference, x)


def test_case_33_behind_such_an_output_nothing_is_built(case):
    case.save("several", several)
    spec = """
sources: {{s: {{from: several.keras}}}}
layers: {{q: {{class: Flatten, inputs: "s:{0}"}}}}
outputs: q
"""
    (error,) = case.refused(spec.format("split#0.3"), deep=True)
    assert (error.code, error.path) == ("CMP407", ("layers", "q", "inputs"))
    assert case.build(spec.format("split#0.2"), deep=True).output_shape == (None, 8)


def test_case_33_a_model_without_a_graph_whose_class_keras_does_not_know(case):
    import keras

    class Two(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(2, name="d")

        def call(self, inputs):
            return self.dense(inputs), inputs

        def get_config(self):
            return {"name": self.name}

    def two():
        model = Two(name="two")
        model(numbers(1, 4))
        return model

    case.save("two", two)
    spec = "sources: {{m: {{from: two.keras, nested: m}}}}\noutputs: ['m:m', 'm:m#0.{0}']"
    (warning,) = case.warnings(spec.format(1))
    assert (warning.code, warning.path) == ("CMP420", ("outputs", 1))
    assert case.prepared(spec.format(1)).plan.complete
    # The class is said to be where it is not: Keras is asked, and can't tell.
    named = spec.replace("nested: m", "nested: m, objects: ['keras.layers:Dense']")
    (error,) = case.refused(named.format(1), deep=True)
    assert (error.code, error.path) == ("CMP420", ("outputs", 1))


def test_case_33_of_a_layer_that_a_wire_replaces(case):
    case.save("net", net)
    spec = """
inputs: {{i: {{shape: [3]}}}}
sources: {{net: {{from: net.keras, exclude: [h], inputs: {{h: i}}}}}}
outputs: {{a: "net:h{0}", b: net}}
"""
    (error,) = case.refused(spec.format("#0.1"))
    assert (error.code, error.path) == ("CMP407", ("outputs", "a"))
    assert case.prepared(spec.format("#0.0")).plan.outputs[0].operation == "i"


# ---------------------------------------------------------------- 35


def headed(inputs, outputs):
    """Return a model of three towers with its ends arranged as asked."""
    import keras

    def make():
        xs = {name: keras.Input((4,), name=name) for name in "xyz"}
        heads = {
            head: keras.layers.Dense(size, name=head)(x)
            for size, (head, x) in enumerate(zip("abc", xs.values(), strict=True), 2)
        }
        return keras.Model(inputs(**xs), outputs(**heads), name="headed")

    return make


ARRANGED = {
    "map": (lambda x, y, z: {"y": y, "x": x, "z": z}, lambda a, b, c: {"two": b, "one": a, "c": c}),
    "nested": (
        lambda x, y, z: [x, {"q": z, "p": y}],
        lambda a, b, c: {"k": [c, {"b": b}], "a": a},
    ),
    "list": (lambda x, y, z: [z, x, y], lambda a, b, c: [c, a, b]),
}


@pytest.mark.parametrize("form", ARRANGED)
def test_case_35_a_whole_source_that_is_only_renamed_keeps_its_structure(case, form):
    import keras

    source = case.save("source", headed(*ARRANGED[form]))
    spec = "sources: {s: {from: source.keras, prefix: p_, rename: {x: w}}}"
    plan = case.prepared(spec).plan
    assert plan_document(plan)["forms"] == {"inputs": form, "outputs": form}
    assert len({port.name for port in plan.outputs}) == 3
    built = case.build(spec)
    keras.tree.assert_same_structure(built.output, source.output)
    again = {"p_y": "y", "p_z": "z", "w": "x"}

    def same(tree):
        if isinstance(tree, dict):
            return {again.get(key, key): same(item) for key, item in tree.items()}
        return [same(item) for item in tree] if isinstance(tree, list) else again[tree.name]

    original = keras.tree.map_structure(lambda tensor: tensor.name, source.input)
    assert same(built.input) == original
    values = {name: numbers(2, 4, seed=seed) for seed, name in enumerate(again)}
    given = keras.tree.map_structure(lambda tensor: values[tensor.name], built.input)
    expected = keras.tree.map_structure(
        lambda tensor: values[{v: k for k, v in again.items()}[tensor.name]], source.input
    )
    assert bits(built(given)) == bits(source(expected))


def test_case_35_a_list_of_one_and_a_nested_source_keep_theirs(case):
    import keras

    def one():
        x = keras.Input((4,), name="x")
        return keras.Model([x], [keras.layers.Dense(2, name="a")(x)], name="one")

    case.save("one", one)
    built = case.build("sources: {s: {from: one.keras}}")
    assert isinstance(built.output, list)
    assert isinstance(built.input, list)
    source = case.save("source", headed(*ARRANGED["nested"]))
    built = case.build("sources: {s: {from: source.keras, nested: inner}}")
    keras.tree.assert_same_structure(built.output, source.output)
    keras.tree.assert_same_structure(built.input, source.input)
    x = keras.tree.map_structure(lambda _: numbers(2, 4), source.input)
    assert bits(built(x)) == bits(source(x))


def test_case_35_another_front_keeps_the_outputs_and_declared_inputs_are_a_list(case):
    import keras

    source = case.save("source", headed(*ARRANGED["map"]))
    built = case.build("""
inputs: {i: {shape: [4]}, j: {shape: [4]}}
sources: {s: {from: source.keras, inputs: {x: i, y: j, z: i}}}
""")
    assert sorted(built.output) == ["c", "one", "two"]
    assert [tensor.name for tensor in built.input] == ["i", "j"]
    x, y = numbers(2, 4), numbers(2, 4, seed=8)
    assert bits(built([x, y])) == bits(source({"x": x, "y": y, "z": x}))
    assert isinstance(built, keras.Model)


@pytest.mark.parametrize(
    "spec",
    [
        "sources: {s: {from: source.keras, exclude: [c]}}",
        (
            "sources: {s: {from: source.keras}}\n"
            "layers: {q: {class: Dense, args: {units: 2}, inputs: s:c}}"
        ),
        "sources: {s: {from: source.keras}, t: {from: source.keras, prefix: t_}}",
    ],
)
def test_case_35_other_results_are_lists_in_order(case, spec):
    case.save("source", headed(*ARRANGED["map"]))
    forms = plan_document(case.prepared(spec, deep=True).plan)["forms"]
    assert forms["outputs"] == "list"


def test_case_35_a_signature_that_the_spec_asks_for_wins(case):
    case.save("source", headed(*ARRANGED["map"]))
    for signature, form in (("list", "list"), ("dict", "map")):
        spec = f"sources: {{s: {{from: source.keras}}}}\noutput: {{signature: {signature}}}"
        assert plan_document(case.prepared(spec).plan)["forms"]["inputs"] == form


# ---------------------------------------------------------------- 36


def repeated():
    import keras

    x, y = (keras.Input((size,), name=name) for name, size in (("x", 4), ("y", 2)))
    h = keras.layers.Dense(3, name="h")(x)
    return keras.Model([x, y], [h, x, h, y], name="repeated")


def test_case_36_outputs_listed_twice_and_inputs_that_are_outputs_all_stay(case):
    source = case.save("repeated", repeated)
    x, y = numbers(2, 4), numbers(2, 2, seed=8)
    expected = bits(source([x, y]))
    assert len(expected) == 4
    assert called(case.build("sources: {s: {from: repeated.keras}}"), x, y) == expected
    wired = """
inputs: {i: {shape: [4]}, j: {shape: [2]}}
sources: {s: {from: repeated.keras, inputs: {x: i, y: j}}}
"""
    assert called(case.build(wired), x, y) == expected
    ports = [port.name for port in case.prepared(wired).plan.outputs]
    assert len(set(ports)) == 4


def test_case_36_behind_another_source(case):
    case.save("repeated", repeated)
    front = case.save("net", net, seed=3)
    source = case.save("repeated", repeated)
    built = case.build("""
inputs: {j: {shape: [4]}}
sources:
  net: {from: net.keras}
  s: {from: repeated.keras, prefix: s_, inputs: {x: j, y: net}}
outputs: {h: "s:h", y: "s:y", x: "s:x"}
""")
    x, j = numbers(2, 4), numbers(2, 4, seed=8)
    found = built([j, x])
    assert bits(found["y"]) == called(front, x)
    assert bits(found["h"]) == bits(source([j, numbers(2, 2)])[0])


def test_case_36_what_is_taken_from_such_an_input_is_no_output(case):
    case.save("repeated", repeated)
    spec = """
inputs: {{i: {{shape: [2]}}}}
sources: {{s: {{from: repeated.keras, inputs: {{y: i}}}}}}
layers: {{q: {{class: Flatten, inputs: {0}}}}}
"""
    ports = case.prepared(spec.format("s:y"), deep=True).plan.outputs
    assert [port.operation for port in ports] == ["h", "x", "h", "q"]
    ports = case.prepared(spec.format("i"), deep=True).plan.outputs
    assert [port.operation for port in ports] == ["h", "x", "h", "i", "q"]


def test_case_35_a_first_spec_offers_no_list_in_the_place_of_a_structure(case):
    from composer.workflows.drafting import draft

    case.save("source", headed(*ARRANGED["nested"]))
    text = draft(["source.keras"], directory=case.folder).text
    assert "#outputs" not in text
    case.save("source", headed(*ARRANGED["list"]))
    assert "#outputs" in draft(["source.keras"], directory=case.folder).text
