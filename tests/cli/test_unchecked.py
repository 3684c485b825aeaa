"""What ``compose validate`` says it did not check."""

from __future__ import annotations

SPEC = """\
version: 1
name: m
inputs: {x: {shape: [8]}, maps: {shape: [9, 9, 4]}}
sources:
  tower: {from: models/tower.keras, include: [pool, probs], inputs: {conv2: maps}}
layers:
  own: {class: "mine:Layer", inputs: x}
  scores: {class: Dense, args: {units: 3}, inputs: x}
"""


def test_validate_lists_arguments_inputs_and_shapes_that_only_keras_checks(compose, workspace):
    (workspace / "spec.yaml").write_text(SPEC)
    result = compose("validate", "spec.yaml")
    assert result.code == 0
    assert result.out.splitlines() == [
        "spec.yaml: no problem found (1 source, 6 operations, weights not read); not checked:",
        "  arguments: own (mine:Layer)",
        "  inputs that changed: tower:pool (GlobalAveragePooling2D)",
        "  output shapes: own (mine:Layer)",
        "  --deep asks Keras about these",
    ]


def test_sources_that_keras_imports_are_listed(compose, workspace):
    (workspace / "spec.yaml").write_text(
        "version: 1\nname: m\nsources: {net: {from: 'app:MobileNet', args: {weights: null}}}\n"
    )
    result = compose("validate", "spec.yaml")
    assert result.code == 0
    assert "  sources that Keras imports: net" in result.out.splitlines()


def test_long_lists_are_cut(compose, workspace):
    layers = "".join(f"  d{n}: {{class: 'mine:Layer', inputs: x}}\n" for n in range(9))
    (workspace / "spec.yaml").write_text(
        f"version: 1\nname: m\ninputs: {{x: {{shape: [8]}}}}\nlayers:\n{layers}"
    )
    line = compose("validate", "spec.yaml").out.splitlines()[1]
    assert line.endswith("d4 (mine:Layer) and 4 more")


def test_what_is_all_checked_is_fine(compose, workspace):
    (workspace / "spec.yaml").write_text(
        "version: 1\nname: m\nsources: {a: {from: models/tower.keras}}\n"
    )
    assert compose("validate", "spec.yaml").out == (
        "spec.yaml: fine (1 source, 6 operations, weights not read)\n"
    )


def test_a_strangers_text_stays_on_its_line(compose, workspace):
    (workspace / "odd\nname.yaml").write_text(
        "version: 1\nname: m\ninputs: {x: {shape: [8]}}\n"
        'layers: {own: {class: "mine:Layer", inputs: x}}\n'
    )
    lines = compose("validate", "odd\nname.yaml").out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("odd\\x0aname.yaml: no problem found")
