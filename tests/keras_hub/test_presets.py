"""``hub:`` sources: presets on this machine, linked, and what is told of those that can't be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from composer.container.digests import digest_folder
from composer.errors import BuildError
from composer.keras_process import hub_presets
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare

pytest.importorskip("keras_hub")
pytestmark = [pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("save_presets.py")), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def empty(tmp_path):
    """Return a folder with a preset of which only the config is there: ``some``."""
    (tmp_path / "some").mkdir()
    config = {
        "module": "keras_hub.src.models.bert.bert_backbone",
        "class_name": "BertBackbone",
        "config": {
            "vocabulary_size": 50,
            "dtype": {"module": "keras", "class_name": "DTypePolicy"},
        },
        "registered_name": "keras_hub>BertBackbone",
    }
    (tmp_path / "some" / "config.json").write_text(json.dumps(config))
    return tmp_path


def prepared(
    folder: Path, source: str, store: Store | None = None, *, deep: bool = False
) -> Prepared:
    spec = folder / "spec.yaml"
    spec.write_text(f"version: 1\nname: model\nsources:\n  it: {{{source}}}\n")
    return prepare(spec, deep=deep, store=store or Store(folder / "store"))


def only(found: Prepared):
    (error,) = found.errors
    return error


def change(folder: Path, edit) -> None:
    path = folder / "some" / "config.json"
    config = json.loads(path.read_text())
    edit(config)
    path.write_text(json.dumps(config))


def test_a_preset_waits_for_keras_and_validation_starts_none(empty):
    found = prepared(empty, "from: 'hub:./some'")
    assert found.diagnostics == ()
    assert found.deferred


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"module": "os", "class_name": "system", "registered_name": "system"}, "system of os"),
        (
            {"module": "mine", "class_name": "Net", "registered_name": "mine>Net"},
            "mine>Net of mine",
        ),
        ({"class_name": "Net", "registered_name": "mine>Net"}, "mine>Net of mine"),
        ({"module": "keras.layers", "class_name": "Lambda"}, " Lambda"),
        ({"class_name": "__lambda__", "config": {"value": "x"}}, " lambda"),
        (
            {
                "module": "keras.layers",
                "class_name": "StringLookup",
                "config": {"name": "words", "vocabulary": "/etc/passwd"},
            },
            "/etc/passwd",
        ),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "task.json"])
def test_configs_that_name_other_code_are_refused_before_keras_starts(empty, place, told, name):
    change(empty, lambda config: config["config"].update({"image_encoder": [place]}))
    if name != "config.json":
        (empty / "some" / "config.json").rename(empty / "some" / name)
        (empty / "some" / "config.json").write_text("{}")
    error = only(prepared(empty, "from: 'hub:./some'"))
    assert error.code == "CMP525"
    assert f"./some: {name}" in error.message
    assert told in error.message


def test_a_config_that_is_no_json_is_refused(empty):
    (empty / "some" / "config.json").write_text("{")
    assert only(prepared(empty, "from: 'hub:./some'")).code == "CMP525"


def test_a_folder_that_is_not_there_is_told_with_the_nearest(empty):
    error = only(prepared(empty, "from: 'hub:./smoe'"))
    assert error.code == "CMP501"
    assert "did you mean './some'?" in error.help


def test_a_missing_keras_hub_is_told_with_how_to_install_it(empty, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(hub_presets.metadata, "version", missing)
    error = only(prepared(empty, "from: 'hub:./some'"))
    assert error.code == "CMP525"
    assert error.case == "no-kerashub"
    assert "pip install 'keras-compose[hub]'" in error.help


@pytest.mark.parametrize(
    ("preset", "local"),
    [
        ("./some", True),
        ("../elsewhere/../" + "{folder}" + "/some", True),
        ("some", False),
        ("hf://owner/some", False),
        ("kaggle://keras/bert/keras/bert_base_en", False),
    ],
)
def test_only_a_path_with_a_slash_is_a_folder_wherever_the_command_runs(empty, preset, local):
    (empty.parent / "elsewhere").mkdir(exist_ok=True)
    found = hub_presets.preset_folder(preset.format(folder=empty.name), empty)
    assert (found is not None) is local


def test_the_digest_of_a_preset_covers_names_and_bytes(empty):
    before = digest_folder(empty / "some")
    (empty / "some" / "assets").mkdir()
    assert digest_folder(empty / "some") == before
    (empty / "some" / "assets" / "vocabulary.txt").write_text("a")
    middle = digest_folder(empty / "some")
    (empty / "some" / "assets" / "vocabulary.txt").write_text("b")
    last = digest_folder(empty / "some")
    (empty / "some" / "assets" / "vocabulary.txt").rename(empty / "some" / "assets" / "words.txt")
    assert len({before, middle, last, digest_folder(empty / "some")}) == 4


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "gpt2", "resnet", "classifier"])
def test_a_linked_preset_computes_what_the_model_did_that_was_saved(presets, store, tmp_path, name):
    import keras
    import numpy as np

    shutil.copytree(presets / name, tmp_path / "presets" / name)
    task = ", args: {task: ImageClassifier}" if name == "classifier" else ""
    source = f"from: 'hub:./presets/{name}', prefix: p_{task}"
    found = prepared(tmp_path, source, store, deep=True)
    assert found.diagnostics == ()
    built = keras.saving.load_model(build_spec(found, output=tmp_path / "built.keras").path)
    assert all(layer.name.startswith("p_") for layer in built.layers)
    record = np.load(presets / f"{name}.npz")
    given = [record[f"input_{tensor.name.removeprefix('p_')}"] for tensor in built.inputs] if (
        "input_it" not in record
    ) else [record["input_it"]]  # fmt: skip
    # The inputs keep the structure that the preset's model has: a dictionary, mostly.
    given = keras.tree.pack_sequence_as(built._inputs_struct, given)
    outputs = keras.tree.flatten(built(given, training=False))
    for index, output in enumerate(outputs):
        assert np.asarray(output).tobytes() == record[f"output_{index}"].tobytes()
    # The second time nothing has to be asked.
    assert prepared(tmp_path, source, store).deferred == ()


@pytest.mark.keras
@pytest.mark.slow
def test_layers_of_a_preset_can_be_selected_and_its_arguments_matter(presets, store, tmp_path):
    shutil.copytree(presets / "bert", tmp_path / "bert")
    cut = "include: [{upto: transformer_layer_0}]"
    source = f"from: 'hub:./bert', args: {{load_weights: false, dtype: bfloat16}}, {cut}"
    found = prepared(tmp_path, source, store, deep=True)
    assert found.diagnostics == ()
    assert found.plan is not None
    names = [operation.name for operation in found.plan.graph.operations]
    assert "transformer_layer_0" in names
    assert "pooled_dense" not in names
    held = {value.dtype for value in found.plan.tensors.values() if value.size > 1}
    assert held == {"bfloat16"}


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        ("from: 'hub:./bert', args: {lod_weights: 1}", "CMP505", "did you mean 'load_weights'?"),
        ("from: 'hub:./bert', args: {task: ImageClasifier}", "CMP505", "'ImageClassifier'?"),
        ("from: 'hub:bert_tiny_en_uncasd'", "CMP525", "did you mean 'bert_tiny_en_uncased'?"),
    ],
)
def test_what_keras_hub_does_not_know_is_told_with_the_nearest(
    presets, tmp_path, source, code, told
):
    shutil.copytree(presets / "bert", tmp_path / "bert")
    error = only(prepared(tmp_path, source, deep=True))
    assert error.code == code
    assert told in error.help


@pytest.mark.keras
@pytest.mark.slow
def test_a_preset_that_can_t_be_downloaded_says_so(empty, monkeypatch):
    # Nothing listens there: as without a network, and at once.
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(empty / "cache"))
    with pytest.raises(
        BuildError, check=lambda error: error.key == "CMP710.preset-download"
    ) as caught:
        prepared(empty, "from: 'hub:bert_tiny_en_uncased'", deep=True)
    assert "save_to_preset" in caught.value.help
