"""Real cases about the ``.h5`` files of Keras 2: saved by tf-keras, linked, run by plain Keras."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import names, saved_by

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    return saved_by("save_keras2_h5.py", folder)


def held_against(saved, name, built, *, tolerance=0.0):
    """Call the built model as tf-keras called the old one, and compare."""
    import keras
    import numpy as np

    record = np.load(saved / f"{name}.npz")
    outputs = keras.tree.flatten(built(record["input"], training=False))
    expected = [record[f"output_{i}"] for i in range(len(outputs))]
    for output, wanted in zip(outputs, expected, strict=True):
        difference = np.abs(keras.ops.convert_to_numpy(output) - wanted).max()
        assert difference <= tolerance


def weights_in(path, group):
    import h5py

    with h5py.File(path) as file:
        found = []
        file["model_weights"][group].visititems(
            lambda _name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    return found


def bits(arrays):
    return sorted(array.tobytes() for array in arrays)


def told(case, spec):
    """Return the notes of the warning about repairs."""
    (warning,) = (d for d in case.warnings(spec) if d.code == "CMP521")
    return [note.message for note in warning.notes]


def test_case_05_prefixed_nested_and_saved_as_h5(case, saved):
    built = case.build(f"sources: {{both: {{from: {saved}/prefixed.h5}}}}", deep=True)
    assert {"left", "right", "join"} <= names(built)
    assert {"left_dense", "left_norm"} <= {layer.name for layer in built.get_layer("left").layers}
    for side in ("left", "right"):
        held = bits(built.get_layer(side).get_weights())
        assert held == bits(weights_in(saved / "prefixed.h5", side))
    held_against(saved, "prefixed", built, tolerance=1e-6)


def test_case_09_siblings_of_equal_inner_names_saved_as_h5(case, saved):
    spec = f"sources: {{both: {{from: {saved}/siblings.h5"
    built = case.build(f"{spec}}}}}", deep=True)
    for side in ("left", "right"):
        held = bits(built.get_layer(side).get_weights())
        assert held == bits(weights_in(saved / "siblings.h5", side))
    held_against(saved, "siblings", built, tolerance=1e-6)
    flat = case.build(f"{spec}, flatten: true}}}}", deep=True, name="flat")
    assert {"left_dense", "right_dense"} <= names(flat)
    held_against(saved, "siblings", flat, tolerance=1e-6)


def test_case_10_names_with_slashes_become_legal_and_weights_follow(case, saved):
    spec = f"sources: {{net: {{from: {saved}/slashes.h5}}}}"
    built = case.build(spec, deep=True)
    assert {"encoder_block_1_dense", "encoder_block_2_dense"} <= names(built)
    for block in ("block_1", "block_2"):
        stored = weights_in(saved / "slashes.h5", f"encoder/{block}/dense")
        assert bits(built.get_layer(f"encoder_{block}_dense").get_weights()) == bits(stored)
    held_against(saved, "slashes", built)
    assert any("encoder/block_1/dense" in note for note in told(case, spec))


def test_case_22_operations_of_tensorflow_become_operations_of_keras(case, saved):
    spec = f"sources: {{net: {{from: {saved}/operations.h5}}}}"
    built = case.build(spec, deep=True)
    held_against(saved, "operations", built)
    notes = told(case, spec)
    assert any("keras.ops.GetItem" in note for note in notes)
    assert any("keras.ops.Concatenate" in note for note in notes)


def test_case_23_arguments_that_are_gone_are_left_out(case, saved):
    spec = f"sources: {{net: {{from: {saved}/dropped_arguments.h5}}}}"
    built = case.build(spec, deep=True)
    held_against(saved, "dropped_arguments", built)
    notes = told(case, spec)
    assert any(note.startswith("groups=1 dropped") and "depthwise" in note for note in notes)
    assert any(note.startswith("time_major=False dropped") and "lstm" in note for note in notes)


def test_a_sequential_of_an_h5_file_is_linked_like_any_other_source(case, saved):
    built = case.build(
        f"""
inputs: {{pixels: {{shape: [4]}}}}
sources:
  a: {{from: {saved}/mlp.h5, prefix: a_, exclude: [dense_output], inputs: pixels}}
  b: {{from: {saved}/mlp.h5, prefix: b_, exclude: [dense_output], inputs: pixels, trainable: false}}
layers:
  mean: {{class: Average, inputs: [a, b]}}
outputs: mean
""",
        deep=True,
    )
    import keras
    import numpy as np

    old = case.build(f"sources: {{mlp: {{from: {saved}/mlp.h5}}}}", deep=True, name="old")
    held_against(saved, "mlp", old)
    value = np.load(saved / "mlp.npz")["input"]
    trunk = keras.Model(old.input, old.get_layer("dense_hidden_1").output)
    assert built(value).numpy().tobytes() == trunk(value).numpy().tobytes()
    assert {v.path.split("/")[0] for v in built.trainable_variables} == {
        "a_dense_input",
        "a_dense_hidden_1",
    }
