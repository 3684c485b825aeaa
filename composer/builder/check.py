"""Reads a written artifact again and holds it against its plan, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from composer.builder.linker import expected_paths
from composer.errors import DriftError, FormatError
from composer.keras_format.digests import TensorDigest, digest_listing
from composer.keras_format.graph import leaves
from composer.keras_format.model_file import ModelFile
from composer.keras_format.order import operation_order
from composer.keras_format.read_model import read_model
from composer.resolver.plan import Plan


def check_artifact(
    artifact: Path, plan: Plan, origins: Mapping[str, TensorDigest]
) -> Mapping[str, TensorDigest]:
    """Check names, order, inputs, outputs and every tensor of ``artifact`` against ``plan``.

    Args:
        artifact: the written file.
        plan: what it was written from.
        origins: digests of the sources' tensors, by their path in the artifact.

    Returns:
        The digests of the artifact's tensors, by path.

    Raises:
        DriftError: something differs; the message says the first difference and how many.
    """
    try:
        file = read_model(artifact)
    except FormatError as error:
        raise DriftError(f"{artifact.name} can't be read again: {error.message}") from error
    written = digest_listing(file.listing)
    differences = [*_structure(file, plan), *_tensors(written, origins, plan)]
    if differences:
        more = f" (and {len(differences) - 1} more differences)" if len(differences) > 1 else ""
        raise DriftError(f"{artifact.name} is not what the plan says: {differences[0]}{more}")
    return written


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


def _tensors(
    written: Mapping[str, TensorDigest], origins: Mapping[str, TensorDigest], plan: Plan
) -> Iterator[str]:
    expected = expected_paths(plan)
    for path in written:
        if path not in expected:
            yield f"it holds {path!r}, which the plan does not know"
    for path, (copy, origin) in expected.items():
        if path not in written:
            yield f"the weights {path!r} of {copy.name!r} are missing"
        elif written[path] != origins.get(path):
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
