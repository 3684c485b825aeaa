"""What is told of the layers inside nested models: where they are, and how to get at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.model_files.read_model import read_model
from composer.resolver.nesting import how_to_open, inner_layers, shared_paths

OPENS = "'inner' is a nested model; flatten: true on the source opens it"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("inner/first", OPENS),
        ("inner/*", OPENS),
        ("inner/frist", f"{OPENS}; did you mean 'inner/first'?"),
        ("inner/zebra", f"{OPENS}; it holds no layer 'zebra'"),
        ("inner", None),
        ("scores/first", None),
        ("other/first", None),
    ],
)
def test_a_path_into_a_nested_model_is_told_how_to_be_opened(
    path: str, told: str | None, models: Path
) -> None:
    graph = read_model(models / "nested.keras").graph
    assert how_to_open(path, {op.name: op for op in graph.operations}) == told


def test_a_layer_shared_across_levels_is_known_at_each_of_its_places(models: Path) -> None:
    file = read_model(models / "shared.keras")
    assert shared_paths(file) == {"twice": ("inner/twice",), "inner/twice": ("twice",)}
    assert [(inner.path, inner.shared) for inner in inner_layers(file)["inner"]] == [
        ("inner/twice", ("twice",))
    ]


def test_a_model_without_nesting_has_nothing_to_tell(models: Path) -> None:
    file = read_model(models / "tower.keras")
    assert (inner_layers(file), shared_paths(file)) == ({}, {})
