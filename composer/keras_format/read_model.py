"""A ``.keras`` file on disk → :class:`ModelFile`: its graph, and where each layer's state lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from composer.errors import FormatError
from composer.keras_format.archive import Archive, open_archive
from composer.keras_format.graph import Graph, Operation
from composer.keras_format.model_file import LayerState, ModelFile, StoredVariable
from composer.keras_format.order import operation_order
from composer.keras_format.reader import read_graph
from composer.keras_format.stored import StoredGroup, StoredTensor

_ROOTS = ("layers", "_layer_checkpoint_dependencies")
"""Where Keras keeps the layers of a model; the second one in files of Keras 2.12."""


def read_model(path: Path) -> ModelFile:
    """Read a ``.keras`` file without running anything that it holds.

    Raises:
        FormatError: it is no sound ``.keras`` file, or holds no graph.
        OSError: it can't be opened.
    """
    with open_archive(path) as archive:
        graph = read_graph(archive.config)
        groups, tensors = archive.weights.groups, archive.weights.tensors
        places = _Places.of(groups)
        states, storages, misplaced = _states(graph, places, tensors, archive)
        operations = tuple(
            replace(op, storage=storages.get(op.name, op.storage)) for op in graph.operations
        )
        graph = replace(graph, operations=operations)
        return ModelFile(
            path=path,
            graph=graph,
            states=states,
            misplaced=misplaced,
            keras_version=archive.keras_version or "",
            warnings=_order_warnings(graph),
        )


class _Places:
    """The groups of layers at the top level of a weights file, and the names that they carry."""

    def __init__(self, root: str, named: Mapping[str, str], elsewhere: Mapping[str, str]) -> None:
        self.root = root
        self.named = named
        self.elsewhere = elsewhere

    @classmethod
    def of(cls, groups: Sequence[StoredGroup]) -> _Places:
        paths = {group.path for group in groups}
        root = next((root for root in _ROOTS if root in paths), _ROOTS[0])
        named: dict[str, str] = {}
        elsewhere: dict[str, str] = {}
        for group in groups:
            name = group.attribute("name")
            parts = group.path.split("/")
            if not isinstance(name, str) or parts[-1] != "vars" or parts[0] != root:
                continue
            if len(parts) == 3:  # noqa: PLR2004 - layers/<group>/vars
                if name in named:
                    raise FormatError(
                        f"two groups of weights carry the name {name!r}: {named[name]} and "
                        f"{'/'.join(parts[:2])}",
                        reason="duplicate-state",
                    )
                named[name] = "/".join(parts[:2])
            else:
                elsewhere.setdefault(name, "/".join(parts[:-1]))
        return cls(root, named, elsewhere)


def _states(
    graph: Graph,
    places: _Places,
    tensors: Sequence[StoredTensor],
    archive: Archive,
) -> tuple[dict[str, LayerState], dict[str, str], dict[str, str]]:
    """Return states, storage bases and misplaced layers, each by operation name."""
    variables = _by_group(tensors)
    states: dict[str, LayerState] = {}
    storages: dict[str, str] = {}
    misplaced: dict[str, str] = {}
    counts: dict[str, int] = {}
    for operation in graph.operations:
        if operation.kind == "operator" or (graph.sequential and operation.kind == "input"):
            continue
        number = counts.get(operation.storage, 0)
        counts[operation.storage] = number + 1
        group = places.named.get(operation.name)
        if group is None and operation.name in places.elsewhere and operation.kind == "layer":
            misplaced[operation.name] = places.elsewhere[operation.name]
            continue
        if group is None:
            suffix = f"_{number}" if number else ""
            group = f"{places.root}/{operation.storage}{suffix}"
            if group in places.named.values():
                continue  # that group says it belongs to another layer
        else:
            storages[operation.name] = _base(operation, group.split("/")[1])
        inside = f"assets/{group}/"
        states[operation.name] = LayerState(
            group=group,
            variables=tuple(
                StoredVariable(
                    path=tensor.path[len(group) + 1 :],
                    shape=tensor.shape,
                    dtype=tensor.logical_dtype,
                    nbytes=tensor.nbytes,
                )
                for tensor in variables.get(group, ())
            ),
            assets=tuple(name for name in archive.assets if name.startswith(inside)),
        )
    _refuse_strays(variables, states, places)
    return states, storages, misplaced


def _by_group(tensors: Sequence[StoredTensor]) -> dict[str, list[StoredTensor]]:
    found: dict[str, list[StoredTensor]] = {}
    for tensor in tensors:
        found.setdefault("/".join(tensor.path.split("/", 2)[:2]), []).append(tensor)
    return found


def _base(operation: Operation, group: str) -> str:
    """Return a group's name without its counter.

    Usually the class name in snake case; a few classes are stored under another name than the
    one in their config (``GroupQueryAttention``).
    """
    if group == operation.storage or group.startswith(f"{operation.storage}_"):
        return operation.storage
    stem, _, counter = group.rpartition("_")
    return stem if stem and counter.isdigit() else group


def _refuse_strays(
    variables: Mapping[str, Sequence[StoredTensor]],
    states: Mapping[str, LayerState],
    places: _Places,
) -> None:
    """Refuse weights that belong to no layer of the graph: dropping them would go unsaid."""
    claimed = {state.group for state in states.values()}
    for group, held in variables.items():
        if group.startswith(f"{places.root}/") and group not in claimed:
            raise FormatError(
                f"the weights in {group!r} ({len(held)} variables) belong to no layer of the "
                "model's config",
                reason="stray-weights",
            )


def _order_warnings(graph: Graph) -> tuple[str, ...]:
    """Say where plain Keras would put the file's weights into other layers than it took them from.

    Keras stores weights in the order in which it kept the layers when it saved, and reads them in
    the order that it computes from the config.
    """
    listed = [op.name for op in graph.operations if op.kind != "operator"]
    kinds = {op.name: op.storage for op in graph.operations}
    computed = [name for name in operation_order(graph) if name in kinds and name in set(listed)]
    of_class: dict[str, list[str]] = {}
    for name in listed:
        of_class.setdefault(kinds[name], []).append(name)
    again: dict[str, list[str]] = {}
    for name in computed:
        again.setdefault(kinds[name], []).append(name)
    moved = [
        storage for storage, names in of_class.items() if again.get(storage, names) != names
    ]
    if not moved:
        return ()
    return (
        "plain Keras reads this file in another order of layers than it was saved in, and so puts "
        f"weights into the wrong layers ({', '.join(moved[:3])}); composer goes by their names",
    )
