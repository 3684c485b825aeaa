"""Reads a written artifact again and holds it against its plan, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from composer.container.digests import TensorDigest, digest_listing
from composer.container.hdf5_read import open_weights
from composer.container.stored import Listing, StoredGroup, StoredTensor
from composer.errors import DriftError, FormatError
from composer.graphs.graph import leaves
from composer.graphs.model_file import ModelFile
from composer.graphs.order import operation_order
from composer.linker.compare import Pair, unequal
from composer.linker.linker import expected_paths
from composer.model_files.read_model import read_model
from composer.resolver.plan import Plan


def check_artifact(artifact: Path, plan: Plan) -> None:
    """Check names, order, inputs, outputs and every tensor of ``artifact`` against ``plan``.

    Every tensor is compared byte for byte with the one of the source that it comes from.

    Raises:
        DriftError: something differs; the message says the first difference and how many.
    """
    try:
        file = read_model(artifact)
    except FormatError as error:
        raise DriftError(f"{artifact.name} can't be read again: {error.message}") from error
    _refuse(artifact, [*_structure(file, plan), *_tensors(file.path, file.listing, plan)])


def check_weights(weights: Path, plan: Plan) -> None:
    """Check every group and tensor of a file of weights against ``plan``, byte for byte.

    Raises:
        DriftError: something differs; the message says the first difference and how many.
    """
    try:
        with open_weights(weights) as opened:
            listing = opened.listing
    except FormatError as error:
        raise DriftError(f"{weights.name} can't be read again: {error.message}") from error
    _refuse(weights, [*_groups(listing, plan), *_tensors(weights, listing, plan)])


def _refuse(artifact: Path, differences: Sequence[str]) -> None:
    if differences:
        more = f" (and {len(differences) - 1} more differences)" if len(differences) > 1 else ""
        raise DriftError(f"{artifact.name} is not what the plan says: {differences[0]}{more}")


def source_digests(plan: Plan) -> dict[str, TensorDigest]:
    """Digest every tensor of the sources that goes in, by its path in the artifact."""
    expected = expected_paths(plan)
    files = {copy.file.path: copy.file for copy, _ in expected.values() if copy.file is not None}
    held = {path: digest_listing(file.listing) for path, file in files.items()}
    return {
        path: held[copy.file.path][origin]
        for path, (copy, origin) in expected.items()
        if copy.file is not None
    }


def _groups(listing: Listing, plan: Plan) -> Iterator[str]:
    for copy in plan.states:
        group = listing.find(f"{copy.group}/vars")
        name = group.attribute("name") if isinstance(group, StoredGroup) else None
        if name != copy.name:
            yield f"{copy.group!r} is the group of {name!r}, planned is {copy.name!r}"


def _tensors(artifact: Path, listing: Listing, plan: Plan) -> Iterator[str]:
    expected = expected_paths(plan)
    for tensor in listing.tensors:
        if tensor.path not in expected:
            yield f"it holds {tensor.path!r}, which the plan does not know"
    pairs = []
    for path, (copy, origin) in expected.items():
        if copy.file is None:
            continue
        found = listing.find(path)
        source = copy.file.listing.find(origin)
        if isinstance(found, StoredTensor) and isinstance(source, StoredTensor):
            pairs.append(Pair(name=path, found=found, source=copy.file.listing, expected=source))
        else:
            yield f"the weights {path!r} of {copy.name!r} are missing"
    for path in unequal(artifact, pairs):
        copy, origin = expected[path]
        yield f"the weights {path!r} of {copy.name!r} differ from {origin!r} of their source"


def _structure(file: ModelFile, plan: Plan) -> Iterator[str]:
    graph = file.graph
    names = tuple(operation.name for operation in graph.operations)
    planned = tuple(operation.name for operation in plan.graph.operations)
    if names != planned:
        yield f"its operations are {_first_difference(names, planned)}"
    elif operation_order(graph) != planned:
        yield "Keras would keep its operations in another order"
    for what, found, expected in (
        ("inputs", graph.inputs, plan.graph.inputs),
        ("outputs", graph.outputs, plan.graph.outputs),
    ):
        if list(leaves(found)) != list(leaves(expected)) or type(found) is not type(expected):
            yield f"its {what} are {found}, planned are {expected}"
    groups = {copy.name: copy.group for copy in plan.states}
    for name, group in groups.items():
        state = file.states.get(name)
        if state is None or state.group != group:
            lies = "nowhere" if state is None else repr(state.group)
            yield f"the weights of {name!r} lie in {lies}, planned is {group!r}"
    for found_op, planned_op in zip(graph.operations, plan.graph.operations, strict=False):
        if found_op.calls != planned_op.calls:
            yield f"the calls of {found_op.name!r} differ"


def _first_difference(found: tuple[str, ...], planned: tuple[str, ...]) -> str:
    for index, (one, other) in enumerate(zip(found, planned, strict=False)):
        if one != other:
            return f"{one!r} at place {index}, planned is {other!r}"
    return f"{len(found)}, planned are {len(planned)}"
