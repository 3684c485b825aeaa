"""What is exported computes in its own runtime what the linked model computes in Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import composer
from composer.errors import BuildError, DriftError
from composer.outputs import exporting
from composer.outputs.formats import onnx
from composer.outputs.output_format import HALF_TOLERANCE

pytestmark = pytest.mark.keras

SCRIPT = Path(__file__).parent / "run_elsewhere.py"
EVERY = "[keras, weights, h5, saved_model, onnx, tflite]"
PAIR = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""
# Outputs whose keys sort in another order than they are listed, inputs by name.
DICTS = """\
version: 1
name: dicts
sources:
  two: {from: models/two_heads.keras}
  n: {from: models/normed.keras, prefix: n_}
outputs: {zulu: "two:left", alpha: "two:right", mid: n}
"""
RECURRENT = """\
version: 1
name: recurrent
inputs: {words: {shape: [6, 4]}}
layers:
  lstm: {class: LSTM, args: {units: 5}, inputs: words}
  out: {class: Dense, args: {units: 2}, inputs: lstm}
"""
HASHED = """\
version: 1
name: hashed
inputs: {ids: {shape: [3], dtype: int32}}
layers:
  hash: {class: Hashing, args: {num_bins: 8}, inputs: ids}
  vectors: {class: Embedding, args: {input_dim: 8, output_dim: 4}, inputs: hash}
"""


@pytest.fixture(autouse=True)
def workspace(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with the models of the tests in it and a store of its own."""
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return tmp_path


def build(text: str, formats: str, **options: Any) -> composer.api.Artifact:
    signature = ", signature: dict" if text == DICTS else ""
    Path("spec.yaml").write_text(f"{text}output: {{format: {formats}{signature}}}\n")
    return composer.build("spec.yaml", **options)


def run_script(how: str, path: Path, arrays: Mapping[str, Any]) -> dict[str, Any]:
    np.savez("arrays.npz", **arrays)
    subprocess.run(
        [sys.executable, str(SCRIPT), how, str(path), "arrays.npz", "answer.npz"],
        check=True,
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_ENABLE_ONEDNN_OPTS": "0",
        },
        timeout=120,
    )
    with np.load("answer.npz") as found:
        return dict(found)


def run_onnx(path: Path, arrays: Mapping[str, Any]) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(arrays)), strict=True))


def run_tflite(path: Path, arrays: Mapping[str, Any]) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    return dict(runner(**arrays))


def all_agree(artifact: composer.api.Artifact, arrays: Mapping[str, Any]) -> None:
    """Run every result on the same arrays; names are the same, numbers nearly."""
    places = {file.format: file.path for file in artifact.files}
    expected = run_script("keras", places["keras"], arrays)
    h5 = run_script("h5", places["h5"], arrays)
    assert {name: value.tobytes() for name, value in h5.items()} == {
        name: value.tobytes() for name, value in expected.items()
    }
    for name, found in (
        ("saved_model", run_script("saved_model", places["saved_model"], arrays)),
        ("onnx", run_onnx(places["onnx"], arrays)),
        ("tflite", run_tflite(places["tflite"], arrays)),
    ):
        assert sorted(found) == sorted(expected), name
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-6, err_msg=name)


def numbers(*shape: int) -> Any:
    return np.random.default_rng(3).uniform(-1, 1, shape).astype("float32")


@pytest.mark.slow
def test_two_linked_sources_go_to_every_format_with_any_batch_size() -> None:
    artifact = build(PAIR, EVERY)
    assert [file.format for file in artifact.files] == EVERY.strip("[]").split(", ")
    for file in artifact.files:
        if file.comparison is not None:
            assert file.comparison.batches == (1, 3)
            assert file.comparison.relative <= file.comparison.tolerance
    all_agree(artifact, {"a_image": numbers(5, 16, 16, 3)})


@pytest.mark.slow
def test_several_inputs_and_outputs_keep_their_names_and_their_pairing() -> None:
    artifact = build(DICTS, EVERY)
    inputs = {"features": numbers(4, 4), "context": numbers(4, 4) * 2, "n_features": numbers(4, 4)}
    all_agree(artifact, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EfficientNetV2B0", "MobileNetV2"])
def test_an_application_goes_to_every_format(name: str) -> None:
    source = f"""\
version: 1
name: net
sources:
  net:
    from: app:{name}
    args: {{weights: null, input_shape: [32, 32, 3], classes: 10}}
    rename: [{{regex: "input_layer.*", to: image}}]
"""
    artifact = build(source, EVERY)
    all_agree(artifact, {"image": numbers(2, 32, 32, 3) * 100 + 100})


@pytest.mark.slow
def test_every_format_comes_out_the_same_bytes_again_alone_or_with_others(workspace) -> None:
    first = build(DICTS, EVERY)
    digests = {file.format: file.sha256 for file in first.files}
    os.environ["COMPOSE_HOME"] = str(workspace / "another")  # monkeypatch puts it back
    for formats in ("[onnx, saved_model, weights]", "[h5, tflite]"):
        again = {file.format: file.sha256 for file in build(DICTS, formats).files}
        assert again == {name: digests[name] for name in again}


@pytest.mark.slow
def test_what_keras_writes_as_h5_and_can_t_read_again_is_refused() -> None:
    source = """\
version: 1
name: sum
sources: {sum: {from: "py:sums:make"}}
"""
    Path("sums.py").write_text(
        "import keras\n\n\ndef make():\n    x = keras.Input((4,), name='x')\n"
        "    return keras.Model(x, keras.layers.Dense(2, name='d')(x + 3.0))\n"
    )
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.h5-again"):
        build(source, "[h5, weights]")
    assert list(Path("build").iterdir()) == []


def test_an_operator_that_a_format_lacks_is_named_with_its_layer_and_nothing_is_written() -> None:
    Path("build").mkdir()
    Path("build/hashed.keras").write_bytes(b"what stood there")
    with pytest.raises(BuildError) as caught:
        build(HASHED, "[keras, tflite]")
    assert caught.value.key == "CMP710.tflite-operator"
    assert caught.value.fields == {
        "layer": "hash",
        "operators": ["AsString", "StringToHashBucketFast"],
    }
    assert [path.name for path in Path("build").iterdir()] == ["hashed.keras"]
    assert Path("build/hashed.keras").read_bytes() == b"what stood there"
    with pytest.raises(BuildError) as caught:
        build(HASHED, "onnx")
    assert caught.value.key == "CMP710.onnx-operator"
    assert caught.value.fields == {"layer": "hash", "operators": ["StringToHashBucketFast"]}


@pytest.mark.slow
def test_a_recurrent_layer_goes_to_litert_with_the_batch_size_that_the_help_asks_for() -> None:
    with pytest.raises(BuildError) as caught:
        build(RECURRENT, "tflite")
    assert (caught.value.case, caught.value.fields["layer"]) == ("tflite-batch", "lstm")
    (made,) = build(RECURRENT.replace("[6, 4]", "[6, 4], batch_size: 1"), "tflite").files
    assert made.comparison is not None
    assert made.comparison.batches == (1,)
    assert run_tflite(made.path, {"words": numbers(1, 6, 4)})["out"].shape == (1, 2)


@pytest.mark.slow
def test_half_precision_is_named_as_what_litert_does_not_take() -> None:
    layer = "half: {class: Dense, args: {units: 2, dtype: float16}, inputs: x}"
    spec = f"version: 1\nname: half\ninputs: {{x: {{shape: [4]}}}}\nlayers:\n  {layer}\n"
    with pytest.raises(BuildError) as caught:
        build(spec, "tflite")
    assert (caught.value.case, caught.value.fields["layer"]) == ("tflite-half", "half")
    (made,) = build(spec, "onnx").files
    assert made.comparison is not None
    assert made.comparison.tolerance == HALF_TOLERANCE


def test_numbers_beyond_the_tolerance_are_drift_and_nothing_is_written(monkeypatch) -> None:
    way = replace(onnx.FORMAT.way, tolerance=1e-12)
    monkeypatch.setattr(onnx, "FORMAT", replace(onnx.FORMAT, way=way))
    with pytest.raises(DriftError) as caught:
        build(DICTS, "[onnx, keras]")
    assert caught.value.key == "CMP614.export-computes"
    assert list(Path("build").iterdir()) == []


def test_verification_looks_at_the_linked_model_whatever_is_asked_for() -> None:
    artifact = build(PAIR, "[weights, onnx]", verify=True)
    assert [path.name for path in sorted(Path("build").iterdir())] == [
        "pair.onnx",
        "pair.weights.h5",
    ]
    assert artifact.path == Path("build/pair.weights.h5")


def test_what_is_fresh_is_not_exported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(PAIR, "[keras, saved_model, onnx]")
    paths = {file.format: file.path for file in first.files}
    before = {name: path.stat().st_ino for name, path in paths.items()}
    with monkeypatch.context() as patched:
        # Whoever started Keras now would fail.
        patched.setattr(exporting, "run", None)
        assert build(PAIR, "[keras, saved_model, onnx]").fresh
        (paths["saved_model"] / "variables" / "variables.index").write_bytes(b"")
        with pytest.raises(TypeError):
            build(PAIR, "[keras, saved_model, onnx]")
    again = build(PAIR, "[keras, saved_model, onnx]")
    assert [file.fresh for file in again.files] == [True, False, True]
    assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files]
    after = {name: path.stat().st_ino for name, path in paths.items()}
    assert {name for name in paths if before[name] != after[name]} == {"saved_model"}


def test_what_needs_no_extra_is_exported_where_none_is_installed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = workspace / "hidden"
    hidden.mkdir()
    for package in ("onnx", "onnxruntime", "tf2onnx", "ai_edge_litert"):
        (hidden / f"{package}.py").write_text("raise ModuleNotFoundError(__name__, name=__name__)")
    monkeypatch.setenv("PYTHONPATH", f"{hidden}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    files = build(PAIR, "[keras, weights, h5, saved_model]").files
    assert [file.path.exists() for file in files] == [True] * 4
