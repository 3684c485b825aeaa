"""What a lock says of a spec that was prepared: all of it, or as much as is known so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from composer.files.suffixes import KERAS_SUFFIXES
from composer.outputs.registry import packages_of
from composer.record.make import locked_layers, locked_spec, toolchain
from composer.record.model import Lock, LockedArtifact, LockedLayer, LockedSource
from composer.resolver.plan import Plan
from composer.resolver.seeds import layer_seed, source_seed
from composer.sources.damage import damage_told
from composer.sources.paths import file_path
from composer.sources.remembered import remembered_content, remembered_sound_sha256
from composer.spec.locations import is_remote, local_path, names_file, shown_location
from composer.spec.model import Source, Spec
from composer.spec.source_forms import asks_keras, draws_seed, is_pinned_file, provider_of
from composer.store import Store, default_store
from composer.workflows.pipeline import Prepared, plan_spec


def describe(
    prepared: Prepared,
    folder: Path,
    artifacts: Mapping[str, LockedArtifact],
    *,
    formats: Sequence[str] | None = None,
) -> Lock:
    """Return the lock of what was prepared; nothing is linked for it.

    Args:
        prepared: with a complete plan.
        folder: that the lock lies in.
        artifacts: what the build gave, or what an earlier lock says that it gives.
        formats: that are written; None is what the spec says.

    Raises:
        SpecError: there are errors.
        BuildError: it waits for Keras.
        OSError: a source can't be read.
    """
    plan, spec, store = plan_spec(prepared), prepared.spec, prepared.store or default_store()
    assert spec is not None
    layers = locked_layers(plan, lambda path: remembered_content(path, store))
    sources = {source.id: _source(source, spec, plan, store) for source in spec.sources}
    imported = any(map(asks_keras, spec.sources))
    return Lock(
        spec=locked_spec(spec, folder),
        sources=sources,
        layers=layers,
        names={name: str(origin) for name, origin in plan.origins.items()},
        toolchain=toolchain(
            packages_of(
                [place.format for place in spec.target.destinations] if formats is None else formats
            ),
            keras=bool(layers) or imported,
        ),
        artifacts=artifacts,
    )


def describe_so_far(prepared: Prepared, folder: Path, locked: Lock) -> Lock:
    """Return the lock of what waits for Keras, as far as it can be told without.

    What can't be told is as an earlier lock has it, and what that has nothing of is left out. So
    whatever differs between the two did change, and not all that changed differs.

    Args:
        prepared: without errors.
        folder: that the lock lies in.
        locked: the earlier lock.

    Raises:
        OSError: a source can't be read.
    """
    spec, plan, store = prepared.spec, prepared.plan, prepared.store or default_store()
    assert spec is not None
    sources = {
        source.id: found
        for source in spec.sources
        if (found := _source_so_far(source, spec, plan, locked.sources.get(source.id), store))
    }
    return replace(
        locked,
        spec=locked_spec(spec, folder),
        sources=sources,
        layers=_layers_so_far(spec, plan, locked),
        names=locked.names
        if plan is None
        else {name: str(origin) for name, origin in plan.origins.items()},
    )


def _source_so_far(
    source: Source, spec: Spec, plan: Plan | None, locked: LockedSource | None, store: Store
) -> LockedSource | None:
    if plan is not None:
        return _source(source, spec, plan, store)
    if locked is None:
        return None
    found = replace(
        locked,
        location=shown_location(source.location),
        plugin=provider_of(source),
        seed=_seed(source, spec),
        license=source.license,
    )
    if is_pinned_file(source):
        path = file_path(source)
        with damage_told(spec, source.id):
            sha256 = remembered_sound_sha256(path, store)
            found = replace(found, size=path.stat().st_size, sha256=sha256)
            if source.weights is None and names_file(source.location, KERAS_SUFFIXES):
                found = replace(found, content=remembered_content(path, store))
    if source.weights is None:
        return replace(found, weights=None)
    if not is_remote(source.weights.file):
        weights = source.weights.directory / local_path(source.weights.file)
        with damage_told(spec, source.id, "weights"):
            found = replace(found, weights=remembered_sound_sha256(weights, store))
    return found


def _layers_so_far(spec: Spec, plan: Plan | None, locked: Lock) -> Mapping[str, LockedLayer]:
    """Return the new layers; without a plan nobody knows which of them go in."""
    if plan is None:
        layers = {layer.id for layer in spec.layers}
        return {
            name: replace(layer, seed=layer_seed(spec.seed, name)) if name in layers else layer
            for name, layer in locked.layers.items()
        }
    found = locked_layers(plan, lambda _: "")
    return {
        name: replace(layer, content=locked.layers[name].content)
        for name, layer in found.items()
        if name in locked.layers
    }


def _source(source: Source, spec: Spec, plan: Plan, store: Store) -> LockedSource:
    planned = next(item for item in plan.sources if item.id == source.id)
    file = plan.files[source.id]
    size = sha256 = revision = None
    if planned.download is not None:
        size, sha256 = planned.download.nbytes, planned.download.sha256
        # Not its validator: another server, or the same one tomorrow, tags the same bytes anew.
        revision = planned.download.revision
    elif is_pinned_file(source):
        path = file_path(source)
        with damage_told(spec, source.id):
            size, sha256 = path.stat().st_size, remembered_sound_sha256(path, store)
    with damage_told(spec, source.id):
        content = remembered_content(file.path, store)
    weights = None
    if source.weights is not None:
        with damage_told(spec, source.id, "weights"):
            weights = remembered_sound_sha256(file.made_from[0], store)
    return LockedSource(
        location=shown_location(source.location),
        content=content,
        size=size,
        sha256=sha256,
        revision=revision,
        plugin=provider_of(source),
        weights=weights,
        seed=_seed(source, spec),
        license=source.license,
    )


def _seed(source: Source, spec: Spec) -> int | None:
    return source_seed(spec.seed, source.id) if draws_seed(source) else None
