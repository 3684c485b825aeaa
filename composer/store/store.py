"""The store itself: where objects, recipes and facts lie, and how they are added and found."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from composer.errors import BuildError
from composer.files.file_times import file_key
from composer.files.json_files import read_document, write_document
from composer.files.unfinished import discard, marked, sweep, token
from composer.store.failures import writing
from composer.store.folder import check_folder
from composer.store.in_use import hold, let_go
from composer.store.objects import StoredObject
from composer.store.partial_download import Unfinished
from composer.store.pruning import DOWNLOAD, Limits, Pruned, prune_store

_READ = "read"
"""Kind of the notes which say that an object was read and found right."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """A folder of objects named by their digest, and of recipes and facts that lead to them.

    Nothing is created before the first write, so that a store that is only read may lie on a
    read-only disk. An entry that is damaged counts as absent and is replaced when it is made
    again.

    Args:
        root: the folder of the store.
        trusts_times: whether what is remembered of a file holds as long as its size, inode and
            times stand. Without it every file is read anew, once for each kind of digest.
    """

    def __init__(self, root: Path, *, trusts_times: bool = True) -> None:
        self.root = root.expanduser().absolute()
        self.trusts_times = trusts_times
        self.read_anew: dict[tuple[str, str], str] = {}
        """Digests that were taken by this very store, by kind and key of the file."""
        self._sound: set[tuple[str, str]] = set()
        """Objects that this very store has read, by digest and state of the file."""

    # ------------------------------------------------------------ objects

    def add(self, path: Path, *, digest: str | None = None) -> str:
        """Move a finished file into the store and return its digest.

        The file at ``path`` is gone afterwards, also when the store held its content already.
        Two processes that add the same content at the same time both succeed.

        Args:
            path: a model file that nobody writes to any more.
            digest: SHA-256 of its bytes, where they were hashed while they were written.

        Returns:
            SHA-256 of the bytes, 64 hexadecimal digits.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        with writing(self.root, "take in a file"), self.scratch() as folder:
            # First to the store's own disk, so that what happens under the lock is quick.
            temporary = folder / "object.keras"
            shutil.move(path, temporary)
            if digest is None:
                digest = _digest_and_size(temporary)[0]
            size = temporary.stat().st_size
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o444)
            # An object that the disk damaged is replaced.
            known = self._healthy(digest, verify=True)
            with self._exclusively():
                # Another process may have added it meanwhile, and a build may be reading that file.
                if self._healthy(digest, verify=not known):
                    self._use(digest)
                    return digest
                target = self._object_file(digest)
                target.parent.mkdir(parents=True, exist_ok=True)
                # The record goes first: an object without a record is absent, never half known.
                write_document(self._object_record(digest), {"sha256": digest, "size": size})
                temporary.replace(target)
                self._use(digest)
                # Nobody else could write to it since it was hashed.
                with suppress(OSError):
                    self._sound.add((digest, _state(target)))
        return digest

    def object_path(self, digest: str, *, verify: bool = False) -> Path | None:
        """Return the file of an object, or None when the store does not hold it.

        No other process prunes it from now on as long as this one lives, so the file may be
        opened at any time.

        Its bytes are read and compared with its digest once for each state of the file, by its
        times; a store that does not trust those reads them once a run.

        Args:
            digest: 64 hexadecimal digits.
            verify: read the bytes in any case.
        """
        if _DIGEST.fullmatch(digest):
            hold(self._object_record(digest))
        if not self._healthy(digest, verify=verify) or not (verify or self._read_once(digest)):
            return None
        self._use(digest)
        return self._object_file(digest)

    def list_objects(self) -> tuple[StoredObject, ...]:
        """Return all sound objects, ordered by digest."""
        about: dict[str, list[Mapping[str, Any]]] = {}
        for path in sorted(self.root.glob("recipes/*/*.json")):
            recipe = read_document(path)
            if recipe is not None and isinstance(recipe.get("about"), dict):
                about.setdefault(str(recipe.get("digest")), []).append(recipe["about"])
        found = []
        for path in sorted(self.root.glob("objects/*/*.keras")):
            digest = path.parent.name + path.stem
            if not _DIGEST.fullmatch(digest) or not self._healthy(digest, verify=False):
                continue
            with suppress(OSError):
                found.append(
                    StoredObject(
                        digest=digest,
                        path=path,
                        size=path.stat().st_size,
                        used=self._used(digest),
                        about=tuple(about.get(digest, ())),
                    )
                )
        return tuple(found)

    # ------------------------------------------------------------ recipes and facts

    def recipe(self, key: str) -> str | None:
        """Return the digest of the sound object that ``key`` is known to make, or None."""
        document = read_document(self._entry("recipes", key))
        digest = document.get("digest") if document and document.get("key") == key else None
        if not isinstance(digest, str) or self.object_path(digest) is None:
            return None
        return digest

    def remember_recipe(self, key: str, digest: str, about: Mapping[str, Any]) -> None:
        """Remember that ``key`` makes ``digest``.

        Args:
            key: digest of everything that decides what the recipe makes.
            digest: of an object in the store.
            about: what to show people, such as the importer and its arguments; plain JSON.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        content = {"key": key, "digest": digest, "about": dict(about)}
        with writing(self.root, "remember a recipe"), self._exclusively():
            write_document(self._entry("recipes", key), content)

    def recipe_about(self, key: str) -> Mapping[str, Any]:
        """Return what was remembered about the recipe ``key``; empty where it leads nowhere."""
        document = read_document(self._entry("recipes", key)) or {}
        about = document.get("about")
        return about if isinstance(about, dict) and self.recipe(key) is not None else {}

    def fact(self, key: str) -> dict[str, Any] | None:
        """Return the fact remembered under ``key``, or None."""
        document = read_document(self._entry("facts", key))
        if document is None or document.get("key") != key:
            return None
        content = document.get("fact")
        return content if isinstance(content, dict) else None

    def remember_fact(self, key: str, fact: Mapping[str, Any]) -> None:
        """Remember ``fact`` (plain JSON) under ``key``.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        with writing(self.root, "remember a fact"), self._exclusively():
            write_document(self._entry("facts", key), {"key": key, "fact": dict(fact)})

    # ------------------------------------------------------------ notes

    def note(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return the note of ``kind`` under ``key``, or None."""
        document = read_document(self._entry(kind, key))
        if document is None or document.get("key") != key:
            return None
        content = document.get("note")
        return content if isinstance(content, dict) else None

    def take_note(self, kind: str, key: str, note: Mapping[str, Any]) -> None:
        """Remember what can be found again at any time: without a lock, and for a while only.

        Args:
            kind: name of the folder that notes of this kind lie in.
            key: all that decides what the note says.
            note: plain JSON.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        with writing(self.root, "take a note"):
            write_document(self._entry(kind, key), {"key": key, "note": note}, lasting=False)

    # ------------------------------------------------------------ making

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Hold the lock of ``key`` (not reentrant) while the block makes what it stands for.

        Another process or thread that wants to make the same waits here; it should look for the
        result again once it has the lock. The lock ends with the process that holds it.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        with self._lock(f"make-{_name(key)}"):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a temporary folder on the store's disk, which is removed with all it holds.

        So are those of processes that were killed.

        Raises:
            BuildError: the store's disk is full or can't be written.
        """
        scratch = self.root / "scratch"
        beginning = token("scratch")
        folder = scratch / beginning
        with ExitStack() as stack:
            with writing(self.root, "make a temporary folder"):
                scratch.mkdir(parents=True, exist_ok=True)
                sweep(scratch)
                stack.enter_context(marked(scratch, beginning))
                folder.mkdir()
            stack.callback(discard, folder)
            yield folder

    def unfinished(self, key: str) -> Unfinished:
        """Return the place of a file that comes in pieces; a later process can go on with it.

        Args:
            key: what the file is known by while it has no digest. Who writes holds the lock of
                :meth:`making` for it.
        """
        return Unfinished(self.root, f"{DOWNLOAD}{_name(key)[:32]}")

    def prune(
        self,
        *,
        max_age: timedelta | None = None,
        max_bytes: int | None = None,
        everything: bool = False,
        dry_run: bool = False,
        now: datetime | None = None,
    ) -> Pruned:
        """Remove what was not used for long, and then what exceeds a total size.

        What another process uses stays in any case, and unless ``everything`` is to go, what
        was used within the last hour. Recipes and facts that lead to a removed object go with
        it, as does what killed processes left behind. This process has to ask again for the
        objects that it asked for.

        Args:
            max_age: remove objects not used for longer than this; None keeps all ages.
            max_bytes: then remove the least recently used until the rest is no larger.
            everything: remove all that is not in use: objects, recipes, facts, notes, downloads
                that could go on.
            dry_run: remove nothing, and tell what would go.
            now: the time to count from, with its time zone; None is the present.

        Returns:
            what was removed, and what stays.

        Raises:
            BuildError: the store can't be written.
        """
        if not self.root.is_dir():
            return Pruned()
        let_go(self.root)
        limits = Limits(
            max_age=max_age,
            max_bytes=max_bytes,
            everything=everything,
            now=now or datetime.now(UTC),
        )
        with writing(self.root, "be pruned"), self._exclusively():
            return prune_store(
                self.root, self.list_objects(), limits, free=self._free, remove=not dry_run
            )

    def _free(self, name: str) -> bool:
        """Tell for the folder of an unfinished download that nobody is making what it is for."""
        from filelock import FileLock, Timeout

        beginning = name.removeprefix(DOWNLOAD)
        for path in (self.root / "locks").glob(f"make-{beginning}*.lock"):
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return False
            lock.release()
        return True

    # ------------------------------------------------------------ inside

    def _object_file(self, digest: str) -> Path:
        return self.root / "objects" / digest[:2] / f"{digest[2:]}.keras"

    def _object_record(self, digest: str) -> Path:
        return self.root / "objects" / digest[:2] / f"{digest[2:]}.json"

    def _entry(self, kind: str, key: str) -> Path:
        name = _name(key)
        return self.root / kind / name[:2] / f"{name[2:]}.json"

    def _healthy(self, digest: str, *, verify: bool) -> bool:
        if not _DIGEST.fullmatch(digest):
            return False
        record = read_document(self._object_record(digest))
        path = self._object_file(digest)
        try:
            if record is None or path.stat().st_size != record.get("size"):
                return False
            return not verify or _digest_and_size(path)[0] == digest
        except OSError:
            return False

    def _read_once(self, digest: str) -> bool:
        """Tell whether an object holds the bytes that it is named by."""
        path = self._object_file(digest)
        try:
            state = _state(path)
            if (digest, state) in self._sound:
                return True
            # A file that was changed a moment ago has no key: what is noted of it would not hold.
            key = file_key(path)
            noted = self.note(_READ, f"{digest} {key}") if key and self.trusts_times else None
            if noted is None:
                if _digest_and_size(path)[0] != digest or state != _state(path):
                    return False
                if key is not None and key == file_key(path):
                    with suppress(BuildError):  # a store that can't be written costs time
                        self.take_note(_READ, f"{digest} {key}", {})
        except OSError:
            return False
        self._sound.add((digest, state))
        return True

    def _used(self, digest: str) -> datetime:
        return datetime.fromtimestamp(self._object_record(digest).stat().st_mtime, UTC)

    def _use(self, digest: str) -> None:
        hold(self._object_record(digest))
        with suppress(OSError):  # a store on a read-only disk is still good to read
            os.utime(self._object_record(digest))

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Hold the one lock that every write and every removal takes, for moments only."""
        with self._lock("store"):
            yield

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        # Imported where something is written: it takes longer to import than a store to read.
        from filelock import FileLock

        with writing(self.root, "take a lock"):
            folder = self.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{name}.lock", poll_interval=0.02)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def default_store(*, trusts_times: bool = True) -> Store:
    """Return the user's store: the folder COMPOSE_HOME, else the user's cache folder.

    Raises:
        BuildError: somebody else could write to it, or it belongs to somebody else.
    """
    home = os.environ.get("COMPOSE_HOME")
    if home:
        root = Path(home)
    else:
        from platformdirs import user_cache_path

        root = user_cache_path("keras-compose", appauthor=False)
    store = Store(root, trusts_times=trusts_times)
    check_folder(store.root, own=not home)
    return store


def _state(path: Path) -> str:
    status = path.stat()
    return (
        f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} "
        f"{status.st_ctime_ns}"
    )


def _name(key: str) -> str:
    # Keys name files, and names of files need not be UTF-8.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _digest_and_size(path: Path) -> tuple[str, int]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return digest, stream.tell()
