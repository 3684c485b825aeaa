"""Refuses a target that a build would have to destroy something for, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from composer.errors import BuildError

_SUFFIX = ".keras"


def check_target(target: Path, sources: Iterable[Path]) -> None:
    """Refuse ``target`` unless it is free or a file that a build may replace.

    Args:
        target: where the artifact shall go.
        sources: the files that it is linked from; none of them may be replaced by it.

    Raises:
        BuildError: it is a folder, a device, one of the sources, or its name is not one from
            which Keras loads a model (``keras.saving.load_model`` goes by the suffix).
    """
    if target.is_dir():
        raise BuildError(f"{target} is a folder", help="name a file: -o build/model.keras")
    if target.suffix != _SUFFIX:
        raise BuildError(
            f"{target} does not end in {_SUFFIX}, by which Keras knows a model file",
            help=f"name it {target.with_suffix(_SUFFIX)}" if target.name else None,
        )
    if not target.exists():
        return
    if not target.is_file():
        raise BuildError(f"{target} is no ordinary file and can't be replaced by a model")
    for source in sources:
        if source.exists() and target.samefile(source):
            raise BuildError(
                f"{target} is a source of this model and would be overwritten",
                help="name another file: -o build/model.keras, or output: {path: …} in the spec",
            )
