"""A spec and its plan → what a lock says of them, with digests that somebody else takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from composer.graphs.canonical import canonical_config
from composer.graphs.content_digest import content_digest
from composer.record.document import portable, resolved_sha256
from composer.record.model import LockedLayer, LockedSpec
from composer.resolver.plan import Plan
from composer.resolver.seeds import layer_seed
from composer.spec.locations import is_remote, without_secrets
from composer.spec.model import Spec

_DISTRIBUTIONS = {"composer": "keras-compose"}


def locked_spec(spec: Spec, folder: Path) -> LockedSpec:
    """Return what a lock in ``folder`` says of a spec; no secret of a URL goes in."""
    urls = [s.location for s in spec.sources]
    urls.extend(s.weights.file for s in spec.sources if s.weights is not None)
    locations = tuple(url for url in urls if is_remote(url))
    resolved = _covered(portable(spec.resolved), locations)
    own = {f"sources.{source.id}": source.directory for source in spec.sources}
    own.update(
        (f"sources.{source.id}.weights", source.weights.directory)
        for source in spec.sources
        if source.weights is not None
    )
    if spec.target.directory is not None:
        own["output"] = spec.target.directory
    beside = {key: _relative(directory, folder) for key, directory in own.items()}
    return LockedSpec(
        name=spec.name,
        files={_relative(file.path, folder): file.sha256 for file in spec.files},
        overrides=tuple(without_secrets(change, locations) for change in spec.overrides),
        sha256=resolved_sha256(resolved),
        resolved=resolved,
        directories={key: directory for key, directory in beside.items() if directory != "."},
    )


def locked_layers(plan: Plan, content: Callable[[Path], str]) -> dict[str, LockedLayer]:
    """Return the new layers of a complete plan.

    Args:
        plan: complete.
        content: gives the content digest of a ``.keras`` file.
    """
    files = {state.name: state.file for state in plan.states}
    found = {}
    for operation in plan.graph.operations:
        if plan.origins[operation.name].kind != "layer":
            continue
        file = files.get(operation.name)
        found[operation.name] = LockedLayer(
            class_name=operation.class_name,
            seed=layer_seed(plan.seed, operation.name),
            content=content_digest(canonical_config(operation.config), {})
            if file is None
            else content(file.path),
        )
    return found


def toolchain(packages: Iterable[str], *, keras: bool) -> dict[str, str]:
    """Return the versions that a lock names.

    Args:
        packages: that decide the bytes of what is written, besides our own.
        keras: whether Keras made or imported something.
    """
    names = ["composer", "h5py", *(["keras", "tensorflow"] if keras else []), *packages]
    found = {name: metadata.version(_DISTRIBUTIONS.get(name, name)) for name in names}
    from h5py import version

    return {**found, "hdf5": str(version.hdf5_version)}


def installed(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of what a toolchain names, as far as it is installed."""
    found = {}
    for name in names:
        if name == "hdf5":
            from h5py import version

            found[name] = str(version.hdf5_version)
            continue
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(_DISTRIBUTIONS.get(name, name))
    return found


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def _covered(value: Any, locations: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _covered(item, locations) for key, item in value.items()}
    if isinstance(value, list):
        return [_covered(item, locations) for item in value]
    return without_secrets(value, locations) if isinstance(value, str) else value
