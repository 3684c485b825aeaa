"""What stands in the way of a format is told before anything is built, at the place that asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import composer
from composer.errors import SpecError
from composer.outputs import fitness
from composer.outputs.formats import onnx
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare

SPEC = """\
version: 1
name: net
inputs:
  {name}: {{shape: [16, 16, 3]}}
sources:
  tower: {{from: models/tower.keras, inputs: {name}}}
output: {{path: build/net, format: {form}}}
"""


@pytest.fixture
def spec(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes the spec and prepares it."""
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    def written(form: str, name: str = "image", **options):
        Path("spec.yaml").write_text(SPEC.format(form=form, name=name))
        return prepare("spec.yaml", store=Store(tmp_path / "store"), **options)

    return written


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Return a function that hides packages."""

    def hide(*names: str) -> None:
        find = fitness.find_spec
        monkeypatch.setattr(
            fitness, "find_spec", lambda name: None if name in names else find(name)
        )

    return hide


def test_a_missing_package_stops_a_build_before_anything_is_read(spec, without) -> None:
    without("tf2onnx", "onnx")
    (found,) = spec("[keras, onnx]", building=True).diagnostics
    assert (found.code, found.severity, found.path) == ("CMP705", "error", ("output", "format", 1))
    assert found.span is not None
    assert (found.span.line, found.span.column) == (7, 43)
    assert found.message == (
        "to write onnx, compose needs onnx and tf2onnx, which are not installed"
    )
    assert found.help == "install what it takes: pip install 'keras-compose[onnx]'"
    with pytest.raises(SpecError, match="CMP705"):
        composer.build("spec.yaml")
    assert not Path("build").exists()


def test_a_plan_needs_no_package_and_only_warns(spec, without) -> None:
    without("ai_edge_litert")
    prepared = spec("tflite")
    assert [(d.code, d.severity) for d in prepared.diagnostics] == [("CMP705", "warning")]
    assert prepared.plan is not None


def test_a_place_from_the_command_line_is_looked_at_instead_of_those_of_the_spec(
    spec, without
) -> None:
    without("onnxruntime")
    assert spec("onnx", output="a.keras", building=True).diagnostics == ()
    (found,) = spec("keras", output="a.onnx", building=True).diagnostics
    assert (found.code, found.span) == ("CMP705", None)


@pytest.mark.parametrize("form", ["saved_model", "tflite", "onnx"])
@pytest.mark.parametrize("name", ["class", "self", "None"])
def test_a_word_of_python_is_no_name_of_an_input(spec, form, name) -> None:
    (found,) = spec(form, f"'{name}'").diagnostics
    assert (found.code, found.path) == ("CMP706", ("output", "format"))
    assert f"the input '{name}' can't have this name in {form}" in found.message
    assert found.notes[0].span is not None
    assert found.notes[0].span.line == 4
    assert "declare it under another id" in (found.help or "")


def test_a_dash_is_fine_where_it_stays_a_dash(spec) -> None:
    assert [d.code for d in spec("saved_model", "left-image").diagnostics] == ["CMP706"]
    assert spec("[onnx, tflite, keras, h5]", "left-image").diagnostics == ()


def test_the_formats_of_keras_take_any_name(spec) -> None:
    assert spec("[keras, weights, h5]", "class").diagnostics == ()


def test_an_input_of_a_source_is_renamed_there(spec) -> None:
    text = SPEC.format(form="onnx", name="image").replace("inputs: image", "prefix: '1 '")
    text = text.replace("inputs:\n  image: {shape: [16, 16, 3]}\n", "")
    Path("spec.yaml").write_text(text.replace(", prefix: '1 '", ", rename: {image: my image}"))
    (found,) = prepare("spec.yaml").diagnostics
    assert found.code == "CMP706"
    assert "sources.tower.rename: {'image': …}" in (found.help or "")


def test_what_is_too_large_is_told_from_the_plan(spec, monkeypatch) -> None:
    small = replace(onnx.FORMAT, largest=1000)
    monkeypatch.setattr(onnx, "FORMAT", small)
    (found,) = spec("[keras, onnx]").diagnostics
    assert (found.code, found.path) == ("CMP707", ("output", "format", 1))
    assert "and onnx holds at most 1,000" in found.message


def test_files_of_layers_are_no_part_of_weights_and_not_lost_in_h5(spec) -> None:
    prepared = spec("[keras, weights]")
    plan, asked = prepared.plan, prepared.spec
    assert plan is not None
    assert asked is not None
    held = replace(plan.states[0], assets=("assets/layers/x/vocabulary.txt",))
    plan = replace(plan, states=(held, *plan.states[1:]))
    found = fitness.unfit(asked, plan, asked.target.destinations)
    assert [(d.code, d.severity, d.path) for d in found] == [
        ("CMP708", "warning", ("output", "format", 1))
    ]
    places = [replace(asked.target.destinations[0], format="h5")]
    assert [d.severity for d in fitness.unfit(asked, plan, places)] == ["error"]


def test_a_build_refuses_what_a_plan_let_pass(spec, without) -> None:
    prepared = spec("keras")
    without("onnx")
    with pytest.raises(SpecError, match="CMP705"):
        build_spec(prepared, output="a.onnx")
    with pytest.raises(
        composer.UsageError, check=lambda error: error.key == "CMP701.unknown-extension"
    ):
        build_spec(prepared, output="a.pb")


def test_a_place_that_a_source_has_is_told_before_a_build(spec) -> None:
    path = "models/tower.keras"
    text = SPEC.format(form="keras", name="image")
    Path("spec.yaml").write_text(text.replace("build/net, format: keras", path))
    before = Path(path).read_bytes()
    for building in (False, True):
        (found,) = prepare("spec.yaml", building=building).errors
        assert (found.code, found.path) == ("CMP709", ("output", "path"))
        assert "is a source of this model" in found.message
        assert found.span is not None
        # Elsewhere it may go.
        assert prepare("spec.yaml", output="build/a.keras", building=building).errors == ()
    assert Path(path).read_bytes() == before


def test_a_folder_in_the_place_of_a_file_is_told_too(spec) -> None:
    assert spec("keras").errors == ()
    Path("build/net.keras").mkdir(parents=True)
    (found,) = spec("keras").errors
    assert (found.code, "is a folder" in found.message) == ("CMP709", True)
