"""Plan → the groups, tensors and assets of its file, in the order in which they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from composer.container.contents import (
    AssetOrigin,
    AssetToWrite,
    Content,
    GroupToWrite,
    TensorToWrite,
    subtree,
    with_name,
)
from composer.container.digests import TensorDigest
from composer.container.stored import is_below
from composer.graphs.canonical import without_optimizer
from composer.graphs.model_file import ModelFile
from composer.resolver.plan import Plan, PlannedState
from composer.tensors.expression import Stored, TensorExpr, attributes

if TYPE_CHECKING:
    from composer.tensors.evaluate import Evaluator


class Computing:
    """Makes the tensors that are no copies; a context manager.

    Attributes:
        digests: of the tensors that were made, by their paths in the result.
    """

    def __init__(self) -> None:
        self.digests: dict[str, TensorDigest] = {}
        self._stack = ExitStack()
        self._evaluator: Evaluator | None = None

    def chunks(self, path: str, value: TensorExpr) -> Iterator[memoryview]:
        """Yield the bytes of a tensor; its digest is known at the end."""
        if self._evaluator is None:
            from composer.tensors.evaluate import Evaluator

            self._evaluator = self._stack.enter_context(Evaluator())
        digest = hashlib.sha256()
        for chunk in self._evaluator.chunks(value, path):
            digest.update(chunk)
            yield chunk
        self.digests[path] = TensorDigest(
            dtype=value.dtype, shape=value.shape, sha256=digest.hexdigest()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


class _Made:
    def __init__(self, path: str, value: TensorExpr, computing: Computing) -> None:
        self._path, self._value, self._computing = path, value, computing

    def chunks(self) -> Iterator[memoryview]:
        return self._computing.chunks(self._path, self._value)


def contents_of(plan: Plan, computing: Computing) -> tuple[Content, ...]:
    """List all groups and tensors of the result in its own order.

    Args:
        plan: complete, with nothing deferred.
        computing: makes what is no copy, when it is written.
    """
    contents: list[Content] = [
        GroupToWrite(path="vars", attributes=(("name", plan.name),)),
        GroupToWrite(path="layers"),
    ]
    for state in plan.states:
        if state.file is None:
            contents.extend(_empty(state))
        else:
            contents.extend(_moved(state, state.file, computing) or _empty(state))
    return tuple(contents)


def _moved(state: PlannedState, file: ModelFile, computing: Computing) -> tuple[Content, ...]:
    """Return the groups of a file as they are, with the planned tensors in their places."""
    moved = without_optimizer(subtree(file.listing, state.source_group, state.group))
    inside = f"{state.source_group}/" if state.source_group else ""
    dropped = tuple(
        f"{state.group}/{path.removeprefix(inside)}"
        for path in file.left_out
        if path.startswith(inside)
    )
    tensors = {f"{state.group}/{tensor.path}": tensor.value for tensor in state.tensors}
    kept: list[Content] = []
    for entry in moved:
        if isinstance(entry, TensorToWrite):
            if entry.path in tensors:
                kept.append(_tensor(entry.path, tensors[entry.path], computing))
        # A group of variables stays, for it also says the name of its layer.
        elif not is_below(entry.path, dropped) or (
            entry.path.endswith("/vars") and entry.path in dropped
        ):
            kept.append(entry)
    return with_name(kept, f"{state.group}/vars", state.name)


def _tensor(path: str, value: TensorExpr, computing: Computing) -> TensorToWrite:
    return TensorToWrite(
        path=path,
        shape=value.shape,
        dtype=value.storage,
        logical_dtype=value.dtype,
        attributes=attributes(value),
        origin=value.source if isinstance(value, Stored) else _Made(path, value, computing),
    )


def _empty(state: PlannedState) -> tuple[Content, ...]:
    """A layer without state has a named group all the same, as Keras writes it."""
    return (
        GroupToWrite(path=state.group),
        GroupToWrite(path=f"{state.group}/vars", attributes=(("name", state.name),)),
    )


def assets_of(plan: Plan) -> tuple[AssetToWrite, ...]:
    """List the assets of the result, which lie under the same paths as the weights of a layer."""
    return tuple(
        AssetToWrite(
            name=f"assets/{state.group}{member.removeprefix(_assets_below(state.source_group))}",
            origin=AssetOrigin(path=state.file.path, member=member, stamp=state.file.listing.stamp),
        )
        for state in plan.states
        if state.file is not None
        for member in state.assets
    )


def _assets_below(group: str) -> str:
    return f"assets/{group}".rstrip("/")
