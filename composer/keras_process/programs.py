"""SavedModel folders that hold a TensorFlow program alone: found as data.

Such a folder is the source of one layer, which runs the program. In files the layer names the
folder by its digest, so that no path of a machine is written down; a Keras process that makes the
layer is told which folders the spec trusts.
"""

from __future__ import annotations

from pathlib import Path

from composer.errors import FormatError
from composer.legacy.keras_metadata import FILE as KERAS_2
from composer.legacy.keras_metadata import read_metadata
from composer.spec.model import Source

GRAPH = "saved_model.pb"
MODULE = "composer.keras_process.tasks.saved_program"
"""Where the layer is that runs a program."""
PROGRAM = "program"
"""The reason of what is wrong with the use of a program."""
LINKED = "program-linked"
"""The reason of a program in a spec that is linked into a ``.keras`` file."""


def saved_model_folder(source: Source) -> Path | None:
    """Return the folder of a source that is a SavedModel; None for anything else."""
    try:
        folder = source.directory / Path(source.location).expanduser()
        return folder if (folder / GRAPH).is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def program_folder(source: Source) -> Path | None:
    """Return the folder of a source that goes in as a program; None for any other source.

    That is a SavedModel that does not come with the graph of its model. One of Keras 2 counts
    only where the source is trusted: else it is refused for what its config lacks.
    """
    folder = saved_model_folder(source)
    if folder is None or not (folder / KERAS_2).is_file():
        return folder
    if not source.trust:
        return None
    try:
        read_metadata(folder)
    except FormatError:
        return folder
    return None
