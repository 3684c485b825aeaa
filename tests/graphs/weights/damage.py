"""Ways to damage the weights of a saved model."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

Damage = Callable[[h5py.File], None]
_WEIGHTS = "model.weights.h5"
_ONES = np.ones(3, "float32")


def damaged(source: Path, target: Path, damage: Damage) -> Path:
    """Write a copy of a ``.keras`` or ``.h5`` file with other weights."""
    if source.suffix == ".h5":
        target.write_bytes(source.read_bytes())
        with h5py.File(target, "r+") as file:
            damage(file)
        return target
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == _WEIGHTS:
                stream = io.BytesIO(data)
                with h5py.File(stream, "r+") as file:
                    damage(file)
                data = stream.getvalue()
            new.writestr(name, data)
    return target


def nothing(file: h5py.File) -> None:
    """Leave all as it is."""


def delete(*paths: str) -> Damage:
    """Delete groups or datasets."""

    def damage(file: h5py.File) -> None:
        for path in paths:
            del file[path]

    return damage


def add(path: str, value: object = _ONES) -> Damage:
    """Add a dataset, with the groups above it."""

    def damage(file: h5py.File) -> None:
        file[path] = value

    return damage


def change(path: str, edit: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Put another value in the place of a dataset's."""

    def damage(file: h5py.File) -> None:
        value = edit(file[path][()])
        del file[path]
        file[path] = value

    return damage


def recast(path: str, dtype: str) -> Damage:
    """Store a dataset in another type."""
    return change(path, lambda value: value.astype(dtype))


def longer(path: str) -> Damage:
    """Make a dataset longer by one along each axis."""
    return change(path, lambda value: np.zeros([size + 1 for size in value.shape], value.dtype))


def move(path: str, target: str) -> Damage:
    """Move a group or dataset."""
    return lambda file: file.move(path, target)


def copy(path: str, target: str) -> Damage:
    """Copy a group."""
    return lambda file: file.copy(path, target)


def rename(path: str, name: object) -> Damage:
    """Let a layer's group say another name, or none where it is None."""

    def damage(file: h5py.File) -> None:
        attributes = file[f"{path}/vars"].attrs
        if name is None:
            del attributes["name"]
        else:
            attributes["name"] = name

    return damage


def without_names(file: h5py.File) -> None:
    """Take all names out, as files of earlier releases of Keras 3 have none."""
    for group in [file, *_groups(file)]:
        if "name" in group.attrs:
            del group.attrs["name"]


def _groups(file: h5py.File) -> Iterator[h5py.Group]:
    found: list[h5py.Group] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Group) else None)
    yield from found


def exchange_names(one: str, other: str) -> Damage:
    """Exchange the names of two groups, whose values stay."""

    def damage(file: h5py.File) -> None:
        ours, theirs = file[f"{one}/vars"].attrs, file[f"{other}/vars"].attrs
        ours["name"], theirs["name"] = theirs["name"], ours["name"]

    return damage


def exchange_groups(one: str, other: str) -> Damage:
    """Exchange two groups with their names."""

    def damage(file: h5py.File) -> None:
        file.move(one, "aside")
        file.move(other, one)
        file.move("aside", other)

    return damage


def exchange_values(one: str, other: str) -> Damage:
    """Exchange the values of two groups, whose names stay: other weights, and no damage."""

    def damage(file: h5py.File) -> None:
        exchange_groups(one, other)(file)
        exchange_names(one, other)(file)

    return damage


def list_layers(edit: Callable[[list[bytes]], list[bytes]]) -> Damage:
    """Let an ``.h5`` file list its layers otherwise."""

    def damage(file: h5py.File) -> None:
        attributes = file["model_weights"].attrs
        attributes["layer_names"] = edit(list(attributes["layer_names"]))

    return damage
