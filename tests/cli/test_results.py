"""What the command line says of several results, and of mistakes in where they shall go."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
output: {path: build/pair, format: [keras, weights, onnx]}
"""


@pytest.fixture(autouse=True)
def spec(workspace: Path) -> None:
    (workspace / "spec.yaml").write_text(SPEC)


def test_each_result_has_a_block_and_what_they_share_is_said_once(compose):
    done = compose("build", "spec.yaml", "output.format=[keras,weights]")
    assert done.code == 0
    lines = re.sub(r"[0-9a-f]{64}", "…", re.sub(r"\d+\.\d s", "… s", done.out)).splitlines()
    assert lines == [
        "build/pair.keras",
        "  operations  7, from 2 sources",
        "  parameters  574 (2.2 KiB)",
        "  file        19.1 KiB",
        "  sha256      …",
        "build/pair.weights.h5",
        "  file        12.8 KiB",
        "  sha256      …",
        "  took        … s",
    ]


def test_paths_of_the_command_line_take_the_place_of_all_in_the_spec(compose):
    done = compose("build", "spec.yaml", "-o", "x/a.weights.h5", "-o", "b.keras")
    assert done.code == 0
    assert Path("x/a.weights.h5").is_file()
    assert Path("b.keras").is_file()
    assert not Path("build").exists()


def test_a_dry_run_and_a_plan_say_what_would_be_written_and_how(compose):
    done = compose("build", "spec.yaml", "--dry-run")
    assert done.out.startswith(
        "build/pair.keras would be written\n"
        "build/pair.weights.h5 would be written\n"
        "build/pair.onnx would be exported by Keras\n"
    )
    assert not Path("build").exists()
    assert (
        "results\n"
        "  build/pair.keras       Keras archive, linked\n"
        "  build/pair.weights.h5  weights alone, linked\n"
        "  build/pair.onnx        ONNX model, exported by Keras\n"
    ) in compose("plan", "spec.yaml").out


def test_the_plan_document_holds_the_results_and_keeps_to_its_schema(compose):
    document = json.loads(compose("plan", "spec.yaml", "--json").out)
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    Draft202012Validator(schema).validate(document)
    assert document["results"][2] == {
        "path": "build/pair.onnx",
        "format": "onnx",
        "exported": True,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "a.pb"], 2, "error[CMP701]: a.pb has no known extension"),
        (["-o", "a.keras", "-o", "x/../a.keras"], 2, "two results would be written to one place"),
        (["-o", "models/"], 3, "models is, or holds, a source of this model and would be replaced"),
        (["-o", "taken/"], 3, "it contains notes.txt"),
        (["-o", "models/head.keras"], 3, "models/head.keras is a source of this model"),
        (["output.path=a.h5"], 1, "error[CMP702]: the extension of 'a.h5' means h5, which is"),
        (["output.format=onyx"], 1, "did you mean 'onnx'?"),
    ],
)
def test_a_mistake_in_the_place_is_told_before_anything_is_written(
    compose, workspace, arguments, code, message
):
    Path("taken").mkdir()
    Path("taken/notes.txt").write_text("mine")
    if "models/" in arguments:
        # A real folder: the fixture's is a link.
        Path("models").rename("linked")
        Path("models").mkdir()
        for name in ("tower", "head"):
            Path(f"models/{name}.keras").write_bytes(Path(f"linked/{name}.keras").read_bytes())
    before = sorted(path.name for path in workspace.iterdir())
    done = compose("build", "spec.yaml", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert sorted(path.name for path in workspace.iterdir()) == before


def test_two_specs_of_one_command_may_share_no_place_in_any_format(compose):
    Path("other.yaml").write_text(SPEC.replace("name: pair", "name: other"))
    done = compose("build", "spec.yaml", "other.yaml")
    assert done.code == 2
    assert "would both be written to build/pair.keras" in done.err


def test_packages_that_are_missing_are_a_warning_until_they_are_needed(compose, monkeypatch):
    from composer.outputs import fitness

    monkeypatch.setattr(fitness, "find_spec", lambda _name: None)
    checked = compose("validate", "spec.yaml")
    assert checked.code == 0
    assert "spec.yaml:6:53: warning[CMP705]: to write onnx, compose needs onnx" in checked.err
    built = compose("build", "spec.yaml")
    assert built.code == 1
    assert "error[CMP705]" in built.err
    assert "help: install what it takes: pip install 'keras-compose[onnx]'" in built.err
    assert not Path("build").exists()
