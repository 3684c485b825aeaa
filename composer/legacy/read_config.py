"""The config of a ``.keras`` file of Keras 2 or 3 → :class:`Graph`, as today's Keras has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from composer.graphs.check_config import check_config
from composer.graphs.graph import Graph, Json
from composer.graphs.reader import graph_of
from composer.legacy.keras2 import is_legacy, modernise
from composer.legacy.keras2_masks import mask_warnings


def read_any_graph(model: Mapping[str, Json]) -> Graph:
    """Return the graph of a model's serialised form, whichever Keras wrote it.

    Args:
        model: with ``class_name`` and ``config``, as ``serialize_keras_object`` writes it.

    Returns:
        The graph, with what was changed for today's Keras among its repairs and warnings.

    Raises:
        FormatError: the config holds no graph, contradicts itself, or can't be rewritten.
    """
    check_config(model)
    if not is_legacy(model):
        return graph_of(model)
    today, repairs = modernise(model)
    graph = graph_of(today)
    return replace(graph, repairs=repairs, warnings=mask_warnings(graph))
