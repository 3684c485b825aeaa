"""What a build has written: one value a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from composer.outputs.exporting import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """One result of a build, in its place.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: its name.
        sha256: of the file; of a folder, see :func:`digest_sums`.
        size: in bytes; of a folder, of all files in it.
        comparison: of an export with what Keras computes; None for what is linked, whose every
            tensor is compared with its source byte for byte.
        fresh: whether it stood there already, as a build would write it, and was left alone.
        stale: why what an earlier build left there was not that; empty where there was nothing
            to say so of.
        now: where it is until it takes its place.
        inode: by which the file or folder is told from one that took its place later.
    """

    path: Path
    format: str
    sha256: str
    size: int
    comparison: Comparison | None = None
    fresh: bool = False
    stale: tuple[str, ...] = ()
    now: Path = field(compare=False, repr=False)
    inode: int = field(default=0, compare=False, repr=False)
