"""Random models, linked in several ways, are in plain Keras what their sources were, bit for bit."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from composer.keras_format.graph import TensorRef
from composer.keras_format.read_model import read_model
from tests.properties.keras_reader import Reader, called, stored
from tests.properties.linking_variants import VARIANTS, Variant, link, original
from tests.properties.random_keras_models import VOCABULARY, Program, programs

# Keras itself warns, of masks that a layer drops and of old ways to call numpy.
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]
_PARTS = 4
_BATCH = 2


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    process = Reader()
    yield process
    process.close()


@pytest.mark.parametrize("part", range(_PARTS))
def test_linked_random_models_are_bit_for_bit_their_sources(
    part: int, request: pytest.FixtureRequest, reader: Reader, tmp_path: Path
) -> None:
    tried: Counter[str] = Counter()
    jobs: dict[int, dict[str, Any]] = {}

    @seed(part)
    @settings(
        max_examples=-(-request.config.getoption("linked_graphs", 120) // _PARTS),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(), st.integers(0, 999))
    def holds(program: Program, choice: int) -> None:
        number = len(jobs)
        models = {source: program.build() for source in ("a", "b")}
        for index, (source, model) in enumerate(models.items()):
            _give_values(model, index)
            model.save(tmp_path / f"{number}{source}.keras")
        job = jobs.setdefault(number, {"number": number, "choice": choice, "digests": {}})
        files = {s: read_model(tmp_path / f"{number}{s}.keras") for s in models}
        values = _inputs(models["a"])
        for kind, make in VARIANTS.items():
            variant = make(files, choice)
            target = tmp_path / f"{number}{kind}.keras"
            outcome = link(variant, files, target)
            if not outcome.sha256:
                assert outcome.refused, f"{kind}: waits for Keras: {outcome.questions}"
                assert variant.may_refuse, f"{kind}: refused: {outcome.messages}"
                tried[f"{kind} refused by {outcome.refused[0]}"] += 1
                job["digests"][kind] = " ".join(outcome.refused)
                continue
            job["digests"][kind] = outcome.sha256
            expected = tmp_path / "expected"
            _write_expected(expected, variant, models, values)
            problem = reader.problem(target, expected)
            assert problem is None, f"{kind}: {problem}"
            tried[kind] += 1

    holds()
    print(f"\n{sum(tried.values())} links of {len(jobs)} models: {dict(sorted(tried.items()))}")
    assert all(tried[kind] > len(jobs) // 2 for kind in VARIANTS), "most links are refused"
    _link_again(list(jobs.values()), tmp_path)


def _link_again(jobs: list[dict[str, Any]], folder: Path) -> None:
    """Link all again in a process with other hashes, elsewhere; the bytes must be the same."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "jobs.json").write_text(json.dumps(jobs))
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "tests.properties.link_again", str(folder), "jobs.json"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(root)},
        check=True,
        timeout=300,
    )


# ---------------------------------------------------------------- values and expectations


def _give_values(model: Any, number: int) -> None:
    """Give every variable values of its own, so that no mistake hides behind zeros."""
    import numpy

    generator = numpy.random.default_rng(number)
    for variable in model.variables:
        shape = tuple(variable.shape)
        if "int" in str(variable.dtype):
            variable.assign(generator.integers(0, 1000, shape))
        elif "variance" in variable.path:
            variable.assign(generator.uniform(0.5, 1.5, shape))
        else:
            variable.assign(generator.uniform(-0.9, 0.9, shape))


def _inputs(model: Any) -> dict[str, Any]:
    import numpy

    generator = numpy.random.default_rng(7)
    values = {}
    for tensor in model.inputs:
        shape = (_BATCH, *tensor.shape[1:])
        name = tensor._keras_history.operation.name
        if "int" in tensor.dtype:
            values[name] = generator.integers(0, VOCABULARY, shape).astype(tensor.dtype)
        else:
            values[name] = generator.uniform(-1, 1, shape).astype(tensor.dtype)
    return values


def _write_expected(
    path: Path, variant: Variant, models: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Write what the artifact must be, from the source models as they are in memory."""
    import keras

    operations, variables = set(variant.inputs), {}
    trainable, frozen, outputs = [], [], []
    for source, (prefix, suffix) in variant.names.items():
        model = models[source]
        tensors = [_tensor(model, original(r)) for s, r in variant.outputs if s == source]
        part = keras.Model(model.inputs, tensors)
        outputs.extend(called(part, values))
        for operation in part.operations:
            if isinstance(operation, (keras.layers.InputLayer, *_classes(variant.gone))):
                continue
            name = f"{prefix}{operation.name}{suffix}"
            operations.add(name)
            if isinstance(operation, keras.layers.Layer):
                variables[name] = [stored(weight) for weight in operation.weights]
                if (source, operation.name) in variant.frozen:
                    frozen.append(name)
                elif operation.trainable_variables:
                    trainable.append(name)
    document = {
        "inputs": {final: values[name] for final, name in variant.inputs.items()},
        "operations": sorted(operations),
        "variables": variables,
        "trainable": trainable,
        "frozen": frozen,
        "outputs": outputs,
    }
    path.write_bytes(pickle.dumps(document))


def _classes(names: tuple[str, ...]) -> tuple[type, ...]:
    import keras

    return tuple(getattr(keras.layers, name) for name in names)


def _tensor(model: Any, ref: TensorRef) -> Any:
    """Find a tensor of a Keras model by operation, call within the model, and output."""
    inside = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    operation = next(op for op in model.operations if op.name == ref.operation)
    calls = [node for node in operation._inbound_nodes if id(node) in inside]
    return calls[ref.call].outputs[ref.output]
