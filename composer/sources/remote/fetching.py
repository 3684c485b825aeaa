"""Gives the file of a URL: from the store where that can be told, else from its server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from composer.errors import BuildError, SourceError
from composer.resolver.plan import Download
from composer.sources.remembered import remembered_sha256
from composer.sources.remote.download import amount, other_bytes, receive
from composer.sources.remote.schemes import ask_for, is_fixed
from composer.sources.remote.transport import Ask, TransferError, Wanted
from composer.spec.locations import identity, parts, scheme, schemes, shown_location
from composer.store import Store

_CACHES = ("simplecache", "filecache", "blockcache")
"""What fsspec would keep a file by; the store does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file of the store that a URL gave.

    Attributes:
        path: of the file.
        download: what the plan tells of it.
    """

    path: Path
    download: Download


@dataclass(slots=True, kw_only=True)
class Fetcher:
    """Fetches for one run: a URL that several sources name is asked for once.

    Attributes:
        store: where the files are kept.
        offline: whether nothing may be asked of the network.
        progress: called with lines of progress.
        remarks: what a user should know of what was fetched, and what was not.
    """

    store: Store
    offline: bool = False
    progress: Callable[[str], None] | None = None
    remarks: list[str] = field(default_factory=list)
    _done: dict[tuple[str | None, ...], Fetched] = field(default_factory=dict)

    def fetch(self, url: str, sha256: str | None = None, *, revision: str | None = None) -> Fetched:
        """Return the file of a URL.

        With ``sha256`` a file of that digest in the store is the answer, and nobody is asked.
        Without it, or before it is there, the server is asked whether the bytes that the store
        has for this URL are still the ones, and only gives others.

        Args:
            url: as the spec wrote it.
            sha256: 64 hexadecimal digits, of the bytes that the spec wants.
            revision: that a lock holds for these bytes.

        Raises:
            SourceError: the bytes can't be had (``fetch``), only without a network
                (``offline``), only unsafely (``unsafe``) or by a library that is missing
                (``extra``), or they are others than the spec wants (``sha256``).
            BuildError: the store's disk is full or can't be written.
        """
        known = self._done.get((url, sha256, revision))
        if known is None:
            known = self._fetch(url, sha256, revision)
            self._done[url, sha256, revision] = known
        return known

    def _fetch(
        self, url: str, sha256: str | None, revision: str | None, *, pinned: bool = False
    ) -> Fetched:
        """Do what :meth:`fetch` does; ``pinned`` where a digest of what is in the file is known."""
        pinned = pinned or sha256 is not None
        shown = shown_location(url)
        key = f"fetch {identity(url)}"
        if sha256 is not None and (path := self._sound(sha256)) is not None:
            about = self.store.recipe_about(key)
            mine = about if self.store.recipe(key) == sha256 else {}
            # What nobody asked this URL for is what the lock says.
            return _fetched(path, sha256, mine.get("revision", revision), mine.get("validator"))
        if self.offline:
            return self._offline(url, key, sha256)
        if is_fixed(url) and sha256 is None and (found := self._remembered(key)) is not None:
            return found
        _refuse_plain_parts(url, pinned=pinned)
        ask = self._way(url, pinned=pinned)
        if self.progress is not None:
            self.progress(f"asking for {shown}")
        if sha256 is None and (found := self._unchanged(url, key, ask)) is not None:
            return found
        with self.store.making(key):
            # Another process may have fetched it while this one waited for the lock.
            if sha256 is not None and (path := self._sound(sha256)) is not None:
                return _fetched(path, sha256, revision, None)
            known = self._remembered(key)
            wanted = Wanted(
                url=url,
                pinned=pinned,
                revision=revision,
                known=known.download.validator if known else None,
                held=self._holds,
            )
            found = self._ask(ask, wanted, key, known, sha256)
        if sha256 is not None and found.download.sha256 != sha256:
            raise other_bytes(url, found.download.sha256, sha256)
        return found

    def _way(self, url: str, *, pinned: bool) -> Ask:
        """Return the function that asks for a URL.

        What is in an archive at a web address is asked of the archive, once that was fetched by
        the rules of web addresses: fsspec knows none of them.
        """
        *outer, last = parts(url)
        if not outer or scheme(last) not in ("https", "http"):
            return ask_for(url)
        from composer.sources.remote import filesystems

        archive = self._fetch(last, None, None, pinned=pinned)
        around = [part for part in outer if part.lower() not in _CACHES and "://" in part]
        at = "::".join([*around, archive.path.absolute().as_uri()])
        return partial(filesystems.ask, at=at, archive=archive.download.sha256)

    def _ask(
        self, ask: Ask, wanted: Wanted, key: str, known: Fetched | None, sha256: str | None
    ) -> Fetched:
        url = wanted.url
        shown = shown_location(url)
        received = receive(ask, wanted, self.store, key, wants=sha256, progress=self.progress)
        if received.sha256 is None:
            assert known is not None
            digest = known.download.sha256
        else:
            digest = received.sha256
        self._remember(url, key, digest, received.revision, received.validator)
        path = self.store.object_path(digest)
        assert path is not None
        fetched = _fetched(path, digest, received.revision, received.validator)
        if received.moved:
            size = amount(fetched.download.nbytes)
            self.remarks.append(f"fetched {shown} ({size}, sha256 {digest})")
        return fetched

    def _unchanged(self, url: str, key: str, ask: Ask) -> Fetched | None:
        """Return what the store has for a URL, where the server says that it is still the same.

        This takes no lock and mostly writes nothing, so that it works over a store that can only
        be read, and beside another process that fetches.
        """
        known = self._remembered(key)
        if known is None or known.download.validator is None:
            return None
        wanted = Wanted(url=url, known=known.download.validator, held=self._holds)
        try:
            with ask(wanted) as answer:
                if answer.chunks is not None or answer.sha256 not in (None, known.download.sha256):
                    return None
        except TransferError as error:
            if error.again:
                return None
            raise
        revision, validator = answer.revision, answer.validator
        with suppress(BuildError):
            self._remember(url, key, known.download.sha256, revision, validator)
        return _fetched(known.path, known.download.sha256, revision, validator)

    def _remember(
        self, url: str, key: str, digest: str, revision: str | None, validator: str | None
    ) -> None:
        """Remember what a URL gave, unless that is remembered already."""
        about = {
            "importer": "url",
            "name": shown_location(url),
            "revision": revision,
            "validator": validator,
        }
        if self.store.recipe(key) != digest or self.store.recipe_about(key) != about:
            self.store.remember_recipe(key, digest, about)

    def _holds(self, digest: str) -> bool:
        return self._sound(digest) is not None

    def _offline(self, url: str, key: str, sha256: str | None) -> Fetched:
        shown = shown_location(url)
        found = self._remembered(key) if sha256 is None else None
        if found is None:
            what = "no file of this sha256" if sha256 is not None else "nothing that came from it"
            raise SourceError("CMP514.offline", location=shown, what=what)
        self.remarks.append(
            f"offline: {shown} is taken as it was fetched last (sha256 {found.download.sha256})"
        )
        return found

    def _remembered(self, key: str) -> Fetched | None:
        """Return what the URL gave last, where the store still has it."""
        digest = self.store.recipe(key)
        path = self._sound(digest) if digest is not None else None
        if digest is None or path is None:
            return None
        about = self.store.recipe_about(key)
        return _fetched(path, digest, about.get("revision"), about.get("validator"))

    def _sound(self, digest: str) -> Path | None:
        """Return an object whose bytes are what its name says."""
        path = self.store.object_path(digest)
        if path is None or remembered_sha256(path, self.store) != digest:
            return None
        return path


def _fetched(path: Path, digest: str, revision: str | None, validator: str | None) -> Fetched:
    return Fetched(
        path=path,
        download=Download(
            sha256=digest, nbytes=path.stat().st_size, revision=revision, validator=validator
        ),
    )


def _refuse_plain_parts(url: str, *, pinned: bool) -> None:
    """Refuse a chain such as ``zip://a.keras::http://host/b.zip``, as the address alone would be.

    Raises:
        SourceError: a part of it is unsafe (``unsafe``).
    """
    if "http" in schemes(url):
        from composer.sources.remote.web import check_address

        for part in parts(url):
            if part.lower().startswith("http://"):
                check_address(part, pinned=pinned)
