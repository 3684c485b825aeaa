"""A ``.keras`` or ``.h5`` file → what is in it, as values, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from composer.errors import FormatError
from composer.files.suffixes import LEGACY_SUFFIXES
from composer.graphs.graph import (
    Graph,
    Operation,
    TensorRef,
    TensorSpec,
    by_change,
    leaves,
)
from composer.graphs.recipe import Recipe
from composer.resolver.topology import Topology

if TYPE_CHECKING:
    from composer.legacy.h5.file import LegacyTensor


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedLayer:
    """One operation of a model.

    Attributes:
        name: as the file has it.
        class_name: of the layer, or of the ``keras.ops`` operation.
        kind: operators are operations that are not layers.
        calls: how often it is called.
        outputs: what its first call puts out, as far as the file records it.
        parameters: elements of all its variables, those of inner layers included.
        nbytes: bytes of the same.
        trainable: its own flag; None where its config has none.
        lineage: in a file that composer linked ``source:layer`` or the id of a new layer, and
            behind it where that source has the layer from, if it was linked itself.
        inner: the operations of a nested model.
    """

    name: str
    class_name: str
    kind: Literal["input", "layer", "operator"]
    calls: int
    outputs: tuple[TensorSpec | None, ...]
    parameters: int
    nbytes: int
    trainable: bool | None
    lineage: tuple[str, ...] = ()
    inner: tuple[InspectedLayer, ...] = ()

    @property
    def origin(self) -> str | None:
        """Where it comes from; None in a file that composer did not link."""
        return self.lineage[0] if self.lineage else None

    def opened(self, prefix: str = "") -> Iterator[InspectedLayer]:
        """Yield it and all that lies inside, each under its path (``outer/inner``)."""
        yield replace(self, name=f"{prefix}{self.name}")
        for inner in self.inner:
            yield from inner.opened(f"{prefix}{self.name}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedPort:
    """An input or output of a model: the operation that it belongs to, and what is known of it.

    ``key`` is its key in a model whose inputs or outputs are a dictionary.
    """

    operation: str
    spec: TensorSpec | None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedSource:
    """A source of a file that composer linked, as its metadata names it.

    Attributes:
        location: what ``from`` of the spec said, without secrets and folders of a machine.
        sha256: of the file that this names.
        license: that the spec gave.
        weights: the file that its weights come from, where they are not its own.
        content: digest of its config and tensors.
        revision: what the server of a URL called this state of the file.
        weights_sha256: of the file that ``weights`` names.
        sources: what that source was linked from itself.
    """

    id: str
    location: str
    sha256: str | None = None
    license: str | None = None
    weights: str | None = None
    content: str | None = None
    revision: str | None = None
    weights_sha256: str | None = None
    sources: tuple[InspectedSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is in a model file.

    Attributes:
        path: as given.
        name: of the model.
        keras_version: that wrote the file; empty where the file does not say.
        sequential: whether the file holds a Sequential.
        layers: in the file's order.
        inputs: in order; dictionaries by sorted key.
        outputs: the same.
        parameters: elements of all variables of layers.
        nbytes: bytes of the same.
        sources: where a linked model comes from; empty for any other.
        warnings: what plain Keras would get wrong when it loads the file, and what in it is more
            than data; of an ``.h5`` file, what an import changes in layers, or why it refuses it.
        graph: the model's graph, for selectors.
    """

    path: Path
    name: str
    keras_version: str
    sequential: bool
    layers: tuple[InspectedLayer, ...]
    inputs: tuple[InspectedPort, ...]
    outputs: tuple[InspectedPort, ...]
    parameters: int
    nbytes: int
    sources: tuple[InspectedSource, ...]
    warnings: tuple[str, ...]
    graph: Graph


def inspect_model(path: str | Path) -> Inspection:
    """Read a ``.keras`` or ``.h5`` file and return what is in it; nothing that it holds is run.

    Args:
        path: of the file.

    Raises:
        FormatError: it is no sound model file, or holds no graph.
        OSError: it can't be opened.
    """
    if Path(path).suffix in LEGACY_SUFFIXES:
        return _inspect_h5(Path(path))
    # Imported here: reading weights needs h5py, which the types of this module do not.
    from composer.container.archive import open_archive
    from composer.graphs.code_scan import scan
    from composer.model_files.read_model import model_in

    with open_archive(path) as archive:
        # Its weights are listed once: that is most of the time for a model of many layers.
        file = model_in(archive)
        carried = [f"{found}; nothing of that was run" for found in scan(archive.config)]
        weights = _Weights.of(
            [(g.path, g.attribute("name")) for g in file.listing.groups],
            [(t.path, t.shape, t.nbytes) for t in file.listing.tensors],
        )
    groups = {name: state.group for name, state in file.states.items()}
    layers = tuple(_layers(file.graph, groups, weights, file.recipe))
    return Inspection(
        path=Path(path),
        name=file.graph.name,
        keras_version=file.keras_version,
        sequential=file.graph.sequential,
        layers=layers,
        inputs=_ports(file.graph.inputs, file.graph),
        outputs=_ports(file.graph.outputs, file.graph),
        parameters=sum(layer.parameters for layer in layers),
        nbytes=sum(layer.nbytes for layer in layers),
        sources=tuple(_sources(file.recipe)),
        warnings=(*file.warnings, *(_unclaimed(group) for group in file.unclaimed), *carried),
        graph=file.graph,
    )


def _unclaimed(group: str) -> str:
    return f"{group} belongs to no layer of the model; its weights are ignored, as in Keras"


def _inspect_h5(path: Path) -> Inspection:
    # Imported here: most looks are at .keras files.
    from composer.keras_process.keras_classes import known_classes
    from composer.legacy.h5.check_weights import check_weights
    from composer.legacy.h5.file import read_file
    from composer.legacy.h5.outline import outline
    from composer.legacy.h5.read import read_legacy_model

    try:
        model = read_legacy_model(path, known_classes())
        check_weights(model)
    except FormatError as refused:
        if refused.code != "CMP520":
            raise
        file = read_file(path)
        graph, weights = outline(file), file.layers
        warnings: tuple[str, ...] = (f"it can't be imported: {refused.message}",)
    else:
        file, graph, weights = model.file, model.graph, model.weights
        warnings = (
            *(f"it can't be linked: {item.refusal.why}" for item in model.aside),
            *by_change(graph.repairs),
            *graph.warnings,
        )
    layers = tuple(_h5_layers(graph, weights))
    return Inspection(
        path=path,
        name=graph.name,
        keras_version=file.keras_version,
        sequential=graph.sequential,
        layers=layers,
        inputs=_ports(graph.inputs, graph),
        outputs=_ports(graph.outputs, graph),
        parameters=sum(layer.parameters for layer in layers),
        nbytes=sum(layer.nbytes for layer in layers),
        sources=(),
        warnings=warnings,
        graph=graph,
    )


def _h5_layers(
    graph: Graph, weights: Mapping[str, Sequence[LegacyTensor]]
) -> Iterator[InspectedLayer]:
    from composer.legacy.h5.read import by_layer

    topology = Topology.of(graph)
    for operation in graph.operations:
        tensors = weights.get(operation.name, ())
        inner: tuple[InspectedLayer, ...] = ()
        if operation.inner is not None:
            # Where names don't tell which layer inside has a weight, the outer one has them all.
            below = by_layer(operation.inner, tensors) or {}
            inner = tuple(_h5_layers(operation.inner, below))
        size = (
            sum(prod(tensor.stored.shape) for tensor in tensors),
            sum(tensor.stored.nbytes for tensor in tensors),
        )
        yield _inspected(operation, topology, size, (), inner)


@dataclass(frozen=True, slots=True)
class _Weights:
    """Sizes of groups with all that lies below, and the names that groups of layers carry."""

    sizes: Mapping[str, tuple[int, int]]
    named: Mapping[tuple[str, str], str]

    @classmethod
    def of(
        cls,
        groups: Sequence[tuple[str, object]],
        tensors: Sequence[tuple[str, tuple[int, ...], int]],
    ) -> _Weights:
        sizes: dict[str, tuple[int, int]] = {}
        for path, shape, nbytes in tensors:
            parts = path.split("/")
            for end in range(1, len(parts)):
                group = "/".join(parts[:end])
                elements, total = sizes.get(group, (0, 0))
                sizes[group] = (elements + prod(shape), total + nbytes)
        named: dict[tuple[str, str], str] = {}
        for path, name in groups:
            owner, _, last = path.rpartition("/")
            container = owner.rpartition("/")[0]
            if last == "vars" and isinstance(name, str):
                named.setdefault((container, name), owner)
        return cls(sizes, named)

    def inner_groups(self, group: str, graph: Graph) -> dict[str, str]:
        """Return the groups of a nested model's layers: by the name they carry, else counted.

        Counting mirrors ``_save_container_state`` of ``keras/src/saving/saving_lib.py``.
        """
        container = f"{group}/layers"
        found: dict[str, str] = {}
        counts: dict[str, int] = {}
        for operation in graph.operations:
            if operation.kind == "operator" or (graph.sequential and operation.kind == "input"):
                continue
            number = counts.get(operation.storage, 0)
            counts[operation.storage] = number + 1
            counted = f"{container}/{operation.storage}{f'_{number}' if number else ''}"
            found[operation.name] = self.named.get((container, operation.name), counted)
        return found


def _layers(
    graph: Graph, groups: Mapping[str, str], weights: _Weights, recipe: Recipe | None
) -> Iterator[InspectedLayer]:
    topology = Topology.of(graph)
    for operation in graph.operations:
        group = groups.get(operation.name)
        size = weights.sizes.get(group, (0, 0)) if group else (0, 0)
        lineage = recipe.lineage(operation.name) if recipe is not None else ()
        inner: tuple[InspectedLayer, ...] = ()
        if operation.inner is not None:
            below = weights.inner_groups(group, operation.inner) if group else {}
            inner = tuple(_layers(operation.inner, below, weights, None))
        yield _inspected(operation, topology, size, lineage, inner)


def _inspected(
    operation: Operation,
    topology: Topology,
    size: tuple[int, int],
    lineage: tuple[str, ...],
    inner: tuple[InspectedLayer, ...],
) -> InspectedLayer:
    """Return what is to be told of an operation; ``size`` is parameters and bytes."""
    trainable = operation.config.get("trainable")
    return InspectedLayer(
        name=operation.name,
        class_name=operation.class_name,
        kind=operation.kind,
        calls=len(operation.calls),
        outputs=_outputs(operation, topology),
        parameters=size[0],
        nbytes=size[1],
        trainable=trainable if isinstance(trainable, bool) else None,
        lineage=lineage,
        inner=inner,
    )


def _outputs(operation: Operation, topology: Topology) -> tuple[TensorSpec | None, ...]:
    return tuple(
        topology.specs.get(TensorRef(operation.name, 0, output))
        for output in range(topology.output_count(operation.name, 0))
    )


def _ports(tree: Any, graph: Graph) -> tuple[InspectedPort, ...]:
    topology = Topology.of(graph)
    if isinstance(tree, Mapping):
        keyed = [(key, ref) for key in sorted(tree) for ref in leaves(tree[key])]
    else:
        keyed = [(None, ref) for ref in leaves(tree)]
    return tuple(
        InspectedPort(operation=ref.operation, spec=topology.specs.get(ref), key=key)
        for key, ref in keyed
    )


def _sources(recipe: Recipe | None) -> Iterator[InspectedSource]:
    for key, about in recipe.sources.items() if recipe is not None else ():
        yield InspectedSource(
            id=key,
            location=about.location,
            sha256=about.sha256,
            license=about.license,
            weights=about.weights,
            content=about.content,
            revision=about.revision,
            weights_sha256=about.weights_sha256,
            sources=tuple(_sources(about.made_of)),
        )
