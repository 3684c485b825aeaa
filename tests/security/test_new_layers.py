"""Arguments of new layers are data: no code in them, and no file that is not the spec's."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.workflows.pipeline import prepare
from tests.container.minimal import dense_model

SPEC = "version: 1\nname: m\nsources: {a: {from: a.keras}}\nlayers:\n  new: {%s, inputs: a}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    dense_model(tmp_path / "a.keras")
    return tmp_path


def codes(layer: str) -> list[tuple[str, tuple[str | int, ...]]]:
    Path("spec.yaml").write_text(SPEC % layer)
    return [(found.code, found.path) for found in prepare("spec.yaml").errors]


@pytest.mark.parametrize(
    "layer",
    [
        "class: StringLookup, args: {vocabulary: /etc/passwd}",
        "class: TextVectorization, args: {vocabulary: ../../../etc/passwd}",
        "class: StringLookup, args: {vocabulary: 'gs://bucket/words.txt'}",
        "class: TFSMLayer, args: {filepath: /tmp/program}",
        "class: Lambda, args: {function: {class_name: __lambda__, config: {code: 4wEAAAA=}}}",
        (
            "class: TimeDistributed, args: {layer: {class_name: StringLookup, config: "
            "{vocabulary: /etc/passwd}}}"
        ),
        (
            "class: Dense, args: {units: 2, activation: {module: keras.utils, class_name: function, "
            "config: get_file}}"
        ),
        (
            "class: 'mine:Layer', args: {inner: {module: keras.layers, class_name: TFSMLayer, "
            "config: {filepath: /tmp/program}}}"
        ),
    ],
)
def test_code_and_files_of_the_machine_are_refused(folder: Path, layer: str) -> None:
    assert codes(layer) == [("CMP553", ("layers", "new", "args"))]


@pytest.mark.parametrize(
    "layer",
    [
        "class: StringLookup, args: {vocabulary: ['yes', 'no']}",
        "class: StringLookup, args: {vocabulary: '%s/words.txt'}",
        (
            "class: Dense, args: {units: 2, activation: relu, kernel_initializer: {class_name: "
            "GlorotUniform, config: {seed: 1}}}"
        ),
        "class: TimeDistributed, args: {layer: {class_name: Dense, config: {units: 2}}}",
        "class: 'mine:Layer', args: {path: /etc/passwd}",
    ],
)
def test_data_and_files_of_the_spec_are_not(folder: Path, layer: str) -> None:
    found = codes(layer.replace("%s", str(folder)))
    assert "CMP553" not in [code for code, _ in found]
