"""What is remembered of weights files: equal to what they hold, and only while they hold it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from composer.container.archive import open_archive
from composer.container.stored import Listing
from composer.errors import FormatError
from composer.files import file_times
from composer.sources.listings import RememberedListings
from composer.store import Store

NAMES = ("tower", "mlp", "normed", "nested", "shared")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def file(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The real wait is about the clock of the file system; here the files are left alone at once.
    monkeypatch.setattr(file_times, "SETTLED", 0)
    return Path(shutil.copy(models / "tower.keras", tmp_path / "tower.keras"))


def listing(store: Store, path: Path) -> Listing:
    with open_archive(path) as archive:
        return RememberedListings(store).of(archive)


def notes(store: Store) -> list[Path]:
    return sorted(store.root.glob("listings/*/*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_remembered_is_what_the_file_holds(
    name: str, models: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_times, "SETTLED", 0)
    path = models / f"{name}.keras"
    with open_archive(path) as archive:
        read = archive.weights.listing
    assert listing(store, path) == read
    assert len(notes(store)) == 1
    again = listing(store, path)
    assert again == read
    assert [getattr(e, "offset", None) for e in again.entries] == [
        getattr(e, "offset", None) for e in read.entries
    ]


def test_a_remembered_file_is_not_asked_again(
    file: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = listing(store, file)

    def never(self: object) -> None:
        raise AssertionError("the weights were opened")

    monkeypatch.setattr("composer.container.archive.Archive.weights", property(never))
    assert listing(store, file) == first


def test_a_file_that_was_replaced_is_read_again(file: Path, models: Path, store: Store) -> None:
    before = listing(store, file)
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    other = models / "normed.keras"
    file.write_bytes(other.read_bytes())
    os.utime(file, ns=times)  # as an archiver does that restores times
    with open_archive(other) as archive:
        assert listing(store, file).entries == archive.weights.listing.entries
    assert listing(store, file).entries != before.entries


def test_a_file_that_has_just_changed_is_not_remembered(models: Path, store: Store) -> None:
    copy = store.root.parent / "fresh.keras"
    shutil.copy(models / "tower.keras", copy)
    listing(store, copy)
    assert notes(store) == []


def test_a_damaged_note_counts_as_absent(file: Path, store: Store) -> None:
    first = listing(store, file)
    (note,) = notes(store)
    document = json.loads(note.read_text())
    for broken in ("{", json.dumps({**document, "note": {"entries": [["a"]]}}), "[]"):
        note.write_text(broken)
        assert listing(store, file) == first


def test_a_file_that_is_refused_is_not_remembered(file: Path, store: Store) -> None:
    with open_archive(file) as archive:
        place = archive.member("model.weights.h5").data_offset
    data = bytearray(file.read_bytes())
    data[place + 8 : place + 12] = b"\xff\xff\xff\xff"
    file.write_bytes(data)
    with pytest.raises(FormatError):
        listing(store, file)
    assert notes(store) == []


def test_a_store_that_can_t_be_written_is_no_error(file: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file, not a folder")
    store = Store(tmp_path / "blocked" / "store")
    with open_archive(file) as archive:
        expected = archive.weights.listing
    assert listing(store, file) == expected


def test_notes_that_are_old_are_pruned(file: Path, store: Store) -> None:
    listing(store, file)
    (note,) = notes(store)
    store.prune()
    assert notes(store) == [note]
    old = time.time() - 31 * 86400
    os.utime(note, (old, old))
    store.prune()
    assert notes(store) == []
