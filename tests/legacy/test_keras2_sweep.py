"""Models that tf-keras saved, rewritten here and loaded by plain Keras: the same numbers."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from composer.errors import FormatError
from composer.graphs.graph import Graph
from composer.graphs.order import operation_order
from composer.graphs.writer import model_config
from composer.legacy.keras2_calls import OF_ONE_LAYER
from composer.legacy.keras2_state import state_layout, today_s_paths
from composer.legacy.read_config import read_any_graph

pytestmark = pytest.mark.keras

HERE = Path(__file__).parent
BIT_EQUAL = (
    "activations",
    "attention",
    "bidirectional_with_states",
    "categories",
    "convolutions_in_one_and_three_dimensions",
    "images",
    "mixed_precision",
    "mlp",
    "nested_deferred_sequential",
    "nested_model_with_named_inputs",
    "nested_models_called_twice",
    "normalized",
    "numbers_looked_up",
    "operators",
    "padded_attention",
    "recurrent",
    "recurrent_convolutions",
    "sequential_built_by_call",
    "shapes",
    "slices",
    "two_inputs_and_a_dictionary",
    "words",
)
# Keras 3 normalises with tf.nn.batch_normalization and another layer norm, not the fused kernels.
NEARLY_EQUAL = ("convolutions", "efficientnet", "mobilenet", "sequential_built_by_shape")
TOLERANCE = 1e-5
REFUSED = {
    "refused_conv_lstm": "recurrent_activation hard_sigmoid",
    "refused_hard_sigmoid": "activation hard_sigmoid",
    "refused_locally_connected": "LocallyConnected1D",
    "refused_operator": "tf.math.cumsum",
    "refused_random_crop": "RandomCrop",
    "refused_slice": "tf.compat.v1.shape",
}


@dataclass(frozen=True)
class Sweep:
    saved: Path
    graphs: dict[str, Graph]
    refusals: dict[str, FormatError]
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    saved = tmp_path_factory.mktemp("saved")
    linked = tmp_path_factory.mktemp("linked")
    run("keras2_models.py", saved)
    graphs: dict[str, Graph] = {}
    refusals: dict[str, FormatError] = {}
    for path in sorted(saved.glob("*.keras")):
        try:
            graphs[path.stem] = rewrite(path, linked / path.name)
        except FormatError as refused:
            refusals[path.stem] = refused
        else:
            shutil.copy(path.with_suffix(".npz"), linked)
    return Sweep(saved, graphs, refusals, json.loads(run("load_in_keras3.py", linked)))


def run(script: str, folder: Path) -> str:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, str(HERE / script), str(folder)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rewrite(source: Path, target: Path) -> Graph:
    """Write the archive anew: today's config, and every tensor at the path that belongs to it."""
    import h5py

    with zipfile.ZipFile(source) as archive:
        graph = read_any_graph(json.loads(archive.read("config.json")))
        layout = state_layout(json.loads(archive.read("metadata.json"))["keras_version"])
        assets = {n.removeprefix("assets/"): n for n in archive.namelist() if "assets/" in n}
        content = io.BytesIO()
        with (
            h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as old,
            h5py.File(content, "w") as new,
        ):
            tensors: list[str] = []
            old.visititems(lambda n, o: tensors.append(n) if isinstance(o, h5py.Dataset) else None)
            paths = today_s_paths(graph, tensors, layout, others=assets)
            for path in tensors:
                new.create_dataset(paths[path], data=old[path][()])
        with zipfile.ZipFile(target, "w") as written:
            written.writestr("metadata.json", '{"keras_version": "3.15.1"}')
            written.writestr("config.json", json.dumps(model_config(graph)))
            written.writestr("model.weights.h5", content.getvalue())
            for path, member in assets.items():
                written.writestr(f"assets/{paths[path]}", archive.read(member))
    return graph


@pytest.mark.parametrize("name", BIT_EQUAL)
def test_plain_keras_computes_the_bits_that_tf_keras_computed(sweep: Sweep, name: str) -> None:
    assert sweep.seen[name] == {"worst": 0.0, "equal": True, "weights_held": True}


@pytest.mark.parametrize("name", NEARLY_EQUAL)
def test_plain_keras_computes_the_same_within_rounding(sweep: Sweep, name: str) -> None:
    assert "error" not in sweep.seen[name]
    assert sweep.seen[name]["weights_held"]
    assert sweep.seen[name]["worst"] <= TOLERANCE


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_carried_over_is_refused_by_name(sweep: Sweep, name: str) -> None:
    assert sweep.refusals[name].case in OF_ONE_LAYER
    assert REFUSED[name] in sweep.refusals[name].message


def test_where_a_mask_gets_lost_numbers_differ_and_a_warning_says_so(sweep: Sweep) -> None:
    seen = sweep.seen["a_mask_taken_off"]
    assert seen["weights_held"]
    assert seen["worst"] > TOLERANCE
    (warning,) = sweep.graphs["a_mask_taken_off"].warnings
    assert "'attention'" in warning


def test_every_model_of_the_script_is_looked_at(sweep: Sweep) -> None:
    saved = {path.stem for path in sweep.saved.glob("*.keras")}
    assert saved == {*BIT_EQUAL, *NEARLY_EQUAL, *REFUSED, "a_mask_taken_off"}


def test_the_order_in_which_keras_2_lists_layers_is_that_of_keras_3(sweep: Sweep) -> None:
    for name, graph in sweep.graphs.items():
        listed = tuple(operation.name for operation in graph.operations)
        assert listed == operation_order(graph), name


def test_every_layer_that_was_changed_is_told(sweep: Sweep) -> None:
    repairs = {(r.layer, r.what.split("=")[0]) for r in sweep.graphs["recurrent"].repairs}
    assert ("lstm_1", "implementation") in repairs
    assert ("bidirectional/lstm_2", "time_major") in repairs
    assert ("rnn/stacked_rnn_cells/gru_cell", "implementation") in repairs
    assert sweep.graphs["two_inputs_and_a_dictionary"].repairs == ()
