"""Spec, plan and digests → the record of a build: all of it, or as much as is known so far."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.container.digests import digest_file
from composer.errors import BuildError
from composer.files.suffixes import KERAS_SUFFIXES
from composer.graphs.canonical import canonical_config
from composer.graphs.content_digest import content_digest
from composer.linker.artifact_recipe import made_of
from composer.outputs.registry import output_format, packages_of
from composer.outputs.written import WrittenFile
from composer.record.build_record import (
    NOTHING,
    ArtifactRecord,
    BuildRecord,
    LayerRecord,
    ModelRecord,
    SourceRecord,
    SpecRecord,
)
from composer.record.lock_file import portable, resolved_sha256
from composer.record.toolchain import KERAS, WRITERS, installed
from composer.resolver.plan import Plan, Port, SourceState
from composer.resolver.seeds import layer_seed, source_seed
from composer.sources.damage import damage_told
from composer.sources.paths import file_path
from composer.sources.remembered import remembered_content, remembered_sound_sha256
from composer.sources.source_digests import source_states
from composer.spec.locations import (
    is_remote,
    local_path,
    names_file,
    shown_location,
    without_secrets,
)
from composer.spec.model import Source, Spec
from composer.spec.source_forms import (
    asks_keras,
    draws_seed,
    is_pinned_file,
    is_spec,
    provider_of,
)
from composer.store import Store


def record_build(
    spec: Spec,
    plan: Plan | None,
    store: Store,
    *,
    folder: Path,
    known: BuildRecord = NOTHING,
    formats: Sequence[str] | None = None,
    states: Mapping[str, SourceState] | None = None,
) -> BuildRecord:
    """Return the record of a build; nothing is linked for it.

    Where the plan waits for Keras, what can't be told is as an earlier record has it, and what
    that has nothing of is left out. So whatever differs between the two did change, and not all
    that changed differs.

    Args:
        spec: without errors.
        plan: of it, as far as it goes; None where there is none yet.
        store: remembers digests of files.
        folder: that paths in the record start in.
        known: an earlier record; its artifacts are those of the new one.
        formats: that are written; None is what the spec says.
        states: digests of the plan's sources. Where they are given, the files that ``from`` names
            are not read, and the record has neither their size nor their digest.

    Raises:
        SpecError: a source is damaged.
        BuildError: one can't be read.
    """
    with reading():
        sources = _sources(spec, plan, store, states, known.sources)
        layers = _layers(spec, plan, store, known.layers)
    record = replace(known, spec=record_spec(spec, folder), sources=sources, layers=layers)
    if plan is None:
        return record
    record = replace(record, names={name: str(origin) for name, origin in plan.origins.items()})
    if not plan.complete:
        return record
    imported = any(map(asks_keras, spec.sources))
    if formats is None:
        formats = [place.format for place in spec.target.destinations]
    names = (*WRITERS, *(KERAS if layers or imported else ()), *packages_of(formats))
    return replace(
        record,
        toolchain=installed(names),
        model=ModelRecord(
            description=plan.description,
            seed=plan.seed,
            inputs=tuple(map(_port, plan.inputs)),
            outputs=tuple(map(_port, plan.outputs)),
            operations=len(plan.graph.operations),
            parameters=plan.parameters,
        ),
    )


def record_artifact(
    file: WrittenFile, *, folder: Path | None = None, known: ArtifactRecord | None = None
) -> ArtifactRecord:
    """Return the record of a result.

    Args:
        file: the result.
        folder: that documents about it lie in; None gives it no name.
        known: an earlier record of it that is believed: the same bytes have the same content.
    """
    take_content = output_format(file.format).content
    if known is not None and (known.size, known.sha256) == (file.size, file.sha256):
        content = known.content
    else:
        content = None if take_content is None else take_content(file.now)
    return ArtifactRecord(
        size=file.size,
        sha256=file.sha256,
        content=content,
        format=file.format,
        name="" if folder is None else _relative(file.path, folder),
        folder=file.now.is_dir(),
    )


def record_spec(spec: Spec, folder: Path) -> SpecRecord:
    """Return what a record of paths in ``folder`` says of a spec; no secret of a URL goes in."""
    weights = {source.id: source.weights for source in spec.sources if source.weights is not None}
    urls = (*(s.location for s in spec.sources), *(w.file for w in weights.values()))
    locations = tuple(url for url in urls if is_remote(url))
    resolved = portable(spec.resolved, lambda text: without_secrets(text, locations))
    own = {f"sources.{source.id}": source.directory for source in spec.sources}
    own |= {f"sources.{key}.weights": about.directory for key, about in weights.items()}
    if spec.target.directory is not None:
        own["output"] = spec.target.directory
    beside = {key: _relative(directory, folder) for key, directory in own.items()}
    return SpecRecord(
        name=spec.name,
        files={_relative(file.path, folder): file.sha256 for file in spec.files},
        overrides=tuple(without_secrets(change, locations) for change in spec.overrides),
        sha256=resolved_sha256(resolved),
        resolved=resolved,
        directories={key: directory for key, directory in beside.items() if directory != "."},
        file=Path(spec.file).resolve(),
    )


@contextmanager
def reading() -> Iterator[None]:
    """Raise what can't be read in a block as a BuildError."""
    try:
        yield
    except OSError as error:
        raise BuildError(
            "CMP713.unreadable", path=error.filename or "the current folder", reason=error.strerror
        ) from error


def _sources(
    spec: Spec,
    plan: Plan | None,
    store: Store,
    states: Mapping[str, SourceState] | None,
    known: Mapping[str, SourceRecord],
) -> dict[str, SourceRecord]:
    contents = states
    if plan is not None and contents is None:
        contents = source_states(plan, spec, store)
    found = {}
    for source in spec.sources:
        if plan is None and source.id not in known:
            continue
        told: dict[str, Any] = {
            "location": shown_location(source.location),
            "seed": source_seed(spec.seed, source.id) if draws_seed(source) else None,
            "license": source.license,
            "plugin": provider_of(source),
        }
        if states is None and is_pinned_file(source):
            path = file_path(source)
            with damage_told(spec, source.id):
                sha256 = remembered_sound_sha256(path, store)
            told |= {"size": path.stat().st_size, "sha256": sha256}
        if plan is not None and contents is not None:
            told |= _planned(source, plan, contents[source.id])
            found[source.id] = SourceRecord(**told)
        else:
            told |= _on_disk(source, spec, store)
            found[source.id] = replace(known[source.id], **told)
    return found


def _planned(source: Source, plan: Plan, state: SourceState) -> dict[str, Any]:
    """Return what a plan tells of a source."""
    download = next(item for item in plan.sources if item.id == source.id).download
    told: dict[str, Any] = {
        "content": state.content,
        "weights": state.weights,
        "weights_location": source.weights.file if source.weights is not None else None,
        "made_of": made_of(plan, source.id),
    }
    if download is not None:
        # Not its validator: another server, or the same one tomorrow, tags the same bytes anew.
        told |= {
            "size": download.nbytes, "sha256": download.sha256, "revision": download.revision
        }  # fmt: skip
    if is_spec(source):
        told["spec"] = digest_file(file_path(source))
    return told


def _on_disk(source: Source, spec: Spec, store: Store) -> dict[str, Any]:
    """Return which models and weights the files of a source hold, without a plan."""
    if source.weights is None:
        if not (is_pinned_file(source) and names_file(source.location, KERAS_SUFFIXES)):
            return {"weights": None}
        with damage_told(spec, source.id):
            return {"weights": None, "content": remembered_content(file_path(source), store)}
    if is_remote(source.weights.file):
        return {}
    path = source.weights.directory / local_path(source.weights.file)
    with damage_told(spec, source.id, "weights"):
        return {"weights": remembered_sound_sha256(path, store)}


def _layers(
    spec: Spec, plan: Plan | None, store: Store, known: Mapping[str, LayerRecord]
) -> dict[str, LayerRecord]:
    """Return the new layers; what Keras makes of those that wait for it is as it was."""
    if plan is None:  # nobody knows which layers go in
        new = {layer.id for layer in spec.layers}
        return {
            name: replace(layer, seed=layer_seed(spec.seed, name)) if name in new else layer
            for name, layer in known.items()
        }
    files = {state.name: state.file for state in plan.states}
    found = {}
    for operation in plan.graph.operations:
        name, file = operation.name, files.get(operation.name)
        if plan.origins[name].kind != "layer":
            continue
        if file is not None:
            content = remembered_content(file.path, store)
        elif name not in plan.deferred:
            content = content_digest(canonical_config(operation.config), {})
        elif name in known:
            content = known[name].content
        else:
            continue
        seed = layer_seed(plan.seed, name)
        found[name] = LayerRecord(class_name=operation.class_name, seed=seed, content=content)
    return found


def _port(port: Port) -> str:
    return f"{port.name}: {port.spec if port.spec is not None else '?'}"


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
