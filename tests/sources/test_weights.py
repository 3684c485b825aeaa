"""``weights``: another file's weights in a source's architecture, linked without Keras."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import BuildError
from composer.linker.build import build_plan
from composer.model_files.read_model import read_model
from composer.resolver.plan_document import plan_document
from composer.store import Store
from composer.workflows.pipeline import Prepared, prepare
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5
from tests.models import NAMES


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """Return a folder with a tower and a ``.weights.h5`` file of its sibling's weights."""
    shutil.copy(models / "tower.keras", tmp_path)
    shutil.copy(models / "tower_b.keras", tmp_path)
    with zipfile.ZipFile(models / "tower_b.keras") as archive:
        (tmp_path / "b.weights.h5").write_bytes(archive.read("model.weights.h5"))
    return tmp_path


def prepared(folder: Path, weights: str, rest: str = "from: tower.keras") -> Prepared:
    spec = folder / "spec.yaml"
    text = f"version: 1\nname: model\nsources:\n  it: {{{rest}, weights: {weights}}}\n"
    spec.write_text(text, encoding="utf-8")
    return prepare(spec, store=Store(folder / "store"))


def only(folder: Path, weights: str, rest: str = "from: tower.keras") -> Diagnostic:
    (found,) = prepared(folder, weights, rest).diagnostics
    return found


def tensors(path: Path) -> dict[str, bytes]:
    with read_weights(path) as file:
        found: dict[str, bytes] = {}
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
        return found


def read_weights(path: Path) -> h5py.File:
    if path.suffix != ".keras":
        return h5py.File(path)
    return h5py.File(zipfile.ZipFile(path).open("model.weights.h5"))


def change(folder: Path, edit: Callable[[h5py.File], None]) -> None:
    with h5py.File(folder / "b.weights.h5", "a") as file:
        edit(file)


@pytest.mark.parametrize("weights", ["b.weights.h5", "tower_b.keras"])
def test_the_artifact_holds_the_weights_of_the_file_bit_for_bit(folder: Path, weights: str) -> None:
    found = prepared(folder, weights, "from: tower.keras, prefix: p_")
    assert found.diagnostics == ()
    assert found.plan is not None
    build_plan(found.plan, {}, folder / "built.keras")
    held = tensors(folder / "built.keras")
    assert held == tensors(folder / "tower_b.keras")
    assert held != tensors(folder / "tower.keras")


def test_the_plan_names_the_file_of_weights(folder: Path) -> None:
    plan = prepared(folder, "b.weights.h5").plan
    assert plan is not None
    (source,) = plan_document(plan)["sources"]
    assert (source["from"], source["weights"]) == ("tower.keras", "b.weights.h5")


def test_the_second_time_nothing_is_made_again(folder: Path) -> None:
    prepared(folder, "b.weights.h5")
    (made,) = Store(folder / "store").list_objects()
    written = made.path.stat().st_mtime_ns
    prepared(folder, "{file: b.weights.h5, by: order}")
    (same,) = Store(folder / "store").list_objects()
    assert (same.digest, same.path.stat().st_mtime_ns) == (made.digest, written)


def test_a_target_never_replaces_the_file_of_weights_or_the_architecture(folder: Path) -> None:
    plan = prepared(folder, "tower_b.keras").plan
    assert plan is not None
    for name in ("tower.keras", "tower_b.keras"):
        with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source"):
            build_plan(plan, {}, folder / name)


def test_relative_paths_belong_to_the_file_that_wrote_them(folder: Path) -> None:
    (folder / "base").mkdir()
    shutil.move(folder / "b.weights.h5", folder / "base")
    (folder / "base" / "base.yaml").write_text(
        "version: 1\nsources:\n  it: {from: ../tower.keras, weights: b.weights.h5}\n"
    )
    (folder / "spec.yaml").write_text("version: 1\nname: model\nextends: [base/base.yaml]\n")
    found = prepare(folder / "spec.yaml", store=Store(folder / "store"))
    assert found.diagnostics == ()
    assert found.plan is not None


def test_exchanged_layers_are_refused_by_name_and_by_names_they_go_home(folder: Path) -> None:
    mine = {
        f"layers/conv2d{end}": f"layers/conv2d{other}" for end, other in (("", "_1"), ("_1", ""))
    }
    with h5py.File(folder / "b.weights.h5") as file, h5py.File(folder / "x.weights.h5", "w") as new:
        for name in file["layers"]:
            file.copy(f"layers/{name}", new, mine.get(f"layers/{name}", f"layers/{name}"))
        file.copy("vars", new)
    error = only(folder, "x.weights.h5")
    assert (error.code, error.path) == ("CMP523", ("sources", "it", "weights"))
    by_names = prepared(folder, "{file: x.weights.h5, by: names}")
    assert by_names.diagnostics == ()
    assert by_names.plan is not None
    build_plan(by_names.plan, {}, folder / "built.keras")
    assert tensors(folder / "built.keras") == tensors(folder / "tower_b.keras")


def test_exchanged_layers_of_equal_shapes_are_noticed_by_their_names(folder: Path) -> None:
    def exchange(file: h5py.File) -> None:
        for one, other in (("conv2d", "conv2"), ("conv2d_1", "conv1")):
            file[f"layers/{one}/vars"].attrs["name"] = other

    change(folder, exchange)
    error = only(folder, "b.weights.h5")
    assert error.code == "CMP523"
    assert error.case == "crossed"
    assert error.fields["crossed"] == ("'conv2' into 'conv1'", "'conv1' into 'conv2'")


def test_another_name_is_a_warning_that_shows_the_pair(folder: Path) -> None:
    def rename(file: h5py.File) -> None:
        file["layers/conv2d/vars"].attrs["name"] = "stem"

    change(folder, rename)
    warning = only(folder, "b.weights.h5")
    assert (warning.code, warning.severity) == ("CMP524", "warning")
    assert warning.message.endswith("stem into conv1")


def test_weights_for_no_layer_and_layers_without_weights_are_both_listed(folder: Path) -> None:
    change(folder, lambda file: file.move("layers/dense", "layers/dense_7"))
    error = only(folder, "b.weights.h5")
    assert error.code == "CMP523"
    assert "it has nothing for 'probs'; nothing takes its 'probs'" in error.message
    assert "is 'probs' of the file the layer 'probs'?" in error.help


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros((3, 3, 3, 9), "float32"), "has shape (3, 3, 3, 8) at layers/conv2d/vars/0"),
        (np.zeros((3, 3, 3, 8), "float16"), "conv1 is float32 at layers/conv2d/vars/0, the file"),
    ],
)
def test_another_shape_or_dtype_is_refused(folder: Path, value: np.ndarray, told: str) -> None:
    def replace(file: h5py.File) -> None:
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = value

    change(folder, replace)
    error = only(folder, "b.weights.h5")
    assert error.code == "CMP523"
    assert told in error.message


def test_an_optimizer_in_the_file_stays_behind(folder: Path) -> None:
    change(folder, lambda file: file.create_dataset("optimizer/vars/0", data=np.zeros(3)))
    assert prepared(folder, "b.weights.h5").diagnostics == ()


def test_the_state_of_random_numbers_is_no_weight(folder: Path) -> None:
    def seedless(file: h5py.File) -> None:
        file.create_dataset("layers/dropout/seed_generator/vars/0", data=np.zeros(2, "uint32"))

    change(folder, seedless)
    assert prepared(folder, "b.weights.h5").diagnostics == ()


def test_a_missing_file_is_told_at_the_key_with_the_nearest(folder: Path) -> None:
    error = only(folder, "b.weigths.h5")
    assert (error.code, error.path) == ("CMP501", ("sources", "it", "weights"))
    assert "did you mean 'b.weights.h5'?" in error.help


def test_a_digest_pins_the_file_of_weights(folder: Path) -> None:
    digest = hashlib.sha256((folder / "b.weights.h5").read_bytes()).hexdigest()
    assert prepared(folder, f"{{file: b.weights.h5, sha256: {digest}}}").diagnostics == ()
    error = only(folder, f"{{file: b.weights.h5, sha256: {'0' * 64}}}")
    assert (error.code, error.path) == ("CMP503", ("sources", "it", "weights", "sha256"))


@pytest.mark.parametrize("name", ["b.weights.h5", "tower_b.keras"])
def test_a_damaged_file_is_refused_before_anything_is_made(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert only(folder, name).code == "CMP502"
    assert Store(folder / "store").list_objects() == ()


def test_what_is_no_file_of_weights_is_refused(folder: Path) -> None:
    (folder / "b.weights.h5").write_text("nothing of the kind")
    error = only(folder, "b.weights.h5")
    assert error.code == "CMP502"
    assert (error.case, error.fields["path"]) == ("not-hdf5", "b.weights.h5")
    assert str(folder) not in error.message


def test_an_architecture_that_waits_for_keras_is_deferred(folder: Path) -> None:
    found = prepared(folder, "b.weights.h5", "from: 'app:MobileNet', args: {weights: null}")
    assert found.diagnostics == ()
    assert found.plan is None
    assert found.deferred


def test_weights_go_into_a_source_that_is_kept_nested(folder: Path) -> None:
    found = prepared(folder, "b.weights.h5", "from: tower.keras, nested: inner")
    assert found.diagnostics == ()
    assert found.plan is not None
    build_plan(found.plan, {}, folder / "built.keras")
    held = {
        path.rpartition("layers/functional/")[2]: data
        for path, data in tensors(folder / "built.keras").items()
    }
    assert held == tensors(folder / "tower_b.keras")
    assert read_model(folder / "built.keras").graph.operations[-1].name == "inner"


def test_a_file_without_names_can_t_be_paired_by_them(folder: Path) -> None:
    def nameless(file: h5py.File) -> None:
        groups: list[h5py.Group] = []
        file.visititems(lambda _, item: groups.append(item) if "name" in item.attrs else None)
        for group in groups:
            del group.attrs["name"]

    change(folder, nameless)
    assert prepared(folder, "b.weights.h5").diagnostics == ()
    error = only(folder, "{file: b.weights.h5, by: names}")
    assert error.code == "CMP523"
    assert error.case == "no-names"
    change(folder, lambda file: file.move("layers/dense", "layers/dense_7"))
    error = only(folder, "b.weights.h5")
    assert "it has nothing for 'probs'; nothing takes its 'layers/dense_7'" in error.message


def test_keras_never_loads_an_architecture_that_carries_code(folder: Path) -> None:
    with (
        zipfile.ZipFile(folder / "tower.keras") as source,
        zipfile.ZipFile(folder / "evil.keras", "w") as copy,
    ):
        for member in source.namelist():
            data = source.read(member)
            if member == "config.json":
                config = json.loads(data)
                layer = config["config"]["layers"][1]
                layer["config"]["activation"] = {
                    "class_name": "__lambda__",
                    "config": {"code": "4wEAAAA="},
                }
                data = json.dumps(config).encode()
            copy.writestr(member, data)
    write_h5(folder / "old.h5", two_dense(), two_dense_weights())
    error = only(folder, "old.h5", "from: evil.keras")
    assert error.code == "CMP523"
    assert error.case == "code"
    assert "layer 'conv1'" in str(error.fields["reason"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by", ["order", "names"])
def test_every_kind_of_model_takes_its_own_weights_back(
    models: Path, tmp_path: Path, name: str, by: str
) -> None:
    shutil.copy(models / f"{name}.keras", tmp_path / "it.keras")
    with zipfile.ZipFile(models / f"{name}.keras") as archive:
        (tmp_path / "it.weights.h5").write_bytes(archive.read("model.weights.h5"))
    found = prepared(tmp_path, f"{{file: it.weights.h5, by: {by}}}", "from: it.keras, nested: in")
    # One of them keeps weights where no layer can be moved from, whoever's weights they are.
    assert {d.code for d in found.diagnostics} <= {"CMP508"}
    (made,) = Store(tmp_path / "store").list_objects()
    assert tensors(made.path) == tensors(tmp_path / "it.keras")
