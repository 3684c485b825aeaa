"""``trust: true``: code of a source runs where the spec says so, and nowhere else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from composer import api
from composer.errors import SpecError
from composer.keras_process.user_code import code_of
from composer.workflows.pipeline import prepare
from composer.workflows.verification import verify_artifact

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

SPEC = "version: 1\nname: net\nsources:\n  net: {from: source.keras%s}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a model of two inline functions, one of them nested."""
    import keras

    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    x = keras.Input((3,), name="x")
    double = keras.layers.Lambda(lambda t: t * 2, name="double")(x)
    plus = keras.layers.Lambda(lambda t: t + 1, name="plus")
    inner = keras.Sequential([keras.Input((3,)), plus, keras.layers.Dense(4)], name="inner")
    keras.Model(x, inner(double), name="net").save(folder / "source.keras")
    (folder / "distrusts.yaml").write_text(SPEC % "")
    (folder / "trusts.yaml").write_text(SPEC % ", trust: true")
    return folder


def test_trusted_code_goes_in_is_shown_and_computes_what_it_did(folder: Path) -> None:
    with pytest.raises(SpecError) as refused:
        api.build("distrusts.yaml")
    assert [d.code for d in refused.value.diagnostics] == ["CMP530", "CMP530"]
    assert "'inner/plus' (Lambda)" in refused.value.diagnostics[1].message

    artifact = api.build("trusts.yaml", output="net.keras", verify=True)
    (source,) = artifact.plan.sources
    assert source.trusted
    assert [text.split()[1] for text in source.allowed] == ["'double'", "'inner/plus'"]
    assert artifact.diagnostics == ()

    import keras
    import numpy as np

    one, other = (keras.saving.load_model(name, safe_mode=False)
                  for name in ("source.keras", "net.keras"))  # fmt: skip
    values = np.arange(6, dtype="float32").reshape(2, 3)
    assert np.asarray(one(values)).tobytes() == np.asarray(other(values)).tobytes()


def test_an_artifact_with_code_is_loaded_through_the_spec_that_trusts_it_alone(
    folder: Path,
) -> None:
    api.build("trusts.yaml", output="net.keras")
    alone = api.verify("net.keras")
    assert [(check.name, check.state) for check in alone.checks] == [("code", "failed")]
    assert "layer 'double' (Lambda)" in alone.checks[0].detail
    assert "--spec" in alone.checks[0].detail

    through = api.verify("net.keras", "trusts.yaml")
    assert through.ok, through.checks
    (code,) = [check for check in through.checks if check.name == "code"]
    assert "because the spec trusts net" in code.detail
    assert "source net" in [check.name for check in through.checks]


def test_other_code_than_the_trusted_source_has_is_not_run(folder: Path) -> None:
    api.build("trusts.yaml", output="net.keras")
    with zipfile.ZipFile("net.keras") as old, zipfile.ZipFile("changed.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                function = config["config"]["layers"][1]["config"]["function"]
                function["config"]["code"] = "b3RoZXI="
                data = json.dumps(config).encode()
            new.writestr(name, data)
    report = api.verify("changed.keras", "trusts.yaml")
    assert not report.ok
    assert report.checks[-1].name == "code"
    assert "not what the spec lets in" in report.checks[-1].detail


def test_keras_is_asked_about_trusted_code_behind_a_changed_seam(folder: Path) -> None:
    (folder / "wired.yaml").write_text(
        "version: 1\nname: wired\ninputs: {x: {shape: [3], batch_size: 5}}\n"
        "sources: {net: {from: source.keras, trust: true, inputs: x}}\n"
        "layers: {top: {class: Dense, args: {units: 2}, inputs: net}}\n"
    )
    artifact = api.build("wired.yaml", output="wired.keras")
    prepared = prepare("wired.yaml")
    assert prepared.plan is not None
    assert prepared.spec is not None
    assert prepared.plan.outputs[0].spec is not None
    assert prepared.plan.outputs[0].spec.shape == (5, 2)
    report = verify_artifact(artifact.path, artifact.plan, code=code_of(prepared.spec))
    assert report.ok, report.checks


def test_a_spec_as_a_source_hands_no_trust_on(folder: Path) -> None:
    (folder / "outer.yaml").write_text(
        "version: 1\nname: outer\nsources:\n  inner: {from: trusts.yaml}\n"
    )
    found = prepare("outer.yaml", deep=True).errors
    assert {d.code for d in found} == {"CMP530"}
    (folder / "outer.yaml").write_text(
        "version: 1\nname: outer\nsources:\n  inner: {from: trusts.yaml, trust: true}\n"
    )
    assert prepare("outer.yaml", deep=True).errors == ()


def test_trusted_code_is_exported_with_the_rest(folder: Path) -> None:
    artifact = api.build("trusts.yaml", output=["net.keras", "net.h5", "net.onnx"])
    assert [file.path.name for file in artifact.files] == ["net.keras", "net.h5", "net.onnx"]
    assert Path("net.onnx").is_file()


def test_old_weights_do_not_make_keras_load_an_architecture_with_code(folder: Path) -> None:
    with h5py.File("old.h5", "w") as file:
        file.attrs["layer_names"] = [b"inner"]
        group = file.create_group("inner")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group["dense/kernel:0"] = np.zeros((3, 4), "float32")
        group["dense/bias:0"] = np.zeros(4, "float32")
    (folder / "distrusts.yaml").write_text(SPEC % ", weights: old.h5")
    (found,) = prepare("distrusts.yaml", deep=True).errors
    assert found.case == "code"
    assert "layer 'double' (Lambda)" in found.message
    assert found.path[-1] == "weights"
