"""Case 37: old files with layers that today's Keras lacks, which the spec leaves behind.

Each model was cut in tf-keras as well; the linked part computes what that part does.
"""

from __future__ import annotations

import pytest

from tests.cases.case_tools import names, saved_by
from tests.cases.test_old_files import held_against

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    return saved_by("save_keras2_cut_h5.py", folder)


MIDDLE = """
inputs: {{few: {{shape: [3]}}}}
sources:
  net: {{from: {saved}/lambda_in_middle.h5, exclude: [odd], inputs: {{odd: few}}}}
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
