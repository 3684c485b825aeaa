"""The plan: everything that the builder needs, and everything that a reviewer wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from composer.graphs.graph import Graph, TensorSpec
from composer.graphs.model_file import ModelFile
from composer.resolver.joined import Origin
from composer.resolver.nesting import InnerLayer
from composer.resolver.seams import Seam
from composer.resolver.tensor_references import ResultRef
from composer.spec.self_shown import SelfShown
from composer.tensors.expression import TensorExpr, lineage

Fate = Literal["kept", "renamed", "dropped", "replaced", "bypassed", "wired", "unreachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEntry:
    """What became of one operation of a source.

    Attributes:
        name: its final name; None when it does not go into the result.
        note: what stands in for it, for a replaced, bypassed or wired one.
        calls: how often it is called in the result.
        inside: the layers of a nested model, at any depth.
        shared: paths inside the source at which the same layer object stands as well.
    """

    source: str
    layer: str
    class_name: str
    fate: Fate
    name: str | None = None
    note: str | None = None
    calls: int = 0
    inside: tuple[InnerLayer, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTensor:
    """A tensor of the result.

    Attributes:
        path: below the group of its layer, such as ``vars/0``.
        value: what it is made of.
    """

    path: str
    value: TensorExpr


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedState:
    """What the result holds for a layer.

    Attributes:
        name: the layer's final name, which its ``vars`` group carries.
        group: the group in the result, such as ``layers/dense_3``.
        tensors: all below it, in the order of the file.
        file: the ``.keras`` file whose groups the result repeats, with their attributes; None for a
            layer that has none, which gets an empty group as Keras would write it.
        source_group: the group there.
        assets: members of that file that move along, such as vocabularies.
    """

    name: str
    group: str
    tensors: tuple[PlannedTensor, ...] = ()
    file: ModelFile | None = None
    source_group: str = ""
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What a source's URL gave.

    Attributes:
        sha256: of the bytes.
        nbytes: how many they are.
        revision: the commit (Hugging Face), version (S3) or generation (Google) that they are of.
        validator: by which the server tells other bytes from these, such as an ETag.
    """

    sha256: str
    nbytes: int
    revision: str | None = None
    validator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The bytes that a source had when it was linked.

    Attributes:
        content: digest of the model's config and tensors, whatever library wrote its file.
        weights: SHA-256 of the file that ``weights`` names.
    """

    content: str
    weights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """A source as the plan shows it: counts of operations, parameters and bytes that go in.

    Attributes:
        uses: ids under ``calls`` of a source whose layers are called once for each of them.
        weights: the file that its weights come from, where they are not its own.
        repairs: what was changed in the config of an old file so that today's Keras reads it.
        plugin: the package that reads it, with its version; None where compose does itself.
        trusted: whether the spec lets code of it in.
        allowed: what that let in: code and functions from elsewhere, with the layers they are in.
        download: what its URL gave; None for a source that is no URL.
    """

    id: str
    location: str
    prefix: str
    suffix: str
    license: str | None
    sha256: str | None
    operations: int
    kept: int
    parameters: int
    nbytes: int
    whole: bool
    uses: tuple[str, ...] = ()
    weights: str | None = None
    repairs: tuple[str, ...] = ()
    plugin: str | None = None
    trusted: bool = False
    allowed: tuple[str, ...] = ()
    download: Download | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of the result: its name, operation and spec (None while deferred)."""

    name: str
    operation: str
    call: int
    output: int
    spec: TensorSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeUse:
    """One use of a source that goes in whole, with its shapes unchanged.

    Attributes:
        inputs: the result's tensors that take the place of the source's flattened inputs.
        outputs: the result's tensors that the source's flattened outputs have become.
    """

    source: str
    call: str | None
    inputs: tuple[ResultRef, ...]
    outputs: tuple[ResultRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(SelfShown):
    """A resolved spec.

    Attributes:
        graph: the result under its final names, in Keras's own order.
        origins: by final name, for every operation of the graph.
        states: what each layer holds, in the order of the graph.
        link_map: every operation of every source, in spec order.
        seams: edges that the spec made.
        wholes: uses of sources that must compute in the result what they compute alone.
        files: the source's model files by id; of this machine, and in no document.
        deferred: keys of operations that wait for an answer of Keras; empty for a plan that can
            be built.
    """

    name: str
    seed: int
    graph: Graph
    origins: Mapping[str, Origin]
    states: tuple[PlannedState, ...]
    sources: tuple[PlannedSource, ...]
    link_map: tuple[MapEntry, ...]
    seams: tuple[Seam, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    wholes: tuple[WholeUse, ...] = ()
    deferred: tuple[str, ...] = ()
    description: str | None = None
    files: Mapping[str, ModelFile] = field(default_factory=dict, repr=False)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to ask."""
        return not self.deferred

    @property
    def source_files(self) -> tuple[Path, ...]:
        """The files that the result is made from, which it may not replace."""
        of_sources = (path for file in self.files.values() for path in (file.path, *file.made_from))
        return tuple(dict.fromkeys((*of_sources, *self.read_files)))

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that a link reads: those that any tensor, group or asset comes from."""
        found: dict[Path, None] = {}
        for state in self.states:
            if state.file is not None:
                found[state.file.path] = None
            for tensor in state.tensors:
                found.update((source.path, None) for source in lineage(tensor.value))
        return tuple(found)

    @property
    def tensors(self) -> Mapping[str, TensorExpr]:
        """Every tensor of the result by its path in the file, in the file's order."""
        return {
            f"{state.group}/{tensor.path}": tensor.value
            for state in self.states
            for tensor in state.tensors
        }

    @property
    def parameters(self) -> int:
        """Number of elements in all variables."""
        return sum(value.size for value in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all variables."""
        return sum(value.nbytes for value in self.tensors.values())
