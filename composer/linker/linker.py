"""Plan → ``.keras`` file. Linking is copying: no TensorFlow, and no tensor in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from composer.container.archive import check_archive_crc
from composer.container.archive_write import write_archive, write_weights
from composer.container.digests import TensorDigest
from composer.errors import BuildError
from composer.files.keys import key_of
from composer.graphs.canonical import (
    METADATA_KEY,
    Renumbering,
    without_compilation,
)
from composer.graphs.graph import Json, Operation
from composer.graphs.recipe import recipe_document
from composer.graphs.writer import model_config
from composer.linker.artifact_recipe import recipe_of
from composer.linker.planned_contents import Computing, assets_of, contents_of
from composer.resolver.plan import Plan, SourceState
from composer.tensors.key import key

_THREADS = 1
FORMAT_VERSION = "3.15.1"
"""The Keras whose form of ``config.json`` the linker writes."""


def link(plan: Plan, states: Mapping[str, SourceState], target: Path) -> Mapping[str, TensorDigest]:
    """Write the model that ``plan`` describes to ``target``.

    Args:
        plan: complete, with nothing deferred.
        states: digests of its sources by id, which the file's recipe names.
        target: written as a whole before the sources' checksums are known to be right, and not
            flushed to the disk; the caller does that and gives it its real name.

    Returns:
        By their paths, digests of the tensors that are no copies, taken while they were made.

    Raises:
        BuildError: the plan has open questions, the target can't be written, or a value does not
            fit the dtype of its tensor.
        FormatError: a source changed since it was planned, or its weights are damaged.
    """
    with _checking_sources(plan), Computing() as computing:
        write_archive(
            target,
            metadata=metadata(plan, states),
            config=canonical_model(plan),
            contents=contents_of(plan, computing),
            assets=assets_of(plan),
            digest=False,
            flush=False,
        )
        return computing.digests


def link_weights(plan: Plan, target: Path) -> Mapping[str, TensorDigest]:
    """Write the weights of the model that ``plan`` describes to ``target``, and nothing else.

    Args:
        plan: as for :func:`link`.
        target: a path where nothing is yet; as for :func:`link`, the caller flushes and names it.

    Returns:
        As :func:`link` does.

    Raises:
        BuildError: as for :func:`link`.
        FormatError: a source changed since it was planned, or its weights are damaged.
    """
    with _checking_sources(plan), Computing() as computing:
        write_weights(target, contents_of(plan, computing))
        return computing.digests


@contextmanager
def _checking_sources(plan: Plan) -> Iterator[None]:
    """Hold the sources against their archives' own checksums while the block copies them."""
    if not plan.complete:
        raise BuildError(
            "CMP710.deferred", count=len(plan.deferred), model=plan.name, layers=plan.deferred[:3]
        )
    with ThreadPoolExecutor(_THREADS) as pool:
        sums = [pool.submit(check_archive_crc, path) for path in plan.read_files]
        yield
        for checked in sums:
            checked.result()


def canonical_model(plan: Plan) -> dict[str, Json]:
    """Return the ``config.json`` of the result, its shared objects numbered for the one file."""
    renumbering = Renumbering()

    def renumber(operation: Operation, entry: Json) -> Json:
        origin = plan.origins[operation.name]
        # Each new layer comes from a file of its own, and so has a namespace of its own.
        namespace = origin.source if origin.source is not None else ("layer", operation.name)
        return renumbering.apply(without_compilation(entry), namespace)

    return model_config(plan.graph, renumber=renumber)


def metadata(plan: Plan, states: Mapping[str, SourceState]) -> dict[str, Json]:
    """Return ``metadata.json``: Keras's version, and under a key of its own where all came from.

    Keras reads no other key. Nothing here depends on the machine or the clock.
    """
    versions = [FORMAT_VERSION, *(file.keras_version for file in plan.files.values())]
    return {
        "keras_version": max(versions, key=_version),
        METADATA_KEY: recipe_document(recipe_of(plan, states)),
    }


def content_key(
    plan: Plan, states: Mapping[str, SourceState], sha256: Callable[[Path], str]
) -> str:
    """Return a digest of all that decides the bytes which :func:`link` writes.

    Args:
        plan: complete, with nothing deferred.
        states: digests of its sources, by id.
        sha256: of a file that weights come from.
    """
    return key_of({"format": 2, **_decisive(plan, states, sha256)})


def result_key(
    plan: Plan, states: Mapping[str, SourceState], content: Callable[[Path], str]
) -> str:
    """Return a digest of all that decides the model which a plan gives, whatever is written of it.

    Unlike :func:`content_key` it takes no digest of a file's bytes, only of what is copied from
    it, so that the same model, saved again, is the same.

    Args:
        plan: complete.
        states: digests of its sources, by id.
        content: digest of a ``.keras`` file's config, tensors and assets.
    """
    document = {
        "format": 2,
        "seed": plan.seed,
        **_decisive(plan, states, content),
        # What a content digest does not cover: which attributes there are, and in which order.
        "contents": [[entry.path, entry.attributes] for entry in contents_of(plan, Computing())],
        "assets": [asset.name for asset in assets_of(plan)],
    }
    return key_of(document)


def _decisive(
    plan: Plan, states: Mapping[str, SourceState], digest: Callable[[Path], str]
) -> dict[str, Any]:
    digests = {path: digest(path) for path in plan.read_files}
    return {
        "metadata": metadata(plan, states),
        "config": canonical_model(plan),
        "weights": [
            [
                state.group,
                state.name,
                state.source_group,
                state.file and digests[state.file.path],
                [[tensor.path, key(tensor.value, digests.__getitem__)] for tensor in state.tensors],
            ]
            for state in plan.states
        ],
    }


def _version(text: str) -> tuple[int, ...]:
    """Order versions by their leading numbers; what Keras 2 wrote is below all of Keras 3."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
