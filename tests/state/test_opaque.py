"""Models that record no graph: taken whole, as one layer, without Keras and without their code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from composer.model_files.read_model import read_model
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare
from tests.state.test_state import ROOT

pytestmark = pytest.mark.keras

_SAVE = """
import keras
import numpy as np
from tests.state.custom_layers import TwoHeads
for number, letter in enumerate("ab"):
    keras.utils.set_random_seed(number)
    model = TwoHeads(4, name="source")
    model(np.zeros((1, 6), "float32"))
    model.save(f"{FOLDER}/two_{letter}.keras")
TwoHeads(4, name="source").save(f"{FOLDER}/unbuilt.keras")
"""
_LOAD = """
import json
import keras
import numpy as np
from tests.state import custom_layers
linked = keras.saving.load_model(f"{FOLDER}/linked.keras")
x = np.random.default_rng(1).random((3, 6), "float32")
found = linked(x, training=False)
wanted = []
for letter in "ab":
    source = keras.saving.load_model(f"{FOLDER}/two_{letter}.keras")
    wanted.extend(source(x, training=False))
equal = [np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(found, wanted)]
print(json.dumps({"equal": equal, "shape": list(linked.input_shape)}))
"""


def _keras(code: str, folder: Path) -> str:
    program = f"FOLDER = {str(folder)!r}\n{code}"
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=200
    ).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("opaque")
    _keras(_SAVE, made)
    return made


def _prepare(folder: Path, text: str, *, deep: bool = False) -> Prepared:
    spec = folder / "spec.yaml"
    spec.write_text(f"version: 1\nname: linked\n{text}", encoding="utf-8")
    return prepare(spec, store=Store(folder / "store"), deep=deep)


_BOTH = """
inputs: {rows: {shape: [6]}}
sources:
  a: {from: two_a.keras, nested: left, inputs: rows}
  b: {from: two_b.keras, nested: right, inputs: rows}
outputs: ["a:left#0.0", "a:left#0.1", "b:right#0.0", "b:right#0.1"]
"""


def test_two_models_without_a_graph_stand_side_by_side_bit_for_bit(folder: Path) -> None:
    prepared = _prepare(folder, _BOTH)
    # How many tensors the model outputs is in its code only.
    assert [item.code for item in prepared.diagnostics] == ["CMP420", "CMP420"]
    assert not prepared.errors
    assert not prepared.deferred
    build_spec(prepared, output=folder / "linked.keras")
    found = json.loads(_keras(_LOAD, folder))
    assert found == {"equal": [True] * 4, "shape": [None, 6]}


def test_its_input_has_the_shape_that_it_was_built_with_and_an_open_batch(folder: Path) -> None:
    text = "sources:\n  a: {from: two_a.keras, nested: whole, prefix: p_}\noutputs: a\n"
    prepared = _prepare(folder, text)
    assert prepared.diagnostics == ()
    assert prepared.plan is not None
    (port,) = prepared.plan.inputs
    assert port.spec is not None
    assert port.spec.shape == (None, 6)
    assert sorted(copy.group for copy in prepared.plan.states) == [
        "layers/input_layer",
        "layers/two_heads",
    ]


def test_outputs_that_nobody_counted_are_warned_about(folder: Path) -> None:
    prepared = _prepare(folder, "sources:\n  a: {from: two_a.keras, nested: whole}\n")
    assert [(d.code, d.severity) for d in prepared.diagnostics] == [("CMP506", "warning")]


def test_a_model_that_was_never_built_must_be_wired(folder: Path) -> None:
    source = "from: unbuilt.keras, nested: whole"
    (found,) = _prepare(folder, f"sources:\n  a: {{{source}}}\n").errors
    assert found.code == "CMP506"
    assert "inputs: REFERENCE" in (found.help or "")
    text = f"inputs: {{rows: {{shape: [6]}}}}\nsources:\n  a: {{{source}, inputs: rows}}\n"
    assert _prepare(folder, f"{text}outputs: a\n").diagnostics == ()


def test_without_nested_the_help_names_it(folder: Path) -> None:
    (found,) = _prepare(folder, "sources:\n  a: {from: two_a.keras}\n").errors
    assert found.code == "CMP506"
    assert "nested: NAME" in (found.help or "")


def test_several_calls_are_refused(folder: Path) -> None:
    text = (
        "inputs: {x: {shape: [6]}, y: {shape: [6]}}\n"
        "sources:\n"
        "  a: {from: two_a.keras, nested: whole, calls: {one: {inputs: x}, two: {inputs: y}}}\n"
    )
    (found,) = _prepare(folder, text).errors
    assert found.case == "opaque-calls"


def test_what_stands_behind_a_class_that_nobody_can_import_is_refused_kindly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    text = "sources:\n  a: {from: two_a.keras, nested: whole}\n"
    layer = "layers:\n  d: {class: Dense, args: {units: 2}, inputs: a}\n"
    (found,) = _prepare(folder, text + layer, deep=True).errors
    assert found.code == "CMP411"
    assert "objects: [" in found.message
    assert "its tensor can be an output" in (found.help or "")


def test_the_linked_file_reads_as_one_layer_with_all_weights(folder: Path) -> None:
    text = "sources:\n  a: {from: two_a.keras, nested: whole}\noutputs: a\n"
    build_spec(_prepare(folder, text), output=folder / "one.keras")
    state = read_model(folder / "one.keras").states["whole"]
    assert state.group == "layers/two_heads"
    assert len(state.variables) == 6
