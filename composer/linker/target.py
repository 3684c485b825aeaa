"""Refuses a target that a build would have to destroy something for, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from composer.errors import BuildError


def check_target(target: Path, sources: Iterable[Path], *, suffix: str = ".keras") -> None:
    """Refuse ``target`` unless it is free or a file that a build may replace.

    Args:
        target: where the artifact shall go.
        sources: the files that it is linked from; none of them may be replaced by it.
        suffix: that its name has to end in.

    Raises:
        BuildError: it is a folder, a device, one of the sources, or its name is not one from
            which its format is known (``keras.saving.load_model`` goes by the suffix).
    """
    if target.is_dir():
        raise BuildError("CMP709.folder", path=target, suffix=suffix)
    if not target.name.endswith(suffix):
        raise BuildError(
            "CMP701.extension",
            path=target,
            suffix=suffix,
            help=f"name it {target.with_suffix(suffix)}" if target.name else None,
        )
    if not target.exists():
        return
    if not target.is_file():
        raise BuildError("CMP709.not-regular", path=target)
    for source in sources:
        if source.exists() and target.samefile(source):
            raise BuildError("CMP709.own-source", path=target, suffix=suffix)
