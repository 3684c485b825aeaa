"""Plan → ``.keras`` file. Linking is copying: no TensorFlow, and no tensor in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from composer.container.archive import check_archive_crc
from composer.container.archive_write import WrittenArchive, write_archive, write_weights
from composer.container.contents import (
    AssetOrigin,
    AssetToWrite,
    Content,
    GroupToWrite,
    subtree,
    with_name,
)
from composer.container.stored import is_below
from composer.errors import BuildError
from composer.files.keys import key_of
from composer.graphs.canonical import (
    METADATA_KEY,
    Renumbering,
    without_compilation,
    without_optimizer,
)
from composer.graphs.graph import Json, Operation
from composer.graphs.model_file import ModelFile
from composer.graphs.recipe import recipe_document
from composer.graphs.writer import model_config
from composer.record.artifact_recipe import recipe_of
from composer.resolver.plan import Plan, SourceState, StateCopy

_THREADS = 1
FORMAT_VERSION = "3.15.1"
"""The Keras whose form of ``config.json`` the linker writes."""


def link(plan: Plan, states: Mapping[str, SourceState], target: Path) -> WrittenArchive:
    """Write the model that ``plan`` describes to ``target``.

    Args:
        plan: complete, with nothing deferred.
        states: digests of its sources by id, which the file's recipe names.
        target: written as a whole before the sources' checksums are known to be right, and not
            flushed to the disk; the caller does that and gives it its real name.

    Raises:
        BuildError: the plan has open questions, or the target can't be written.
        FormatError: a source changed since it was planned, or its weights are damaged.
    """
    contents, assets = _contents(plan)
    with _checking_sources(plan):
        return write_archive(
            target,
            metadata=metadata(plan, states),
            config=canonical_model(plan),
            contents=contents,
            assets=assets,
            digest=False,
            flush=False,
        )


def link_weights(plan: Plan, target: Path) -> None:
    """Write the weights of the model that ``plan`` describes to ``target``, and nothing else.

    Args:
        plan: as for :func:`link`.
        target: a path where nothing is yet; as for :func:`link`, the caller flushes and names it.

    Raises:
        BuildError: the plan has open questions, or the target can't be written.
        FormatError: a source changed since it was planned, or its weights are damaged.
    """
    with _checking_sources(plan):
        write_weights(target, _contents(plan)[0])


@contextmanager
def _checking_sources(plan: Plan) -> Iterator[None]:
    """Hold the sources against their archives' own checksums while the block copies them."""
    if not plan.complete:
        raise BuildError(
            f"{len(plan.deferred)} operations of {plan.name!r} still wait for Keras: "
            f"{', '.join(plan.deferred[:3])}"
        )
    paths = dict.fromkeys(copy.file.path for copy in plan.states if copy.file is not None)
    with ThreadPoolExecutor(_THREADS) as pool:
        sums = [pool.submit(check_archive_crc, path) for path in paths]
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
    files = dict.fromkeys(copy.file.path for copy in plan.states if copy.file is not None)
    digests = {path: sha256(path) for path in files}
    document = {
        "format": 1,
        "metadata": metadata(plan, states),
        "config": canonical_model(plan),
        "weights": [
            [copy.group, copy.name, copy.state.group, copy.file and digests[copy.file.path]]
            for copy in plan.states
        ],
    }
    return key_of(document)


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
    files = dict.fromkeys(copy.file.path for copy in plan.states if copy.file is not None)
    digests = {path: content(path) for path in files}
    contents, assets = _contents(plan)
    document = {
        "format": 1,
        "seed": plan.seed,
        "metadata": metadata(plan, states),
        "config": canonical_model(plan),
        "weights": [
            [copy.group, copy.name, copy.state.group, copy.file and digests[copy.file.path]]
            for copy in plan.states
        ],
        # What a content digest does not cover: which attributes there are, and in which order.
        "contents": [[entry.path, entry.attributes] for entry in contents],
        "assets": [asset.name for asset in assets],
    }
    return key_of(document)


def _version(text: str) -> tuple[int, ...]:
    """Order versions by their leading numbers; what Keras 2 wrote is below all of Keras 3."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _contents(plan: Plan) -> tuple[tuple[Content, ...], tuple[AssetToWrite, ...]]:
    """List all groups and tensors of the result in its own order, and its assets."""
    contents: list[Content] = [
        GroupToWrite(path="vars", attributes=(("name", plan.name),)),
        GroupToWrite(path="layers"),
    ]
    assets: list[AssetToWrite] = []
    for copy in plan.states:
        moved = () if copy.file is None else _moved(copy, copy.file)
        contents.extend(moved or _empty(copy))
        if copy.file is not None:
            assets.extend(_assets(copy, copy.file))
    return tuple(contents), tuple(assets)


def _moved(copy: StateCopy, file: ModelFile) -> tuple[Content, ...]:
    moved = subtree(file.listing, copy.state.group, copy.group)
    if file.left_out:
        inside = f"{copy.state.group}/" if copy.state.group else ""
        dropped = tuple(
            f"{copy.group}/{path.removeprefix(inside)}"
            for path in file.left_out
            if path.startswith(inside)
        )
        # A group of variables stays, for it also says the name of its layer.
        moved = tuple(
            entry
            for entry in moved
            if not is_below(entry.path, dropped)
            or (
                isinstance(entry, GroupToWrite)
                and entry.path.endswith("/vars")
                and entry.path in dropped
            )
        )
    return with_name(without_optimizer(moved), f"{copy.group}/vars", copy.name)


def _assets(copy: StateCopy, file: ModelFile) -> Iterator[AssetToWrite]:
    """Move a layer's assets, which lie under the same path as its weights."""
    old = f"assets/{copy.state.group}".rstrip("/")
    for member in copy.state.assets:
        yield AssetToWrite(
            name=f"assets/{copy.group}{member.removeprefix(old)}",
            origin=AssetOrigin(path=file.path, member=member, stamp=file.listing.stamp),
        )


def _empty(copy: StateCopy) -> tuple[Content, ...]:
    """A layer without state has a named group all the same, as Keras writes it."""
    return (
        GroupToWrite(path=copy.group),
        GroupToWrite(path=f"{copy.group}/vars", attributes=(("name", copy.name),)),
    )


def expected_paths(plan: Plan) -> Mapping[str, tuple[StateCopy, str]]:
    """Return for every tensor of the result its copy order and its path in the source."""
    return {
        f"{copy.group}/{variable.path}": (
            copy,
            f"{copy.state.group}/{variable.path}".removeprefix("/"),
        )
        for copy in plan.states
        for variable in copy.state.variables
    }
