"""What is remembered of files between runs, as long as they are as they were."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from composer.container.archive import check_archive_crc
from composer.container.digests import digest_file
from composer.errors import BuildError
from composer.files.file_times import file_key
from composer.graphs.content_digest import digest_content
from composer.store import Store

_ZIP = b"PK\x03\x04"


def remembered_sha256(path: Path, store: Store) -> str:
    """Return the SHA-256 of a file, from the store where it is known.

    Raises:
        OSError: the file can't be read.
    """
    return _remembered(path, store, "digests", digest_file)


def remembered_sound_sha256(path: Path, store: Store) -> str:
    """Return the SHA-256 of a file whose bytes are those that were written, as far as it says.

    An archive says so: it has a checksum of each member. What goes into a lock is of this kind.

    Raises:
        FormatError: it is an archive, and damaged.
        OSError: the file can't be read.
    """
    return _remembered(path, store, "sound-digests", _sound_digest)


def remembered_content(path: Path, store: Store) -> str:
    """Return the content digest of a ``.keras`` file, from the store where it is known.

    Its bytes are those that were written, by the archive's own checksums.

    Raises:
        FormatError: it is no sound ``.keras`` file.
        OSError: the file can't be read.
    """
    return _remembered(path, store, "sound-contents", _sound_content)


def _sound_digest(path: Path) -> str:
    with path.open("rb") as file:
        archived = file.read(len(_ZIP)) == _ZIP
    return _beside_checksums(path, digest_file) if archived else digest_file(path)


def _sound_content(path: Path) -> str:
    return _beside_checksums(path, digest_content)


def _beside_checksums(path: Path, digest: Callable[[Path], str]) -> str:
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(check_archive_crc, path)
        found = digest(path)
        checked.result()
    return found


def _remembered(path: Path, store: Store, kind: str, digest: Callable[[Path], str]) -> str:
    key = file_key(path)
    if not store.trusts_times:
        return _read_anew(path, key, store, kind, digest)
    note = store.note(kind, key) if key is not None else None
    if note is not None and isinstance(note.get("sha256"), str):
        return str(note["sha256"])
    found = digest(path)
    if key is not None and key == file_key(path):
        with suppress(BuildError):  # a store that can't be written costs time, nothing else
            store.take_note(kind, key, {"sha256": found})
    return found


def _read_anew(
    path: Path, key: str | None, store: Store, kind: str, digest: Callable[[Path], str]
) -> str:
    """Take a digest from the bytes; a file that stays as it was is read once a run."""
    taken = store.read_anew.get((kind, key)) if key is not None else None
    if taken is not None:
        return taken
    found = digest(path)
    if key is not None and key == file_key(path):
        store.read_anew[kind, key] = found
    return found
