"""Small HDF5 files to read from, stored in each of the ways that weights files are."""

from __future__ import annotations

from pathlib import Path

import h5py
import ml_dtypes
import numpy as np

from composer.container.hdf5_read import open_weights
from composer.tensors.expression import Stored

STORAGES = ("plain", "chunked", "compressed", "shuffled", "big-endian")


def write(path: Path, arrays: dict[str, tuple[np.ndarray, str]]) -> None:
    """Write arrays by name, each with how it is stored."""
    with h5py.File(path, "w") as file:
        for name, (array, storage) in arrays.items():
            bfloat16 = array.dtype == ml_dtypes.bfloat16
            data = array.view("V2") if bfloat16 else array
            options = {}
            if storage == "big-endian" and not bfloat16:
                data = data.astype(data.dtype.newbyteorder(">"))
            if storage != "plain" and array.shape and array.size:
                options["chunks"] = tuple(min(256, max(1, side // 2)) for side in array.shape)
                if storage in ("compressed", "shuffled"):
                    options["compression"] = "gzip"
                    options["shuffle"] = storage == "shuffled"
            dataset = file.create_dataset(name, data=data, **options)
            if bfloat16:
                dataset.attrs["dtype"] = "bfloat16"


def stored(path: Path) -> dict[str, Stored]:
    """Return the tensors of a file by name."""
    with open_weights(path) as weights:
        listing = weights.listing
        return {tensor.path: Stored(listing.tensor(tensor.path)) for tensor in listing.tensors}


def one(path: Path, array: np.ndarray, storage: str = "plain") -> Stored:
    """Write a file with one tensor and return that."""
    write(path, {"x": (array, storage)})
    return stored(path)["x"]
