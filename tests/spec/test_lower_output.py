"""``output``: places and formats, each filled in from the other, and their contradictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.diagnostics import Diagnostic
from composer.spec import spec_from_text
from composer.spec.formats import format_of, known_formats

HEAD = "version: 1\nname: net\ninputs: {x: {shape: [4]}}\noutputs: x\n"


def read(output: str, *overrides: str) -> tuple[list[tuple[str, str]], tuple[Diagnostic, ...]]:
    """Return the places, below the spec's folder ``d``, with their formats, and the diagnostics."""
    text = HEAD + (f"output: {output}\n" if output else "")
    spec, found = spec_from_text(text, file="s.yaml", directory=Path("d"), overrides=overrides)
    assert spec is not None
    return [(str(p.path), p.format) for p in spec.target.destinations], found


@pytest.mark.parametrize(
    ("output", "places"),
    [
        ("", [("build/net.keras", "keras")]),
        ("{signature: dict}", [("build/net.keras", "keras")]),
        ("{format: onnx}", [("build/net.onnx", "onnx")]),
        ("{format: saved_model}", [("build/net.saved_model", "saved_model")]),
        ("{path: a.keras}", [("d/a.keras", "keras")]),
        ("{path: a.weights.h5}", [("d/a.weights.h5", "weights")]),
        ("{path: a.h5}", [("d/a.h5", "h5")]),
        ("{path: a.tflite}", [("d/a.tflite", "tflite")]),
        ("{path: serving/1/}", [("d/serving/1", "saved_model")]),
        ("{path: a.saved_model}", [("d/a.saved_model", "saved_model")]),
        ("{path: serving/1, format: saved_model}", [("d/serving/1", "saved_model")]),
        ("{path: v1.2, format: keras}", [("d/v1.2.keras", "keras")]),
        ("{path: a.onnx, format: onnx}", [("d/a.onnx", "onnx")]),
        ("{path: a.onnx, format: [onnx]}", [("d/a.onnx", "onnx")]),
        (
            "{path: a.keras, format: [onnx, keras, weights]}",
            [("d/a.onnx", "onnx"), ("d/a.keras", "keras"), ("d/a.weights.h5", "weights")],
        ),
        (
            "{path: v1.2, format: [h5, saved_model]}",
            [("d/v1.2.h5", "h5"), ("d/v1.2.saved_model", "saved_model")],
        ),
        ("{format: [keras, h5]}", [("build/net.keras", "keras"), ("build/net.h5", "h5")]),
        ("{path: [a.keras, x/b.onnx]}", [("d/a.keras", "keras"), ("d/x/b.onnx", "onnx")]),
    ],
)
def test_what_is_left_out_follows_from_what_is_said(output, places) -> None:
    assert read(output) == (places, ())


def test_an_override_gives_formats_too() -> None:
    places, found = read("{path: a}", "+output.format=[keras,onnx]")
    assert (places, found) == ([("d/a.keras", "keras"), ("d/a.onnx", "onnx")], ())


@pytest.mark.parametrize(
    ("output", "code", "column", "help_"),
    [
        ("{path: a.karas}", "CMP701", 16, "name it a.keras"),
        ("{path: model}", "CMP701", 16, "name it model.keras"),
        ("{path: .keras}", "CMP701", 16, "name it"),
        ("{path: [a.keras, b.pb]}", "CMP701", 26, "name it b.keras"),
        ("{path: a.h5, format: weights}", "CMP702", 16, "name it a.weights.h5, or say format: h5"),
        ("{path: a/, format: keras}", "CMP702", 16, "name it a.keras"),
        ("{path: a.h5, format: [keras, onnx]}", "CMP702", 16, "format: [h5, keras, onnx]"),
        ("{path: [a.h5, b.h5], format: h5}", "CMP703", 38, "leave it out"),
        ("{path: [a.h5, ./x/../a.h5]}", "CMP704", 23, "leave one of them out"),
        ("{path: [a/, a/b.keras]}", "CMP704", 21, "leave one of them out"),
        ("{format: [keras, keras]}", "CMP704", 26, "leave one of them out"),
    ],
)
def test_a_contradiction_is_located_and_has_a_way_out(output, code, column, help_) -> None:
    _, (found,) = read(output)
    assert found.code == code
    assert found.span is not None
    assert (found.span.line, found.span.column) == (5, column)
    assert help_ in (found.help or "")


@pytest.mark.parametrize(
    ("output", "repaired"),
    [
        ("{path: a.h5, format: keras}", [("d/a.h5", "h5")]),
        ("{path: a.h5, format: [onnx]}", [("d/a.h5", "h5"), ("d/a.onnx", "onnx")]),
    ],
)
def test_the_fix_of_a_contradiction_repairs_it(output, repaired) -> None:
    text = f"{HEAD}output: {output}\n"
    _, found = spec_from_text(text, file="s.yaml", directory=Path("d"))
    ((edit,),) = [item.fix for item in found]
    lines = text.split("\n")
    line = lines[edit.span.line - 1]
    lines[edit.span.line - 1] = (
        line[: edit.span.column - 1] + edit.replacement + line[edit.span.end_column - 1 :]
    )
    assert read(lines[4].removeprefix("output: ")) == (repaired, ())


def test_every_format_is_known_by_its_ending_and_the_longest_ending_wins() -> None:
    assert list(known_formats()) == ["keras", "h5", "onnx", "saved_model", "tflite", "weights"]
    for form in known_formats().values():
        assert format_of(f"some/model{form.suffix}") == form
    assert format_of("a.pb") is None
