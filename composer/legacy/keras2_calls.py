"""The calls of a Functional model of Keras 2, rewritten as ``{args, kwargs}``.

Mirrors ``Node.serialize`` (``tf_keras/src/engine/node.py``), ``get_network_config`` and
``reconstruct_from_config`` (``functional.py``): a call is the structure of its first argument,
whose leaves are ``[name, call, output, kwargs]``, all with the same ``kwargs``. Among those a
list of three or four that begins with a text is a tensor. Calls of a nested model count from 1
wherever Keras gave it a first call of its own, which is when it knew its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from composer.errors import FormatError
from composer.graphs.graph import Json, not_recorded
from composer.legacy.keras2_operators import OPERATOR_CLASSES

OF_ONE_LAYER: Final = ("keras2-layer", "keras2-call")
"""Cases of errors about one layer of Keras 2: the others may be fine."""
_CONSTANT: Final = "_CONSTANT_VALUE"
_LEAF_LENGTHS: Final = (3, 4)
_STATEFUL: Final = frozenset(
    {
        "Bidirectional",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "GRU",
        "LSTM",
        "RNN",
        "SimpleRNN",
    }
)


class Calls:
    """The calls of the layers of one Functional model.

    Args:
        layers: its serialised layers.
        path: names of the models around them, for messages.
    """

    def __init__(self, layers: Sequence[Mapping[str, Json]], path: tuple[str, ...]) -> None:
        self._layers = {_name(layer): layer for layer in layers}
        self._path = path
        highest: dict[str, int] = {}
        for layer in layers:
            for node in layer.get("inbound_nodes") or []:
                for leaf in leaves_of(node):
                    highest[leaf[0]] = max(highest.get(leaf[0], 0), leaf[1])
        self._first = {
            name: _first_call(layer, highest.get(name, 0)) for name, layer in self._layers.items()
        }

    def of(self, layer: Mapping[str, Json]) -> list[Json]:
        """Return the calls of one layer as Keras 3 writes them.

        Raises:
            FormatError: with reason ``keras2``; a call takes what Keras 3 can't be given.
        """
        return [self._call(node, layer) for node in layer.get("inbound_nodes") or []]

    def boundary(self, tree: Json) -> Json:
        """Return ``input_layers`` or ``output_layers`` as Keras 3 writes them.

        A list of one is a single tensor, as ``Functional._init_graph_network`` of Keras 2 reads
        it.
        """
        if isinstance(tree, list) and len(tree) == 1 and is_leaf(tree[0]):
            tree = tree[0]
        if is_leaf(tree):
            name, call, output = tree[:3]
            layer = self._layers.get(name)
            if layer is not None and self._first[name] and _is_sequential(layer):
                call -= 1
            return [name, call, output]
        if isinstance(tree, list):
            return [self._inner(item) for item in tree]
        if isinstance(tree, Mapping):
            return {key: self._inner(item) for key, item in tree.items()}
        return tree

    def _inner(self, tree: Json) -> Json:
        return tree if isinstance(tree, list) and not tree else self.boundary(tree)

    def _call(self, node: Json, layer: Mapping[str, Json]) -> Json:
        first = self._mapped(node, lambda leaf: self._argument(leaf, layer))
        # Keras 2 wraps a single tensor, and unwraps it again (unnest_if_single_tensor), but for
        # operations, which keep the structure that they were called with.
        operator = layer.get("class_name") in OPERATOR_CLASSES
        if isinstance(first, list) and len(first) == 1 and not operator:
            first = first[0]
        recorded: Mapping[str, Json] = {}
        for leaf in leaves_of(node):
            recorded = (leaf[3] if len(leaf) > len(_LEAF_LENGTHS) + 1 else None) or {}
        kwargs = {
            key: self._mapped(value, self._tensor)
            for key, value in recorded.items()
            if value is not None
        }
        if layer.get("class_name") in _STATEFUL:
            if kwargs.get("constants") is not None:
                raise self._refuse(layer, "its call takes constants, which is gone today")
            if isinstance(first, list):
                kwargs = {"initial_state": first[1:], **kwargs}
                first = first[0]
        return {"args": [first], "kwargs": kwargs}

    def _argument(self, leaf: list[Json], layer: Mapping[str, Json]) -> Json:
        if leaf[0] == _CONSTANT:
            if layer.get("class_name") in OPERATOR_CLASSES:
                return leaf[2]  # it takes the dtype of the tensor beside it, then as today
            raise self._refuse(
                layer, "its call takes a constant, whose dtype the file does not record"
            )
        return self._tensor(leaf)

    def _tensor(self, leaf: list[Json]) -> Json:
        name, call, output = leaf[:3]
        producer = self._layers.get(name)
        if producer is None:
            raise FormatError("CMP502.keras2-missing-layer", layer=name)
        return not_recorded(name, call - self._first[name], output)

    def _mapped(self, tree: Json, function: Callable[[list[Json]], Json]) -> Json:
        if is_leaf(tree):
            return function(tree)
        if isinstance(tree, list):
            return [self._mapped(item, function) for item in tree]
        if isinstance(tree, Mapping):
            return {key: self._mapped(item, function) for key, item in tree.items()}
        return tree

    def _refuse(self, layer: Mapping[str, Json], why: str) -> FormatError:
        name = "/".join((*self._path, _name(layer)))
        return FormatError(
            "CMP502.keras2-call", layer=name, class_name=layer.get("class_name"), reason=why
        )


def _name(layer: Mapping[str, Json]) -> str:
    return str(layer.get("name") or layer["config"].get("name"))


def is_leaf(tree: Json) -> bool:
    """Tell a tensor, ``[name, call, output]`` or one with ``kwargs`` behind, from other lists."""
    return (
        isinstance(tree, list)
        and len(tree) in _LEAF_LENGTHS
        and isinstance(tree[0], str)
        and all(isinstance(part, int) for part in tree[1:2])
    )


def leaves_of(tree: Json) -> Iterator[list[Json]]:
    """Yield the tensors of a structure."""
    if is_leaf(tree):
        yield tree
    elif isinstance(tree, list):
        for item in tree:
            yield from leaves_of(item)
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from leaves_of(item)


def _is_sequential(layer: Mapping[str, Json]) -> bool:
    return layer.get("class_name") == "Sequential"


def _first_call(layer: Mapping[str, Json], highest: int) -> int:
    """Return the number of a layer's first recorded call (``_should_skip_first_node``).

    Args:
        layer: as serialised.
        highest: the largest number under which another layer takes one of its calls.
    """
    config = layer["config"]
    if all(key in config for key in ("layers", "input_layers", "output_layers")):
        return 1
    if _is_sequential(layer) and isinstance(config.get("layers"), list) and config["layers"]:
        return 1 if _knows_its_input(config["layers"][0]) else 0
    # A subclass of Functional that saves constructor arguments shows only in its numbers.
    return 1 if highest and highest == len(layer.get("inbound_nodes") or []) else 0


def _knows_its_input(entry: Json) -> bool:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
        return False
    if entry.get("class_name") == "InputLayer" or "batch_input_shape" in entry["config"]:
        return True
    return "input_layers" in entry["config"]
