"""What a weights file contains, listed with every object checked before it is believed.

HDF5 can point out of a file and can declare more than it holds: soft and external links, external
storage, virtual datasets, datasets that share bytes. Keras writes none of these, so all of them
are refused, each by its name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from h5py import h5a, h5d, h5g, h5l, h5o, h5s

from composer.container.global_heap import GlobalHeap
from composer.container.hdf5_chunks import chunked
from composer.container.hdf5_types import ElementType, element_type, read_attributes, stored_type
from composer.container.raw_attributes import Read, raw_attributes
from composer.container.raw_groups import check_names, root_address
from composer.container.stored import TEXT, Attributes, StoredGroup, StoredTensor
from composer.errors import FormatError

MAX_LEVELS = 128
MAX_EXPANSION = 1100
"""Bytes that one stored byte of a compressed dataset may become; deflate reaches 1,032."""
EXPANSION_FLOOR = 1 << 20
LINK_KINDS = {
    h5l.TYPE_SOFT: "a soft link",
    h5l.TYPE_EXTERNAL: "a link to another file",
}


Declared = tuple[tuple[int, ...], int, ElementType]
"""Shape, bytes, and type of an element, as a dataset states them."""


@dataclass(slots=True)
class _Listing:
    length: int
    shift: int | None
    read: Read
    heap: GlobalHeap
    entries: list[StoredGroup | StoredTensor] = field(default_factory=list)
    addresses: dict[int, str] = field(default_factory=dict)
    types: dict[bytes, ElementType] = field(default_factory=dict)
    extents: list[tuple[int, int, str]] = field(default_factory=list)

    def attributes(self, item: Any, address: int, what: str) -> Attributes:
        if not h5a.get_num_attrs(item):
            return ()
        return read_attributes(item, address, self, what)

    def attribute(self, address: int, name: bytes, count: int) -> list[bytes]:
        references = raw_attributes(self.read, address).get(name, b"")
        return self.heap.texts(references, count)


def list_objects(
    root: Any, *, length: int, shift: int | None, read: Read, heap: GlobalHeap
) -> tuple[StoredGroup | StoredTensor, ...]:
    """List all groups and datasets, parents first, siblings as HDF5 lists them (by name).

    Args:
        root: the open root group (``h5py.h5g.GroupID``).
        length: bytes of the HDF5 file.
        shift: what to add to HDF5's offsets to get offsets in the file at ``path``; None when
            the bytes don't lie in that file.
        read: reads the HDF5 file, for what HDF5 is not asked.
        heap: its texts of varying length.

    Raises:
        FormatError: for what the head of this file names and for what is damaged.
    """
    listing = _Listing(length=length, shift=shift, read=read, heap=heap)
    what = "the root group"
    address = root_address(read)
    check_names(read, address)
    listing.addresses[address] = ""
    listing.entries.append(StoredGroup(path="", attributes=listing.attributes(root, address, what)))
    _list_group(listing, root, address, "", 0)
    _check_extents(listing)
    return tuple(listing.entries)


def _list_group(listing: _Listing, group: Any, header: int, prefix: str, level: int) -> None:
    if level > MAX_LEVELS:
        raise FormatError("CMP502.group-depth", limit=MAX_LEVELS)
    if prefix:
        check_names(listing.read, header)
    links: list[tuple[bytes, int, int]] = []
    # h5py hands the same object to every call, so its values are taken at once.
    group.links.iterate(lambda name, info: links.append((name, info.type, info.u)), info=True)
    for link_name, link_kind, address in links:
        path = prefix + link_name.decode("utf-8")
        what = path
        if link_kind != h5l.TYPE_HARD:
            kind = LINK_KINDS.get(link_kind, "a link of unknown kind")
            raise FormatError("CMP502.object-elsewhere", what=what, kind=kind)
        item = h5o.open(group, link_name)
        if address in listing.addresses:
            raise FormatError(
                "CMP502.hard-link", what=what, other=listing.addresses[address] or "the root group"
            )
        listing.addresses[address] = path
        if isinstance(item, h5g.GroupID):
            listing.entries.append(
                StoredGroup(path=path, attributes=listing.attributes(item, address, what))
            )
            _list_group(listing, item, address, path + "/", level + 1)
        elif isinstance(item, h5d.DatasetID):
            listing.entries.append(_tensor(listing, item, address, what))
        else:
            raise FormatError("CMP502.object-kind", what=what)


def _tensor(listing: _Listing, dataset: Any, address: int, what: str) -> StoredTensor:
    datatype = dataset.get_type()
    key = datatype.encode()
    element = listing.types.get(key)
    if element is None:
        element = listing.types[key] = element_type(datatype, what)
    space = dataset.get_space()
    if space.get_simple_extent_type() == h5s.NULL:
        raise FormatError("CMP502.no-shape", what=what)
    shape = space.get_simple_extent_dims()
    nbytes = math.prod(shape) * element.itemsize
    offset = _check_storage(listing, dataset, (shape, nbytes, element), what)
    attributes = listing.attributes(dataset, address, what)
    logical = element.dtype
    if element.dtype.startswith("|V"):
        named = dict(attributes).get("dtype")
        logical = named if isinstance(named, str) else f"opaque{element.itemsize}"
    return StoredTensor(
        path=listing.addresses[address],
        shape=shape,
        dtype=element.dtype,
        logical_dtype=_LOGICAL.get(logical, logical),
        nbytes=nbytes,
        offset=offset if element.verbatim else None,
        attributes=attributes,
    )


_LOGICAL = {
    "|b1": "bool", "|O": "string", "<c8": "complex64", "<c16": "complex128",
    **{f"<f{size}": f"float{size * 8}" for size in (2, 4, 8)},
    **{f"{'|' if size == 1 else '<'}{kind}{size}": f"{name}{size * 8}"
       for kind, name in (("i", "int"), ("u", "uint")) for size in (1, 2, 4, 8)},
}  # fmt: skip


def _check_storage(listing: _Listing, dataset: Any, declared: Declared, what: str) -> int | None:
    """Return where a contiguous dataset lies in the file; refuse what it can't hold."""
    shape, nbytes, _ = declared
    offset = dataset.get_offset()
    if offset is None:
        _check_elsewhere(listing, dataset, declared, what)
        return None
    # Only a contiguous dataset whose bytes are in this file has an offset (H5Dget_offset).
    if dataset.get_storage_size() != nbytes or offset + nbytes > listing.length:
        raise _bomb(what, shape, nbytes, f"{max(0, listing.length - offset)} bytes at most")
    listing.extents.append((offset, nbytes, what))
    return None if listing.shift is None else int(listing.shift + offset)


def _check_elsewhere(listing: _Listing, dataset: Any, declared: Declared, what: str) -> None:
    """Refuse a dataset without one place in the file, unless it is empty, compact or chunked."""
    shape, nbytes, element = declared
    plan = dataset.get_create_plist()
    layout = plan.get_layout()
    if layout == h5d.VIRTUAL:
        raise FormatError("CMP502.virtual-dataset", what=what)
    if plan.get_external_count():
        raise FormatError("CMP502.external-storage", what=what)
    if layout == h5d.CONTIGUOUS:
        if nbytes:
            raise _bomb(what, shape, nbytes, "no bytes at all")
        return
    stored = dataset.get_storage_size()
    if element.dtype == TEXT:
        raise FormatError("CMP502.text-in-pieces", what=what)
    if layout == h5d.CHUNKED:
        _check_chunks(listing, dataset, plan, declared, what)
    elif stored != nbytes:
        raise _bomb(what, shape, nbytes, f"{stored} bytes")


def _check_chunks(
    listing: _Listing, dataset: Any, plan: Any, declared: Declared, what: str
) -> None:
    shape, nbytes, element = declared
    stored = dataset.get_storage_size()
    largest = max(nbytes, math.prod(plan.get_chunk()) * element.itemsize)
    if largest > EXPANSION_FLOOR and largest > MAX_EXPANSION * stored:
        raise _bomb(what, shape, largest, f"{stored} bytes, compressed")
    found = chunked(dataset, plan, stored_type(dataset.get_type()), listing.length, what)
    listing.extents.extend((chunk.place, chunk.size, what) for chunk in found.chunks.values())


def _bomb(what: str, shape: tuple[int, ...], nbytes: int, found: str) -> FormatError:
    return FormatError("CMP502.shape-bomb", what=what, shape=shape, nbytes=nbytes, found=found)


def _check_extents(listing: _Listing) -> None:
    end, before = 0, ""
    for offset, nbytes, what in sorted(listing.extents):
        if offset < end and nbytes:
            raise FormatError("CMP502.overlapping-tensors", what=what, other=before)
        end, before = offset + nbytes, what
