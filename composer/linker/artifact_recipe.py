"""Plan → the recipe that its artifact carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from composer.graphs.recipe import Recipe, RecipeSource
from composer.resolver.plan import Plan, PlannedSource, SourceState
from composer.spec.source_forms import recorded_location


def recipe_of(plan: Plan, states: Mapping[str, SourceState]) -> Recipe:
    """Return what a plan's model is made from; nothing in it depends on the machine or the clock.

    The recipe of a source that was linked itself comes along, as far as its layers go in.

    Args:
        plan: of the model.
        states: digests of its sources, by id; of one that is missing none is recorded.
    """
    return Recipe(
        name=plan.name,
        seed=plan.seed,
        sources={
            source.id: _source(plan, source, states.get(source.id)) for source in plan.sources
        },
        origins={name: str(origin) for name, origin in plan.origins.items()},
    )


def made_of(plan: Plan, source: str) -> Recipe | None:
    """Return the recipe that the file of a source carries, as far as its layers go in."""
    file = plan.files.get(source)
    if file is None or file.recipe is None:
        return None
    used = frozenset(origin.layer for origin in plan.origins.values() if origin.source == source)
    # A source that was kept nested is an operation that its file does not have, and all of the
    # file is inside.
    known = all(layer.partition("/")[0] in file.recipe.origins for layer in used)
    return _mapped(file.recipe.only(used) if known else file.recipe, recorded_location)


def _source(plan: Plan, source: PlannedSource, state: SourceState | None) -> RecipeSource:
    download = source.download
    return RecipeSource(
        location=recorded_location(source.location),
        # Of the file only what the spec pins: the same model, saved again, gives the same result.
        sha256=source.sha256,
        content=state.content if state is not None else None,
        revision=download.revision if download is not None else None,
        license=source.license,
        weights=recorded_location(source.weights) if source.weights is not None else None,
        weights_sha256=state.weights if state is not None else None,
        made_of=made_of(plan, source.id),
    )


def _mapped(recipe: Recipe, change: Callable[[str], str]) -> Recipe:
    """Return a recipe with its places as ours show them: another program may have written it."""
    return replace(
        recipe,
        sources={
            key: replace(
                about,
                location=change(about.location),
                weights=change(about.weights) if about.weights is not None else None,
                made_of=_mapped(about.made_of, change) if about.made_of is not None else None,
            )
            for key, about in recipe.sources.items()
        },
    )
