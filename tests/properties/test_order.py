"""On random models: the computed order is Keras's own, and reading and writing changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from composer.graphs.canonical import canonical_config
from composer.graphs.graph import Graph
from composer.graphs.order import operation_order
from composer.graphs.reader import read_graph
from composer.graphs.writer import model_config
from tests.properties.random_keras_models import Program, programs

# Keras itself warns, of masks that a layer drops and of old ways to call numpy.
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]
_PARTS = 8


@pytest.mark.parametrize("part", range(_PARTS))
def test_order_and_config_of_random_models_are_those_of_keras(
    part: int, request: pytest.FixtureRequest
) -> None:
    import keras

    @seed(part)
    @settings(
        max_examples=-(-request.config.getoption("graphs", 1000) // _PARTS),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def holds(program: Program) -> None:
        model = program.build()
        document = json.loads(model.to_json())
        graph = read_graph(document)
        check_order(graph, model)
        rebuilt = keras.models.model_from_json(json.dumps(document))
        check_order(graph, rebuilt)
        # As text, because the order of keys can carry meaning.
        assert json.dumps(canonical_config(model_config(graph))) == json.dumps(
            canonical_config(document)
        )

    holds()


def check_order(graph: Graph, model: Any) -> None:
    """Compare the order of ``graph`` and of the models inside it with Keras's."""
    assert operation_order(graph) == tuple(operation.name for operation in model.operations)
    inside = {operation.name: operation for operation in model.operations}
    for operation in graph.operations:
        if operation.inner is None:
            continue
        inner = inside[operation.name]
        if operation.inner.sequential:
            layers = operation_order(operation.inner)[-len(inner.layers) :]
            assert layers == tuple(layer.name for layer in inner.layers)
        else:
            check_order(operation.inner, inner)
