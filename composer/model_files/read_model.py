"""A ``.keras`` file on disk → :class:`ModelFile`: its graph, and where each layer's state lies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from composer.container.archive import Archive, open_archive
from composer.container.stored import Listing, StoredGroup, StoredTensor, is_below
from composer.errors import FormatError
from composer.graphs.canonical import METADATA_KEY, SHARED, optimizer_groups
from composer.graphs.graph import Graph, Json, Operation
from composer.graphs.layer_places import moved_storages, places
from composer.graphs.layer_variables import needs_of
from composer.graphs.model_file import LayerState, ModelFile, StoredVariable
from composer.graphs.naming import of_keras
from composer.graphs.recipe import read_recipe
from composer.graphs.state_check import StateCheck
from composer.graphs.static_specs import has_no_weights
from composer.legacy.keras2 import is_legacy
from composer.legacy.keras2_state import state_layout, today_s_listing
from composer.legacy.read_config import read_any_graph

_LAYERS = "layers"
"""The group that holds the layers of a model, the model's own group before it."""


class Listings(Protocol):
    """Knows what the weights of an archive hold."""

    def of(self, archive: Archive) -> Listing:
        """Return the listing of an open archive's weights."""


def read_model(path: Path, listings: Listings | None = None) -> ModelFile:
    """Read a ``.keras`` file without running anything that it holds.

    Args:
        path: of the file.
        listings: who is asked for what the weights file holds; None reads it from the file.

    Raises:
        FormatError: it is no sound ``.keras`` file, or holds no graph.
        OSError: it can't be opened.
    """
    with open_archive(path) as archive:
        return model_in(archive, listings)


def model_in(archive: Archive, listings: Listings | None = None) -> ModelFile:
    """Read the model of an open archive, which :func:`read_model` does with a file of its own.

    Args:
        archive: stays open.
        listings: as :func:`read_model` takes them.

    Raises:
        FormatError: what the archive holds is no sound model, or no graph.
    """
    graph = read_any_graph(archive.config)
    listing = archive.weights.listing if listings is None else listings.of(archive)
    if is_legacy(archive.config):
        layout = state_layout(archive.keras_version or "")
        listing = today_s_listing(listing, graph, layout)
    legacy = is_legacy(archive.config)
    states = _States(listing, archive.assets, legacy=legacy)
    states.model(graph, archive.config.get("module"))
    states.refuse_stray_assets()
    reordered = moved_storages(graph) if legacy else states.reordered
    left_out = (*states.check.ignored, *states.check.training)
    return ModelFile(
        path=archive.path,
        graph=_with_storage(graph, states.storages, ""),
        states=_without(states.found, left_out),
        misplaced=states.misplaced,
        keras_version=archive.keras_version or "",
        warnings=(*graph.warnings, *_order_warnings(reordered)),
        unclaimed=tuple(states.check.ignored),
        left_out=left_out,
        recipe=read_recipe(archive.metadata.get(METADATA_KEY)),
        listing=listing,
    )


def refuse_unbuilt(graph: Graph, states: Mapping[str, LayerState]) -> None:
    """Refuse a Sequential that records no shape of its input where a layer of it has no weights.

    Layers that were built before, or that take none, make it usable.

    Raises:
        FormatError: a layer may need weights, and holds none (``not-built``).
    """
    if not graph.unbuilt:
        return
    empty = [
        operation.name
        for operation in graph.operations
        if operation.kind == "layer"
        and operation.build_config is None
        and operation.inner is None
        and not has_no_weights(operation)
        and not (operation.name in states and states[operation.name].variables)
    ]
    if not empty:
        return
    raise FormatError("CMP502.not-built", model=graph.name, layers=tuple(empty))


def _with_storage(graph: Graph, storages: Mapping[str, str], path: str) -> Graph:
    """Return ``graph`` with the names under which the file really stores its layers."""
    operations = []
    for operation in graph.operations:
        full = f"{path}{operation.name}"
        inner = operation.inner
        if inner is not None:
            inner = _with_storage(inner, storages, f"{full}/")
        storage = storages.get(full, operation.storage)
        operations.append(replace(operation, storage=storage, inner=inner))
    return replace(graph, operations=tuple(operations))


class _Names:
    """Which groups of a weights file carry which names, below each group that holds layers."""

    def __init__(self, groups: Sequence[StoredGroup]) -> None:
        self._below: dict[str, dict[str, str | None]] = {}
        self.anywhere: dict[str, str] = {}
        for group in groups:
            owner, _, last = group.path.rpartition("/")
            if not owner:
                continue
            if last != "vars":
                self._below.setdefault(owner, {}).setdefault(group.path, None)
                continue
            name = group.attribute("name")
            if isinstance(name, str):
                container = owner.rpartition("/")[0]
                self._below.setdefault(container, {})[owner] = name
                self.anywhere.setdefault(name, owner)

    def below(self, container: str) -> Mapping[str, str | None]:
        """Return the groups directly below one, and the name that each gives its layer."""
        return self._below.get(container, {})

    def holds(self, group: str, name: str) -> bool:
        """Tell whether a layer ``name`` has a group somewhere below ``group``."""
        return any(
            name in level.values()
            for container, level in self._below.items()
            if container == group or container.startswith(f"{group}/")
        )

    def container(self, model_group: str) -> str:
        """Return the group that holds the layers of the model whose own group is given."""
        return f"{model_group}/{_LAYERS}" if model_group else _LAYERS


class _States:
    """Finds the state of each operation of a graph, and of the graphs nested in it."""

    def __init__(self, listing: Listing, assets: Sequence[str], *, legacy: bool) -> None:
        self._names = _Names(listing.groups)
        tensors = _without_optimizers(listing.groups, listing.tensors)
        self._tensors = tensors
        self._starts = sorted(range(len(tensors)), key=lambda index: tensors[index].path)
        self._paths = [tensors[index].path for index in self._starts]
        self._assets = sorted(assets)
        self._legacy = legacy
        self.check = StateCheck(listing)
        self.found: dict[str, LayerState] = {}
        self.storages: dict[str, str] = {}
        self.misplaced: dict[str, str] = {}
        self.reordered: list[str] = []
        self._marked: set[int | str] = set()

    def model(self, graph: Graph, module: Json) -> None:
        """Find the states of the whole model.

        Raises:
            FormatError: what the file holds contradicts the config.
        """
        self._own(graph.name, "", module)
        self.visit(graph, "", "")
        refuse_unbuilt(graph, self.found)
        self.check.refuse()

    def _own(self, model: str, group: str, module: Json) -> None:
        self.check.own_variables(model, group, refused=of_keras(module))
        self.check.beside_layers(group)

    def visit(self, graph: Graph, model_group: str, path: str) -> None:
        """Find the states of ``graph``, whose operations have ``path`` in front of their names."""
        container = self._names.container(model_group)
        placed = places(
            graph, container, self._names.below(container), legacy=self._legacy, path=path
        )
        if placed.followed == "file" and not self._legacy:
            self.reordered.extend(moved_storages(graph))
        claimed = set()
        for operation in graph.operations:
            group = placed.groups.get(operation.name)
            if group is None:
                continue
            full = f"{path}{operation.name}"
            if operation.shared is not None:
                self._marked.add(operation.shared)
            if self._stored_elsewhere(operation, group):
                self.misplaced[full] = self._names.anywhere[operation.name]
                continue
            claimed.add(group)
            elsewhere = self._borrowed(operation, group)
            if elsewhere is not None:
                self.misplaced[full] = elsewhere
                continue
            self.storages[full] = placed.storages[operation.name]
            self.found[full] = self._state(group)
            if operation.inner is not None:
                self._own(full, group, operation.module)
                self.visit(operation.inner, group, f"{full}/")
            else:
                built = operation.build_config is not None
                needs = needs_of(operation)
                self.check.layer(full, group, needs, built=built, legacy=self._legacy)
        self.check.unclaimed(container, claimed)

    def _stored_elsewhere(self, operation: Operation, group: str) -> bool:
        """Tell whether a layer without a group is one that another model or layer holds as well.

        Keras stores it where it first meets it, and marks every further one with an id.
        """
        return (
            operation.kind == "layer"
            and operation.shared is not None
            and operation.name in self._names.anywhere
            and group not in self._names.below(group.rpartition("/")[0])
        )

    def _borrowed(self, operation: Operation, group: str) -> str | None:
        """Return where a layer inside ``operation`` has its weights, if that is not inside it.

        Two wrappers of one layer, for instance: it is stored with the first, and Keras marks it
        with an id in the config of every further one. A layer of the model that is marked itself
        and comes before is no such case: Keras makes one object of the two again.
        """
        if operation.inner is not None:
            return None
        for number, name in _shared_layers(operation.config):
            if number in self._marked:
                continue
            place = self._names.anywhere.get(name)
            if place is not None and not self._names.holds(group, name):
                return place
        return None

    def _state(self, group: str) -> LayerState:
        inside = f"{group}/"
        first = bisect_left(self._paths, inside)
        last = bisect_left(self._paths, f"{group}0", lo=first)  # "0" follows "/" in ASCII
        held = [self._tensors[index] for index in sorted(self._starts[first:last])]
        return LayerState(
            group=group,
            variables=tuple(
                StoredVariable(
                    path=tensor.path[len(inside) :],
                    shape=tensor.shape,
                    dtype=tensor.logical_dtype,
                    nbytes=tensor.nbytes,
                )
                for tensor in held
            ),
            assets=tuple(
                self._assets[
                    bisect_left(self._assets, f"assets/{inside}") : bisect_left(
                        self._assets, f"assets/{group}0"
                    )
                ]
            ),
        )

    def refuse_stray_assets(self) -> None:
        """Refuse assets of no layer of the graph: dropping them would go unsaid."""
        claimed = {state.group for state in self.found.values()}
        for name in self._assets:
            parts = name.split("/")[1:-1]
            if not any("/".join(parts[:end]) in claimed for end in range(1, len(parts) + 1)):
                raise FormatError("CMP502.stray-asset", asset=name)


def _shared_layers(config: Json) -> Iterator[tuple[int | str, str]]:
    """Yield the numbers and names of layers in a config that Keras has marked as seen elsewhere."""
    if isinstance(config, list):
        for item in config:
            yield from _shared_layers(item)
    elif isinstance(config, Mapping):
        inside = config.get("config")
        if SHARED in config and "build_config" in config and isinstance(inside, Mapping):
            name = inside.get("name")
            if isinstance(name, str):
                yield config[SHARED], name
        for value in config.values():
            yield from _shared_layers(value)


def _without(
    states: Mapping[str, LayerState], left_out: tuple[str, ...]
) -> Mapping[str, LayerState]:
    """Return the states without the variables that Keras does not read."""
    if not left_out:
        return states
    return {
        layer: replace(
            state,
            variables=tuple(
                variable
                for variable in state.variables
                if not is_below(f"{state.group}/{variable.path}", left_out)
            ),
        )
        for layer, state in states.items()
    }


def _without_optimizers(
    groups: Sequence[StoredGroup], tensors: Sequence[StoredTensor]
) -> Sequence[StoredTensor]:
    """A nested model that was compiled has an optimiser's state, which is no layer's."""
    inside = tuple(f"{path}/" for path in optimizer_groups((g.path for g in groups), tensors))
    return [t for t in tensors if not t.path.startswith(inside)] if inside else tensors


def _order_warnings(storages: Sequence[str]) -> tuple[str, ...]:
    """Say where plain Keras would put the file's weights into other layers than it took them from.

    Keras stores weights in the order in which it kept the layers when it saved, and reads them in
    the order that it computes from the config.
    """
    if not storages:
        return ()
    return (
        (
            "plain Keras reads this file in another order of layers than it was saved in, and so "
            f"puts weights into the wrong layers ({', '.join(dict.fromkeys(storages[:3]))}); "
            "compose goes by their names"
        ),
    )
