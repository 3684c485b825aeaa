"""What a way of fetching takes and gives: one question about a URL, one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from composer.errors import SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question: the bytes of a URL, unless they are known already.

    Attributes:
        url: as the spec wrote it, secrets included.
        pinned: whether the spec says by ``sha256`` which bytes it wants.
        revision: that a lock holds for the URL, to be asked for in the place of what a branch in
            it leads to now, where the server has revisions that can be asked for.
        known: validator of the bytes that the store has for this URL.
        begun: validator of the bytes of which a part is here already.
        offset: how many of those are here.
        held: tells whether the store has the bytes of a SHA-256.
    """

    url: str
    pinned: bool = False
    revision: str | None = None
    known: str | None = None
    begun: str | None = None
    offset: int = 0
    held: Callable[[str], bool] = field(default=lambda _sha256: False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a server gives.

    Attributes:
        validator: by which the server would tell other bytes from these; None where it tells
            nothing.
        revision: a commit, version or generation of what is served; None where there is none.
        size: in bytes; None where the server does not say.
        sha256: of the bytes, where the server says it.
        offset: where ``chunks`` begin: at 0, or at the offset that was asked for.
        chunks: the bytes, in pieces of bounded size; None where they are here: those of
            ``sha256`` where that is held, else the known ones.
    """

    validator: str | None
    revision: str | None = None
    size: int | None = None
    sha256: str | None = None
    offset: int = 0
    chunks: Iterator[bytes] | None


Ask = Callable[[Wanted], AbstractContextManager[Response]]
"""Asks a server; the connection lasts as long as the block.

Raises:
    TransferError: the server refuses, can't be reached, or the library for it is missing; also
        while the chunks are read.
"""


class TransferError(SourceError):
    """A URL can't be fetched.

    Attributes:
        again: whether the same question may well be answered in a moment.
        after: seconds that the server asks to wait before that.
    """

    def __init__(
        self,
        key: str,
        /,
        *,
        help: str | None = None,  # noqa: A002
        again: bool = False,
        after: float | None = None,
        **fields: object,
    ) -> None:
        super().__init__(key, help=help, **fields)
        self.again = again
        self.after = after


CHUNK = 1 << 16
"""Bytes of a piece: what is lost of a transfer that breaks off is less than this."""
