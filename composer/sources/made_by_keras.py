"""``app:NAME``, ``hub:PRESET`` and ``py:module:function``: models made once, into the store.

Two sources of the same architecture without pretrained weights differ: each is seeded from the
spec's seed and its own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from composer.errors import SourceError
from composer.resolver.seeds import source_seed
from composer.sources.context import Context
from composer.spec.model import Source

if TYPE_CHECKING:
    from composer.keras_process.imports import Recipe


def locate_application(source: Source, context: Context) -> Path | None:
    """Return a model of keras.applications; see :func:`_located`."""
    # Imported here, as below: most specs have no such source.
    from composer.keras_process.application_imports import application_recipe

    return _located(source, context, application_recipe)


def locate_preset(source: Source, context: Context) -> Path | None:
    """Return a model of KerasHub; see :func:`_located`."""
    from composer.keras_process.hub_imports import hub_recipe

    return _located(source, context, hub_recipe)


def locate_code(source: Source, context: Context) -> Path | None:
    """Return what a function of the user's own returns; it runs once for each state of its code.

    See :func:`_located`.
    """
    from composer.keras_process.code_imports import code_recipe

    return _located(source, context, code_recipe)


class _MakeRecipe(Protocol):
    def __call__(
        self, name: str, args: Mapping[str, Any], seed: int, /, *, directory: Path
    ) -> Recipe: ...


def _located(source: Source, context: Context, make_recipe: _MakeRecipe) -> Path | None:
    """Return the model in the store; None where it is not there and may not be made.

    Raises:
        SourceError: there is no such model, preset or function, it takes other arguments, what it
            needs is not installed, or it is refused.
        BuildError: it can't be downloaded, or the import failed for a reason outside of the spec.
    """
    try:
        recipe = make_recipe(
            source.location.partition(":")[2],
            source.args,
            source_seed(context.seed, source.id),
            directory=source.directory,
        )
        return context.imported(recipe)
    except SourceError as error:
        raise error.about(f"source {source.id!r}") from error
