"""Copying extents between files, and opening sources only while they are needed."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from composer.container import copying
from composer.container.copying import Copier, Sources
from composer.container.stored import FileStamp
from composer.errors import BuildError, FormatError
from tests.container.minimal import dense_model


class Steps:
    def __init__(self):
        self.seen = []

    def advance(self, position):
        self.seen.append(position)


@pytest.fixture
def files(tmp_path):
    source = os.open(tmp_path / "source", os.O_RDWR | os.O_CREAT)
    target = os.open(tmp_path / "target", os.O_RDWR | os.O_CREAT)
    os.pwrite(source, bytes(range(256)) * 20, 0)
    yield source, target
    os.close(source)
    os.close(target)


def no_kernel(*_):
    raise OSError(errno.EXDEV, "Invalid cross-device link")


@pytest.mark.parametrize("by_kernel", [True, False])
def test_an_extent_arrives_whole_and_in_steps(files, by_kernel, monkeypatch):
    source, target = files
    monkeypatch.setattr(copying, "CHUNK", 1000)
    if not by_kernel:
        monkeypatch.setattr(os, "copy_file_range", no_kernel, raising=False)
    steps = Steps()
    Copier(target, steps).copy(source, 7, 13, 2500, "x")
    assert os.pread(target, 9999, 0) == bytes(13) + os.pread(source, 2500, 7)
    assert steps.seen == [1013, 2013, 2513]


@pytest.mark.parametrize("by_kernel", [True, False])
def test_a_source_that_ends_early_is_named(files, by_kernel, monkeypatch):
    if not by_kernel:
        monkeypatch.setattr(os, "copy_file_range", no_kernel, raising=False)
    with pytest.raises(BuildError, check=lambda error: error.fields["tensor"] == "layers/x"):
        Copier(files[1], Steps()).copy(files[0], 5000, 0, 500, "layers/x")


def test_an_error_of_the_disk_is_not_taken_for_a_missing_ability(files, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    with pytest.raises(OSError, match="No space"):
        Copier(files[1], Steps()).copy(files[0], 0, 0, 10, "x")


@pytest.mark.parametrize("chunks", [[b"abc"], [b"abcd", b"efg"], []])
def test_chunks_of_another_length_than_announced_are_refused(files, chunks):
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.tensor-bytes"):
        Copier(files[1], Steps()).write(chunks, 0, 5, "x")
    assert len(os.pread(files[1], 99, 0)) <= 5, "nothing is written beyond the tensor's place"


def stamp_of(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return FileStamp.of(descriptor)
    finally:
        os.close(descriptor)


def test_sources_are_closed_at_the_end_and_after_an_error(tmp_path):
    paths = [dense_model(tmp_path / f"{number}.keras", (2, 2)) for number in range(6)]
    before = len(os.listdir("/proc/self/fd"))
    with Sources() as sources:
        for path in paths:
            assert sources.weights(path, stamp_of(path)).tensors
            assert sources.archive(path, stamp_of(path)).config
        assert len(os.listdir("/proc/self/fd")) <= before + 3 * copying.MAX_OPEN
    with pytest.raises(FormatError), Sources() as sources:
        (tmp_path / "bad.keras").write_bytes(b"PK")
        sources.weights(tmp_path / "bad.keras", stamp_of(tmp_path / "bad.keras"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_two_stamps_of_one_path_are_a_change(tmp_path):
    path = dense_model(tmp_path / "m.keras", (2, 2))
    stamp = stamp_of(path)
    with Sources() as sources:
        sources.descriptor(path, stamp)
        with pytest.raises(BuildError, check=lambda error: error.key == "CMP545.source-changed"):
            sources.descriptor(path, replace(stamp, modified=stamp.modified + 1))
