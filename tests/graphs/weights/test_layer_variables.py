"""The table of layers' variables against what Keras saves, for every class of layer that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from composer.container.archive import open_archive
from composer.graphs.layer_needs import Needs
from composer.graphs.layer_variables import RULES, needs_of_model
from composer.graphs.naming import snake_case, storage_of
from composer.graphs.reader import read_graph

pytestmark = pytest.mark.keras

OPEN = {"time_distributed_model"}
"""Of these only the number of variables is known: nothing records what their layers are given."""


@pytest.fixture(scope="module")
def folder(saved: Path) -> Path:
    """Return the folder with a saved model for each sample."""
    return saved / "layers"


@pytest.fixture(scope="module")
def classes(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _flat(needs: Needs, path: str) -> Iterator[tuple[str, Any, str | None]]:
    assert needs.variables is not None, path
    for index, variable in enumerate(needs.variables):
        yield f"{path}/vars/{index}", variable.shape, variable.dtype
    for part in needs.parts:
        yield from _flat(part.needs, f"{path}/{part.paths[0]}")


def test_of_every_sample_the_table_tells_just_what_keras_saved(folder: Path) -> None:
    files = sorted(folder.glob("*.keras"))
    assert len(files) > 80
    for path in files:
        with open_archive(path) as archive:
            graph = read_graph(archive.config)
            stored = {t.path: (t.shape, t.logical_dtype) for t in archive.weights.listing.tensors}
        told = {place: (shape, dtype) for place, shape, dtype in _flat(needs_of_model(graph), "")}
        told = {place.removeprefix("/"): found for place, found in told.items()}
        assert told.keys() == stored.keys(), path.stem
        for place, (shape, dtype) in told.items():
            assert shape is not None, path.stem
            known = [size for size in shape if size is not None]
            if path.stem not in OPEN and not path.stem.startswith("stft"):
                assert len(known) == len(shape), (path.stem, place)
            fits = [a in (None, b) for a, b in zip(shape, stored[place][0], strict=True)]
            assert all(fits), (path.stem, place, shape, stored[place])
            assert dtype in (None, stored[place][1]), (path.stem, place)


def test_dtypes_are_told_by_every_plain_policy(folder: Path) -> None:
    for name, wanted in (("dense_half", "float16"), ("dense_mixed", "float32")):
        with open_archive(folder / f"{name}.keras") as archive:
            graph = read_graph(archive.config)
        dtypes = {dtype for _, _, dtype in _flat(needs_of_model(graph), "")}
        assert dtypes == {wanted}


def test_the_table_has_every_class_that_keras_has(classes: dict[str, Any]) -> None:
    assert set(classes["classes"]) <= set(RULES)


def test_classes_without_variables_make_none(classes: dict[str, Any]) -> None:
    nothing = {name for name, rule in RULES.items() if rule is RULES["Flatten"]}
    assert not nothing & set(classes["stateful"])


def test_groups_are_named_after_the_class_itself(classes: dict[str, Any]) -> None:
    for exported, own in classes["stored"].items():
        assert storage_of(exported, "keras.layers") == snake_case(own)
    assert storage_of("GroupQueryAttention", "my_package") == "group_query_attention"


def test_keras_finds_the_parts_of_a_layer_by_the_paths_of_the_table(
    folder: Path, classes: dict[str, Any]
) -> None:
    for name in ("mha", "mha_gate", "gqa", "bidirectional", "time_distributed", "rnn_stacked"):
        with open_archive(folder / f"{name}.keras") as archive:
            graph = read_graph(archive.config)
        # The layer is behind the input, and everything else of the model has no state.
        inside = [part for part in needs_of_model(graph).parts if part.needs.parts]
        for part in inside[0].needs.parts:
            (found,) = (paths for paths in classes["aliases"][name] if part.paths[0] in paths)
            assert set(found) == set(part.paths), name
