"""Cases 38, 39 and 40: Sequential models of an own class, never built, or with nameless layers."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

WIRED = """
inputs: {{x: {{shape: {shape}}}}}
sources: {{s: {{from: s.keras, inputs: x{more}}}}}
"""


def own_sequential():
    import keras

    class Seq(keras.Sequential):
        def train_step(self, data):
            raise NotImplementedError

    dense = keras.layers.Dense
    return Seq([keras.Input((4,)), dense(3, name="a"), dense(2, name="b")], name="seq")


def own_functional():
    import keras

    class Net(keras.Model):
        pass

    x = keras.Input((4,), name="x")
    h = keras.layers.Dense(3, name="a")(x)
    return Net(x, keras.layers.Dense(2, name="b")(h), name="net")


@pytest.mark.parametrize("make", [own_sequential, own_functional])
def test_case_38_a_subclass_is_taken_by_its_layers(case, make):
    import keras

    source = case.save("s", make)
    x = numbers(2, 4)
    for more in ("", ", nested: inner", ", prefix: p_"):
        assert called(case.build(f"sources: {{s: {{from: s.keras{more}}}}}"), x) == called(
            source, x
        )
    headless = case.build("sources: {s: {from: s.keras, exclude: [b]}}")
    end = source.get_layer("a").output
    assert called(headless, x) == called(keras.Model(source.inputs, end), x)
    (warning,) = case.warnings("sources: {s: {from: s.keras}}")
    assert (warning.code, warning.path) == ("CMP422", ("sources", "s", "from"))


def test_case_38_named_under_objects_it_goes_in_by_its_class(case):
    """What a call() of its own does is in its code only."""
    import keras

    from tests.cases.files.own_models import Doubled

    def doubled():
        dense = keras.layers.Dense(3, name="a")
        return Doubled([keras.Input((4,)), dense], name="doubled")

    source = case.save("s", doubled)
    x = numbers(2, 4)
    objects = "objects: ['tests.cases.files.own_models:Doubled']"
    built = case.build(f"sources: {{s: {{from: s.keras, nested: n, {objects}}}}}\noutputs: s")
    assert called(built, x) == called(source, x)
    assert not any(
        warning.code == "CMP422"
        for warning in case.warnings(f"sources: {{s: {{from: s.keras, nested: n, {objects}}}}}")
    )
    assert called(case.build("sources: {s: {from: s.keras}}"), x) != called(source, x)


def test_case_38_a_layer_that_keeps_a_list_of_layers_is_no_sequential(case):
    import keras

    @keras.saving.register_keras_serializable("case_38")
    class Block(keras.Model):
        def __init__(self, layers, **kwargs):
            super().__init__(**kwargs)
            self.parts = layers

        def call(self, inputs):
            return inputs + self.parts[0](inputs)

        def get_config(self):
            save = keras.saving.serialize_keras_object
            return {**super().get_config(), "layers": [save(part) for part in self.parts]}

    def block():
        model = Block([keras.layers.Dense(4, name="d")], name="block")
        model(numbers(1, 4))
        return model

    case.save("s", block)
    (error,) = case.refused("sources: {s: {from: s.keras}}")
    assert error.code == "CMP506"


# ---------------------------------------------------------------- 39


def built_before(*first, rest=True):
    """Return a maker of a Sequential of layers that were built by themselves."""

    def make():
        import keras

        layers = keras.layers
        parts = {
            "dense": lambda: layers.Dense(3, name="dense"),
            "tanh": lambda: layers.Activation("tanh", name="tanh"),
            "flat": lambda: layers.Flatten(name="flat"),
        }
        made = [parts[name]() for name in first]
        for part in made:
            if part.name == "dense":
                part.build((None, 4))
        last = layers.Dense(2, name="last")
        if rest:
            last.build((None, 3))
        return keras.Sequential([*made, last], name="loose")

    return make


@pytest.mark.parametrize("first", [("dense", "tanh"), ("tanh", "dense")])
@pytest.mark.parametrize("more", ["", ", nested: inner", ", prefix: p_"])
def test_case_39_layers_that_were_built_before_are_usable(case, first, more):
    source = case.save("s", built_before(*first))
    x = numbers(2, 4)
    wired = case.build(WIRED.format(shape="[4]", more=more), deep=True)
    alone = case.build(f"sources: {{s: {{from: s.keras{more}}}}}", deep=True)
    assert alone.inputs[0].shape == (None, 4)
    expected = called(source, x)
    assert called(wired, x) == expected
    assert called(alone, x) == expected


def test_case_39_another_shape_than_the_first_layer_was_built_for(case):
    source = case.save("s", built_before("dense", "tanh"))
    wired = case.build(WIRED.format(shape="[7, 4]", more=""), deep=True)
    x = numbers(2, 7, 4)
    assert called(wired, x) == called(source, x)
    (error,) = case.refused(WIRED.format(shape="[5]", more=""))
    assert error.code == "CMP413"


def test_case_39_an_input_that_nothing_tells_has_to_be_declared(case):
    source = case.save("s", built_before("flat", "dense"))
    (error,) = case.refused("sources: {s: {from: s.keras}}")
    assert (error.code, error.path) == ("CMP421", ("sources", "s"))
    built = case.build(WIRED.format(shape="[2, 2]", more=""), deep=True)
    x = numbers(3, 2, 2)
    assert called(built, x) == called(source, x)
    # What Flatten gives for that is nothing that the next layer was made for.
    errors = case.refused(WIRED.format(shape="[2, 3]", more=""), deep=True)
    assert {error.code for error in errors} <= {"CMP411", "CMP412", "CMP413"}
    errors = case.refused(WIRED.format(shape="[2, 2]", more=", nested: inner"), deep=True)
    assert [(error.code, error.path) for error in errors] == [("CMP421", ("sources", "s", "from"))]


def test_case_39_what_was_never_built_is_refused_and_the_reason_is_true(case):
    case.save("s", built_before("dense", rest=False))
    (error,) = case.refused("sources: {s: {from: s.keras}}")
    assert error.code == "CMP502"
    assert "'last'" in error.message
    case.save("s", built_before(rest=False))
    (error,) = case.refused("sources: {s: {from: s.keras}}")
    assert error.code == "CMP502"
    assert error.case == "not-built"


# ---------------------------------------------------------------- 40


def nameless():
    import keras

    from tests.cases.files.own_models import Nameless

    dense = keras.layers.Dense(4, name="dense")
    return keras.Sequential(
        [keras.Input((4,)), dense, Nameless(name="foo"), Nameless(name="bar")], name="seq"
    )


@pytest.mark.parametrize("more", ["", ", nested: inner"])
def test_case_40_a_layer_whose_config_has_no_name_goes_in_as_it_is(case, more):
    source = case.save("s", nameless)
    objects = "objects: ['tests.cases.files.own_models:Nameless']"
    built = case.build(f"sources: {{s: {{from: s.keras, {objects}{more}}}}}", deep=True)
    assert called(built, numbers(2, 4)) == called(source, numbers(2, 4))


def test_case_40_a_new_name_is_refused_with_the_class(case):
    case.save("s", nameless)
    errors = case.refused("sources: {s: {from: s.keras, prefix: p_}}")
    assert {error.code for error in errors} == {"CMP305"}
    assert all("Nameless" in error.message for error in errors)
    # Renaming others leaves it alone.
    spec = "sources: {s: {from: s.keras, rename: {dense: d}}}"
    assert {"d"} <= set(case.prepared(spec).plan.origins)
