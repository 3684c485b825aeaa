"""Models that Keras makes once, into the store, by the request of one recipe.

Two sources of the same architecture without pretrained weights differ: each is seeded from the
spec's seed and its own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from composer.errors import SourceError
from composer.resolver.seeds import source_seed
from composer.sources.kind import Locate
from composer.sources.located import Located

if TYPE_CHECKING:
    from composer.keras_process.imports import ImportRequest
    from composer.sources.context import Context
    from composer.spec.model import Source


class _MakeRecipe(Protocol):
    def __call__(
        self, name: str, args: Mapping[str, Any], seed: int, /, *, directory: Path
    ) -> ImportRequest: ...


def imported_by(make_recipe: _MakeRecipe) -> Locate:
    """Return how a kind of source is had that begins with ``PREFIX:`` and that Keras makes.

    Args:
        make_recipe: from what stands behind the prefix, ``args``, a seed and the folder of the
            spec. It raises SourceError where there is no such model or it takes other arguments.
    """

    def locate(source: Source, context: Context) -> Located:
        try:
            recipe = make_recipe(
                source.location.partition(":")[2],
                source.args,
                source_seed(context.seed, source.id),
                directory=source.directory,
            )
            return Located(path=context.imported(recipe))
        except SourceError as error:
            raise error.about(source=source.id) from error

    return locate
