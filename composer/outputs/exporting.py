"""Has a linked model exported by a Keras process, and each export run by its own runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.errors import DriftError
from composer.files.unfinished import temporary_folder
from composer.graphs.graph import leaves, structure_form
from composer.keras_process.client import run
from composer.keras_process.user_code import NO_CODE, UserCode
from composer.outputs.output_format import Exported
from composer.resolver.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One result for Keras to write.

    Attributes:
        name: of its format.
        way: of its format.
        target: path to write to, where nothing is yet.
        options: of the format, valid.
    """

    name: str
    way: Exported
    target: Path
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An export, run beside the model it was made from.

    Attributes:
        runtime: what ran it.
        batches: numbers of examples that were run.
        equal: whether all outputs were equal bit for bit.
        largest: the largest absolute difference.
        relative: the largest difference over the largest number of the same output.
        tolerance: what that may be.
        otherwise: how a direct call of the model in Keras differs from its ``predict``, which
            the export was compared with; None where it does not.
    """

    runtime: str
    batches: tuple[int, ...]
    equal: bool
    largest: float
    relative: float
    tolerance: float
    otherwise: str | None = None


def export(
    artifact: Path,
    plan: Plan,
    exports: Sequence[Export],
    *,
    code: UserCode = NO_CODE,
    progress: Callable[[str], None] | None = None,
) -> tuple[Comparison, ...]:
    """Write the formats that need Keras, and check each in a process of its own.

    Args:
        artifact: the linked ``.keras`` file.
        plan: that it was linked from.
        exports: at least one.
        code: of the user's, for classes that Keras has to make again.
        progress: called with lines of progress.

    Returns:
        one comparison an export, in their order.

    Raises:
        BuildError: the model can't be written in a format, or its runtime does not take it.
        DriftError: it computes something else there.
        KerasProcessError: a process failed.
    """
    with temporary_folder() as folder:
        cases = folder / "cases.npz"
        common = {
            "artifact": str(artifact.absolute()),
            "cases": str(cases),
            "inputs": [ref.operation for ref in leaves(plan.graph.inputs)],
            "outputs": _output_names(plan),
            "code": code.document(),
            # What the spec let in was linked a moment ago, and is the model that is wanted.
            "safe": not any(source.allowed for source in plan.sources),
        }
        exported = run(
            {
                **common,
                "task": "export",
                "seed": plan.seed,
                "exports": [
                    {
                        "format": export.name,
                        "module": export.way.exporter,
                        "target": str(export.target.absolute()),
                        "options": dict(export.options),
                    }
                    for export in sorted(exports, key=lambda one: (one.way.turn, one.name))
                ],
            },
            progress=progress,
        )
        return tuple(_checked(export, common, exported, progress) for export in exports)


def _output_names(plan: Plan) -> list[str]:
    """Return the final names of the outputs in the order in which Keras flattens them."""
    if structure_form(plan.graph.outputs) == "map":
        return sorted(plan.graph.outputs)
    return [port.name for port in plan.outputs]


def _checked(
    export: Export,
    common: Mapping[str, Any],
    exported: Mapping[str, Any],
    progress: Callable[[str], None] | None,
) -> Comparison:
    found = run(
        {
            **common,
            "task": export.way.checker,
            "with_keras": export.way.with_keras,
            "export": str(export.target.absolute()),
            "graph": exported["otherwise"] is not None,
        },
        progress=progress,
    )
    name, runtime = export.name, export.way.runtime
    tolerance = export.way.tolerance_for(half=exported["half"])
    if found["wrong"] is not None:
        raise DriftError("CMP614.export-differs", format=name, reason=found["wrong"])
    if found["relative"] > tolerance or (not tolerance and not found["equal"]):
        raise DriftError(
            "CMP614.export-computes",
            format=name,
            runtime=runtime,
            difference=found["largest"],
            relative=found["relative"],
            tolerance=tolerance,
        )
    return Comparison(
        runtime=runtime,
        batches=tuple(exported["batches"]),
        equal=found["equal"],
        largest=found["largest"],
        relative=found["relative"],
        tolerance=tolerance,
        otherwise=exported["otherwise"],
    )
