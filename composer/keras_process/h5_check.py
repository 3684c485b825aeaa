"""Holds an imported model against the ``.h5`` file that it was made from, tensor by tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.digests import TensorDigest, digest_listing
from composer.container.stored import Listing
from composer.errors import BuildError, FormatError
from composer.graphs.graph import Graph
from composer.legacy.h5.file import LegacyTensor
from composer.legacy.h5.read import LegacyModel, by_layer, without_holes
from composer.model_files.read_model import read_model

if TYPE_CHECKING:
    from composer.graphs.model_file import ModelFile

_SEEDS = "seed_generator"
"""Where layers keep the state of random numbers, of which an ``.h5`` file has none."""


def check_import(model: LegacyModel, saved: Path) -> None:
    """Refuse an imported model unless it holds the file's weights, each layer its own.

    Weights of a layer with one group are held in their order, others as a set. Inside nested
    models layers are told apart as far as the names of the file's weights tell them apart.

    Args:
        model: that was to be imported.
        saved: the ``.keras`` file that came of it.

    Raises:
        BuildError: a weight is missing, left over, changed, or in another layer; or ``saved`` is
            not a valid file.
    """
    try:
        imported = read_model(saved)
    except FormatError as error:
        raise BuildError(
            "CMP710.saved-h5", path=model.file.path.name, reason=error.message
        ) from error
    _Comparison(
        model=model,
        imported=imported,
        theirs=_digests(model),
        ours=digest_listing(imported.listing),
        holes=frozenset(item.path for item in model.aside if not item.made),
    ).layers(imported.graph, without_holes(model), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Both sides of the comparison, with the digests of their tensors by path."""

    model: LegacyModel
    imported: ModelFile
    theirs: Mapping[str, TensorDigest]
    ours: Mapping[str, TensorDigest]
    holes: frozenset[str]

    def layers(
        self, graph: Graph, weights: Mapping[str, Sequence[LegacyTensor]], path: str
    ) -> None:
        """Compare the layers of a model, whose names have ``path`` in front of them."""
        left = dict(weights)
        for operation in graph.operations:
            if operation.kind == "operator":
                continue
            full = f"{path}{operation.name}"
            if full in self.holes:  # nothing of it is linked
                continue
            tensors = left.pop(operation.name, ())
            self._layer(full, tensors)
            if operation.inner is not None and tensors:
                inner = by_layer(operation.inner, tensors)
                if inner is not None:
                    self.layers(operation.inner, inner, f"{full}/")
        if left:
            raise self._differs(next(iter(left)), "is not in the imported model")

    def _layer(self, full: str, tensors: Sequence[LegacyTensor]) -> None:
        state = self.imported.states.get(full)
        paths = [
            variable.path
            for variable in (state.variables if state is not None else ())
            if _SEEDS not in variable.path
        ]
        wanted = [self.theirs[tensor.stored.path] for tensor in tensors]
        found = [self.ours[f"{state.group}/{path}"] for path in paths] if state else []
        # Some layers store a variable once for each place that holds it (SpectralNormalization).
        again = set(Counter(found) - Counter(wanted)) <= set(wanted)
        if Counter(wanted) - Counter(found) or not again:
            lost = [
                t.name for t, digest in zip(tensors, wanted, strict=True) if digest not in found
            ]
            raise self._differs(
                full,
                f"lacks or changed {', '.join(lost[:3])}"
                if lost
                else f"holds {len(found)} weights, and the file {len(wanted)}",
            )
        one_group = len({path.rpartition("/")[0] for path in paths}) == 1
        if one_group and wanted != found:
            raise self._differs(full, "has its weights in another order")

    def _differs(self, layer: str, how: str) -> BuildError:
        return BuildError("CMP710.import-differs", layer=layer, path=self.model.file.path, how=how)


def _digests(model: LegacyModel) -> dict[str, TensorDigest]:
    """Return the digests of the model's weights in the file."""
    wanted = {tensor.stored.path for tensors in model.weights.values() for tensor in tensors}
    listing = model.file.listing
    part = Listing(
        listing.path,
        listing.stamp,
        tuple(tensor for tensor in listing.tensors if tensor.path in wanted),
    )
    # HDF5 has no type for bfloat16, and these files don't say it elsewhere.
    return {
        path: replace(digest, dtype="bfloat16") if digest.dtype == "opaque2" else digest
        for path, digest in digest_listing(part).items()
    }
