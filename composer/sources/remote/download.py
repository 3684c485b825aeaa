"""Brings the bytes of a URL here: in pieces, hashed on the way, tried again where that may help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from composer.sources.remote.transport import Ask, Response, TransferError, Wanted
from composer.spec.locations import shown_location
from composer.store import Store
from composer.store.partial_download import Unfinished

TRIES = 5
"""How often in a row a transfer may fail before it is given up."""
PAUSE = 0.5
"""Seconds before the second try; each further one waits twice as long."""
_PROGRESS = 1 << 20
"""Bytes after which a try counts as one that got on: what broke off then is no failure in a row."""
_BETWEEN_LINES = 0.2
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a server gave.

    Attributes:
        sha256: of the bytes; None where they are those that the store has for this URL.
        validator: by which the server would tell other bytes.
        revision: that the server gave them.
        moved: whether the bytes came over the network.
    """

    sha256: str | None
    validator: str | None
    revision: str | None
    moved: bool


def receive(
    ask: Ask,
    wanted: Wanted,
    store: Store,
    key: str,
    *,
    wants: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Received:
    """Bring the bytes of a URL into the store, unless they are the known ones.

    Args:
        ask: how to.
        wanted: the URL, and what is known of it.
        store: where the bytes go.
        key: of the unfinished file; the caller holds the lock for it.
        wants: SHA-256 that the bytes have to have; others are not kept.
        progress: called with lines of progress.

    Raises:
        TransferError: the bytes can't be had, or are others than wanted (``sha256``).
        BuildError: the store's disk is full or can't be written.
    """
    say = progress or (lambda _line: None)
    failures = 0
    with store.unfinished(key) as part:
        while True:
            before = part.size
            try:
                return _try(ask, _resuming(wanted, part), store, part, _Terms(wants, say))
            except TransferError as error:
                if error.case == "range":
                    part.discard()
                if not error.again:
                    raise
                failures = 1 if part.size - before >= _PROGRESS else failures + 1
                if failures >= TRIES:
                    raise error.about(tries=TRIES) from None
                say(f"{shown_location(wanted.url)}: trying again")
                pause = PAUSE * 2 ** (failures - 1)
                time.sleep(max(error.after or 0.0, pause))


def amount(nbytes: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{nbytes / _MEBIBYTE:,.1f} MiB" if nbytes >= _MEBIBYTE else f"{nbytes:,} bytes"


def _resuming(wanted: Wanted, part: Unfinished) -> Wanted:
    """Add to a question what is here already."""
    offset = part.size
    if part.whole is not None and offset >= part.whole:
        # All of it, and nobody said so: a server has nothing to give behind the end.
        offset = max(part.whole - 1, 0)
    return Wanted(
        url=wanted.url,
        pinned=wanted.pinned,
        revision=wanted.revision,
        known=wanted.known,
        begun=part.validator,
        offset=offset if part.validator is not None else 0,
        held=wanted.held,
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    """The SHA-256 that bytes have to have, and where lines of progress go."""

    wants: str | None
    say: Callable[[str], None]


def _try(ask: Ask, wanted: Wanted, store: Store, part: Unfinished, terms: _Terms) -> Received:
    """Ask once.

    Raises:
        TransferError: the bytes did not come, or not all of them.
    """
    with ask(wanted) as answer:
        if answer.chunks is None:
            part.discard()
            here = answer.sha256 is not None and wanted.held(answer.sha256)
            return Received(
                sha256=answer.sha256 if here else None,
                validator=answer.validator,
                revision=answer.revision,
                moved=False,
            )
        if answer.offset and answer.validator != wanted.begun:
            part.discard()
            raise TransferError("CMP510.changed", location=shown_location(wanted.url), again=True)
        part.begin(validator=answer.validator, offset=answer.offset, size=answer.size)
        _take(answer, wanted, part, terms.say)
    file, digest = part.finish()
    if answer.sha256 is not None and digest != answer.sha256:
        part.discard()
        raise TransferError(
            "CMP510.damaged",
            location=shown_location(wanted.url),
            found=digest,
            expected=answer.sha256,
            again=True,
        )
    if terms.wants is not None and digest != terms.wants:
        part.discard()
        raise other_bytes(wanted.url, digest, terms.wants)
    store.add(file, digest=digest)
    part.discard()
    return Received(sha256=digest, validator=answer.validator, revision=answer.revision, moved=True)


def other_bytes(url: str, found: str, wanted: str) -> TransferError:
    """Return the error for bytes that are not those that the spec wants."""
    return TransferError(
        "CMP503.fetched-digest", location=shown_location(url), found=found, expected=wanted
    )


def _take(answer: Response, wanted: Wanted, part: Unfinished, say: Callable[[str], None]) -> None:
    assert answer.chunks is not None
    shown = shown_location(wanted.url)
    whole = "" if answer.size is None else f" of {amount(answer.size)}"
    told = 0.0
    for chunk in answer.chunks:
        part.append(chunk)
        if answer.size is not None and part.size > answer.size:
            part.discard()
            raise TransferError("CMP510.too-long", location=shown, limit=answer.size)
        if time.monotonic() - told > _BETWEEN_LINES:
            told = time.monotonic()
            say(f"fetching {shown}: {amount(part.size)}{whole}")
    if answer.size is not None and part.size < answer.size:
        raise TransferError(
            "CMP510.too-short", location=shown, found=part.size, expected=answer.size, again=True
        )
