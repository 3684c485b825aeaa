"""``weights``: the weights of another file in the architecture of a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from composer.container.stored import Listing
from composer.errors import FormatError, SourceError
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES
from composer.graphs.graph import Json
from composer.graphs.pair_weights import pair_weights
from composer.graphs.weight_names import Pair
from composer.legacy.keras2 import is_legacy
from composer.model_files.read_model import read_model
from composer.sources.context import Context
from composer.sources.existing import check_digest, existing
from composer.sources.remembered import remembered_sha256
from composer.spec.locations import is_remote, local_path, names_file, shown_location
from composer.spec.model import Source, SourceWeights

SUFFIXES = (*LEGACY_SUFFIXES, *KERAS_SUFFIXES)
_SHOWN = 5
_PAIRING = 1
"""Goes up whenever pairs are found otherwise, so that what was made before is made again."""


class WeightsProblem(Exception):  # noqa: N818 - it carries an error to its place in the spec
    """What is wrong with the file that ``weights`` names."""

    def __init__(self, error: SourceError | FormatError | OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """An architecture with the weights of a file.

    Attributes:
        path: of the ``.keras`` file; None where Keras has to make it first and may not.
        file: that the weights come from.
        warnings: what Keras's rule leaves to doubt.
    """

    path: Path | None
    file: Path
    warnings: tuple[str, ...] = ()


def with_weights(source: Source, architecture: Path | None, context: Context) -> Weighted:
    """Return the source's architecture with the weights that it asks for, made once.

    Files of Keras 3 are linked, by the paths under which they keep their variables; in ``.h5``
    files of earlier ones only Keras knows which weight of a layer is which.

    Args:
        source: with ``weights``.
        architecture: the ``.keras`` file; None where Keras has to make it first.
        context: of the import.

    Raises:
        WeightsProblem: there is no such file, or its weights are not those of the architecture.
        BuildError: the result can't be made for a reason outside of the spec.
    """
    wanted = source.weights
    assert wanted is not None
    path = None
    try:
        path = _found(source.id, wanted, context)
        listing, by_path = _listing(path, names_file(wanted.file, KERAS_SUFFIXES))
        if architecture is None:
            return Weighted(path=None, file=path)
        request = _Request(
            source=source,
            weights=wanted,
            architecture=architecture,
            listing=listing,
            context=context,
        )
        made, renamed = request.linked() if by_path else request.loaded()
        return Weighted(path=made, file=path, warnings=_warnings(wanted, renamed))
    except FormatError as error:
        # A message names the file as the spec does, not as this machine does.
        shown = error.about(path=shown_location(wanted.file))
        raise WeightsProblem(shown) from error
    except (SourceError, OSError) as error:
        raise WeightsProblem(error) from error


def _found(source: str, wanted: SourceWeights, context: Context) -> Path:
    """Return the file of weights, fetched where it is a URL."""
    if is_remote(wanted.file):
        try:
            return context.fetcher.fetch(wanted.file, wanted.sha256).path
        except SourceError as error:
            raise error.about(source=source) from error
    path = wanted.directory / local_path(wanted.file)
    existing(source, wanted.file, path, SUFFIXES)
    check_digest(source, wanted.file, path, wanted.sha256)
    return path


def _listing(path: Path, archived: bool) -> tuple[Listing, bool]:  # noqa: FBT001
    """Return what a file of weights holds, and whether Keras 3 can have written it."""
    from composer.container.archive import open_archive
    from composer.legacy.h5.file import read_listing, read_weights

    if archived:
        with open_archive(path) as archive:
            archive.check_crc()
            if is_legacy(archive.config):
                return read_model(path).listing, True
            return archive.weights.listing, True
    listing = read_listing(path)
    return listing, read_weights(listing) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """An architecture, the file whose weights it is to get, and what both are made under."""

    source: Source
    weights: SourceWeights
    architecture: Path
    listing: Listing
    context: Context

    @property
    def decides(self) -> dict[str, Json]:
        """All that the result depends on, Keras aside."""
        store = self.context.store
        return {
            "architecture": remembered_sha256(self.architecture, store),
            "weights": remembered_sha256(self.listing.path, store),
            "by": self.weights.by,
            "pairing": _PAIRING,
        }

    def linked(self) -> tuple[Path | None, tuple[Pair, ...]]:
        """Copy the weights into the architecture, without Keras."""
        from composer.container.archive import open_archive
        from composer.model_files.graft import graft

        with open_archive(self.architecture) as archive:
            held = archive.weights.listing
            if is_legacy(archive.config) and _moved(self.architecture, held):
                raise FormatError("CMP523.keras2-paths")
        weights = self.weights
        paired = pair_weights(
            held, self.listing, weights.by, described=shown_location(weights.file)
        )

        def make(folder: Path) -> Path:
            made = folder / "weighted.keras"
            graft(self.architecture, self.listing, paired.tensors, made)
            return made

        about = {"name": self.listing.path.name, **self.decides}
        return self.context.made("weights", self.decides, about, make), paired.renamed

    def loaded(self) -> tuple[Path | None, tuple[Pair, ...]]:
        """Let Keras load the weights of an ``.h5`` file of layers, and with them the architecture.

        Raises:
            FormatError: they are not those of the architecture; or that is more than data, which
                Keras, unlike the linker, would look at when it loads it.
        """
        from composer.keras_process.user_code import code_of_source
        from composer.legacy.h5.file import read_weights
        from composer.legacy.h5.pair_layers import pair_layers
        from composer.sources.weights_by_keras import weights_recipe

        self._refuse_code()
        file = read_weights(self.listing)
        assert file is not None
        weights = self.weights
        model, renamed = pair_layers(
            read_model(self.architecture), file, weights.by, described=shown_location(weights.file)
        )
        code = code_of_source(self.source)
        recipe = weights_recipe(model, self.architecture, self.decides, code)
        try:
            return self.context.imported(recipe), renamed
        except SourceError as error:
            raise FormatError(
                "CMP523.unloadable",
                location=shown_location(weights.file),
                reason=error.message,
                help=error.help,
            ) from error

    def _refuse_code(self) -> None:
        """Refuse before Keras is started: here it is given all of the file, not what goes in."""
        from composer.container.archive import open_archive
        from composer.graphs.code_scan import scan
        from composer.resolver.check_code import is_let_in

        with open_archive(self.architecture) as archive:
            for found in scan(archive.config):
                # A class that the spec names is imported; code is not run for the sake of weights.
                if found.kind != "name" or not is_let_in(found, self.source):
                    raise FormatError("CMP523.code", reason=str(found))


def _moved(architecture: Path, held: Listing) -> bool:
    """Tell whether a file of Keras 2 keeps a tensor elsewhere than today's Keras would."""
    today = {tensor.path for tensor in read_model(architecture).listing.tensors}
    return today != {tensor.path for tensor in held.tensors}


def _warnings(wanted: SourceWeights, renamed: tuple[Pair, ...]) -> tuple[str, ...]:
    if not renamed:
        return ()
    listed = ", ".join(f"{theirs} into {ours}" for ours, theirs in renamed[:_SHOWN])
    more = f" and {len(renamed) - _SHOWN} more" if len(renamed) > _SHOWN else ""
    text = (
        f"layers of {shown_location(wanted.file)} bear other names than those of the "
        f"architecture; their weights were paired by their order, as Keras does: {listed}{more}"
    )
    return (text,)
