"""An ``.h5`` file of a whole model as data: its config, and the tensors of each of its layers.

Mirrors ``load_model_from_hdf5`` and ``load_weights_from_hdf5_group`` of
``keras/src/legacy/saving/legacy_h5_format.py``, without deserialising anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from composer.container.stored import FileStamp, Listing, StoredGroup, StoredTensor
from composer.container.strict_json import read_object
from composer.container.zip_directory import HDF5_SIGNATURE
from composer.errors import FormatError, about
from composer.files.regular import NotRegularError, opened_regular
from composer.graphs.graph import Json

_WEIGHTS: Final = "model_weights"
_OWN: Final = "top_level_model_weights"
_NOT_LAYERS: Final = frozenset({_OWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyTensor:
    """One weight of a layer.

    Attributes:
        name: as the file calls it, without ``:0``: ``dense/kernel``, or ``dense_1_W`` (Keras 1).
        stored: the dataset.
    """

    name: str
    stored: StoredTensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyFile:
    """What a file says about its model; nothing stays open.

    Attributes:
        path: of the file.
        stamp: of the file when it was read.
        config: of the model, as the file has it.
        keras_version: that wrote it; ``1`` where the file does not say, as early files don't.
        backend: that Keras ran on; empty where the file does not say.
        layers: the tensors of each layer of the outermost model by its name, in the file's order.
        listing: all groups and tensors, an optimiser's included.
    """

    path: Path
    stamp: FileStamp
    config: Mapping[str, Json]
    keras_version: str
    backend: str
    layers: Mapping[str, tuple[LegacyTensor, ...]]
    listing: Listing = field(repr=False, compare=False)

    @property
    def major(self) -> int:
        """The first number of the version of Keras."""
        head = self.keras_version.split(".")[0]
        return int(head) if head.isdigit() else 2


def read_file(path: Path) -> LegacyFile:
    """Read an ``.h5`` file of a whole model without running anything that it holds.

    Raises:
        FormatError: it is no sound HDF5 file (``damaged_hdf5`` and others), holds no model
            (``no-config``), or its list of weights contradicts what it holds (``h5``).
        OSError: it can't be opened.
    """
    listing = read_listing(path)
    root = listing.groups[0]
    text = root.attribute("model_config")
    if not isinstance(text, str):
        raise _no_config(path, root, listing)
    group = listing.find(_WEIGHTS)
    if not isinstance(group, StoredGroup):
        raise FormatError("CMP502.no-weights", path=path)
    with about(path=path):
        config = read_object(text.encode(), "model_config")
    return _file(listing, group, config)


def read_weights(listing: Listing) -> LegacyFile | None:
    """Return the weights of an HDF5 file by layers, whether or not it holds a whole model.

    Mirrors the branch for ``.h5`` of ``load_weights`` in ``keras/src/saving/saving_api.py``.

    Args:
        listing: of the file.

    Returns:
        The file with an empty config; None where it lists no layers, as ``.weights.h5`` files of
        Keras 3 don't.

    Raises:
        FormatError: ``h5``, its list of weights contradicts what it holds.
    """
    root = listing.groups[0]
    group = root if _names(root, "layer_names") else listing.find(_WEIGHTS)
    if not isinstance(group, StoredGroup) or not _names(group, "layer_names"):
        return None
    return _file(listing, group, {})


def read_listing(path: Path) -> Listing:
    """Return what an HDF5 file holds.

    Raises:
        FormatError: it is no sound HDF5 file (``not-hdf5``, ``damaged_hdf5`` and others).
        OSError: it can't be opened.
    """
    _check_signature(path)
    # Imported here: h5py is slow to import, and a file that is none is told without it.
    from composer.container.hdf5_read import open_weights

    with open_weights(path) as weights:
        return weights.listing


def _file(listing: Listing, group: StoredGroup, config: Mapping[str, Json]) -> LegacyFile:
    root = listing.groups[0]
    version = _text(root, "keras_version") or _text(group, "keras_version") or "1"
    return LegacyFile(
        path=listing.path,
        stamp=listing.stamp,
        config=config,
        keras_version=version,
        backend=_text(root, "backend") or _text(group, "backend"),
        layers=_layers(listing.path, group, listing),
        listing=listing,
    )


def _check_signature(path: Path) -> None:
    try:
        descriptor = opened_regular(path)
    except NotRegularError as error:
        raise FormatError("CMP502.not-regular", path=path) from error
    with os.fdopen(descriptor, "rb") as stream:
        head = stream.read(len(HDF5_SIGNATURE))
        size = os.fstat(stream.fileno()).st_size
    if head == HDF5_SIGNATURE:
        return
    if head.startswith(b"PK"):
        raise FormatError("CMP502.zip-not-hdf5", path=path)
    raise FormatError("CMP502.not-hdf5", path=path, size=size)


def _no_config(path: Path, root: StoredGroup, listing: Listing) -> FormatError:
    has_weights = bool(_names(root, "layer_names")) or any(
        group.path.rpartition("/")[2] == "vars" for group in listing.groups
    )
    if has_weights:
        return FormatError("CMP520.weights-only", path=path)
    return FormatError(
        "CMP520.no-model",
        path=path,
        found=", ".join(group.path for group in listing.groups[1:4]) or "nothing at all",
    )


def _layers(
    path: Path, group: StoredGroup, listing: Listing
) -> dict[str, tuple[LegacyTensor, ...]]:
    found: dict[str, tuple[LegacyTensor, ...]] = {}
    listed: set[str] = set()
    inside = f"{group.path}/" if group.path else ""
    for name in (*_names(group, "layer_names"), _OWN):
        place = f"{inside}{name}"
        below = listing.find(place)
        if below is None and name in _NOT_LAYERS:
            continue
        if not isinstance(below, StoredGroup):
            raise FormatError("CMP502.layer-without-group", path=path, layer=name)
        if name in found:
            raise FormatError("CMP502.layer-twice", path=path, layer=name)
        found[name] = tuple(_tensors(path, place, below, listing))
        listed.update(tensor.stored.path for tensor in found[name])
    own = found.pop(_OWN, ())
    if own:
        raise FormatError("CMP520.model-weights", path=path, weight=own[0].name)
    stray = [
        tensor.path
        for tensor in listing.tensors
        if tensor.path.startswith(inside) and tensor.path not in listed
    ]
    if stray:
        raise FormatError("CMP502.unlisted", path=path, tensor=stray[0], count=len(stray))
    return found


def _tensors(
    path: Path, place: str, group: StoredGroup, listing: Listing
) -> Iterator[LegacyTensor]:
    seen: set[str] = set()
    for name in _names(group, "weight_names"):
        stored = listing.find(f"{place}/{name}")
        if not isinstance(stored, StoredTensor):
            raise FormatError("CMP502.listed-missing", path=path, place=place, name=name)
        if name in seen:
            raise FormatError("CMP502.listed-twice", path=path, place=place, name=name)
        seen.add(name)
        yield LegacyTensor(name=_without_number(name), stored=stored)


def _without_number(name: str) -> str:
    """Leave out the number of the output that TensorFlow puts behind the name of a variable."""
    stem, colon, number = name.rpartition(":")
    return stem if colon and number.isdigit() else name


def _names(group: StoredGroup, attribute: str) -> tuple[str, ...]:
    """Return a list of names, which Keras cuts into several attributes above 64 KiB."""
    value = group.attribute(attribute)
    if value is None:
        pieces: list[str] = []
        number = 0
        while isinstance(part := group.attribute(f"{attribute}{number}"), tuple):
            pieces.extend(str(item) for item in part)
            number += 1
        return tuple(pieces)
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def _text(group: StoredGroup, attribute: str) -> str:
    value = group.attribute(attribute)
    return value if isinstance(value, str) else ""
