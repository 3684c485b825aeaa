"""``hub:PRESET``: a model of KerasHub, imported once into the store."""

from __future__ import annotations

from pathlib import Path

from composer.errors import SourceError
from composer.resolver.seeds import source_seed
from composer.sources.context import Context
from composer.spec.model import Source


def locate_preset(source: Source, context: Context) -> Path | None:
    """Return the imported model in the store; None where it is not there and may not be made.

    Raises:
        SourceError: KerasHub is not installed, there is no such preset, or it is refused.
        BuildError: it can't be downloaded.
    """
    # Imported here: most specs have no such source.
    from composer.keras_process.hub_imports import hub_recipe

    try:
        recipe = hub_recipe(
            source.location.removeprefix("hub:"),
            source.args,
            source_seed(context.seed, source.id),
            directory=source.directory,
        )
        return context.imported(recipe)
    except SourceError as error:
        raise error.about(f"source {source.id!r}") from error
