"""What an archive is to be written from: groups, tensors and assets, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from composer.container.stored import (
    Attributes,
    FileStamp,
    Listing,
    StoredGroup,
    StoredTensor,
    TensorInFile,
)

if TYPE_CHECKING:
    from composer.container.archive import Archive
    from composer.container.hdf5_read import WeightsFile


class Computed(Protocol):
    """A tensor whose bytes are made while the file is written."""

    def chunks(self) -> Iterable[bytes | memoryview]:
        """Return its little-endian bytes, row-major; asked for once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupToWrite:
    """A group; its parents are made where they are not listed themselves."""

    path: str
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorToWrite:
    """A dataset.

    Attributes:
        path: such as ``layers/dense/vars/0``.
        shape: empty for a scalar.
        dtype: numpy's spelling, little-endian, as in :class:`StoredTensor`.
        logical_dtype: Keras's name for it; goes into digests.
        attributes: of the dataset; bfloat16 needs ``("dtype", "bfloat16")``.
        origin: the tensor to copy, or its little-endian bytes, row-major, or what makes them.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    logical_dtype: str
    attributes: Attributes = ()
    origin: TensorInFile | Computed | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOrigin:
    """A member of another archive, ``assets/…`` included in its name."""

    path: Path
    member: str
    stamp: FileStamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetToWrite:
    """A member below ``assets/``.

    Attributes:
        name: of the member, ``assets/`` included.
        origin: the member to copy, or its bytes.
    """

    name: str
    origin: AssetOrigin | bytes


Content = GroupToWrite | TensorToWrite


def tensor_from(weights: WeightsFile | Listing, tensor: StoredTensor, path: str) -> TensorToWrite:
    """Return the order to copy ``tensor`` of an open file to ``path``."""
    return TensorToWrite(
        path=path, shape=tensor.shape, dtype=tensor.dtype, logical_dtype=tensor.logical_dtype,
        attributes=tensor.attributes,
        origin=TensorInFile(path=weights.path, tensor=tensor, stamp=weights.stamp),
    )  # fmt: skip


def subtree(
    weights: WeightsFile | Listing,
    group: str,
    target: str,
    *,
    names: Mapping[str, str] | None = None,
) -> tuple[Content, ...]:
    """Return the orders to copy a group and all that lies below it to a new place.

    Args:
        weights: the open file, or what it was listed to hold.
        group: path of the group there, such as ``layers/dense_3``; empty for everything.
        target: its new path, such as ``layers/dense``; empty for the root.
        names: new values of the attribute ``name``, by path below ``group``: ``{"vars": "left"}``.

    Returns:
        Groups and tensors in the file's order, ``target`` itself first. Empty if there is no such
        group. What was returned can be used after ``weights`` is closed.

    Raises:
        KeyError: ``names`` has a path at which there is no group with a ``name``.
    """
    rename = dict(names or {})
    orders: list[Content] = []
    skip = len(group) + 1 if group else 0
    for entry in weights.subtree(group):
        below = entry.path[skip:]
        path = "/".join(part for part in (target, below) if part)
        if isinstance(entry, StoredTensor):
            orders.append(tensor_from(weights, entry, path))
        else:
            orders.append(GroupToWrite(path=path, attributes=_renamed(entry, below, rename)))
    if rename:
        raise KeyError(f"no named group below {group!r} at {', '.join(sorted(rename))}")
    return tuple(orders)


def _renamed(entry: StoredGroup, below: str, rename: dict[str, str]) -> Attributes:
    if below not in rename or entry.attribute("name") is None:
        return entry.attributes
    name = rename.pop(below)
    return tuple((key, name if key == "name" else value) for key, value in entry.attributes)


def assets_below(archive: Archive, group: str, target: str) -> tuple[AssetToWrite, ...]:
    """Return the orders to copy the assets of a group to a new place.

    Keras keeps a layer's assets under the path of its weights (``DiskIOStore`` in
    ``keras/src/saving/saving_lib.py``), so they move alike.

    Args:
        archive: the open archive.
        group: such as ``layers/string_lookup``; empty for all assets.
        target: its new path; empty for the root.
    """
    old = f"assets/{group}/" if group else "assets/"
    new = f"assets/{target}/" if target else "assets/"
    return tuple(
        AssetToWrite(
            name=new + name[len(old) :],
            origin=AssetOrigin(path=archive.path, member=name, stamp=archive.stamp),
        )
        for name in archive.assets
        if name.startswith(old)
    )


def with_name(contents: Iterable[Content], path: str, name: str) -> tuple[Content, ...]:
    """Return ``contents`` with the attribute ``name`` of the group at ``path`` set to ``name``."""
    return tuple(
        replace(
            entry,
            attributes=(*(item for item in entry.attributes if item[0] != "name"), ("name", name)),
        )
        if isinstance(entry, GroupToWrite) and entry.path == path
        else entry
        for entry in contents
    )
