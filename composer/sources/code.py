"""``py:package.module:function``: what a function of the user's own returns, imported once."""

from __future__ import annotations

from pathlib import Path

from composer.errors import SourceError
from composer.resolver.seeds import source_seed
from composer.sources.context import Context
from composer.spec.model import Source


def locate_code(source: Source, context: Context) -> Path | None:
    """Return the imported model in the store; None where it is not there and may not be made.

    The function runs once for each state of its code. Each source is seeded from the spec's seed
    and its own id, as models of ``app:`` are.

    Raises:
        SourceError: there is no such function, it takes other arguments, or it failed.
        BuildError: the import failed for a reason outside of the spec.
    """
    # Imported here: most specs have no such source.
    from composer.keras_process.code_imports import code_recipe

    try:
        recipe = code_recipe(
            source.location.removeprefix("py:"),
            source.args,
            source_seed(context.seed, source.id),
            directory=source.directory,
        )
        return context.imported(recipe)
    except SourceError as error:
        raise error.about(f"source {source.id!r}") from error


def check_objects(source: Source) -> None:
    """Refuse classes of ``objects`` that can't be found; their modules are read and not run.

    Raises:
        SourceError: a name is malformed, or there is no such module or class (``objects``).
    """
    if not source.objects:
        return
    from composer.keras_process.code_imports import check_target

    for target in source.objects:
        try:
            check_target(target, source.directory)
        except SourceError as error:
            raise SourceError(
                f"source {source.id!r}: objects: {error.message}",
                reason="objects",
                nearest=error.nearest,
                help=error.help,
            ) from error
