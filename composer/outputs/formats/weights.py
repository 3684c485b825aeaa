"""The weights alone, as ``save_weights`` of Keras writes them, linked from the sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from composer.outputs.output_format import (
    HDF5_BEGINNING,
    Job,
    LayerFiles,
    Linked,
    OutputFormat,
    begins,
)
from composer.resolver.plan import Plan


def _write(job: Job) -> None:
    from composer.linker.linker import link_weights

    link_weights(job.plan, job.target)


def _check(weights: Path, plan: Plan, _options: Mapping[str, Any]) -> None:
    from composer.linker.check import check_weights

    check_weights(weights, plan)


FORMAT: Final = OutputFormat(
    title="weights alone",
    way=Linked(write=_write, check=_check),
    looks_right=begins(HDF5_BEGINNING),
    layer_files=LayerFiles(
        severity="warning", help="whoever loads the weights has to have them in his model already"
    ),
)
