"""A plan → its page: the picture, where every layer comes from, and the link map as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from composer.difference.comparable import view_of_plan
from composer.difference.compared_model import ComparedModel, Layer
from composer.resolver.plan import MapEntry, Plan, PlannedSource
from composer.resolver.seams import Seam
from composer.views.page.layer import arguments_of, calls_of, facts_of, weights_of
from composer.views.page.model import Cell, Detail, Page, Section
from composer.views.page.plan_tables import (
    Places,
    layers_table,
    link_map_table,
    ports_table,
    seams_table,
    sources_table,
    weights_table,
)
from composer.views.picture.collect import picture_of_plan
from composer.views.picture.model import LEFT_OUT, Node, Picture

_OPEN = "known once Keras was asked (--deep)"


def page_of_plan(plan: Plan, *, every_layer: bool = False) -> Page:
    """Return the page of what a spec is linked to.

    Args:
        plan: complete or a draft.
        every_layer: whether what of the sources is left out is shown from the start.

    Raises:
        FormatError: the bytes of a source can't be read.
    """
    view = view_of_plan(plan, plan.name)
    picture = picture_of_plan(plan, every_layer=True)
    places = Places(picture)
    return Page(
        title=plan.name,
        summary=summary_of(plan),
        picture=picture,
        details=_details(plan, view, picture),
        tables=(
            link_map_table(plan, places),
            layers_table(plan, view, places),
            seams_table(plan, places),
            weights_table(view, places),
            ports_table(plan, places),
            sources_table(plan),
        ),
        left_out=every_layer,
    )


def _size(nbytes: int) -> str:
    mebibyte = 1 << 20
    return f"{nbytes:,} bytes" if nbytes < mebibyte else f"{nbytes / mebibyte:,.1f} MiB"


def summary_of(plan: Plan) -> str:
    """Return what a plan is about and how large it is, in words."""
    layers = sum(operation.kind != "input" for operation in plan.graph.operations)
    parts = [
        f"{layers:,} layers",
        f"{plan.parameters:,} parameters",
        f"{_size(plan.nbytes)} of weights",
    ]
    if plan.deferred:
        parts.append(f"not known yet: {', '.join(plan.deferred)}")
    return f"{plan.description}\n{', '.join(parts)}" if plan.description else ", ".join(parts)


# ---------------------------------------------------------------- details


def _details(plan: Plan, view: ComparedModel, picture: Picture) -> Mapping[str, Detail]:
    entries = {(entry.source, entry.layer): entry for entry in plan.link_map}
    sources = {source.id: source for source in plan.sources}
    configs = {
        (id_, operation.name): operation.config
        for id_, file in plan.files.items()
        for operation in file.graph.operations
    }
    seams: dict[str, list[Seam]] = {}
    for seam in plan.seams:
        seams.setdefault(seam.consumer, []).append(seam)
    found: dict[str, Detail] = {}
    for node in picture.nodes.values():
        entry = entries.get((node.box or "", node.original))
        if node.kind == "output":
            found[node.id] = _output(plan, node)
        elif node.kind in LEFT_OUT:
            config = configs.get((node.box or "", node.original))
            found[node.id] = Detail(
                facts=(
                    ("class", node.class_name),
                    ("from", f"{node.box}:{node.original}"),
                    ("source", sources[node.box or ""].location),
                    *_fate(entry),
                ),
                sections=(arguments_of(config),),
            )
        else:
            key = str(plan.origins[node.name])
            found[node.id] = _kept(
                view.layers[node.name],
                entry,
                sources.get(node.box or ""),
                seams.get(key, ()),
                is_open=key in plan.deferred,
            )
    return found


def _output(plan: Plan, node: Node) -> Detail:
    port = next(port for port in plan.outputs if port.name == node.name)
    facts: tuple[tuple[str, Cell], ...] = (
        ("output of the model", port.name),
        ("output", str(port.spec) if port.spec is not None else _OPEN),
    )
    return Detail(facts=facts, sections=(Section(title="Inputs", rows=(("", port.operation),)),))


def _kept(
    layer: Layer,
    entry: MapEntry | None,
    source: PlannedSource | None,
    seams: Sequence[Seam],
    *,
    is_open: bool,
) -> Detail:
    facts: list[tuple[str, Cell]] = list(facts_of(layer))
    if source is not None:
        facts.append(("source", source.location))
    if source is not None and source.weights is not None:
        facts.append(("weights from", source.weights))
    facts.extend(_fate(entry))
    if is_open:
        facts.append(("shape and weights", _OPEN))
    wired = tuple(
        (seam.words[0], seam.state, str(seam.expected or ""), str(seam.actual or ""))
        for seam in seams
    )
    inside = entry.inside if entry is not None else ()
    return Detail(
        facts=tuple(facts),
        sections=(
            calls_of(layer),
            Section(
                title="Wired by the spec", rows=wired, columns=("from", "state", "before", "now")
            ),
            Section(
                title="Inside",
                rows=tuple((inner.path, inner.class_name) for inner in inside),
            ),
            arguments_of(layer.config),
            weights_of(layer),
        ),
    )


def _fate(entry: MapEntry | None) -> Iterator[tuple[str, Cell]]:
    if entry is None:
        return
    yield "status", f"{entry.fate} by {entry.note}" if entry.note else entry.fate
    if entry.calls > 1:
        yield "calls", entry.calls
    if entry.shared:
        yield "one with", ", ".join(entry.shared)
