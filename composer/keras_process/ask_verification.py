"""Has an artifact loaded by Keras in a fresh process, run, and compared with its sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from composer.graphs.graph import TensorRef, TensorSpec, Tree
from composer.keras_process.client import run
from composer.keras_process.user_code import NO_CODE, UserCode


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSource:
    """A source whose graph stands unchanged in the artifact, and where it stands.

    Attributes:
        id: names the comparison.
        path: the source's ``.keras`` file.
        inputs: the artifact's tensors that take the place of the source's inputs, in the order
            of the source's flattened inputs (dicts by sorted key).
        outputs: the artifact's tensors that the source's flattened outputs have become.
        safe: False lets code run that the source carries.
    """

    id: str
    path: Path
    inputs: tuple[TensorRef, ...]
    outputs: tuple[TensorRef, ...]
    safe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReport:
    """An input of the loaded artifact."""

    name: str
    spec: TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """Whether a source computes in the artifact what it computes by itself.

    Attributes:
        id: of the :class:`WholeSource`.
        equal: whether all outputs are equal bit for bit (NaN is equal to NaN); None when the
            comparison could not be made.
        difference: the largest absolute difference; None where shapes or dtypes differ.
        note: why there is no comparison, or what else there is to say.
    """

    id: str
    equal: bool | None
    difference: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What Keras found when it loaded and ran an artifact.

    Attributes:
        status: ``too_deep`` when Python's stack does not suffice for Keras to load the graph.
        error: why it was not loaded.
        operations: names in the order of ``model.operations``.
        inputs: in order.
        outputs: the output structure with a :class:`TensorSpec` for each tensor.
        output_names: as Keras names them.
        trainable: for each layer its flag; for a nested Sequential, whether anything in it trains.
        weights: the ``.weights.h5`` that Keras saved from the loaded model.
        ran: whether the forward pass succeeded; None when it was skipped.
        notes: what was skipped or failed in the forward pass, and why.
        comparisons: one a source.
    """

    status: Literal["loaded", "too_deep", "refused"]
    error: str | None = None
    operations: tuple[str, ...] = ()
    inputs: tuple[InputReport, ...] = ()
    outputs: Tree = None
    output_names: tuple[str, ...] = ()
    trainable: tuple[tuple[str, bool], ...] = ()
    weights: Path | None = None
    ran: bool | None = None
    notes: tuple[str, ...] = ()
    comparisons: tuple[SourceComparison, ...] = ()


def verify(
    artifact: Path,
    *,
    weights: Path,
    sources: Sequence[WholeSource] = (),
    code: UserCode = NO_CODE,
    seed: int = 0,
    safe: bool = True,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Load ``artifact`` in a fresh Keras process (safe mode, not compiled), and run it there.

    Args:
        artifact: a ``.keras`` file.
        weights: where Keras saves the loaded variables again, as ``NAME.weights.h5``, so that
            they can be compared with the sources' without Keras.
        sources: sources to compare with.
        code: of the user's, imported before Keras loads the artifact.
        seed: for the random inputs.
        safe: False lets code run that the artifact carries.
        timeout: seconds for the process.
        progress: called with lines of progress.

    Raises:
        KerasProcessError: the process failed.
        ValueError: ``weights`` has another suffix.
    """
    if not weights.name.endswith(".weights.h5"):
        raise ValueError(f"Keras saves weights to NAME.weights.h5 only, not to {weights.name}")
    answer = run(
        {
            "task": "verify",
            "artifact": str(artifact.absolute()),
            "safe": safe,
            "weights": str(weights.absolute()),
            "seed": seed,
            "code": code.document(),
            "sources": [
                {
                    "id": source.id,
                    "path": str(source.path.absolute()),
                    "safe": source.safe,
                    "inputs": [_triple(ref) for ref in source.inputs],
                    "outputs": [_triple(ref) for ref in source.outputs],
                }
                for source in sources
            ],
        },
        timeout=timeout,
        progress=progress,
    )
    if answer["status"] != "loaded":
        return Verification(status=answer["status"], error=answer["error"])
    return Verification(
        status="loaded",
        operations=tuple(answer["operations"]),
        inputs=tuple(InputReport(name=item["name"], spec=_spec(item)) for item in answer["inputs"]),
        outputs=_structure(answer["outputs"]),
        output_names=tuple(answer["output_names"]),
        trainable=tuple((name, flag) for name, flag in answer["trainable"]),
        weights=weights,
        ran=answer["ran"],
        notes=tuple(answer["notes"]),
        comparisons=tuple(SourceComparison(**item) for item in answer["comparisons"]),
    )


def _triple(ref: TensorRef) -> list[Any]:
    return [ref.operation, ref.call, ref.output]


def _spec(document: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(tuple(document["shape"]), document["dtype"])


def _structure(document: Any) -> Tree:
    if isinstance(document, dict):
        if document.keys() == {"$tensor"}:
            return _spec(document["$tensor"])
        return {key: _structure(value) for key, value in document.items()}
    return [_structure(item) for item in document]
