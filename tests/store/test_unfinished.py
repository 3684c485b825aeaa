"""Files that come in pieces: hashed on the way, continued by others, never half visible."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from composer.errors import BuildError
from composer.store import Store

DATA = bytes(range(256)) * 40_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_nothing_is_made_before_the_first_byte(store: Store) -> None:
    with store.unfinished("key") as part:
        assert (part.size, part.validator, part.whole) == (0, None, None)
    assert not store.root.exists()


def test_pieces_become_a_file_and_its_digest(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=len(DATA))
        for begin in range(0, len(DATA), 1000):
            part.append(DATA[begin : begin + 1000])
        file, digest = part.finish()
    assert (file.read_bytes(), digest) == (DATA, DIGEST)
    assert store.add(file, digest=digest) == DIGEST
    path = store.object_path(DIGEST, verify=True)
    assert path is not None
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("offset", [0, 1, 4_999_999, 5_000_000])
def test_a_part_is_continued_by_another_process(store: Store, offset: int) -> None:
    with store.unfinished("key") as first:
        first.begin(validator="tag", offset=0, size=len(DATA))
        first.append(DATA[:5_000_000])
    with store.unfinished("key") as second:
        assert (second.size, second.validator, second.whole) == (5_000_000, "tag", len(DATA))
        second.begin(validator="tag", offset=offset, size=len(DATA))
        second.append(DATA[offset:])
        file, digest = second.finish()
        assert (file.read_bytes(), digest) == (DATA, DIGEST)


def test_a_part_is_continued_from_further_back_in_the_same_process(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        part.append(DATA[:900])
        part.begin(validator="tag", offset=300, size=None)
        part.append(DATA[300:])
        assert part.finish()[1] == DIGEST


def test_a_part_that_nothing_identifies_is_not_continued(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        part.append(b"old")
        part.begin(validator=None, offset=0, size=None)
        part.append(b"abc")
    assert store.unfinished("key").size == 0


def test_keys_have_parts_of_their_own(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        part.append(b"abc")
    assert store.unfinished("other").size == 0
    part.discard()
    assert list(store.root.glob("scratch/*")) == []


def test_a_full_disk_is_said_and_not_left_full(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write(self, _chunk: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        part.append(b"abc")
        assert part._stream is not None
        part._stream.close()
        part._stream = Full()
        with pytest.raises(BuildError, match="the disk is full"):
            part.append(b"def")
    assert list(store.root.glob("scratch/*")) == []


def test_pruning_leaves_a_part_of_today_and_takes_one_of_the_day_before(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        part.append(b"abc")
    store.prune()
    assert store.unfinished("key").size == 3
    store.prune(now=datetime.now(UTC) + timedelta(days=2))
    assert store.unfinished("key").size == 0


def test_a_part_in_use_counts_as_one_of_today(store: Store) -> None:
    with store.unfinished("key") as part:
        part.begin(validator="tag", offset=0, size=None)
        (folder,) = store.root.glob("scratch/*")
        os.utime(folder, (0, 0))
        for _ in range(9):
            part.append(bytes(8 << 20))
        store.prune()
        assert folder.is_dir()


def test_an_object_that_the_disk_damaged_is_replaced(store: Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(DATA)
    store.add(tmp_path / "one")
    path = store.object_path(DIGEST)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"\0" * len(DATA))
    store.add(tmp_path / "two")
    assert store.object_path(DIGEST, verify=True) == path


def test_what_is_remembered_of_a_recipe_goes_with_its_object(store: Store, tmp_path: Path) -> None:
    assert store.recipe_about("key") == {}
    (tmp_path / "one").write_bytes(DATA)
    digest = store.add(tmp_path / "one")
    store.remember_recipe("key", digest, {"importer": "url"})
    assert store.recipe_about("key") == {"importer": "url"}
    path = store.object_path(digest)
    assert path is not None
    path.unlink()
    assert store.recipe_about("key") == {}
