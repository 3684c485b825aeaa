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
        raise BuildError(
            f"{target} is a folder", help=f"name a file: -o build/model{suffix}", code="CMP709"
        )
    if not target.name.endswith(suffix):
        raise BuildError(
            f"{target} does not end in {suffix}, by which a file of its format is known",
            help=f"name it {target.with_suffix(suffix)}" if target.name else None,
            code="CMP701",
        )
    if not target.exists():
        return
    if not target.is_file():
        raise BuildError(
            f"{target} is not a regular file and can't be replaced by a model", code="CMP709"
        )
    for source in sources:
        if source.exists() and target.samefile(source):
            raise BuildError(
                f"{target} is a source of this model and would be overwritten",
                help=f"name another file: -o build/model{suffix}, or output: {{path: …}}",
                code="CMP709",
            )
