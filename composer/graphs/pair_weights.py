"""Which tensor of a weights file belongs to which variable of an architecture, by Keras's rule.

Keras 3 finds a layer's weights by their path, ``layers/dense_1/vars/0``, where the number counts
layers of a class in the model's order (``_load_state`` of ``keras/src/saving/saving_lib.py``). It
looks at no name, so weights of a model whose layers stand in another order load into the wrong
ones without a word. Files of Keras 3 do record the name of each layer, and here that is held
against the path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from composer.container.stored import Listing, StoredTensor
from composer.errors import FormatError
from composer.graphs.canonical import optimizer_groups
from composer.graphs.weight_names import Pair, agreement

By = Literal["order", "names"]
_LAYERS: Final = "layers"
_VARIABLES: Final = "vars"
RANDOM_STATE: Final = "seed_generator"
"""The state of random numbers, which is no weight: the architecture keeps its own where the file
has none."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedWeights:
    """What was paired.

    Attributes:
        tensors: of the weights file, by the paths of the architecture's that they stand in for.
        renamed: layers that bear another name in the file.
    """

    tensors: Mapping[str, StoredTensor]
    renamed: tuple[Pair, ...] = ()


def pair_weights(
    architecture: Listing, weights: Listing, by: By, *, described: str
) -> PairedWeights:
    """Pair every variable of ``architecture`` with a tensor of ``weights``.

    Args:
        architecture: what the file of the architecture holds.
        weights: what the file of weights holds.
        by: ``order``, by the paths, as Keras does; ``names``, by the names of layers.
        described: the weights file in messages.

    Raises:
        FormatError: ``CMP523``; a variable has no partner, a tensor of the file is left over,
            a shape or dtype differs, or names contradict the order.
    """
    walk = _Walk(by)
    theirs = _tree(weights)
    if by == "names" and not any(group.attribute("name") for group in weights.groups):
        raise FormatError("CMP523.no-names", path=described)
    walk.group(_tree(architecture), theirs)
    problems = [*walk.problems()]
    if problems:
        raise FormatError(
            "CMP523.other-layers",
            path=described,
            problems=problems,
            help=near_names(walk.missing, walk.left_over),
        )
    renamed: list[Pair] = []
    crossed: list[Pair] = []
    for pairs, automatic in walk.levels:
        found = agreement(pairs, automatic)
        renamed.extend(found.renamed)
        crossed.extend(found.crossed)
    if crossed:
        raise crossed_names(described, crossed)
    return PairedWeights(tensors=walk.tensors, renamed=tuple(renamed))


def crossed_names(described: str, crossed: list[Pair]) -> FormatError:
    """Return the refusal of weights whose order puts them into layers of other names."""
    pairs = tuple(f"{theirs!r} into {ours!r}" for ours, theirs in crossed)
    return FormatError("CMP523.crossed", path=described, crossed=pairs)


@dataclass(slots=True)
class _Node:
    """A group of a weights file."""

    path: str
    name: str | None = None
    tensors: dict[str, StoredTensor] = field(default_factory=dict)
    groups: dict[str, _Node] = field(default_factory=dict)

    def all_tensors(self) -> Iterator[StoredTensor]:
        yield from self.tensors.values()
        for group in self.groups.values():
            yield from group.all_tensors()

    @property
    def layer(self) -> str | None:
        """The name of the layer whose group this is, where the file says it."""
        own = self.groups.get(_VARIABLES)
        return None if own is None else own.name


def _tree(listing: Listing) -> _Node:
    optimizers = optimizer_groups((group.path for group in listing.groups), listing.tensors)
    root = _Node("")
    for entry in listing.entries:
        parts = entry.path.split("/") if entry.path else []
        if any("/".join(parts[: end + 1]) in optimizers for end in range(len(parts))):
            continue
        node = root
        above = parts[:-1] if isinstance(entry, StoredTensor) else parts
        for end, part in enumerate(above):
            node = node.groups.setdefault(part, _Node("/".join(parts[: end + 1])))
        if isinstance(entry, StoredTensor):
            node.tensors[parts[-1]] = entry
        else:
            name = entry.attribute("name")
            node.name = name if isinstance(name, str) else None
    return root


class _Walk:
    """Goes through both trees at once."""

    def __init__(self, by: By) -> None:
        self._by = by
        self.tensors: dict[str, StoredTensor] = {}
        self.levels: list[tuple[list[Pair], frozenset[str]]] = []
        self.missing: dict[str, None] = {}
        self.left_over: dict[str, None] = {}
        self.different: list[str] = []

    def group(self, ours: _Node, theirs: _Node, layer: str = "") -> None:
        """Pair what lies below a group; ``layer`` is the name of the layer that it belongs to."""
        for key, tensor in ours.tensors.items():
            other = theirs.tensors.get(key)
            if other is None:
                self._lacks(self.missing, [tensor], layer)
            else:
                self._pair(tensor, other, layer)
        extra = [tensor for key, tensor in theirs.tensors.items() if key not in ours.tensors]
        self._lacks(self.left_over, extra, layer)
        here = ours.path.rpartition("/")[2] == _LAYERS
        partners = self._by_name(ours, theirs) if here and self._by == "names" else theirs.groups
        for key, below in ours.groups.items():
            name = (below.layer if here else None) or layer
            if key in partners:
                self.group(below, partners[key], name)
            else:
                self._lacks(self.missing, below.all_tensors(), name)
        taken = {id(partners[key]) for key in ours.groups if key in partners}
        for below in theirs.groups.values():
            if id(below) not in taken:
                name = (below.layer if here else None) or layer
                self._lacks(self.left_over, below.all_tensors(), name)
        if here and self._by == "order":
            self._level(ours, theirs)

    def _by_name(self, ours: _Node, theirs: _Node) -> dict[str, _Node]:
        """Return the groups of the file by the keys of the groups of equal layers."""
        named = {group.layer: group for group in theirs.groups.values() if group.layer is not None}
        return {
            key: named[group.layer] for key, group in ours.groups.items() if group.layer in named
        }

    def _level(self, ours: _Node, theirs: _Node) -> None:
        pairs = []
        for key, group in ours.groups.items():
            other = theirs.groups.get(key)
            if other is None or group.layer is None or other.layer is None:
                continue
            if any(group.all_tensors()):
                pairs.append((group.layer, other.layer))
        automatic = frozenset(key.rstrip("0123456789").removesuffix("_") for key in ours.groups)
        self.levels.append((pairs, automatic))

    def _pair(self, ours: StoredTensor, theirs: StoredTensor, layer: str) -> None:
        if ours.shape != theirs.shape:
            self.different.append(
                f"{layer or ours.path} has shape {ours.shape} at {ours.path}, the file has "
                f"{theirs.shape}"
            )
        elif ours.logical_dtype != theirs.logical_dtype:
            self.different.append(
                f"{layer or ours.path} is {ours.logical_dtype} at {ours.path}, the file has "
                f"{theirs.logical_dtype}"
            )
        self.tensors[ours.path] = theirs

    @staticmethod
    def _lacks(found: dict[str, None], tensors: Iterable[StoredTensor], layer: str) -> None:
        for tensor in tensors:
            if RANDOM_STATE not in tensor.path.split("/"):
                found[layer or tensor.path.rpartition(f"/{_VARIABLES}/")[0] or tensor.path] = None

    def problems(self) -> Iterator[str]:
        """Yield what does not fit, in words."""
        if self.missing:
            yield f"it has nothing for {listed(self.missing)}"
        if self.left_over:
            yield f"nothing takes its {listed(self.left_over)}"
        if self.different:
            more = f" (and {len(self.different) - 1} more)" if len(self.different) > 1 else ""
            yield f"{self.different[0]}{more}"


def near_names(missing: Collection[str], left_over: Collection[str]) -> str:
    """Return the help for layers without weights and weights without layers."""
    from composer.diagnostics.suggest import nearest

    for name in missing:
        found = nearest(name, list(left_over), limit=1)
        if found:
            return (
                f"is {found[0]!r} of the file the layer {name!r}? The architecture must be the one "
                "that the weights were saved from, whole and with the same arguments"
            )
    return (
        "the architecture must be the one that the weights were saved from, whole and with the "
        "same arguments (args of app: and hub: sources, such as include_top or dtype)"
    )


def listed(names: Collection[str]) -> str:
    """Return the first names of several in words."""
    shown = ", ".join(repr(name) for name in list(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
