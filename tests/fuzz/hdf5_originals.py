"""Sound weights files in every form that HDF5 has for a dataset, to be changed at random."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

GROUPS = {
    "vars": "mlp",
    "layers/input_layer/vars": "x",
    "layers/dense/vars": "d1",
    "layers/dense_1/vars": "d2",
}
"""Of the model that ``dense_model`` of ``tests/container/minimal.py`` writes."""
WIDTHS = (20, 16, 4)
KERNELS = {"layers/dense/vars/0": (20, 16), "layers/dense_1/vars/0": (16, 4)}
BIASES = {"layers/dense/vars/1": (16,), "layers/dense_1/vars/1": (4,)}

STORED: dict[str, dict[str, Any]] = {
    "as keras writes it": {},
    "chunked": {"chunks": True},
    "small chunks": {"chunks": (3, 5)},
    "deflated": {"chunks": (7, 4), "compression": "gzip"},
    "deflated whole": {"chunks": "whole", "compression": "gzip", "shuffle": True},
    "shuffled": {"chunks": (4, 16), "shuffle": True},
    "with checksums": {"chunks": (5, 4), "fletcher32": True},
    "all filters": {"chunks": (6, 6), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "growing": {"chunks": (4, 4), "compression": "gzip", "maxshape": (None, 16)},
    "growing both ways": {"chunks": (4, 4), "compression": "gzip", "maxshape": (None, None)},
    "big-endian": {"dtype": ">f4"},
    "big-endian, deflated": {"dtype": ">f4", "chunks": (4, 4), "compression": "gzip"},
    "compact": {"layout": "compact"},
}
"""Keyword arguments of h5py by a name for what they give."""


def originals() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each original; in every one the same numbers."""
    for library in ("earliest", "latest"):
        for name, options in STORED.items():
            yield f"{name}, {library}", weights_file(library, options)


def weights_file(library: str, options: dict[str, Any]) -> bytes:
    """Return the weights of the model, its kernels stored in one of the ways of ``STORED``."""
    random = np.random.default_rng(1)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=(library, "latest")) as file:
        for group, name in GROUPS.items():
            file.require_group(group).attrs["name"] = name
        for path, shape in {**KERNELS, **BIASES}.items():
            # Few digits, so that they can be compressed.
            array = random.integers(0, 4, shape).astype("f4")
            if path in BIASES:
                file.create_dataset(path, data=array)
            else:
                _create(file, path, array, **options)
    return buffer.getvalue()


def _create(file: h5py.File, path: str, array: np.ndarray, **options: Any) -> None:
    if options.pop("layout", None) == "compact":
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        group, _, name = path.rpartition("/")
        space = h5py.h5s.create_simple(array.shape)
        dataset = h5py.h5d.create(file[group].id, name.encode(), h5py.h5t.IEEE_F32LE, space, plan)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return
    if options.get("chunks") == "whole":
        options = {**options, "chunks": array.shape}
    if isinstance(options.get("chunks"), tuple):
        chunks = tuple(map(min, options["chunks"], array.shape))
        options = {**options, "chunks": chunks}
    if "maxshape" in options:
        limits = zip(options["maxshape"], array.shape, strict=True)
        options = {**options, "maxshape": tuple(m and max(m, n) for m, n in limits)}
    file.create_dataset(path, data=array, **options)
