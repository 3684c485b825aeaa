"""Real cases about files: of other formats, with code in them, written by an older Keras 3."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from composer.authoring.inspection import inspect_model
from composer.container.digests import digest_tensors
from composer.errors import FormatError
from tests.cases.case_tools import called, numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

FILES = Path(__file__).parent / "files"
"""Small models with random weights: keras_3_0_5 and keras_3_6_0 by those releases of Keras."""


def test_case_24_a_saved_model_is_refused_with_the_way_out(case):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    model.export(case.folder / "exported", verbose=False)
    (refusal,) = case.refused("sources: {net: {from: exported}}")
    assert refusal.code == "CMP527"
    assert "TFSMLayer" in refusal.message
    assert "model.save('exported.keras')" in refusal.help


def test_case_24_a_damaged_saved_model_of_keras_2_names_the_keras_that_reads_it(case):
    folder = case.folder / "old"
    folder.mkdir()
    for name in ("saved_model.pb", "keras_metadata.pb"):
        (folder / name).write_bytes(b"\x08\x01")
    (refusal,) = case.refused("sources: {net: {from: old}}")
    assert refusal.code == "CMP526"
    assert "tf_keras.models.load_model('old').save('old.h5')" in refusal.help


def test_case_26_a_lambda_in_an_untrusted_file_is_refused_and_never_run(case):
    import keras

    marker = case.folder / "ran"

    def net():
        path = str(marker)
        x = keras.Input((3,), name="x")
        y = keras.layers.Lambda(lambda t: (Path(path).touch(), t)[1], name="evil")(x)
        return keras.Model(x, keras.layers.Dense(2, name="dense")(y), name="net")

    case.save("net", net)
    marker.unlink()  # saving has run it once
    (refusal,) = case.refused("sources: {net: {from: net.keras}}")
    assert refusal.code == "CMP530"
    assert "'evil' (Lambda)" in refusal.message
    assert "exclude: [evil]" in refusal.help
    assert "trust: true" in refusal.help
    assert inspect_model(case.folder / "net.keras").name == "net"
    built = case.build("""
inputs: {x: {shape: [3]}}
sources: {net: {from: net.keras, exclude: [evil], inputs: {evil: x}}}
""")
    assert {layer.name for layer in built.layers} == {"x", "dense"}
    assert not marker.exists()


@pytest.mark.parametrize("name", ["keras_3_0_5", "keras_3_0_5_nested", "keras_3_6_0"])
def test_case_27_a_file_of_an_older_keras_3_keeps_all_its_weights(case, name):
    import keras

    shutil.copy(FILES / f"{name}.keras", case.folder / "old.keras")
    source = keras.saving.load_model(case.folder / "old.keras")
    built = case.build("sources: {old: {from: old.keras, prefix: p_}}")
    assert len(built.variables) == len(source.variables)
    shapes = [tuple(tensor.shape[1:]) for tensor in source.inputs]
    inputs = [numbers(2, *shape, seed=seed) for seed, shape in enumerate(shapes)]
    assert called(built, *inputs) == called(source, *inputs)
    held = [
        sorted(digest.sha256 for digest in digest_tensors(case.folder / file).values())
        for file in ("old.keras", "result_built.keras")
    ]
    assert held[0] == held[1]
    assert held[0]


def test_case_27_an_older_keras_3_is_named_where_it_matters(case):
    shutil.copy(FILES / "keras_3_0_5.keras", case.folder / "old.keras")
    assert inspect_model(case.folder / "old.keras").keras_version == "3.0.5"
    (case.folder / "cut.keras").write_bytes((case.folder / "old.keras").read_bytes()[:9000])
    with pytest.raises(FormatError):
        inspect_model(case.folder / "cut.keras")
