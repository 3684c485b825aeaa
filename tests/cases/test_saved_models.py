"""SavedModel folders that tf-keras wrote, taken apart, against tf-keras's own numbers."""

from __future__ import annotations

import shutil

import pytest

from tests.cases.case_tools import names, saved_by

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_by("save_keras2_folders.py", tmp_path_factory.mktemp("folders"))


def differences(saved, name, built):
    """Return how far each output is from what tf-keras made of the same inputs."""
    import keras
    import numpy as np

    record = np.load(saved / f"{name}.npz")
    given = [record[key] for key in record if key.startswith("input")]
    outputs = keras.tree.flatten(built(given if len(given) > 1 else given[0], training=False))
    return [
        float(np.abs(np.asarray(output) - record[f"output_{index}"]).max())
        for index, output in enumerate(outputs)
    ]


def test_nested_frozen_and_equal_layers_get_their_own_weights(case, saved):
    spec = f"sources: {{it: {{from: {saved}/nested, prefix: p_}}}}"
    built = case.build(spec, deep=True)
    assert {"p_inner", "p_both", "p_frozen", "p_left", "p_right"} <= names(built)
    # tf-keras fuses batch normalisation in another way; weights in wrong places are off by tenths.
    assert max(differences(saved, "nested", built)) < 2e-6
    assert not built.get_layer("p_frozen").trainable
    (warning,) = case.warnings(spec)
    assert warning.code == "CMP521"
    assert any(note.message.startswith("time_major=False dropped") for note in warning.notes)


def test_a_shared_layer_and_several_inputs_and_outputs(case, saved):
    built = case.build(f"sources: {{it: {{from: {saved}/shared}}}}", deep=True)
    assert differences(saved, "shared", built) == [0.0, 0.0]


def test_a_sequential_cut_under_a_new_head(case, saved):
    spec = f"sources: {{it: {{from: {saved}/stack}}}}"
    built = case.build(spec, deep=True)
    assert max(differences(saved, "stack", built)) < 2e-6
    cut = case.build(
        f"sources: {{it: {{from: {saved}/stack, exclude: [dense_1], trainable: false}}}}\n"
        "layers: {head: {class: Dense, args: {units: 3}, inputs: it}}",
        deep=True,
        name="cut",
    )
    import numpy as np

    for layer, other in zip(cut.layers[1:3], built.layers[1:3], strict=True):
        for one, two in zip(layer.get_weights(), other.get_weights(), strict=True):
            assert np.array_equal(one, two)


def test_a_folder_is_imported_once_and_again_when_a_byte_changes(case, saved):
    shutil.copytree(saved / "stack", case.folder / "net")
    spec = "sources: {it: {from: ./net}}"
    assert case._prepare(spec, deep=True).plan is not None
    assert case._prepare(spec, deep=False).plan is not None
    data = case.folder / "net" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(bytes([data.read_bytes()[0] ^ 1]) + data.read_bytes()[1:])
    found = case._prepare(spec, deep=False)
    assert found.plan is None
    assert found.deferred


def test_a_subclassed_model_is_refused_with_its_class_without_keras(case, saved):
    (error,) = case.refused(f"sources: {{it: {{from: {saved}/net}}}}")
    assert error.code == "CMP526"
    assert (error.case, error.fields["class_name"]) == ("subclass", "Net")


def test_a_folder_without_its_variables_is_refused(case, saved):
    shutil.copytree(saved / "stack", case.folder / "net")
    shutil.rmtree(case.folder / "net" / "variables")
    (error,) = case._prepare("sources: {it: {from: ./net}}", deep=True).errors
    assert error.code == "CMP526"
    assert error.case == "variables"
