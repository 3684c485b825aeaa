"""Advisories about weights: HDF5 that leads to other files, or claims more than it holds."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from tests.security.poison import contents, poisoned, rewritten

KERNEL = "layers/dense/vars/0"


def with_weights(attack, edit) -> None:
    """Write ``a.keras`` with weights that ``edit`` has changed as an open HDF5 file."""
    path = poisoned(attack.folder / "a.keras", list)
    members = contents(path)
    data = io.BytesIO(members["model.weights.h5"])
    with h5py.File(data, "a") as file:
        del file[KERNEL]
        edit(file)
    rewritten(path, {**members, "model.weights.h5": data.getvalue()})


def test_cve_2026_1669_bytes_in_another_file_are_not_read(attack) -> None:
    """Keras 3.0 to 3.13.1 read the file that a dataset with external storage names."""
    with_weights(
        attack,
        lambda file: file.create_dataset(
            KERNEL, (4, 8), "float32", external=[(str(attack.pipe), 0, 128)]
        ),
    )
    attack.refused("a.keras", "CMP502", KERNEL, "in another file")


def test_cve_2026_12480_a_virtual_dataset_is_not_resolved(attack) -> None:
    """Up to Keras 3.13.2 virtual datasets were read, the first mend having left them out."""

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4, 8), "float32")
        layout[:] = h5py.VirtualSource(str(attack.pipe), "secret", shape=(4, 8), dtype="float32")
        file.create_virtual_dataset(KERNEL, layout)

    with_weights(attack, virtual)
    attack.refused("a.keras", "CMP502", KERNEL, "virtual dataset")


@pytest.mark.parametrize("at", [KERNEL, "layers/dense_1"])
def test_cve_2026_1669_a_link_to_another_file_is_not_followed(attack, at) -> None:
    """External links are the same way out; Keras refused them at last in 3.15 (CVE-2026-9335)."""

    def link(file: h5py.File) -> None:
        if at in file:
            del file[at]
        file[at] = h5py.ExternalLink(str(attack.pipe), "/secret")

    with_weights(attack, link)
    attack.refused("a.keras", "CMP502", at, "link to another file")


@pytest.mark.parametrize("chunks", [None, (1 << 10, 1 << 10)])
@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 30, 1 << 30)])
def test_cve_2026_0897_and_12570_a_shape_that_the_file_does_not_hold_is_refused(
    attack, chunks, shape
) -> None:
    """Up to Keras 3.13.0 such a shape was allocated; one of the two readers until 3.15.0."""
    with_weights(attack, lambda file: file.create_dataset(KERNEL, shape, "float32", chunks=chunks))
    attack.refused("a.keras", "CMP502", KERNEL)


def test_cve_2026_0897_and_12570_zeros_that_deflate_to_nothing_are_refused(attack) -> None:
    def bomb(file: h5py.File) -> None:
        dataset = file.create_dataset(
            KERNEL, (1 << 30,), "float32", chunks=(1 << 22,), compression="gzip"
        )
        dataset[: 1 << 22] = np.zeros(1 << 22, "float32")

    with_weights(attack, bomb)
    attack.refused("a.keras", "CMP502", KERNEL, "shape (1073741824,)")


def test_a_filter_that_hdf5_would_load_a_library_for_is_refused_before(attack, monkeypatch) -> None:
    """A dataset names its filters by number, and HDF5 looks for libraries that have them."""
    plugins = attack.folder.parent / "plugins"
    plugins.mkdir()
    (plugins / "libevil.so").symlink_to(attack.pipe)

    def filtered(file: h5py.File) -> None:
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_chunk((4, 8))
        how.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4, 8))
        h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, space, how)

    with_weights(attack, filtered)
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(plugins))
    attack.refused("a.keras", "CMP502", KERNEL, "HDF5 filter 32015")
