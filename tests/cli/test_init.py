"""``compose init``: what it writes is sound, and sound as well with its suggestions taken."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import h5py
import pytest
import yaml

from composer.workflows.pipeline import prepare
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5
from tests.models import NAMES

GOLDEN = Path(__file__).parent / "golden"


def taken(file: Path) -> Path:
    """Return a copy of a first spec in which every suggestion is taken."""
    text = re.sub(r"(?m)^( *)#(?=[^ \n]|  \S)", r"\1", file.read_text())
    copy = file.with_name(f"taken_{file.name}")
    copy.write_text(text)
    return copy


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_of_one_model_is_sound(compose, workspace, name):
    result = compose("init", f"models/{name}.keras")
    assert result.code == 0, result.err
    assert compose("validate", f"{name}.yaml").code == 0
    found = prepare(taken(workspace / f"{name}.yaml"))
    # Opened, that model has layers whose weights are shared with what is outside.
    assert found.errors == ()


def test_a_spec_of_all_models_is_sound_and_nothing_collides(compose, workspace):
    result = compose("init", *(f"models/{name}.keras" for name in NAMES), "-o", "all.yaml")
    assert result.code == 0, result.err
    found = prepare("all.yaml")
    assert found.diagnostics == ()
    assert len(found.spec.sources) == len(NAMES)


def test_two_models_that_collide_get_prefixes_and_lose_their_heads(compose, workspace, golden):
    (workspace / "specs").mkdir()
    result = compose("init", "models/tower.keras", "models/tower_b.keras")
    assert result.code == 0
    golden(GOLDEN / "init.txt", result.out + result.err)
    golden(GOLDEN / "init.yaml", (workspace / "specs/tower_tower_b.yaml").read_text())
    spec = yaml.safe_load((workspace / "specs/tower_tower_b.yaml").read_text())
    assert spec["sources"]["tower"] == {
        "from": "../models/tower.keras",
        "prefix": "tower_",
        "exclude": ["probs"],
    }
    assert (workspace / "specs" / "../schemas/spec.schema.json").is_file()
    assert compose("build", "specs/tower_tower_b.yaml").code == 0
    assert (workspace / "build/tower_tower_b.keras").is_file()


@pytest.mark.keras
def test_with_its_suggestions_taken_the_spec_builds_what_they_say(compose, workspace):
    compose("init", "models/tower.keras", "models/tower_b.keras", "-o", "pair.yaml")
    result = compose("build", str(taken(workspace / "pair.yaml")), "-o", "pair.keras")
    assert result.code == 0, result.err
    shown = compose("inspect", "pair.keras").out
    assert re.search(r"^input +image \(None, 16, 16, 3\)", shown, re.MULTILINE)
    assert re.search(r"^output +predictions \(None, 10\)", shown, re.MULTILINE)


def test_a_head_is_wired_to_the_tower_whose_output_fits(compose, workspace):
    compose("init", "models/tower.keras", "models/head.keras", "-o", "pair.yaml")
    spec = yaml.safe_load(taken(workspace / "pair.yaml").read_text())
    assert spec["sources"]["head"] == {"from": "models/head.keras", "inputs": "tower"}
    assert spec["sources"]["tower"]["exclude"] == ["probs"]
    assert "prefix" not in spec["sources"]["tower"]  # no name of theirs collides
    assert prepare(taken(workspace / "pair.yaml")).errors == ()


def test_what_keras_has_to_make_first_is_deferred_and_gets_a_prefix(compose, workspace):
    result = compose("init", "app:ResNet50", "models/tower.keras", "-o", "pair.yaml")
    assert result.code == 0
    assert "1 deferred until Keras is asked" in result.out
    spec = yaml.safe_load((workspace / "pair.yaml").read_text())
    assert spec["sources"]["resnet50"] == {"from": "app:ResNet50", "prefix": "resnet50_"}
    assert prepare("pair.yaml").errors == ()


def test_an_old_file_is_read_without_keras(compose, workspace):
    write_h5(workspace / "old.h5", two_dense(), two_dense_weights())
    result = compose("init", "old.h5", "models/tower.keras", "-o", "pair.yaml")
    assert result.code == 0, result.err
    text = (workspace / "pair.yaml").read_text()
    assert "becomes an input of the model" in text
    assert "Keras has to create this model first" not in text
    assert prepare("pair.yaml").errors == ()


def test_a_spec_is_a_model_too(compose, workspace):
    compose("init", "models/tower.keras", "-o", "one.yaml")
    result = compose("init", "one.yaml", "models/tower_b.keras", "-o", "two.yaml")
    assert result.code == 0, result.err
    assert prepare("two.yaml").errors == ()


def test_models_of_one_name_are_told_apart_by_their_folders(compose, workspace):
    for folder in ("red", "blue"):
        (workspace / folder).mkdir()
        (workspace / folder / "model.keras").write_bytes(
            (workspace / "models/tower.keras").read_bytes()
        )
    assert compose("init", "red/model.keras", "blue/model.keras", "-o", "m.yaml").code == 0
    spec = yaml.safe_load((workspace / "m.yaml").read_text())
    assert [s["prefix"] for s in spec["sources"].values()] == ["red_", "blue_"]


def test_nothing_is_replaced(compose, workspace):
    (workspace / "tower.yaml").write_text("mine")
    result = compose("init", "models/tower.keras")
    assert result.code == 2
    assert "tower.yaml already exists" in result.err
    assert compose("init", "models/head.keras", "-o", "tower.yaml").code == 2
    assert (workspace / "tower.yaml").read_text() == "mine"
    assert not (workspace / "schemas").exists()


def test_the_result_is_never_one_of_the_models(compose, workspace):
    (workspace / "build").mkdir()
    (workspace / "build/tower.keras").write_bytes((workspace / "models/tower.keras").read_bytes())
    assert compose("init", "build/tower.keras").code == 0
    assert compose("build", "tower.yaml").code == 0
    assert (workspace / "build/tower_new.keras").is_file()


def test_stdout_gets_the_spec_and_nothing_else_and_no_file_is_written(compose, workspace):
    before = sorted(workspace.iterdir())
    result = compose("init", "models/tower.keras", "-o", "-")
    assert (result.code, result.err) == (0, "")
    assert yaml.safe_load(result.out)["name"] == "tower"
    assert sorted(workspace.iterdir()) == before


def test_a_schema_that_is_there_is_the_one_of_the_modeline(compose, workspace):
    (workspace / "schemas").mkdir()
    (workspace / "schemas/spec.schema.json").write_text("{}")
    (workspace / "specs").mkdir()
    compose("init", "models/tower.keras")
    first = (workspace / "specs/tower.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schemas/spec.schema.json"
    assert (workspace / "schemas/spec.schema.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "for instance: compose init models/head.keras models/masked.keras"),
        (["models/towr.keras"], "did you mean models/tower.keras?"),
        (["models"], "it holds models/head.keras"),
        (["models/tower.keras", "-o", "spec.txt"], "name it spec.yaml"),
        (["models/tower.keras", "--name", "a b"], "--name resnet_head"),
        (["app:ResNet5O"], "ResNet50"),
    ],
)
def test_mistakes_are_told(compose, workspace, arguments, says):
    result = compose("init", *arguments)
    assert result.code in (1, 2)
    assert says in result.err
    assert not list(workspace.glob("*.yaml"))


def test_names_from_a_file_stay_in_their_comments_and_quotes(compose, workspace):
    strange = "a: b # c\n  x: ${vars.y} \x1b[31m"

    with (
        zipfile.ZipFile("models/tower.keras") as source,
        zipfile.ZipFile("odd: #1.keras", "w") as odd,
    ):
        config = source.read("config.json").decode().replace('"probs"', json.dumps(strange))
        odd.writestr("metadata.json", source.read("metadata.json"))
        odd.writestr("config.json", config)
        weights = io.BytesIO(source.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            file["layers/dense/vars"].attrs["name"] = strange
        odd.writestr("model.weights.h5", weights.getvalue())
    result = compose("init", "odd: #1.keras", "-o", "odd.yaml")
    assert result.code == 0, result.err
    found = prepare("odd.yaml")
    assert found.errors == ()
    assert [s.pattern for s in found.spec.sources[0].exclude] == [re.escape(strange)]
