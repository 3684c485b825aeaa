"""Where Keras 2 stored the weights of a layer, as the path that Keras 3 would give them.

Keras 2.15 and tf-keras keep weights as Keras 3 does. Keras 2.12 to 2.14 store a model's layers
below ``_layer_checkpoint_dependencies``, and 2.12 and 2.13 visit a layer that has weights twice
there and count both visits, so that the second Dense is ``dense_2`` (``_save_container_state`` of
``keras/saving/saving_lib.py`` and ``Functional._layer_checkpoint_dependencies``). On Windows
groups are joined with backslashes. No group carries the name of its layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from composer.errors import FormatError
from composer.keras_format.graph import Graph, Json
from composer.keras_format.naming import snake_case

Parts = tuple[str, ...]
_TODAY: Final = "layers"
_ATTRIBUTES: Final = {"forward_layer": "layer"}
"""Attributes of wrappers whose argument has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLayout:
    """How a version of Keras lays out the state of a model's layers.

    Attributes:
        root: the group below a model that holds its layers.
        counts_weighted_twice: whether a layer with weights takes two numbers.
    """

    root: str
    counts_weighted_twice: bool


def state_layout(keras_version: str) -> StateLayout:
    """Return the layout of files that a version of Keras wrote.

    Args:
        keras_version: as ``metadata.json`` says, such as ``2.13.1``; of tf-keras too.
    """
    minor = ".".join(keras_version.split(".")[:2])
    if minor in ("2.12", "2.13"):
        return StateLayout(root="_layer_checkpoint_dependencies", counts_weighted_twice=True)
    if minor == "2.14":
        return StateLayout(root="_layer_checkpoint_dependencies", counts_weighted_twice=False)
    return StateLayout(root=_TODAY, counts_weighted_twice=False)


def today_s_paths(graph: Graph, stored: Iterable[str], layout: StateLayout) -> Mapping[str, str]:
    """Return for each dataset or asset of a Keras 2 file the path that Keras 3 would give it.

    Args:
        graph: of the model, as ``read_graph`` returns it.
        stored: paths of all datasets in the weights file (or of all assets, without
            ``assets/``), such as ``layers/dense/vars/0``.
        layout: of the file.

    Returns:
        Path as stored → path as Keras 3 would have stored the same model, in the order of
        ``stored``; what belongs to no layer (an optimiser's state) is left out.

    Raises:
        FormatError: with reason ``keras2``; a group below the layers belongs to none of them.
    """
    paths = {tuple(path.replace("\\", "/").split("/")): path for path in stored}
    layers = [
        (operation.storage, operation.config)
        for operation in graph.operations
        if operation.kind != "operator"
    ]
    found = {old: new for new, old in _model(layers, paths, layout, ())}
    unclaimed = [
        path for parts, path in paths.items() if parts[0] == layout.root and path not in found
    ]
    if unclaimed:
        raise FormatError(
            f"the weights file holds {unclaimed[0]!r}, and by the way Keras 2 counts no layer of "
            f"the model stores its weights there ({len(unclaimed)} such tensors)",
            reason="keras2",
            help="load the model with the Keras that saved it and save it again with tf-keras",
        )
    return {path: found[path] for path in paths.values() if path in found}


Layer = tuple[str, Mapping[str, Json]]
"""Base of its group's name, and its config."""


def _model(
    layers: Iterable[Layer], paths: Mapping[Parts, str], layout: StateLayout, around: Parts
) -> Iterator[tuple[str, str]]:
    """Yield new and stored path of everything below the layers of a model."""
    then: dict[str, int] = {}
    now: dict[str, int] = {}
    for storage, config in layers:
        number = then.get(storage, 0)
        old = (layout.root, _numbered(storage, number))
        below = {parts[2:]: path for parts, path in paths.items() if parts[:2] == old}
        then[storage] = number + (2 if below and layout.counts_weighted_twice else 1)
        new = (*around, _TODAY, _numbered(storage, now.get(storage, 0)))
        now[storage] = now.get(storage, 0) + 1
        yield from _layer(config, below, layout, new)


def _layer(
    config: Mapping[str, Json],
    paths: Mapping[Parts, str],
    layout: StateLayout,
    group: Parts,
) -> Iterator[tuple[str, str]]:
    """Yield new and stored path of everything below one layer or nested model."""
    if isinstance(config.get("layers"), list):
        layers = [(snake_case(entry["class_name"]), entry["config"]) for entry in config["layers"]]
        yield from _model(layers, paths, layout, group)
        return
    by_attribute: dict[str, dict[Parts, str]] = {}
    for parts, path in paths.items():
        by_attribute.setdefault(parts[0], {})[parts[1:]] = path
    for attribute, below in by_attribute.items():
        new = (*group, attribute)
        argument = config.get(_ATTRIBUTES.get(attribute, attribute))
        if isinstance(argument, Mapping) and isinstance(argument.get("config"), Mapping):
            yield from _layer(argument["config"], below, layout, new)
        else:
            yield from (("/".join((*new, *parts)), path) for parts, path in below.items())


def _numbered(storage: str, number: int) -> str:
    return f"{storage}_{number}" if number else storage
