"""An ``.h5`` file → the model as today's Keras is to make it, and the weights of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from composer.errors import FormatError
from composer.graphs.check_config import check_config
from composer.graphs.graph import Graph, Json, Operation, Repair, Unlinkable
from composer.graphs.reader import read_graph
from composer.legacy import keras2
from composer.legacy.h5.early import late_spelling
from composer.legacy.h5.file import LegacyFile, LegacyTensor, read_file
from composer.legacy.h5.keras1 import second_spelling
from composer.legacy.h5.keras3 import KnownClasses, with_modules
from composer.legacy.h5.loss_parts import without_loss_parts
from composer.legacy.h5.names import without_slashes
from composer.legacy.h5.put_in_place import (
    holes,
    marked,
    put_in_place,
    refusals,
    shapeless_behind,
)
from composer.legacy.h5.scan import refuse_code
from composer.legacy.h5.set_aside import (
    REFUSED,
    SetAside,
    as_of_today,
    is_refusal,
    numbered,
    set_aside,
)
from composer.legacy.keras2_calls import OF_ONE_LAYER
from composer.legacy.keras2_masks import mask_warnings

REPAIRS_VERSION: Final = 2
"""Goes up whenever a repair changes, so that what was imported before is imported again."""

_RANDOM_STATE: Final = "StateVar"
_CONVOLUTIONS: Final = ("Conv", "Separable", "Depthwise", "LocallyConnected")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyModel:
    """A model of an ``.h5`` file.

    Attributes:
        file: what it was read from.
        config: the whole serialised model as today's Keras reads it.
        graph: of that; ``repairs`` and ``warnings`` say what is another than in the file. Layers
            that can't be linked are marked, and their configs are those of the file.
        weights: of the layers of the outermost model, by their names in ``graph``.
        aside: the layers that can't be linked; ``config`` has stand-ins for them.
    """

    file: LegacyFile
    config: Mapping[str, Json]
    graph: Graph
    weights: Mapping[str, tuple[LegacyTensor, ...]]
    aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A model of any Keras in the form of today's.

    Attributes:
        config: the whole serialised model, with stand-ins for layers that can't be imported.
        graph: of the model, with these layers as the file has them, and marked.
        names: new names of layers of the outermost model by the old ones (those that changed).
        aside: the layers that can't be imported.
        dead: layers of the outermost model that lead to no output and were left out.
    """

    config: Mapping[str, Json]
    graph: Graph
    names: Mapping[str, str]
    aside: tuple[SetAside, ...]
    dead: frozenset[str]


def read_legacy_model(path: Path, known: KnownClasses) -> LegacyModel:
    """Read an ``.h5`` file and write its model in the form of today's Keras, running nothing.

    Args:
        path: of the file.
        known: classes of the installed Keras, for files that Keras 3 wrote.

    Raises:
        FormatError: ``no-config``, ``h5`` and others: it is no sound file of a whole model;
            ``h5-refused``, ``h5-no-shape``: a layer can't be carried over.
        OSError: it can't be opened.
    """
    file = read_file(path)
    found = rewritten(file.config, file.major, known)
    weights, dropped = _weights(file, found)
    flipped = tuple(_flipped(file, found, weights))
    aside = (*found.aside, *flipped)
    graph = marked(found.graph, refusals(aside)) if flipped else found.graph
    graph = replace(graph, repairs=(*graph.repairs, *dropped))
    return LegacyModel(file=file, config=found.config, graph=graph, weights=weights, aside=aside)


def _flipped(
    file: LegacyFile, model: Rewritten, weights: Mapping[str, Sequence[LegacyTensor]]
) -> Iterator[SetAside]:
    """Yield the layers whose weights were stored for another kind of convolution."""
    for operation in model.graph.operations:
        if operation.name not in weights or operation.refused is not None:
            continue
        try:
            refuse_flipped(file, operation)
        except FormatError as refused:
            yield SetAside(
                path=operation.name,
                refusal=Unlinkable(why=refused.message, help=refused.help),
                entry={},
                made=True,
            )


def rewritten(config: Mapping[str, Json], major: int, known: KnownClasses) -> Rewritten:
    """Return a model of any Keras in the form of today's.

    Args:
        config: of the model, with ``class_name`` and ``config``.
        major: the first number of the version of Keras that wrote it.
        known: classes of the installed Keras, for what Keras 3 wrote.

    Raises:
        FormatError: ``h5-refused``, ``h5-no-shape``: the model can't be carried over, whichever
            of its layers are left out.
    """
    check_config(config)
    config, unused, dead = without_loss_parts(config)
    found: tuple[SetAside, ...] = ()
    try:
        today, repairs, renames, names = _carried_over(config, major, known)
    except FormatError as refused:
        if not is_refusal(refused) or (major > 2 and not known.layers):  # noqa: PLR2004
            raise
        config, found = set_aside(config, lambda model: _carried_over(model, major, known))
        today, repairs, renames, names = _carried_over(config, major, known)
    today, places = numbered(today, found)
    aside = as_of_today(found, places, today)
    with _as_refusal():
        graph = marked(read_graph(put_in_place(today, aside)), refusals(aside))
    unsure = frozenset(path for path, hole in holes(graph, aside).items() if not hole.shapes)
    shapeless = shapeless_behind(today, unsure) if unsure else None
    if shapeless is not None:
        raise FormatError("CMP520.shapeless", reason=aside[0].refusal.why, layer=shapeless)
    paths = {item.path for item in found}
    repairs = tuple(repair for repair in repairs if repair.layer not in paths)
    warnings = () if major > 2 else mask_warnings(graph)  # noqa: PLR2004
    graph = replace(graph, repairs=(*unused, *repairs, *renames), warnings=warnings)
    return Rewritten(config=today, graph=graph, names=names, aside=aside, dead=dead)


def _carried_over(
    config: Mapping[str, Json], major: int, known: KnownClasses
) -> tuple[Mapping[str, Json], tuple[Repair, ...], tuple[Repair, ...], Mapping[str, str]]:
    """Return the model, what was repaired, what was renamed, and the new names by the old."""
    with _as_refusal():
        config, repairs = _today(config, major, known)
    config, renames, names = without_slashes(config)
    refuse_code(config)
    return config, repairs, renames, names


@contextmanager
def _as_refusal() -> Iterator[None]:
    """Raise what can't be carried over from Keras 2 as what can't be imported."""
    try:
        yield
    except FormatError as refused:
        if refused.case not in OF_ONE_LAYER:
            raise
        raise refused.under(REFUSED) from None


def _today(
    config: Mapping[str, Json], major: int, known: KnownClasses
) -> tuple[Mapping[str, Json], tuple[Repair, ...]]:
    if major > 2:  # noqa: PLR2004 - Keras 3
        return with_modules(config, known), ()
    early: tuple[Repair, ...] = ()
    if major < 2:  # noqa: PLR2004 - Keras 1
        config, early = second_spelling(config)
    config, late = late_spelling(config)
    config, repairs = keras2.modernise(config)
    return config, (*early, *late, *repairs)


def _weights(
    file: LegacyFile, model: Rewritten
) -> tuple[dict[str, tuple[LegacyTensor, ...]], tuple[Repair, ...]]:
    """Return the weights by layers of the graph, without states of random generators.

    Raises:
        FormatError: ``h5``, weights belong to no layer.
    """
    layers = {op.name: op for op in model.graph.operations if op.kind != "operator"}
    found: dict[str, tuple[LegacyTensor, ...]] = {}
    dropped: list[Repair] = []
    for stored, tensors in file.layers.items():
        if stored in model.dead:
            continue
        name = model.names.get(stored, stored)
        kept = tuple(t for t in tensors if not is_random_state(t))
        if len(kept) < len(tensors):
            dropped.append(Repair(layer=name, what="the state of its random generator dropped"))
        if not kept:
            continue
        layer = layers.get(name)
        if layer is None:
            raise FormatError("CMP502.foreign-weights", path=file.path, layer=stored)
        found[name] = kept
    return found, tuple(dropped)


def refuse_flipped(file: LegacyFile, layer: Operation) -> None:
    """Refuse the weights of a convolution that Theano stored.

    Raises:
        FormatError: ``h5-refused``.
    """
    if file.backend == "theano" and _convolves(layer.config, layer.class_name):
        raise FormatError("CMP520.theano", layer=layer.name, class_name=layer.class_name)


def is_random_state(tensor: LegacyTensor) -> bool:
    """Tell the state of a ``tf.random.Generator``, which random layers of TF 2.4 to 2.8 have."""
    last = tensor.name.rpartition("/")[2]
    return last.startswith(_RANDOM_STATE) and "int" in tensor.stored.logical_dtype


def _convolves(config: Json, class_name: str) -> bool:
    if class_name.startswith(_CONVOLUTIONS):
        return True
    if isinstance(config, list):
        return any(_convolves(item, "") for item in config)
    if isinstance(config, Mapping):
        below = str(config.get("class_name") or "")
        return below.startswith(_CONVOLUTIONS) or any(
            _convolves(item, "") for item in config.values()
        )
    return False


def without_holes(model: LegacyModel) -> dict[str, tuple[LegacyTensor, ...]]:
    """Return the weights of a model without those of layers that Keras can't make.

    Inside of a nested model they are known by their names; where these don't tell, they stay.
    """
    graph, weights = model.graph, model.weights
    gone = frozenset(item.path for item in model.aside if not item.made)
    return {
        name: tuple(kept)
        for name, tensors in weights.items()
        if (kept := _kept(graph, name, tensors, gone, ""))
    }


def _kept(
    graph: Graph,
    name: str,
    tensors: Sequence[LegacyTensor],
    gone: frozenset[str],
    path: str,
) -> list[LegacyTensor]:
    full = f"{path}{name}"
    if full in gone:
        return []
    inner = next((op.inner for op in graph.operations if op.name == name), None)
    if inner is None or not any(place.startswith(f"{full}/") for place in gone):
        return list(tensors)
    layers = by_layer(inner, tensors)
    if layers is None:
        return list(tensors)
    left = {
        id(tensor)
        for below, held in layers.items()
        for tensor in _kept(inner, below, held, gone, f"{full}/")
    }
    return [tensor for tensor in tensors if id(tensor) in left]


def by_layer(graph: Graph, tensors: Sequence[LegacyTensor]) -> dict[str, list[LegacyTensor]] | None:
    """Sort the weights of a nested model by its layers; None where a name fits none or several."""
    names = {operation.name for operation in graph.operations}
    found: dict[str, list[LegacyTensor]] = {}
    for tensor in tensors:
        fitting = [part for part in tensor.name.split("/")[:-1] if part in names]
        if len(fitting) != 1:
            return None
        found.setdefault(fitting[0], []).append(tensor)
    return found
