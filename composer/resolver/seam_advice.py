"""What would fit at a wire that brings the wrong shape: another tensor, or a layer between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import chain, count

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import TensorSpec
from composer.resolver.joined import JoinedGraph
from composer.resolver.seams import Seam
from composer.resolver.tensor_references import JoinedRef
from composer.spec.yaml_scalars import written

Shape = tuple[int | None, ...]
_RANK_OF_IMAGES = 4
_RANK_OF_FEATURES = 2


def advice(
    linked: JoinedGraph,
    specs: Mapping[JoinedRef, object],
    seam: Seam,
) -> str:
    """Return what a user could write instead, one way a line.

    Args:
        linked: the graph.
        specs: of its tensors, as far as they are known.
        seam: the wire of the spec that brings what does not fit.
    """
    recorded, actual = seam.expected, seam.actual
    if recorded is None or actual is None:
        return "put a new layer between them that gives what is needed, or wire another tensor"
    batch = _only_batch_differs(recorded, actual)
    if batch is not None:
        return f"wire a tensor of batches of {batch}: an input is declared with batch_size: {batch}"
    ways = []
    other = _last(_fitting(linked, specs, seam.producer, recorded))
    if other is not None:
        ways.append(f"wire {written(_reference(linked, other))}, which gives {recorded}")
    layer = between(actual, recorded)
    if layer is not None:
        taken = written(_reference(linked, seam.producer))
        name = _new_name(linked)
        ways.append(
            f"put a layer between them that gives {recorded}, and wire {name!r} instead:\n"
            f"  layers: {{{name}: {{{layer}, inputs: {taken}}}}}\n"
            f"  {_at(seam.path, name)}"
        )
    if not ways:
        return f"put a new layer between them that gives {recorded}, or wire another tensor"
    return "\nor ".join(ways)


def _only_batch_differs(recorded: TensorSpec, actual: TensorSpec) -> int | None:
    """Return the batch size that is needed where nothing else is wrong."""
    if not recorded.shape or not actual.shape or recorded.dtype != actual.dtype:
        return None
    return recorded.shape[0] if recorded.shape[1:] == actual.shape[1:] else None


def _new_name(linked: JoinedGraph) -> str:
    taken = {operation.name for operation in linked.operations.values()} | set(linked.operations)
    taken |= {str(operation.origin.source) for operation in linked.operations.values()}
    names = chain(("fit",), (f"fit_{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _at(path: SpecPath, value: str) -> str:
    """Return a value of a spec as it is written: ``sources: {a: {inputs: fit}}``."""
    if any(isinstance(part, int) for part in path):
        return f"{'.'.join(map(str, path))}: {value}"
    first, *rest = (written(str(part)) for part in path)
    opened = "".join(f"{{{part}: " for part in rest)
    return f"{first}: {opened}{value}{'}' * len(rest)}"


def between(actual: TensorSpec, recorded: TensorSpec) -> str | None:
    """Return class and arguments of a layer that makes the one shape of the other, as YAML.

    Returns:
        ``class: Dense, args: {units: 16}`` or the like; None where no single layer is at hand.
    """
    if actual.shape is None or recorded.shape is None:
        return None
    if recorded.dtype not in (None, actual.dtype):
        return None
    given, wanted = actual.shape, recorded.shape
    if len(given) == len(wanted) and given[:-1] == wanted[:-1] and wanted[-1] is not None:
        return f"class: Dense, args: {{units: {wanted[-1]}}}"
    if (
        len(given) == len(wanted) == _RANK_OF_IMAGES
        and (given[0], given[-1]) == (wanted[0], wanted[-1])
        and None not in wanted[1:3]
    ):
        return f"class: Resizing, args: {{height: {wanted[1]}, width: {wanted[2]}}}"
    if len(given) > len(wanted) == _RANK_OF_FEATURES:
        if len(given) == _RANK_OF_IMAGES and given[-1] == wanted[-1]:
            return "class: GlobalAveragePooling2D"
        if len(given) == _RANK_OF_IMAGES - 1 and given[-1] == wanted[-1]:
            return "class: GlobalAveragePooling1D"
        if _size(given) is not None and _size(given) == wanted[-1]:
            return "class: Flatten"
    if _size(given) is not None and _size(given) == _size(wanted):
        return f"class: Reshape, args: {{target_shape: {list(wanted[1:])}}}"
    return None


def _size(shape: Shape) -> int | None:
    known = [length for length in shape[1:] if length is not None]
    return math.prod(known) if len(known) == len(shape) - 1 else None


def _fitting(
    linked: JoinedGraph, specs: Mapping[JoinedRef, object], producer: JoinedRef, wanted: TensorSpec
) -> Iterable[JoinedRef]:
    """Yield the tensors of the same source that have the shape and dtype that is wanted."""
    source = linked.operations[producer.key].origin.source
    if source is None or wanted.shape is None:
        return
    for ref, spec in specs.items():
        operation = linked.operations[ref.key]
        plain = len(operation.calls) <= 1 and ref.output == 0
        if plain and spec == wanted and operation.origin.source == source and ref != producer:
            yield ref


def _last(refs: Iterable[JoinedRef]) -> JoinedRef | None:
    found = tuple(refs)
    return found[-1] if found else None


def _reference(linked: JoinedGraph, ref: JoinedRef) -> str:
    """Return a tensor as a spec refers to it."""
    operation = linked.operations[ref.key]
    if len(operation.calls) > 1 or ref.output:
        return f"{operation.origin}#{ref.call}" + (f".{ref.output}" if ref.output else "")
    return str(operation.origin)
