"""``app:NAME``: a model of keras.applications, imported once into the store."""

from __future__ import annotations

from pathlib import Path

from composer.resolver.seeds import source_seed
from composer.sources.context import Context
from composer.spec.model import Source


def locate_application(source: Source, context: Context) -> Path | None:
    """Return the imported model in the store; None where it is not there and may not be made.

    Two sources of the same architecture without pretrained weights differ: each is seeded from
    the spec's seed and its own id.

    Raises:
        SourceError: no such model, or arguments that it refuses.
        BuildError: the import failed.
    """
    # Imported here: most specs have no such source.
    from composer.keras_process.application_imports import application_recipe

    recipe = application_recipe(
        source.location.removeprefix("app:"),
        source.args,
        source_seed(context.seed, source.id),
        directory=source.directory,
    )
    return context.imported(recipe)
