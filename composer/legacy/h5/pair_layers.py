"""Which layer of an architecture the weights of each layer in an ``.h5`` file belong to.

Mirrors ``load_weights_from_hdf5_group`` of ``keras/src/legacy/saving/legacy_h5_format.py``: layers
that have weights are paired by their order. Keras looks at no name there, which is held against
the order here. Which weight of a layer is which is for Keras to say, see ``h5_pairing.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from composer.errors import FormatError
from composer.graphs.graph import Operation
from composer.graphs.model_file import ModelFile
from composer.graphs.order import operation_order
from composer.graphs.pair_weights import (
    RANDOM_STATE,
    By,
    crossed_names,
    listed,
    near_names,
)
from composer.graphs.weight_names import Pair, agreement
from composer.legacy.h5.file import LegacyFile, LegacyTensor
from composer.legacy.h5.read import LegacyModel, is_random_state, refuse_flipped

Tensors = tuple[LegacyTensor, ...]


def pair_layers(
    architecture: ModelFile, file: LegacyFile, by: By, *, described: str
) -> tuple[LegacyModel, tuple[Pair, ...]]:
    """Pair the layers of ``architecture`` with those of a file of weights.

    Args:
        architecture: the model that is to get the weights.
        file: as ``read_weights`` returns it.
        by: ``order``, as Keras does, or ``names``.
        described: the weights file in messages.

    Returns:
        The weights by layers of the architecture, and the layers that bear another name in the
        file.

    Raises:
        FormatError: ``weights-misfit``, a layer or weights are left without a partner, shapes
            differ, or names contradict the order; ``h5-refused``, kernels of Theano.
    """
    layers = {layer.name: layer for layer in _with_weights(architecture)}
    stored = {
        name: kept
        for name, tensors in file.layers.items()
        if (kept := tuple(tensor for tensor in tensors if not is_random_state(tensor)))
    }
    if by == "names":
        pairs = [(name, name) for name in layers if name in stored]
    else:
        pairs = list(zip(layers, stored, strict=False))
    found = agreement(pairs, frozenset(layer.storage for layer in layers.values()))
    # Where a layer too many shifts all that follow, names say which one it is.
    problems = list(_unpaired(layers, stored, pairs))
    if not problems and found.crossed:
        raise crossed_names(described, list(found.crossed))
    if not problems:
        problems = list(_misfits(architecture, stored, pairs))
    if problems:
        raise FormatError(
            "CMP523.other-layers",
            path=described,
            problems=problems,
            help=near_names(
                [name for name in layers if name not in stored],
                [name for name in stored if name not in layers],
            ),
        )
    for layer in layers.values():
        refuse_flipped(file, layer)
    model = LegacyModel(
        file=file,
        config={},
        graph=architecture.graph,
        weights={ours: stored[theirs] for ours, theirs in pairs},
    )
    return model, found.renamed


def _with_weights(architecture: ModelFile) -> Iterator[Operation]:
    """Yield the layers that have weights in the order in which Keras keeps them."""
    operations = {operation.name: operation for operation in architecture.graph.operations}
    for name in operation_order(architecture.graph):
        if _shapes(architecture, name):
            yield operations[name]


def _shapes(architecture: ModelFile, layer: str) -> Counter[tuple[int, ...]]:
    state = architecture.states.get(layer)
    return Counter(
        variable.shape
        for variable in (state.variables if state is not None else ())
        if RANDOM_STATE not in variable.path.split("/")
    )


def _unpaired(
    layers: Mapping[str, Operation], stored: Mapping[str, Tensors], pairs: Sequence[Pair]
) -> Iterator[str]:
    if len(pairs) == len(layers) == len(stored):
        return
    missing = [name for name in layers if name not in stored]
    left_over = [name for name in stored if name not in layers]
    yield f"it has weights for {len(stored)} layers, and {len(layers)} layers have any"
    if missing:
        yield f"it names none for {listed(missing)}"
    if left_over:
        yield f"no layer is named {listed(left_over)}"


def _misfits(
    architecture: ModelFile, stored: Mapping[str, Tensors], pairs: Sequence[Pair]
) -> Iterator[str]:
    for ours, theirs in pairs:
        wanted = _shapes(architecture, ours)
        found = Counter(tensor.stored.shape for tensor in stored[theirs])
        # Some layers store a variable once for each place that holds it (SpectralNormalization).
        if found - wanted or set(wanted) - set(found):
            yield (
                f"layer {ours!r} takes shapes {_texts(wanted)}, and {theirs!r} of the file has "
                f"{_texts(found)}"
            )


def _texts(shapes: Counter[tuple[int, ...]]) -> str:
    return ", ".join(str(shape) for shape in shapes.elements())
