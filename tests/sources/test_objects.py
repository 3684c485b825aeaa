"""``objects``: classes of one's own that nobody registered (k#19899)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from composer.keras_process.user_code import code_of
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from composer.workflows.verification import verify_artifact

SCALES = """
import keras

class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
"""
SAVE = """
import keras, scales
features = keras.Input((4,), name="features")
model = keras.Model(features, scales.Scale(3.0, name="scale")(features))
model.save("scaled.keras")
"""
# The shape of the seam changes, so that only Keras knows what the class makes of it.
SPEC = """version: 1
name: m
inputs: {{x: {{shape: [8]}}}}
sources:
  a: {{from: scaled.keras, inputs: x{objects}}}
layers: {{top: {{class: Dense, args: {{units: 2}}, inputs: a}}}}
"""


@pytest.fixture
def prepared(tmp_path: Path):
    """Return a function that prepares the spec with what is written behind ``inputs``."""
    (tmp_path / "scales.py").write_text(SCALES, encoding="utf-8")

    def prepare_with(objects: str, *, deep: bool = True):
        (tmp_path / "spec.yaml").write_text(SPEC.format(objects=objects), encoding="utf-8")
        return prepare(tmp_path / "spec.yaml", deep=deep, store=Store(tmp_path / "store"))

    return prepare_with


@pytest.mark.keras
def test_an_unregistered_class_is_known_where_objects_names_it(prepared, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SAVE], check=True, cwd=tmp_path, timeout=120)
    (refused,) = prepared("").errors
    assert "Keras does not know the class scales.Scale" in refused.message
    assert "objects: [scales:Scale]" in refused.message

    named = prepared(", objects: [scales:Scale]")
    assert named.diagnostics == ()
    assert named.spec is not None
    artifact = build_spec(named, output=tmp_path / "m.keras")
    alone = verify_artifact(artifact.path)
    (failed,) = [check for check in alone.checks if check.state == "failed"]
    assert "objects: [scales:Scale]" in failed.detail
    known = verify_artifact(artifact.path, artifact.plan, code=code_of(named.spec))
    assert known.ok, known.checks


@pytest.mark.parametrize(
    ("name", "help_"),
    [
        ("scales:Scala", "did you mean 'Scale'?"),
        ("scale:Scale", "did you mean 'scales'?"),
        ("scales.Scale", "for example: scales:Scale"),
    ],
)
def test_a_class_that_is_not_there_is_located_without_keras(prepared, name, help_) -> None:
    (found,) = prepared(f", objects: [{name}]", deep=False).diagnostics
    assert (found.code, found.path) == ("CMP515", ("sources", "a", "objects"))
    assert help_ in (found.help or "")
