"""Case 42: a subclassed model that was compiled and fitted goes in without its optimizer."""

from __future__ import annotations

import importlib
import sys
import zipfile

import pytest

from composer.container.digests import digest_tensors
from composer.store import Store
from tests.cases.case_tools import Case, called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

CODE = """
import keras


@keras.saving.register_keras_serializable("case42")
class Net42(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(3)

    def call(self, x):
        return self.hidden(x)

    def get_config(self):
        return {"name": self.name}
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    import keras
    import numpy as np

    folder = tmp_path_factory.mktemp("fitted")
    (folder / "net_42.py").write_text(CODE, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        net = importlib.import_module("net_42").Net42
    finally:
        sys.path.remove(str(folder))

    def trained(optimizer):
        model = net(name="net")
        model.compile(optimizer, "mse")
        model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
        return model

    def functional():
        x = keras.Input((5,), name="x")
        return keras.Model(x, keras.layers.Dense(2, name="top")(trained("adam")(x)), name="f")

    def sequential():
        top = keras.layers.Dense(2, name="top")
        return keras.Sequential([keras.Input((5,)), trained("sgd"), top], name="s")

    kept = {}
    for name, make in (
        ("alone", lambda: trained("adam")),
        ("functional", functional),
        ("sequential", sequential),
    ):
        kept[name] = make()
        kept[name].save(folder / f"{name}.keras")
        with zipfile.ZipFile(folder / f"{name}.keras") as archive:
            assert b"optimizer" in archive.read("model.weights.h5")
    return folder, kept


@pytest.mark.parametrize(
    ("name", "spec", "tensors"),
    [
        ("alone", "sources: {n: {from: alone.keras, nested: net}}", 2),
        ("functional", "sources: {n: {from: functional.keras, prefix: p_}}", 4),
        ("sequential", "sources: {n: {from: sequential.keras, prefix: p_}}", 4),
        ("functional", "sources: {n: {from: functional.keras, nested: whole}}", 4),
        ("sequential", "sources: {n: {from: sequential.keras, nested: whole}}", 4),
    ],
)
def test_case_42_goes_in_without_the_optimizer(fitted, tmp_path, name, spec, tensors):
    import keras

    case = Case(fitted[0], Store(tmp_path))
    path = case.artifact(spec)
    held = digest_tensors(path)
    assert len(held) == tensors
    assert not any("optimizer" in place for place in held)
    with zipfile.ZipFile(path) as archive:
        assert b"compile_config" not in archive.read("config.json")
    x = numbers(2, 5)
    assert called(keras.saving.load_model(path), x) == called(fitted[1][name], x)
    (planned,) = case._prepare(spec, deep=False).plan.sources
    assert planned.parameters == fitted[1][name].count_params()


def test_case_42_its_weights_fit_where_keras_is_asked_about_it(fitted, tmp_path):
    case = Case(fitted[0], Store(tmp_path))
    prepared = case._prepare(
        "sources: {n: {from: alone.keras, nested: net, objects: ['net_42:Net42']}}\n"
        "layers: {top: {class: Dense, args: {units: 2}, inputs: n}}",
        deep=True,
    )
    assert prepared.errors == ()
    assert prepared.plan is not None
