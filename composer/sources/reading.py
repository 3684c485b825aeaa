"""The model of a source from its ``.keras`` file: flat, as one layer, or without a graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from composer.container.archive import open_archive
from composer.container.stored import FileStamp, Listing
from composer.errors import FormatError
from composer.graphs.code_scan import scan
from composer.graphs.flatten import flattened
from composer.graphs.model_file import ModelFile
from composer.keras_process.programs import program_folder
from composer.model_files.nest import nested
from composer.model_files.opaque import read_opaque_model
from composer.model_files.read_model import read_model
from composer.sources.listings import RememberedListings
from composer.sources.located import Located
from composer.spec.model import Source
from composer.store import Store

CONTRADICTIONS = ("CMP535", "CMP536")
"""Codes of files whose weights contradict their config."""


def read(source: Source, located: Located, path: Path, store: Store) -> ModelFile:
    """Return the model of a source as the spec wants it.

    Args:
        source: of the spec.
        located: what its import told.
        path: of the ``.keras`` file, which has other weights where the spec names them.
        store: remembers listings of files.

    Raises:
        FormatError: the file is damaged or hostile, or records no graph and is not ``nested``;
            or its weights contradict its config, and ``carried`` is what of this is no data.
    """
    try:
        file = read_model(path, RememberedListings(store))
    except FormatError as error:
        if error.code in CONTRADICTIONS:
            with open_archive(path) as archive:
                raise error.about(carried=tuple(scan(archive.config))) from error
        if error.code != "CMP506" or source.nested is None:
            raise
        return _opaque(source, path, source.nested)
    if source.nested is not None and _whole_by_class(source, file):
        return _opaque(source, path, source.nested)
    if located.repairs:
        file = replace(file, graph=replace(file.graph, repairs=located.repairs))
    if located.refused:
        # Imported here: few sources are old files.
        from composer.legacy.h5.put_in_place import marked

        file = replace(file, graph=marked(file.graph, located.refused))
    return _arranged(source, file)


def draft(source: Source, located: Located) -> ModelFile | None:
    """Return what is known of a model before Keras made it, if some of it can't be linked."""
    if located.draft is None or not located.refused:
        return None
    place = located.made_from[0]
    listing = Listing(place, FileStamp.of_status(place.stat()), ())
    file = ModelFile(path=place, graph=located.draft, states={}, listing=listing)
    try:
        return _arranged(source, file)
    except FormatError:  # told when the model is made
        return None


def _arranged(source: Source, file: ModelFile) -> ModelFile:
    """Return a file as its source wants it: flat, or as one layer."""
    if source.flatten:
        file = flattened(file)
    # A program has no layers, so that it is always the one that it is named for.
    name = source.nested or (source.id if program_folder(source) is not None else None)
    if name is not None:
        file = nested(file, name)
    return file


def _whole_by_class(source: Source, file: ModelFile) -> bool:
    """Tell whether the spec names the model's own class, so that its code runs and not its graph's.

    What ``call`` of a subclass does beside its layers is in no file.
    """
    named = {entry.rpartition(":")[2] for entry in source.objects}
    return not named.isdisjoint(file.graph.own_classes)


def _opaque(source: Source, path: Path, name: str) -> ModelFile:
    """Read a model without a graph as one layer.

    Raises:
        FormatError: it would be called more than once. Keras counts the calls of subclasses of
            its Functional in another way than those of other models, and the file does not say
            which of the two this is.
    """
    if len(source.calls) > 1:
        raise FormatError("CMP506.opaque-calls", count=len(source.calls))
    wires = [*source.inputs, *(wire for call in source.calls for wire in call.inputs)]
    return read_opaque_model(
        path,
        name,
        wired=any(wire.target is None for wire in wires),
        named=[wire.target for wire in wires if wire.target is not None],
    )
