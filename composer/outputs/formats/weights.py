"""The weights alone, as ``save_weights`` of Keras writes them, linked from the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from composer.outputs.output_format import (
    HDF5_BEGINNING,
    LayerFiles,
    Linked,
    OutputFormat,
    WriteRequest,
    begins,
)

if TYPE_CHECKING:
    from composer.linker.check_artifact import Computed


def _write(job: WriteRequest) -> Computed:
    from composer.linker.linker import link_weights

    return link_weights(job.plan, job.target)


def _check(job: WriteRequest) -> None:
    from composer.linker.check_artifact import check_weights

    check_weights(job.target, job.plan, job.computed)


FORMAT: Final = OutputFormat(
    title="weights alone",
    way=Linked(write=_write, check=_check),
    looks_right=begins(HDF5_BEGINNING),
    layer_files=LayerFiles(
        severity="warning", help="whoever loads the weights has to have them in his model already"
    ),
)
