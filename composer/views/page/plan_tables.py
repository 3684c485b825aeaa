"""The tables of a plan's page: the link map, layers, seams, weights, ports and sources."""

from __future__ import annotations

from composer.difference.compared_model import ComparedModel
from composer.resolver.plan import MapEntry, Plan
from composer.views.page.layer import digest_of, parameters_of, shape_of
from composer.views.page.model import Row, Table
from composer.views.picture.model import LEFT_OUT, Picture


class Places:
    """Finds the node of a picture that something is about.

    Args:
        picture: of a plan.
    """

    def __init__(self, picture: Picture) -> None:
        self._final: dict[str, str] = {}
        self._original: dict[tuple[str | None, str], str] = {}
        self._outputs: dict[str, str] = {}
        for node in picture.nodes.values():
            if node.kind == "output":
                self._outputs[node.name] = node.id
            elif node.kind in LEFT_OUT:
                self._original[node.box, node.original] = node.id
            else:
                self._final[node.name] = node.id

    def layer(self, name: str) -> str | None:
        """Return the node of a layer of the result."""
        return self._final.get(name)

    def output(self, name: str) -> str | None:
        """Return the node of an output of the result."""
        return self._outputs.get(name)

    def entry(self, entry: MapEntry) -> str | None:
        """Return the node of an operation of a source, in the result or left out."""
        if entry.name is not None:
            return self._final.get(entry.name)
        return self._original.get((entry.source, entry.layer))


def link_map_table(plan: Plan, places: Places) -> Table:
    """Return what became of each operation of each source."""
    return Table(
        id="map",
        title="Link map",
        columns=("source", "layer", "class", "status", "new name", "note", "calls"),
        rows=tuple(
            Row(
                node=places.entry(entry),
                cells=(
                    entry.source,
                    entry.layer,
                    entry.class_name,
                    entry.fate,
                    entry.name,
                    entry.note,
                    entry.calls,
                ),
            )
            for entry in plan.link_map
        ),
    )


def layers_table(plan: Plan, view: ComparedModel, places: Places) -> Table:
    """Return the layers of the result."""
    nbytes = {
        state.name: sum(tensor.value.nbytes for tensor in state.tensors) for state in plan.states
    }
    return Table(
        id="layers",
        title="Layers",
        columns=("layer", "class", "from", "output", "parameters", "bytes"),
        rows=tuple(
            Row(
                node=places.layer(layer.name),
                cells=(
                    layer.name,
                    layer.class_name,
                    layer.origin,
                    layer.output,
                    parameters_of(layer),
                    nbytes.get(layer.name, 0),
                ),
            )
            for layer in view.layers.values()
        ),
    )


def seams_table(plan: Plan, places: Places) -> Table:
    """Return the edges that the spec made."""
    names = {str(origin): name for name, origin in plan.origins.items()}
    return Table(
        id="seams",
        title="Connections",
        columns=("from", "to", "state", "before", "now", "in the spec"),
        rows=tuple(
            Row(
                node=places.layer(names.get(seam.consumer, seam.consumer)),
                cells=(
                    *seam.words,
                    seam.state,
                    str(seam.expected or ""),
                    str(seam.actual or ""),
                    ".".join(map(str, seam.path)),
                ),
            )
            for seam in plan.seams
        ),
    )


def weights_table(view: ComparedModel, places: Places) -> Table:
    """Return every variable with its digest."""
    return Table(
        id="weights",
        title="Weights",
        columns=("layer", "variable", "shape", "dtype", "SHA-256"),
        rows=tuple(
            Row(
                node=places.layer(layer.name),
                cells=(
                    layer.name,
                    weight.path,
                    shape_of(weight.shape),
                    weight.dtype,
                    digest_of(weight),
                ),
            )
            for layer in view.layers.values()
            for weight in layer.weights or ()
        ),
    )


def ports_table(plan: Plan, places: Places) -> Table:
    """Return the inputs and outputs of the result."""
    inputs = (("input", port, places.layer(port.operation)) for port in plan.inputs)
    outputs = (("output", port, places.output(port.name)) for port in plan.outputs)
    return Table(
        id="ports",
        title="Inputs and outputs",
        columns=("", "name", "layer", "shape and dtype"),
        rows=tuple(
            Row(node=node, cells=(way, port.name, port.operation, str(port.spec or "")))
            for way, port, node in (*inputs, *outputs)
        ),
    )


def sources_table(plan: Plan) -> Table:
    """Return the sources and what of them goes in."""
    return Table(
        id="sources",
        title="Sources",
        columns=(
            "source",
            "from",
            "licence",
            "prefix",
            "suffix",
            "operations",
            "used",
            "parameters",
            "bytes",
            "SHA-256",
        ),
        rows=tuple(
            Row(
                cells=(
                    source.id,
                    source.location,
                    source.license,
                    source.prefix,
                    source.suffix,
                    source.operations,
                    source.kept,
                    source.parameters,
                    source.nbytes,
                    source.sha256 or (source.download.sha256 if source.download else None),
                )
            )
            for source in plan.sources
        ),
    )
