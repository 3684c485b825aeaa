"""A bounded part of the sweep: some models of Keras's own tests, linked and compared."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.sweep.of_keras.run import SOUND, harvest, index, sweep, table
from tests.sweep.of_keras.ways import WAYS

pytestmark = [pytest.mark.keras, pytest.mark.slow]
_TESTS = (
    "layers/merging/merging_test.py",
    "layers/rnn/bidirectional_test.py",
    "models/functional_test.py",
)
_EXPLAINED = {
    "CMP305",  # a custom layer that does not keep its name
    "CMP406",  # an input that no layer takes can't be wired
    "CMP418",  # a nested model that is called with a mask
    "CMP421",  # a Sequential without an input shape
    "CMP506",  # a subclassed model
    "CMP530",  # a Lambda
}
"""What these models may be refused by."""
_EVERY = 7
"""Of the harvest, each so-many-th model is linked."""


def test_models_of_keras_tests_compute_in_the_result_what_they_compute_alone(
    tmp_path: Path,
) -> None:
    harvest(tmp_path, _TESTS, deadline=time.monotonic() + 300)
    models = index(tmp_path)
    assert len(models) > 60
    outcomes = list(sweep(tmp_path, models[::_EVERY], deadline=time.monotonic() + 400))
    print(f"\n{table(outcomes)}")
    faults = [outcome for outcome in outcomes if outcome["state"] not in SOUND]
    assert faults == []
    refused = {outcome["code"] for outcome in outcomes if outcome["state"] == "refused"}
    assert refused <= _EXPLAINED
    for way in WAYS:
        states = [
            o["state"] for o in outcomes if o["way"] == way and o["state"] != "does not apply"
        ]
        assert states.count("equal") > len(states) // 2, way
