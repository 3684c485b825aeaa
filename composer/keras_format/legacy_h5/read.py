"""An ``.h5`` file → the model as today's Keras is to make it, and the weights of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from composer.errors import FormatError
from composer.keras_format import keras2
from composer.keras_format.check_config import check_config
from composer.keras_format.graph import Graph, Json, Operation, Repair
from composer.keras_format.keras2_masks import mask_warnings
from composer.keras_format.legacy_h5.early import late_spelling
from composer.keras_format.legacy_h5.file import LegacyFile, LegacyTensor, read_file
from composer.keras_format.legacy_h5.keras1 import second_spelling
from composer.keras_format.legacy_h5.keras3 import KnownClasses, with_modules
from composer.keras_format.legacy_h5.names import without_slashes
from composer.keras_format.legacy_h5.scan import refuse_code
from composer.keras_format.reader import read_graph

REPAIRS_VERSION: Final = 1
"""Goes up whenever a repair changes, so that what was imported before is imported again."""

_RANDOM_STATE: Final = "StateVar"
_CONVOLUTIONS: Final = ("Conv", "Separable", "Depthwise", "LocallyConnected")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyModel:
    """A model of an ``.h5`` file.

    Attributes:
        file: what it was read from.
        config: the whole serialised model as today's Keras reads it.
        graph: of that; ``repairs`` and ``warnings`` say what is another than in the file.
        weights: of the layers of the outermost model, by their names in ``graph``.
    """

    file: LegacyFile
    config: Mapping[str, Json]
    graph: Graph
    weights: Mapping[str, tuple[LegacyTensor, ...]]


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
    config, graph, names = rewritten(file.config, file.major, known)
    weights, dropped = _weights(file, graph, names)
    graph = replace(graph, repairs=(*graph.repairs, *dropped))
    return LegacyModel(file=file, config=config, graph=graph, weights=weights)


def rewritten(
    config: Mapping[str, Json], major: int, known: KnownClasses
) -> tuple[Mapping[str, Json], Graph, Mapping[str, str]]:
    """Return a model of any Keras in the form of today's.

    Args:
        config: of the model, with ``class_name`` and ``config``.
        major: the first number of the version of Keras that wrote it.
        known: classes of the installed Keras, for what Keras 3 wrote.

    Returns:
        The whole serialised model, its graph with repairs and warnings, and the new names of
        layers of the outermost model by the old ones (those that changed).

    Raises:
        FormatError: ``h5-refused``, ``h5-no-shape``: a layer can't be carried over.
    """
    check_config(config)
    try:
        config, repairs = _today(config, major, known)
    except FormatError as refused:
        if refused.reason != "keras2":
            raise
        raise FormatError(refused.message, reason="h5-refused", help=refused.help) from None
    config, renames, names = without_slashes(config)
    refuse_code(config)
    graph = read_graph(config)
    warnings = () if major > 2 else mask_warnings(graph)  # noqa: PLR2004
    return config, replace(graph, repairs=(*repairs, *renames), warnings=warnings), names


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
    file: LegacyFile, graph: Graph, names: Mapping[str, str]
) -> tuple[dict[str, tuple[LegacyTensor, ...]], tuple[Repair, ...]]:
    """Return the weights by layers of the graph, without states of random generators.

    Raises:
        FormatError: ``h5``, weights belong to no layer; or ``h5-refused``, they were stored for
            another kind of convolution.
    """
    layers = {op.name: op for op in graph.operations if op.kind != "operator"}
    found: dict[str, tuple[LegacyTensor, ...]] = {}
    dropped: list[Repair] = []
    for stored, tensors in file.layers.items():
        name = names.get(stored, stored)
        kept = tuple(t for t in tensors if not is_random_state(t))
        if len(kept) < len(tensors):
            dropped.append(Repair(layer=name, what="the state of its random generator dropped"))
        if not kept:
            continue
        layer = layers.get(name)
        if layer is None:
            raise FormatError(
                f"{file.path} holds weights of a layer {stored!r}, and its config has no such "
                "layer",
                reason="h5",
            )
        refuse_flipped(file, layer)
        found[name] = kept
    return found, tuple(dropped)


def refuse_flipped(file: LegacyFile, layer: Operation) -> None:
    """Refuse the weights of a convolution that Theano stored.

    Raises:
        FormatError: ``h5-refused``.
    """
    if file.backend == "theano" and _convolves(layer.config, layer.class_name):
        raise FormatError(
            f"layer {layer.name!r} ({layer.class_name}) was saved by Keras on Theano, whose "
            "convolutions flip their kernels",
            reason="h5-refused",
            help="load the model in Keras 2 on TensorFlow, which flips them back, and save it "
            "again",
        )


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
