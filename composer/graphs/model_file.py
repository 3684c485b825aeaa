"""A model file as the rest of composer sees it: its graph, and where its weights lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from composer.container.stored import Listing
from composer.graphs.graph import Graph
from composer.graphs.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVariable:
    """One dataset below an operation's group.

    Attributes:
        path: below the operation's group, such as ``vars/0``.
        shape: of the tensor.
        dtype: Keras's name for it, such as ``float32`` or ``bfloat16``.
        nbytes: bytes that the tensor takes.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """What a file holds for one layer, its sub-layers included.

    Attributes:
        group: the layer's group in the weights file, such as ``layers/dense_1``.
        variables: every dataset below it, in the file's order.
        assets: members of the archive that belong to it, such as vocabularies.
    """

    group: str
    variables: tuple[StoredVariable, ...] = ()
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One opened and read ``.keras`` file; nothing stays open.

    Attributes:
        path: of the file on this machine; for reading, never for writing into an artifact.
        graph: its operations.
        states: by operation name; operators have none.
        misplaced: layers whose weights the file keeps below another layer, and where.
        keras_version: that wrote the file, from its metadata.
        listing: all groups and tensors of its weights.
        warnings: what plain Keras would get wrong when it loads the file.
        unclaimed: groups of weights that belong to no layer, which Keras does not read.
        left_out: these and the state of training, optimisers aside: what no link copies.
        inlined: whether nested models of it were replaced by their layers.
        made_from: files of the user's that ``path`` was made from, where it is not the user's.
        recipe: what the file was linked from, where composer made it.
    """

    path: Path
    graph: Graph
    states: Mapping[str, LayerState]
    misplaced: Mapping[str, str] = field(default_factory=dict)
    keras_version: str = ""
    warnings: tuple[str, ...] = ()
    unclaimed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    inlined: bool = False
    made_from: tuple[Path, ...] = ()
    recipe: Recipe | None = None
    listing: Listing = field(repr=False, compare=False)
