"""A ``.keras`` file on disk → :class:`ModelFile`: its graph, and where each layer's state lies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from composer.errors import FormatError
from composer.keras_format.archive import Archive, open_archive
from composer.keras_format.canonical import METADATA_KEY, SHARED, optimizer_groups
from composer.keras_format.graph import Graph, Json, Operation
from composer.keras_format.keras2 import is_legacy
from composer.keras_format.keras2_state import state_layout, today_s_listing
from composer.keras_format.model_file import LayerState, ModelFile, StoredVariable
from composer.keras_format.order import operation_order
from composer.keras_format.reader import read_graph
from composer.keras_format.recipe import read_recipe
from composer.keras_format.static_specs import has_no_weights
from composer.keras_format.stored import Listing, StoredGroup, StoredTensor

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
    graph = read_graph(archive.config)
    listing = archive.weights.listing if listings is None else listings.of(archive)
    if is_legacy(archive.config):
        layout = state_layout(archive.keras_version or "")
        listing = today_s_listing(listing, graph, layout)
    tensors = _without_optimizers(listing.groups, listing.tensors)
    states = _States(_Names(listing.groups), tensors, archive.assets)
    states.visit(graph, "", "")
    states.refuse_strays()
    refuse_unbuilt(graph, states.found)
    return ModelFile(
        path=archive.path,
        graph=_with_storage(graph, states.storages, ""),
        states=states.found,
        misplaced=states.misplaced,
        keras_version=archive.keras_version or "",
        warnings=(*graph.warnings, *_order_warnings(graph)),
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
    built = any(state.variables for state in states.values())
    raise FormatError(
        f"Sequential {graph.name!r} was saved before it was built: it records no input shape and "
        + (f"no weights of {', '.join(map(repr, empty[:3]))}" if built else "holds no weights"),
        reason="not-built",
        help="call model.build(input_shape) before saving it",
    )


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
        self.named: dict[str, dict[str, str]] = {}
        self.repeated: dict[str, str] = {}
        self.anywhere: dict[str, str] = {}
        for group in groups:
            name = group.attribute("name")
            owner, _, last = group.path.rpartition("/")
            if last != "vars" or not isinstance(name, str) or not owner:
                continue
            self.anywhere.setdefault(name, owner)
            container = owner.rpartition("/")[0]
            level = self.named.setdefault(container, {})
            if name in level:
                self.repeated.setdefault(
                    container,
                    f"two groups of weights carry the name {name!r}: {level[name]} and {owner}",
                )
            level.setdefault(name, owner)

    def holds(self, group: str, name: str) -> bool:
        """Tell whether a layer ``name`` has a group somewhere below ``group``."""
        return any(
            name in level
            for container, level in self.named.items()
            if container == group or container.startswith(f"{group}/")
        )

    def container(self, model_group: str) -> str:
        """Return the group that holds the layers of the model whose own group is given."""
        return f"{model_group}/{_LAYERS}" if model_group else _LAYERS


class _States:
    """Finds the state of each operation of a graph, and of the graphs nested in it."""

    def __init__(
        self, names: _Names, tensors: Sequence[StoredTensor], assets: Sequence[str]
    ) -> None:
        self._names = names
        self._tensors = tensors
        self._starts = sorted(range(len(tensors)), key=lambda index: tensors[index].path)
        self._paths = [tensors[index].path for index in self._starts]
        self._assets = sorted(assets)
        self.found: dict[str, LayerState] = {}
        self.storages: dict[str, str] = {}
        self.misplaced: dict[str, str] = {}
        self._marked: set[int | str] = set()

    def visit(self, graph: Graph, model_group: str, path: str) -> None:
        """Find the states of ``graph``, whose operations have ``path`` in front of their names.

        Mirrors ``_save_container_state`` of ``keras/src/saving/saving_lib.py``: groups are
        counted by class. A group that carries a name belongs to the layer of that name.
        """
        container = self._names.container(model_group)
        # Inside a layer that keeps layers in a list, equal names are nobody's mistake.
        if container in self._names.repeated:
            raise FormatError(self._names.repeated[container], reason="duplicate-state")
        named = {**self._names.named.get(container, {}), **_nameless(graph, container)}
        taken = set(named.values())
        counts: dict[str, int] = {}
        for operation in graph.operations:
            if operation.kind == "operator" or (graph.sequential and operation.kind == "input"):
                continue
            number = counts.get(operation.storage, 0)
            counts[operation.storage] = number + 1
            full = f"{path}{operation.name}"
            if operation.shared is not None:
                self._marked.add(operation.shared)
            group = named.get(operation.name)
            if group is not None:
                self.storages[full] = _base(operation, group.rpartition("/")[2])
            else:
                suffix = f"_{number}" if number else ""
                group = f"{container}/{operation.storage}{suffix}"
                if named and operation.kind == "layer" and operation.name in self._names.anywhere:
                    self.misplaced[full] = self._names.anywhere[operation.name]
                    continue
                if group in taken:
                    continue  # that group says it belongs to another layer
            elsewhere = self._borrowed(operation, group)
            if elsewhere is not None:
                self.misplaced[full] = elsewhere
                continue
            self.found[full] = self._state(group)
            if operation.inner is not None:
                self.visit(operation.inner, group, f"{full}/")

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

    def refuse_strays(self) -> None:
        """Refuse what belongs to no layer of the graph: dropping it would go unsaid."""
        claimed = {state.group for state in self.found.values()}
        container = self._names.container("")
        for tensor in self._tensors:
            group = "/".join(tensor.path.split("/", 2)[:2])
            if group.startswith(f"{container}/") and group not in claimed:
                raise FormatError(
                    f"the weights in {group!r} belong to no layer of the model's config",
                    reason="stray-weights",
                )
        for name in self._assets:
            parts = name.split("/")[1:-1]
            if not any("/".join(parts[:end]) in claimed for end in range(1, len(parts) + 1)):
                raise FormatError(
                    f"the asset {name!r} belongs to no layer of the model's config",
                    reason="stray-weights",
                )


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


def _nameless(graph: Graph, container: str) -> Mapping[str, str]:
    """Return the groups of layers of a Sequential of which no config tells the name.

    Their groups carry the names that they once had, which nobody else knows.
    """
    if not graph.sequential:
        return {}
    counts: dict[str, int] = {}
    found = {}
    for operation in graph.operations:
        number = counts.get(operation.storage, 0)
        counts[operation.storage] = number + 1
        if operation.kind == "layer" and "name" not in operation.config:
            suffix = f"_{number}" if number else ""
            found[operation.name] = f"{container}/{operation.storage}{suffix}"
    return found


def _without_optimizers(
    groups: Sequence[StoredGroup], tensors: Sequence[StoredTensor]
) -> Sequence[StoredTensor]:
    """A nested model that was compiled has an optimiser's state, which is no layer's."""
    inside = tuple(f"{path}/" for path in optimizer_groups((g.path for g in groups), tensors))
    return [t for t in tensors if not t.path.startswith(inside)] if inside else tensors


def _base(operation: Operation, group: str) -> str:
    """Return a group's name without its counter.

    Usually the class name in snake case; a few classes are stored under another name than the
    one in their config (``GroupQueryAttention``).
    """
    if group == operation.storage or group.startswith(f"{operation.storage}_"):
        return operation.storage
    stem, _, counter = group.rpartition("_")
    return stem if stem and counter.isdigit() else group


def _order_warnings(graph: Graph) -> tuple[str, ...]:
    """Say where plain Keras would put the file's weights into other layers than it took them from.

    Keras stores weights in the order in which it kept the layers when it saved, and reads them in
    the order that it computes from the config.
    """
    kinds = {op.name: op.storage for op in graph.operations if op.kind != "operator"}
    listed = list(kinds)
    computed = [name for name in operation_order(graph) if name in kinds]
    of_class: dict[str, list[str]] = {}
    for name in listed:
        of_class.setdefault(kinds[name], []).append(name)
    again: dict[str, list[str]] = {}
    for name in computed:
        again.setdefault(kinds[name], []).append(name)
    moved = [storage for storage, names in of_class.items() if again.get(storage, names) != names]
    if not moved:
        return ()
    return (
        (
            "plain Keras reads this file in another order of layers than it was saved in, and so "
            f"puts weights into the wrong layers ({', '.join(moved[:3])}); composer goes by their "
            "names"
        ),
    )
