"""Architectures of every family, linked in four ways, are bit for bit what their sources are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from composer.graphs.model_file import ModelFile
from composer.model_files.read_model import read_model
from composer.resolver.topology import Topology
from tests.properties.expectations import write_expected
from tests.properties.keras_reader import Reader, input_name
from tests.properties.linking_parts import Variant, link
from tests.properties.linking_variants import VARIANTS
from tests.sweep.application_variants import (
    LINKED,
    application,
    from_the_middle,
    headless,
)

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
_BATCH = 2
_PREDICT_TOLERANCE = 1e-5
_WAYS: Mapping[str, Callable[..., Variant]] = {
    "whole": VARIANTS["whole"],
    "side by side": VARIANTS["side_by_side"],
    "headless": headless,
    "from the middle": from_the_middle,
}


@pytest.fixture(scope="module")
def seconds() -> Iterator[dict[str, dict[str, float]]]:
    table: dict[str, dict[str, float]] = {}
    yield table
    for name, row in table.items():
        print(f"\n{name:20}", *(f"{what} {took:5.1f} s" for what, took in row.items()), end="")
    print()


@pytest.mark.parametrize("name", LINKED)
def test_a_linked_application_is_bit_for_bit_its_source(
    name: str, tmp_path: Path, seconds: dict[str, dict[str, float]]
) -> None:
    row = seconds.setdefault(name, {})
    with _timed(row, "make"):
        models = {source: application(name) for source in ("a", "b")}
        for number, (source, model) in enumerate(models.items()):
            _disturb(model, number)
            model.save(tmp_path / f"{source}.keras")
    with _timed(row, "read"):
        files = {source: read_model(tmp_path / f"{source}.keras") for source in models}
    built: dict[str, Variant] = {}
    with _timed(row, "link"):
        for way, make in _WAYS.items():
            built[way] = make(files, 0)
            outcome = link(built[way], files, tmp_path / f"{way}.keras")
            assert outcome.sha256, f"{way}: {outcome.messages} {outcome.questions}"
    with _timed(row, "expect"):
        for way, variant in built.items():
            values = _values(models["a"], variant, files["a"])
            # Compiling takes longest of all, so it is tried where a model is bare.
            tolerance = _PREDICT_TOLERANCE if way == "whole" else None
            write_expected(
                tmp_path / f"{way}.expected", variant, models, values, tolerance=tolerance
            )
    del models
    with _timed(row, "compare"):
        reader = Reader()
        try:
            problems = {
                way: reader.problem(tmp_path / f"{way}.keras", tmp_path / f"{way}.expected")
                for way in built
            }
        finally:
            reader.close()
    assert problems == dict.fromkeys(built)


def _disturb(model: Any, number: int) -> None:
    """Move every variable a little from its start, so that none is a constant or another's equal.

    Only a little: a deep network of random values gives nothing but infinities.
    """
    import numpy as np

    generator = np.random.default_rng(number)
    for variable in model.variables:
        if "seed" in variable.path or "count" in variable.path:
            continue
        value = variable.numpy()
        some, more = (generator.random(value.shape, dtype="float32") for _ in range(2))
        variable.assign(value * (1 + 0.1 * some) + 0.001 * more)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # a Normalization computes with copies of its variables


def _values(model: Any, variant: Variant, file: ModelFile) -> dict[str, Any]:
    import numpy as np

    generator = np.random.default_rng(7)
    specs = Topology.of(file.graph).specs
    shapes = {str(ref): specs[ref].shape for ref in variant.starts}
    for tensor in model.inputs:
        shapes[input_name(tensor)] = tensor.shape
    return {
        name: generator.uniform(0, 1, (_BATCH, *shape[1:])).astype("float32")
        for name, shape in shapes.items()
        if shape is not None
    }


class _timed:
    def __init__(self, row: dict[str, float], what: str) -> None:
        self._row, self._what = row, what

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._row[self._what] = time.monotonic() - self._start
