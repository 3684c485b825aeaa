"""Models that tf-keras saved as ``.h5``, imported, and held against what tf-keras computed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from composer.graphs.graph import Unlinkable
from composer.keras_process.h5_check import check_import
from composer.keras_process.keras_classes import known_classes
from composer.legacy.h5.read import LegacyModel, read_legacy_model
from composer.sources.kinds.h5_file import legacy_recipe

pytestmark = [pytest.mark.keras, pytest.mark.slow]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Keras 3 normalises with other kernels than the fused ones.
NEARLY_EQUAL = {"convolutions", "efficientnet", "mobilenet", "sequential_built_by_shape"}
A_MASK_LOST = "a_mask_taken_off"
TOLERANCE = 1e-6
REFUSED = {
    "refused_conv_lstm": "recurrent_activation hard_sigmoid",
    "refused_hard_sigmoid": "activation hard_sigmoid",
    "refused_lambda": "'lambda' is a Lambda",
    "refused_locally_connected": "LocallyConnected1D",
    "refused_operator": "tf.math.cumsum",
    "refused_random_crop": "RandomCrop",
    "refused_slice": "tf.compat.v1.shape",
}


@dataclass(frozen=True)
class Sweep:
    models: dict[str, LegacyModel]
    refusals: dict[str, list[Unlinkable]]
    imported: Path
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    saved, imported = tmp_path_factory.mktemp("saved"), tmp_path_factory.mktemp("imported")
    run(HERE / "save_h5.py", saved)
    models: dict[str, LegacyModel] = {}
    refusals: dict[str, list[Unlinkable]] = {}
    requests: dict[str, Any] = {}
    for path in sorted(saved.glob("*.h5")):
        model = read_legacy_model(path, known_classes())
        if model.aside:
            # Such a file is linked without these layers, of which tests/cases has its tests.
            refusals[path.stem] = [layer.refusal for layer in model.aside]
            continue
        models[path.stem] = model
        target = imported / f"{path.stem}.keras"
        request = legacy_recipe(model, "0" * 64, path.name).request
        requests[path.stem] = {**request, "target": str(target)}
        shutil.copy(path.with_suffix(".npz"), imported)
    (imported / "requests.json").write_text(json.dumps(requests))
    done = json.loads(run(HERE / "import_many.py", imported / "requests.json"))
    assert done == dict.fromkeys(models)
    return Sweep(
        models, refusals, imported, json.loads(run(HERE.parent / "load_in_keras3.py", imported))
    )


def run(script: Path, argument: Path) -> str:
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, str(script), str(argument)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_imported_model_holds_the_weights_of_its_file_layer_by_layer(sweep: Sweep) -> None:
    assert len(sweep.models) > 25
    for name, model in sweep.models.items():
        check_import(model, sweep.imported / f"{name}.keras")


def test_plain_keras_computes_the_bits_that_tf_keras_computed(sweep: Sweep) -> None:
    differing = {name for name, seen in sweep.seen.items() if not seen.get("equal")}
    assert differing <= NEARLY_EQUAL | {A_MASK_LOST}
    assert set(sweep.seen) == set(sweep.models)


def test_where_kernels_differ_the_numbers_differ_in_the_last_digits_only(sweep: Sweep) -> None:
    for name in sorted(NEARLY_EQUAL):
        assert sweep.seen[name]["worst"] <= TOLERANCE, name


def test_where_a_mask_gets_lost_a_warning_says_so(sweep: Sweep) -> None:
    assert sweep.seen[A_MASK_LOST]["worst"] > TOLERANCE
    (warning,) = sweep.models[A_MASK_LOST].graph.warnings
    assert "'attention'" in warning
    assert sweep.models["mlp"].graph.warnings == ()


def test_what_can_not_be_carried_over_is_refused_with_the_name_of_the_layer(sweep: Sweep) -> None:
    assert set(sweep.refusals) == set(REFUSED)
    for name, refusals in sweep.refusals.items():
        assert any(REFUSED[name] in refusal.why for refusal in refusals), refusals
        assert all(refusal.help for refusal in refusals), refusals


def test_every_changed_layer_is_told(sweep: Sweep) -> None:
    repairs = {
        name: {(r.layer, r.what.split("=")[0]) for r in model.graph.repairs}
        for name, model in sweep.models.items()
    }
    assert ("bidirectional/lstm_2", "time_major") in repairs["recurrent"]
    assert ("tf.concat", "tf.concat written as keras.ops.Concatenate") in repairs["operators"]
    assert (
        "block_1/conv",
        "renamed to 'block_1_conv_': today's Keras has no / in names",
    ) in repairs["names_with_slashes"]
    assert repairs["two_inputs_and_a_dictionary"] == set()
