"""On keras.applications: the computed order is Keras's own, and reading and writing changes nothing."""

from __future__ import annotations

import json

import pytest

from composer.graphs.canonical import canonical_config
from composer.graphs.order import operation_order
from composer.graphs.reader import read_graph
from composer.graphs.writer import model_config
from tests.sweep.application_variants import SMALLEST, application

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", SMALLEST)
def test_order_and_config_of_an_application_are_those_of_keras(name: str) -> None:
    import keras

    # Variables stay without values: an order has no need of them.
    with keras.StatelessScope():
        model = application(name)
        document = json.loads(model.to_json())
        names = tuple(operation.name for operation in model.operations)
        keras.src.backend.common.global_state.set_global_attribute("uninitialized_variables", [])
    graph = read_graph(document)
    assert operation_order(graph) == names
    # As text, because the order of keys can carry meaning.
    assert json.dumps(canonical_config(model_config(graph))) == json.dumps(
        canonical_config(document)
    )
