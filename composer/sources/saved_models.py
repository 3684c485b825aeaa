"""SavedModel folders as sources: refused, with what to do instead."""

from __future__ import annotations

from composer.errors import SourceError
from composer.spec.model import Source

_GRAPH = "saved_model.pb"
_KERAS_2 = "keras_metadata.pb"


def refuse_saved_model(source: Source) -> None:
    """Refuse a source that is a SavedModel folder; anything else passes.

    Such a folder holds a TensorFlow program. Keras 2 wrote its own configs beside it, but they
    leave out what the layers were called with. The one way in which Keras 3 takes such a folder
    is ``TFSMLayer``, which stores a path of the machine and is refused by ``safe_mode``.

    Raises:
        SourceError: it is one (``unknown_kind``).
    """
    folder = source.directory / source.location
    try:
        is_one, by_keras_2 = (folder / _GRAPH).is_file(), (folder / _KERAS_2).is_file()
    except (OSError, ValueError):
        return
    if not is_one:
        return
    name = folder.name or "model"
    if by_keras_2:
        raise SourceError(
            f"source {source.id!r}: {source.location} is a SavedModel that Keras 2 wrote; "
            "its layers can't be told apart without running its code",
            reason="unknown_kind",
            help="save it as one file with the Keras that wrote it: "
            f"tf_keras.models.load_model({source.location!r}).save('{name}.h5')",
        )
    raise SourceError(
        f"source {source.id!r}: {source.location} is a SavedModel, which holds a TensorFlow "
        "program and no layers that could be named, cut or linked; a layer that only points to "
        "the folder (TFSMLayer) would not load on another machine or in safe mode",
        reason="unknown_kind",
        help=f"save the model that was exported as a file: model.save('{name}.keras')",
    )
