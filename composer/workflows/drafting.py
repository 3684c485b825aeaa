"""Locations of models → a draft of a spec, read and resolved once before it is handed out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from composer.authoring.heads import heads
from composer.authoring.ids import prefixes, source_ids, spec_name
from composer.authoring.parts import LooseEnd, Part
from composer.authoring.suggestions import suggestions
from composer.authoring.text import spec_text
from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import FormatError, SpecError
from composer.files.suffixes import LEGACY_SUFFIXES
from composer.graphs.flatten import flattened
from composer.graphs.graph import Graph, TensorRef, Tree, structure_form
from composer.graphs.model_file import ModelFile
from composer.resolver.cut_sources import cut
from composer.resolver.problems import Problems
from composer.resolver.select_layers import select
from composer.resolver.topology import Topology
from composer.sources.context import Context
from composer.sources.open_sources import open_sources
from composer.sources.paths import file_path
from composer.sources.remote.fetching import Fetcher
from composer.spec import spec_from_text
from composer.spec.boundary import ANYWHERE
from composer.spec.locations import names_file
from composer.spec.model import Positions, Selector, Source, Spec
from composer.spec.references import parse_reference
from composer.spec.refused import RefusedError
from composer.spec.source_forms import is_spec
from composer.spec.yaml_scalars import written
from composer.store import default_store
from composer.workflows.pipeline import Prepared, prepare_spec

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec that was written and not saved.

    Attributes:
        name: of the model.
        text: of the spec.
        parts: its sources.
        prepared: what reading and resolving the text gave, without Keras.
    """

    name: str
    text: str
    parts: tuple[Part, ...]
    prepared: Prepared


def draft(
    locations: Sequence[str],
    *,
    directory: Path,
    name: str | None = None,
    schema: str | None = None,
    output: Callable[[str], str] = "build/{}.keras".format,
    offline: bool = False,
    progress: Progress | None = None,
) -> Draft:
    """Write a spec that takes these models.

    Args:
        locations: as ``from`` shall have them, relative paths from ``directory``.
        directory: that the spec will stand in.
        name: of the model; made from the sources' if None.
        schema: of specs, for the editor, as found from ``directory``; None for none.
        output: gives the path of the result, from ``directory``, for the model's name.
        offline: whether nothing may be asked of the network.
        progress: called with lines of progress.

    Raises:
        SpecError: a model can't be read.
        BuildError: fetching one failed for a reason outside of it.
    """
    ids = source_ids(locations)
    name = name or spec_name(ids)
    spec = _spec(ids, locations, directory)
    read = _read(spec, offline=offline, progress=progress)
    for with_heads in (True, False):
        parts = _parts(spec, read, with_heads=with_heads)
        text = spec_text(name, parts, suggestions(parts), schema=schema, output=output(name))
        prepared = _prepared(text, name, directory, offline=offline, progress=progress)
        if not prepared.errors or not any(part.heads for part in parts):
            break
    return Draft(name=name, text=text, parts=parts, prepared=prepared)


def _prepared(
    text: str, name: str, directory: Path, *, offline: bool, progress: Progress | None
) -> Prepared:
    spec, found = spec_from_text(text, file=f"{name}.yaml", directory=directory)
    if spec is None:
        return Prepared(spec=None, plan=None, diagnostics=found)
    # Whoever drafts a spec has named its sources on the command line.
    prepared = prepare_spec(spec, offline=offline, progress=progress, boundary=ANYWHERE)
    return replace(prepared, diagnostics=(*found, *prepared.diagnostics))


def _spec(ids: Sequence[str], locations: Sequence[str], directory: Path) -> Spec:
    """Return a spec of the sources as they are."""
    entries = zip(ids, locations, strict=True)
    text = "version: 1\nname: draft\nsources:\n" + "".join(
        f"  {source}: {{from: {written(location)}}}\n" for source, location in entries
    )
    spec, found = spec_from_text(text, file="draft", directory=directory)
    if spec is None or found:
        raise SpecError(_placeless(found))
    return spec


def _placeless(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return diagnostics without their places, which lie in a text that nobody wrote or can fix."""
    return tuple(replace(found, span=None, path=(), notes=(), fix=()) for found in diagnostics)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is known of a source.

    Attributes:
        graph: None where Keras has to make the model first.
        flatten: whether its nested models were opened.
        opens: whether they could be.
    """

    graph: Graph | None
    flatten: bool = False
    opens: bool = False


def _read(spec: Spec, *, offline: bool, progress: Progress | None) -> Mapping[str, _Read]:
    """Read each source of ``spec``.

    Raises:
        SpecError: a source can't be read.
    """
    store = default_store()
    context = Context(
        store=store,
        fetcher=Fetcher(store=store, offline=offline, progress=progress),
        seed=spec.seed,
        may_import=False,
        boundary=ANYWHERE,
        progress=progress,
    )
    opened = open_sources(replace(spec, sources=_without_specs(spec)), context)
    errors = [found for found in opened.diagnostics if found.severity == "error"]
    if errors:
        raise SpecError(_placeless(errors))
    found: dict[str, _Read] = {}
    for source in spec.sources:
        file = opened.files.get(source.id)
        found[source.id] = _Read(graph=_graph_of_h5(source)) if file is None else _known(file)
    return found


def _known(file: ModelFile) -> _Read:
    """Return what a file holds, opened where a layer keeps its weights inside a nested model."""
    if all(operation.inner is None for operation in file.graph.operations):
        return _Read(graph=file.graph)
    try:
        opened = flattened(file)
    except FormatError:
        return _Read(graph=file.graph)
    if file.misplaced:
        return _Read(graph=opened.graph, flatten=True)
    return _Read(graph=file.graph, opens=True)


def _without_specs(spec: Spec) -> tuple[Source, ...]:
    """Leave out sources that are specs: what they link is read when the draft is resolved."""
    return tuple(source for source in spec.sources if not is_spec(source))


def _graph_of_h5(source: Source) -> Graph | None:
    """Return the graph that an ``.h5`` file records, which is read without Keras."""
    if not names_file(source.location, LEGACY_SUFFIXES) or not file_path(source).is_file():
        return None
    # Imported here: most models are no such files.
    from composer.keras_process.keras_classes import known_classes
    from composer.legacy.h5.read import read_legacy_model

    try:
        return read_legacy_model(file_path(source), known_classes()).graph
    except FormatError:  # told when the draft is resolved
        return None


def _parts(spec: Spec, read: Mapping[str, _Read], *, with_heads: bool) -> tuple[Part, ...]:
    found = [
        _part(source, read[source.id], spec.positions, with_heads=with_heads)
        for source in spec.sources
    ]
    ids = [part.id for part in found]
    fixed = [part.id for part in found if _cannot_be_renamed(read[part.id].graph)]
    chosen = prefixes(ids, {part.id: part.names for part in found}, fixed)
    return tuple(
        replace(part, prefix=chosen.get(part.id, ""), shared_names=_shared(part, found))
        for part in found
    )


def _shared(part: Part, parts: Sequence[Part]) -> int:
    others = {name for other in parts if other.id != part.id for name in other.names or ()}
    return sum(name in others for name in part.names or ())


def _cannot_be_renamed(graph: Graph | None) -> bool:
    return graph is not None and any("name" not in op.config for op in graph.operations)


def _part(source: Source, read: _Read, positions: Positions, *, with_heads: bool) -> Part:
    graph = read.graph
    if graph is None:
        return Part(id=source.id, location=source.location, known=False)
    topology = Topology.of(graph)
    found = heads(topology, graph.outputs) if with_heads else ()
    names = tuple(dict.fromkeys(name for head in found for name in head.names))
    selectors = tuple(Selector(kind="regex", pattern=re.escape(name)) for name in names)
    problems = Problems(positions)  # what is wrong is told when the draft is resolved
    headless = replace(source, exclude=selectors)
    selection = select(headless, topology, problems)
    use = cut(headless, topology, selection, graph.outputs, problems)[0]
    taken = tuple(use.tensors.values())
    if problems.errors and found:
        return _part(source, read, positions, with_heads=False)
    return Part(
        id=source.id,
        location=source.location,
        names=tuple(
            name.replace("/", "_") if read.flatten else name
            for name, operation in topology.operations.items()
            if name in selection.kept and (operation.kind != "input" or name in use.inputs)
        ),
        heads=found,
        inputs=tuple(
            LooseEnd(
                layer=name,
                reference=f"{source.id}:{name}",
                spec=topology.specs.get(TensorRef(name)),
                used=any(isinstance(t, TensorRef) and t.operation == name for t in taken),
            )
            for name in use.inputs
        ),
        outputs=tuple(_outputs(source, topology, tuple(dict.fromkeys(use.outputs)))),
        arranged=use.complete and _is_arranged(graph.outputs, use.outputs, topology),
        flatten=read.flatten,
        nested=tuple(
            (op.name, _operations(len(op.inner.operations)))
            for op in graph.operations
            if op.inner is not None and read.opens
        ),
    )


def _is_arranged(tree: Tree, outputs: Sequence[TensorRef], topology: Topology) -> bool:
    """Tell whether outputs are more than a list of tensors that a spec could name."""
    return (
        structure_form(tree) in ("map", "nested")
        or len(set(outputs)) < len(outputs)
        or any(topology.operations[ref.operation].kind == "input" for ref in outputs)
    )


def _operations(number: int) -> str:
    return f"{number} operation{'' if number == 1 else 's'}"


def _outputs(source: Source, topology: Topology, refs: Sequence[TensorRef]) -> list[LooseEnd]:
    """Return the open outputs; those that a reference can't spell in short are left out."""
    ports = [
        LooseEnd(
            layer=ref.operation,
            reference=source.id if len(refs) == 1 else f"{source.id}:{_spelled(ref, topology)}",
            spec=topology.specs.get(ref),
        )
        for ref in refs
        if topology.operations[ref.operation].kind != "input"  # wired, it is another's tensor
    ]
    return [port for port in ports if _is_reference(port.reference)]


def _is_reference(text: str) -> bool:
    try:
        parse_reference(text)
    except RefusedError:
        return False
    return True


def _spelled(ref: TensorRef, topology: Topology) -> str:
    """Return a tensor as a reference names it, with its call where the layer has several."""
    several = len(topology.operations[ref.operation].calls) > 1
    if topology.output_count(ref.operation, ref.call) > 1:
        return f"{ref.operation}#{ref.call}.{ref.output}"
    return f"{ref.operation}#{ref.call}" if several else str(ref)
