"""Checksums taken behind a writer."""

from __future__ import annotations

import hashlib
import os
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.container import trailing
from composer.container.trailing import Extent, TrailingDigest


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 90)), max_size=8),
    steps=st.lists(st.integers(0, 700), max_size=6),
    chunk=st.integers(1, 120),
)
def test_digests_are_those_of_the_finished_file(file, monkeypatch, sizes, steps, chunk):
    monkeypatch.setattr(trailing, "CHUNK", chunk)
    start, extents = 5, []
    position = start
    for number, (gap, size) in enumerate(sizes):
        extents.append(Extent(position + gap, size, f"t{number}"))
        position += gap + size
    end = position + 3
    data = hashlib.shake_128(b"seed").digest(end)
    os.ftruncate(file, end)
    follower = TrailingDigest(file, start, extents)
    written = 0
    for step in sorted(min(step, end) for step in steps):
        os.pwrite(file, data[written:step], written)
        written = step
        follower.advance(step)
    os.pwrite(file, data[written:], written)
    crc, digests = follower.finish(end)
    assert crc == zlib.crc32(data[start:])
    assert digests == {
        extent.path: hashlib.sha256(data[extent.offset : extent.offset + extent.nbytes]).hexdigest()
        for extent in extents
    }


def test_a_file_that_is_shorter_than_said_is_an_error(file):
    follower = TrailingDigest(file, 0, [])
    with pytest.raises(OSError, match="ends at 0"):
        follower.finish(10)


def test_stopping_ends_the_thread_at_any_time(file):
    os.pwrite(file, bytes(100), 0)
    waiting = TrailingDigest(file, 0, [])
    waiting.stop()
    assert not waiting._thread.is_alive()
    finished = TrailingDigest(file, 0, [])
    finished.finish(100)
    finished.stop()
    assert not finished._thread.is_alive()
