"""Case 41: what only code outside of Keras knows is asked where something depends on it."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from composer.container.digests import digest_file
from composer.keras_process import asking
from composer.store import Store
from composer.workflows.building import build_spec
from tests.cases.case_tools import Case, called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

CODE = """
import keras


class Scale41(keras.layers.Layer):
    def __init__(self, by=2.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")

    def call(self, x):
        return x * self.gain * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models with a class of their own, in a folder with its code; the class is not registered."""
    import keras

    folder = tmp_path_factory.mktemp("custom")
    (folder / "scale_41.py").write_text(CODE, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        scale = importlib.import_module("scale_41").Scale41
    finally:
        sys.path.remove(str(folder))
    layers = keras.layers
    case = Case(folder, Store(folder / "store"))

    def chain():
        return keras.Sequential(
            [
                keras.Input((8,)),
                layers.Dense(4, name="a"),
                scale(name="s"),
                layers.Dense(3, name="b"),
                layers.Dense(2, name="c"),
            ],
            name="chain",
        )

    def images():
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 3, name="conv"),
                scale(name="s"),
                layers.Flatten(name="flat"),
                layers.Dense(3, name="b"),
            ],
            name="images",
        )

    def plain_images():
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 3, name="conv"),
                layers.Flatten(name="flat"),
                layers.Dense(3, name="b"),
            ],
            name="plain_images",
        )

    for make in (chain, images, plain_images):
        case.save(make.__name__, make)
    return folder, scale


@pytest.fixture
def custom(models, tmp_path):
    """A case in the folder of the models, with a store that nobody has used."""
    return Case(models[0], Store(tmp_path / "store"))


def loaded(models, name):
    import keras

    path = models[0] / f"{name}.keras"
    return keras.saving.load_model(path, custom_objects={"Scale41": models[1]})


@pytest.mark.parametrize(
    "spec",
    [
        "sources: {n: {from: chain.keras, prefix: p_}}",
        "inputs: {x: {shape: [8]}}\nsources: {n: {from: chain.keras, inputs: x}}",
        "sources: {n: {from: chain.keras, nested: part}}",
    ],
)
def test_case_41_a_custom_class_in_a_sequential_links_without_keras(custom, models, spec):
    path = custom.artifact(spec)
    import keras

    built = keras.saving.load_model(path, custom_objects={"Scale41": models[1]})
    x = numbers(2, 8)
    assert called(built, x) == called(loaded(models, "chain"), x)


def test_case_41_what_lies_behind_it_and_keras_knows_is_linked_too(custom, models):
    import keras

    top = "\nlayers: {top: {class: Dense, args: {units: 2}, inputs: n}}"
    for number, source in enumerate(
        (
            "{from: chain.keras, exclude: [c]}",
            "{from: chain.keras, nested: part}",
            "{from: images.keras}",
        )
    ):
        spec = f"sources: {{n: {source}}}{top}"
        path = custom.artifact(spec, deep=True, name=f"behind{number}")
        built = keras.saving.load_model(path, custom_objects={"Scale41": models[1]})
        assert built.output_shape == (None, 2)


def test_case_41_a_wire_to_what_only_the_class_knows_needs_the_class(custom):
    spec = (
        "sources: {{n: {{from: chain.keras, exclude: [b, c]{objects}}}}}\n"
        "layers: {{top: {{class: Dense, args: {{units: 2}}, inputs: n}}}}\n"
    )
    named = custom.artifact(spec.format(objects=", objects: ['scale_41:Scale41']"), deep=True)
    assert named.is_file()
    # On the same store: what was answered for the spec that names the class is no answer here.
    prepared = custom._prepare(spec.format(objects=""), deep=True)
    (refusal,) = prepared.errors
    assert refusal.code == "CMP411"
    assert "objects: [scale_41:Scale41]" in refusal.message
    assert refusal.path == ("layers", "top", "inputs")


@pytest.mark.parametrize("name", ["images", "plain_images"])
def test_case_41_a_seam_is_seen_behind_layers_that_record_nothing(custom, name):
    spec = (
        f"inputs: {{x: {{shape: [10, 10, 3]}}}}\nsources: {{n: {{from: {name}.keras, inputs: x}}}}"
    )
    objects = spec.replace(".keras", ".keras, objects: ['scale_41:Scale41']")
    prepared = custom._prepare(objects if name == "images" else spec, deep=True)
    assert [problem.code for problem in prepared.errors] == ["CMP413"]
    assert "144" in prepared.errors[0].message


def test_case_41_a_wire_of_another_size_behind_a_custom_class_is_seen(custom):
    (refusal,) = custom.refused(
        "inputs: {x: {shape: [16]}}\n"
        "sources: {n: {from: chain.keras, exclude: [a, s], inputs: {s: x}}}"
    )
    assert refusal.code == "CMP413"
    assert refusal.path == ("sources", "n", "inputs", "s")


def outcome(case, name, spec):
    """Return what a build ended with: the digest of its bytes, or its errors."""
    prepared = case._prepare(spec, deep=True)
    if prepared.errors:
        return tuple((problem.code, problem.path, problem.message) for problem in prepared.errors)
    return digest_file(build_spec(prepared, output=case.folder / f"{name}.keras").path)


@pytest.fixture
def keras_here(monkeypatch):
    """Let this process answer, as the Keras process would: it need not start for each build."""
    from composer.keras_process.tasks import answer

    asked = []

    def run(request, **_):
        for name in ("path", "path_hooks"):
            monkeypatch.setattr(sys, name, list(getattr(sys, name)))
        asked.append([question["id"] for question in request["questions"]])
        return json.loads(json.dumps(answer.perform(request, lambda _line: None)))

    monkeypatch.setattr(asking, "run", run)
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    return asked


TOP = "layers: {top: {class: Dense, args: {units: 2}, inputs: n}}"
SPECS = {
    "named": "sources: {n: {from: chain.keras, exclude: [b, c], objects: ['scale_41:Scale41']}}\n"
    + TOP,
    "unnamed": f"sources: {{n: {{from: chain.keras, exclude: [b, c]}}}}\n{TOP}",
    "away": f"sources: {{n: {{from: chain.keras, exclude: [c]}}}}\n{TOP}",
    "convolved": f"sources: {{n: {{from: images.keras}}}}\n{TOP}",
    "new": "inputs: {x: {shape: [4]}}\n"
    "layers: {s: {class: 'scale_41:Scale41', inputs: x}, top: {class: Dense, args: {units: 2}, "
    "inputs: s}}",
    "larger": "inputs: {x: {shape: [10, 10, 3]}}\nsources: {n: {from: plain_images.keras, "
    "inputs: x}}",
}


@pytest.mark.slow
def test_case_41_no_build_depends_on_what_another_left_in_the_store(models, tmp_path, keras_here):
    """Each spec on an empty store, then all of them in many orders on one store each."""
    alone = {
        name: outcome(Case(models[0], Store(tmp_path / f"alone_{name}")), name, spec)
        for name, spec in SPECS.items()
    }
    assert isinstance(alone["named"], str)
    assert alone["unnamed"][0][0] == "CMP411"
    assert alone["larger"][0][0] == "CMP413"
    names = list(SPECS)
    # Every spec comes before and behind every other in one of these, and then all come again.
    orders = [names, names[::-1], names[3:] + names[:3], names[2::-1] + names[:2:-1]]
    for number, order in enumerate(orders):
        case = Case(models[0], Store(tmp_path / f"order_{number}"))
        for name in (*order, *order):
            assert outcome(case, name, SPECS[name]) == alone[name], (order, name)
    assert keras_here
