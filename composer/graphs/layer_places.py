"""Which group of a weights file belongs to which layer of a model: by path, as Keras finds it.

Mirrors ``_save_container_state`` and ``_load_container_state`` of
``keras/src/saving/saving_lib.py``: groups are counted by class in the order in which Keras keeps
the layers of a model. Files of later releases also say the name of each group's layer. Keras does
not read it, and here it is checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from composer.errors import FormatError
from composer.graphs.graph import Graph, Operation
from composer.graphs.layer_variables import needs_of
from composer.graphs.naming import of_keras
from composer.graphs.order import operation_order

_SHOWN: Final = 5

Places = Mapping[str, str]
"""The group of each layer, by the layer's name; whether or not the file has that group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlaces:
    """Where the layers of one model are stored.

    Attributes:
        groups: by the names of layers.
        storages: the base of the group's name, without its number, by the names of layers.
        followed: ``keras``, by the order in which Keras would load it; or ``file``, by the order
            in which its config lists the layers, where all names of the file say so.
    """

    groups: Places
    storages: Mapping[str, str]
    followed: Literal["keras", "file"] = "keras"


def places(
    graph: Graph,
    container: str,
    names: Mapping[str, str | None],
    *,
    legacy: bool,
    path: str = "",
) -> LayerPlaces:
    """Return the place of each layer of a model.

    Args:
        graph: of the model.
        container: the group that holds its layers, such as ``layers``.
        names: the groups directly below the container by their paths, and the name that each
            gives its layer, where it does.
        legacy: whether a Keras 2 wrote the file, which kept layers in the order of its config.
        path: of the model inside the file, with a slash behind it; for messages.

    Raises:
        FormatError: ``CMP535``; names of the file contradict the places.
    """
    stored = [
        operation
        for operation in graph.operations
        if operation.kind != "operator" and not (graph.sequential and operation.kind == "input")
    ]
    by_name = {operation.name: operation for operation in stored}
    storages = _storages(stored, names)
    listed = _numbered(by_name, storages, container)
    computed = _numbered([n for n in operation_order(graph) if n in by_name], storages, container)
    # Keras loads nothing into the others, so that what their groups say decides nothing.
    # Nor do the names of layers of a Sequential of which no config tells any.
    stateful = {
        one.name
        for one in stored
        if not (one.inner is None and _is_stateless(one))
        and "name" in one.config  # else the file says a name that no config knows
    }
    wrong = list(_contradictions(computed, names, stateful))
    followed = wrong and listed != computed and not any(_contradictions(listed, names, stateful))
    if legacy or followed:
        return LayerPlaces(groups=listed, storages=storages, followed="file")
    if wrong:
        raise _contradiction(wrong, path)
    return LayerPlaces(groups=computed, storages=storages)


def _is_stateless(operation: Operation) -> bool:
    needs = needs_of(operation)
    return needs.closed and needs.variables == () and not needs.parts


def moved_storages(graph: Graph) -> list[str]:
    """Return the classes whose layers Keras keeps in another order than the config lists them.

    As bases of groups. Only layers count that reach an output.
    """
    kinds = {op.name: op.storage for op in graph.operations if op.kind != "operator"}
    of_class: dict[str, list[str]] = {}
    for name, storage in kinds.items():
        of_class.setdefault(storage, []).append(name)
    again: dict[str, list[str]] = {}
    for name in operation_order(graph):
        if name in kinds:
            again.setdefault(kinds[name], []).append(name)
    return [storage for storage, names in of_class.items() if again.get(storage, names) != names]


def _storages(operations: Iterable[Operation], names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the base of each layer's group.

    It is the class's own name in snake case. A class of a user's can be registered under another
    one; then the file's names say which groups are its.
    """
    bases = {_base(group.rpartition("/")[2]) for group in names}
    by_name = {name: group for group, name in names.items() if name is not None}
    storages = {}
    for operation in operations:
        storage = operation.storage
        group = by_name.get(operation.name)
        if group is not None and _base(storage) not in bases and not of_keras(operation.module):
            storage = _base(group.rpartition("/")[2])
        storages[operation.name] = storage
    return storages


def _base(group: str) -> str:
    """Return a group's name without its number."""
    stem, _, number = group.rpartition("_")
    return stem if stem and number.isdigit() else group


def _numbered(names: Iterable[str], storages: Mapping[str, str], container: str) -> dict[str, str]:
    counts: dict[str, int] = {}
    groups = {}
    for name in names:
        storage = storages[name]
        number = counts.get(storage, 0)
        counts[storage] = number + 1
        groups[name] = f"{container}/{storage}_{number}" if number else f"{container}/{storage}"
    return groups


@dataclass(frozen=True, slots=True)
class _Contradiction:
    """A layer, where Keras looks for its weights, and what the file's names say instead."""

    layer: str
    place: str
    named: str
    """The layer that ``place`` names; or where the file names ``layer``, if it has no ``place``."""
    missing: bool

    def text(self, path: str) -> str:
        if self.missing:
            return (
                f"{self.named} says that it belongs to {path + self.layer!r}, which Keras loads "
                f"from {self.place}"
            )
        return (
            f"{self.place} says that it belongs to {path + self.named!r}, and Keras loads it into "
            f"{path + self.layer!r}"
        )


def _contradictions(
    groups: Places, names: Mapping[str, str | None], stateful: Collection[str]
) -> Iterator[_Contradiction]:
    by_name = {name: group for group, name in names.items() if name is not None}
    for layer, group in groups.items():
        if layer not in stateful:
            continue
        name = names.get(group)
        if name is not None and name != layer:
            yield _Contradiction(layer, group, name, missing=False)
        elif group not in names and layer in by_name:
            yield _Contradiction(layer, group, by_name[layer], missing=True)


def _contradiction(wrong: Sequence[_Contradiction], path: str) -> FormatError:
    return FormatError("CMP535.order", crossed=tuple(one.text(path) for one in wrong))
