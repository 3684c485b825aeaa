"""Case 37: old files with layers that today's Keras lacks, which the spec leaves behind.

Each model was cut in tf-keras as well; the linked part computes what that part does.
"""

from __future__ import annotations

import pytest

from composer.authoring.inspection import inspect_model
from tests.cases.case_tools import names, saved_by
from tests.cases.test_old_files import held_against, told

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    return saved_by("save_keras2_cut_h5.py", folder)


MIDDLE = """
inputs: {{few: {{shape: [3]}}}}
sources:
  net: {{from: {saved}/lambda_in_middle.h5, exclude: [x, a, odd], inputs: {{odd: few}}}}
"""
KEPT = {
    "lambda_at_end": "net: {{from: {saved}/lambda_at_end.h5, include: [{{upto: feature}}]}}",
    "custom_classes": (
        "net: {{from: {saved}/custom_classes.h5, exclude: [scale, drop], "
        "inputs: {{scale: 'net:a', drop: 'net:b'}}}}"
    ),
    "hard_lstm": "net: {{from: {saved}/hard_lstm.h5, include: [{{upto: gru}}]}}",
    "with_losses": "net: {{from: {saved}/with_losses.h5}}",
    "inside": "net: {{from: {saved}/inside.h5, include: [x, first]}}",
    "calls": "net: {{from: {saved}/calls.h5, include: [x, a, l]}}",
    "chain": (
        "net: {{from: {saved}/chain.h5, exclude: [scale, gate], bypass: [gate], "
        "inputs: {{scale: 'net:b'}}}}"
    ),
}


FOLDERS = {
    "lambda_at_end": "net: {{from: {saved}/lambda_at_end, include: [{{upto: feature}}]}}",
    "custom_classes": KEPT["custom_classes"].replace(".h5", ""),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_computes_what_it_did(case, saved, name):
    spec = f"sources: {{{KEPT[name].format(saved=saved)}}}"
    built = case.build(spec, deep=True)
    held_against(saved, name, built, tolerance=1e-6)


def test_a_new_input_takes_the_place_of_a_layer_that_changed_the_shape(case, saved):
    built = case.build(MIDDLE.format(saved=saved), deep=True)
    assert {"b", "norm", "c"} <= names(built)
    assert "odd" not in names(built)
    held_against(saved, "lambda_in_middle", built, tolerance=1e-6)


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_kept_of_a_saved_model_computes_what_it_did(case, saved, name):
    spec = f"sources: {{{FOLDERS[name].format(saved=saved)}}}"
    built = case.build(spec, deep=True)
    held_against(saved, name, built, tolerance=1e-6)


def test_a_shape_behind_a_refused_layer_is_that_of_its_weights_and_no_guess(case, saved):
    spec = MIDDLE.format(saved=saved).replace("[3]", "[4]")
    assert {error.code for error in case.refused(spec, deep=True)} == {"CMP412"}
    spec = f"sources: {{net: {{from: {saved}/lambda_in_middle.h5, exclude: [odd], bypass: [odd]}}}}"
    assert {error.code for error in case.refused(spec, deep=True)} == {"CMP405"}
    spec = spec.replace("bypass: [odd]", "inputs: {odd: 'net:a'}")
    assert {error.code for error in case.refused(spec, deep=True)} == {"CMP412"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("lambda_at_end", ""),
        ("lambda_in_middle", ", nested: whole"),
        ("inside", ""),
        ("inside", ", flatten: true"),
        ("chain", ", exclude: [scale], inputs: {scale: 'net:b'}"),
        ("calls", ", include: [x, a, tf.math.top_k]"),
        ("hard_lstm", ", trust: true"),
    ],
)
def test_a_refused_layer_that_is_kept_is_refused_before_and_after_keras(case, saved, name, more):
    spec = f"sources: {{net: {{from: {saved}/{name}.h5{more}}}}}"
    for deep in (False, True):
        assert {(e.code, e.path) for e in case.refused(spec, deep=deep)} == {
            ("CMP520", ("sources", "net", "from"))
        }


def test_losses_and_metrics_are_left_out_and_said_to_be(case, saved):
    spec = f"sources: {{net: {{from: {saved}/with_losses.h5}}}}"
    (note,) = (note for note in told(case, spec) if note.startswith("left out"))
    assert "add_loss" in note
    assert "side" in note
    layers = [layer.name for layer in inspect_model(saved / "with_losses.h5").layers]
    assert layers == ["x", "a", "reg", "b"]
