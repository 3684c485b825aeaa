"""Whether the weights of an ``.h5`` file are those of its layers, as far as it shows without Keras.

Keras loads them in the order in which the file lists its layers, and looks at no name
(``load_weights_from_hdf5_group`` of ``keras/src/legacy/saving/legacy_h5_format.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from composer.errors import FormatError
from composer.graphs.graph import Operation
from composer.graphs.layer_needs import NeededVariable, Needs
from composer.graphs.layer_variables import needs_of, needs_of_model
from composer.graphs.order import operation_order
from composer.graphs.state_check import fits, shape_text
from composer.legacy.h5.file import LegacyTensor
from composer.legacy.h5.read import LegacyModel

_SHOWN = 5
_STORED_ONCE = "vector_u"
"""A variable of SpectralNormalization, which lists a variable of its inner layer as well."""


def check_weights(model: LegacyModel) -> None:
    """Refuse weights that contradict the layers of their file.

    Args:
        model: as ``read_legacy_model`` returns it.

    Raises:
        FormatError: ``CMP535``, the file lists its layers in an order that contradicts
            their names; ``CMP536``, a layer would have other variables.
    """
    _check_order(model)
    problems = list(_misfits(model))
    if problems:
        raise FormatError("CMP536.h5-contradiction", path=model.file.path, problems=problems)


def _check_order(model: LegacyModel) -> None:
    """Refuse an order of layers that is neither Keras's nor that of the file's own config.

    The second is the one in which the Keras that saved the file kept the layers.
    """
    stored = list(model.weights)
    listed = [operation.name for operation in model.graph.operations]
    for order in (operation_order(model.graph), listed):
        if [name for name in order if name in model.weights] == stored:
            return
    computed = [name for name in operation_order(model.graph) if name in model.weights]
    crossed = [
        f"{theirs!r} into {ours!r}"
        for ours, theirs in zip(computed, stored, strict=False)
        if ours != theirs
    ]
    raise FormatError("CMP535.h5-order", path=model.file.path, crossed=crossed)


def _misfits(model: LegacyModel) -> Iterator[str]:
    for operation in model.graph.operations:
        if operation.kind == "operator" or _is_open(operation):
            continue
        needed = _flat(_needs(operation))
        if needed is None:
            continue
        held = model.weights.get(operation.name, ())
        if len(held) != len(needed):
            names = ", ".join(tensor.name for tensor in held[:_SHOWN])
            yield (
                f"layer {operation.name!r} has {len(needed) or 'no'} variables, and the file has "
                f"{len(held) or 'none'}" + (f" ({names})" if names else "")
            )
        elif not _fit(operation, held, needed):
            shapes = ", ".join(str(tensor.stored.shape) for tensor in held[:_SHOWN])
            wanted = ", ".join(shape_text(variable) for variable in needed[:_SHOWN])
            yield (
                f"the variables of layer {operation.name!r} have the shapes {shapes}, and its "
                f"config asks for {wanted}"
            )


def _is_open(operation: Operation) -> bool:
    """Tell whether a layer can't be linked, or one inside of it can't, so that nothing is asked."""
    inside = () if operation.inner is None else operation.inner.operations
    return operation.refused is not None or any(map(_is_open, inside))


def _needs(operation: Operation) -> Needs:
    inner = operation.inner
    return needs_of(operation) if inner is None else needs_of_model(inner)


def _flat(needs: Needs) -> tuple[NeededVariable, ...] | None:
    """Return all variables below a layer; None where they are not known, or counted otherwise."""
    if needs.variables is None or not needs.closed:
        return None
    if any(variable.name == _STORED_ONCE for variable in needs.variables):
        return None
    found = list(needs.variables)
    for part in needs.parts:
        inside = None if part.needs.shared is not None else _flat(part.needs)
        if inside is None:
            return None
        found.extend(inside)
    return tuple(found)


def _fit(
    operation: Operation, held: Sequence[LegacyTensor], needed: Sequence[NeededVariable]
) -> bool:
    """Compare in order where the layer has no parts; else as a set, for Keras orders those."""
    if not _needs(operation).parts:
        return all(
            fits(tensor.stored.shape, variable)
            for tensor, variable in zip(held, needed, strict=True)
        )
    shapes = [variable.shape for variable in needed]
    if any(shape is None or None in shape for shape in shapes):
        return True
    return Counter(shapes) == Counter(tensor.stored.shape for tensor in held)
