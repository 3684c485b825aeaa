"""A lock and a plan → what the documents beside an artifact say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from posixpath import join, normpath

from composer.graphs.recipe import Recipe
from composer.record.artifact_recipe import recipe_of
from composer.record.model import Lock
from composer.record.provenance.model import Made, Material, Result
from composer.resolver.plan import Plan, PlannedSource, Port
from composer.spec.locations import is_remote
from composer.spec.source_forms import has_prefix, recorded_location


def gather(
    lock: Lock,
    plan: Plan,
    results: Sequence[Result],
    *,
    spec: str,
    specs: Mapping[str, str],
    time: datetime | None = None,
) -> Made:
    """Return what is said of a build.

    Args:
        lock: that the build would be locked with.
        plan: that it was built from.
        results: what it wrote.
        spec: the name of its file, in the folder of the lock.
        specs: SHA-256 of the specs among the sources, by id.
        time: that the documents name.
    """
    files = (
        Material(kind="spec", path=(), location=path, sha256=digest)
        # The spec itself goes first. A lock that was read has sorted them.
        for path, digest in sorted(lock.spec.files.items(), key=lambda f: (f[0] != spec, f[0]))
    )
    recipe = recipe_of(plan, {})
    return Made(
        name=plan.name,
        description=plan.description,
        spec=spec,
        overrides=tuple(_override(change) for change in lock.spec.overrides),
        resolved=lock.spec.sha256,
        seed=plan.seed,
        materials=(
            *files,
            *(
                material
                for source in plan.sources
                for material in _materials(source, lock, recipe, specs.get(source.id))
            ),
        ),
        results=tuple(results),
        layers={key: (layer.class_name, layer.seed) for key, layer in lock.layers.items()},
        inputs=tuple(_port(port) for port in plan.inputs),
        outputs=tuple(_port(port) for port in plan.outputs),
        operations=len(plan.graph.operations),
        parameters=plan.parameters,
        toolchain=lock.toolchain,
        time=time,
    )


def _materials(
    source: PlannedSource, lock: Lock, recipe: Recipe, spec: str | None
) -> Iterator[Material]:
    """Yield a source, the file of its weights, and what it was linked from itself."""
    key, locked, about = source.id, lock.sources[source.id], recipe.sources[source.id]
    yield Material(
        kind="source",
        path=(key,),
        location=_place(source.location, lock.spec.directories.get(f"sources.{key}")),
        sha256=locked.sha256 or spec,
        content=locked.content,
        size=locked.size,
        revision=locked.revision,
        license=locked.license,
        plugin=locked.plugin,
        seed=locked.seed,
    )
    if source.weights is not None:
        folder = lock.spec.directories.get(f"sources.{key}.weights")
        yield Material(
            kind="weights",
            path=(key,),
            location=_place(source.weights, folder),
            sha256=locked.weights,
        )
    if about.made_of is not None:
        yield from _inner((key,), about.made_of)


def _inner(path: tuple[str, ...], recipe: Recipe) -> Iterator[Material]:
    """Yield what a source says that it was linked from."""
    for ids, about in recipe.every_source():
        yield Material(
            kind="source",
            path=(*path, *ids),
            location=about.location,
            sha256=about.sha256,
            content=about.content,
            revision=about.revision,
            license=about.license,
        )
        if about.weights is not None:
            yield Material(
                kind="weights",
                path=(*path, *ids),
                location=about.weights,
                sha256=about.weights_sha256,
            )


def _place(location: str, folder: str | None) -> str:
    """Return a location as seen from the spec; a relative path belongs to the file it stands in."""
    shown = recorded_location(location)
    own = is_remote(location) or has_prefix(location) or shown != location
    return shown if own else normpath(join(folder or ".", shown))


def _override(change: str) -> str:
    """Return an override without the folders of a machine that its value may lie in."""
    key, equals, value = change.partition("=")
    return f"{key}={recorded_location(value)}" if equals else change


def _port(port: Port) -> str:
    return f"{port.name}: {port.spec if port.spec is not None else '?'}"
