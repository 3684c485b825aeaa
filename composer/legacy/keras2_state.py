"""Where Keras 2 stored the weights of a layer, as the path that Keras 3 would give them.

Keras 2.15 and tf-keras keep weights as Keras 3 does. Keras 2.12 to 2.14 store a model's layers
below ``_layer_checkpoint_dependencies``, and 2.12 and 2.13 visit a layer that has weights twice
there and count both visits, so that the second Dense is ``dense_2`` (``_save_container_state`` of
``keras/saving/saving_lib.py`` and ``Functional._layer_checkpoint_dependencies``). On Windows
groups are joined with backslashes. No group carries the name of its layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from composer.container.stored import Listing, StoredTensor
from composer.errors import FormatError
from composer.graphs.graph import Graph, Json
from composer.graphs.naming import snake_case

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


def today_s_listing(listing: Listing, graph: Graph, layout: StateLayout) -> Listing:
    """Return what a Keras 2 weights file holds under the paths that Keras 3 would give it.

    The bytes stay where they are; a tensor is found by its offset, not by its path.

    Args:
        listing: of the file, with its own paths.
        graph: of the model, as ``read_any_graph`` returns it.
        layout: of the file.

    Returns:
        ``listing`` itself where nothing differs.

    Raises:
        FormatError: with reason ``keras2``; weights belong to no layer, or are stored in a way
            in which only the file's own path leads to them.
    """
    paths = today_s_paths(
        graph,
        [tensor.path for tensor in listing.tensors],
        layout,
        others=[group.path for group in listing.groups if group.path],
    )
    if all(old == new for old, new in paths.items()):
        return listing
    entries = []
    for entry in listing.entries:
        new = paths.get(entry.path, entry.path)
        if isinstance(entry, StoredTensor) and new != entry.path and entry.offset is None:
            raise FormatError("CMP502.keras2-chunks", path=listing.path, tensor=entry.path)
        entries.append(replace(entry, path=new))
    entries.sort(key=lambda entry: entry.path.split("/") if entry.path else [])
    return Listing(listing.path, listing.stamp, tuple(entries))


def today_s_paths(
    graph: Graph, tensors: Iterable[str], layout: StateLayout, *, others: Iterable[str] = ()
) -> Mapping[str, str]:
    """Return for each path in a Keras 2 file the path that Keras 3 would give it.

    Args:
        graph: of the model, as ``read_any_graph`` returns it.
        tensors: paths of all tensors in the weights file, such as ``layers/dense/vars/0``.
        layout: of the file.
        others: paths of groups, or of assets without ``assets/``, to be mapped alike.

    Returns:
        Path as stored → path as Keras 3 would have stored the same model; what belongs to no
        layer (an optimiser's state) is left out.

    Raises:
        FormatError: with reason ``keras2``; a tensor below the layers belongs to none of them.
    """
    weighted = {_parts(path): path for path in tensors}
    paths = {**{_parts(path): path for path in others}, **weighted}
    mapper = _Mapper(layout, frozenset(weighted.values()))
    layers = [
        (operation.storage, operation.config)
        for operation in graph.operations
        if operation.kind != "operator"
    ]
    found = {old: "/".join(new) for new, old in mapper.model(layers, paths, ())}
    stray = [path for parts, path in weighted.items() if parts[0] == layout.root]
    stray = [path for path in stray if path not in found]
    if stray:
        raise FormatError("CMP502.keras2-stray", tensor=stray[0], count=len(stray))
    return {path: found[path] for path in paths.values() if path in found}


def _parts(path: str) -> Parts:
    return tuple(path.replace("\\", "/").split("/"))


Layer = tuple[str, Mapping[str, Json]]
"""Base of its group's name, and its config."""


@dataclass(frozen=True, slots=True)
class _Mapper:
    """Yields new and stored path of everything below a model or a layer."""

    layout: StateLayout
    tensors: frozenset[str]

    def model(
        self, layers: Iterable[Layer], paths: Mapping[Parts, str], group: Parts
    ) -> Iterator[tuple[Parts, str]]:
        root = self.layout.root
        if (root,) in paths:
            yield (*group, _TODAY), paths[(root,)]
        if () in paths:
            yield group, paths[()]
        if ("vars",) in paths:
            yield (*group, "vars"), paths[("vars",)]
        then: dict[str, int] = {}
        now: dict[str, int] = {}
        for storage, config in layers:
            number = then.get(storage, 0)
            old = (root, _numbered(storage, number))
            below = {parts[2:]: path for parts, path in paths.items() if parts[:2] == old}
            twice = self.layout.counts_weighted_twice and not self.tensors.isdisjoint(
                below.values()
            )
            then[storage] = number + (2 if twice else 1)
            new = (*group, _TODAY, _numbered(storage, now.get(storage, 0)))
            now[storage] = now.get(storage, 0) + 1
            yield from self.layer(config, below, new)

    def layer(
        self, config: Mapping[str, Json], paths: Mapping[Parts, str], group: Parts
    ) -> Iterator[tuple[Parts, str]]:
        if isinstance(config.get("layers"), list):
            layers = [
                (snake_case(entry["class_name"]), entry["config"]) for entry in config["layers"]
            ]
            yield from self.model(layers, paths, group)
            return
        by_attribute: dict[str, dict[Parts, str]] = {}
        for parts, path in paths.items():
            if parts:
                by_attribute.setdefault(parts[0], {})[parts[1:]] = path
            else:
                yield group, path
        for attribute, below in by_attribute.items():
            new = (*group, attribute)
            argument = config.get(_ATTRIBUTES.get(attribute, attribute))
            if isinstance(argument, Mapping) and isinstance(argument.get("config"), Mapping):
                yield from self.layer(argument["config"], below, new)
            else:
                yield from (((*new, *parts), path) for parts, path in below.items())


def _numbered(storage: str, number: int) -> str:
    return f"{storage}_{number}" if number else storage
