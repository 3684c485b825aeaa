"""A ``.keras`` archive, linked from the sources; every export is made from it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from composer.graphs.canonical import METADATA_KEY
from composer.outputs.output_format import Linked, OutputFormat, WriteRequest

if TYPE_CHECKING:
    from composer.linker.check_artifact import Computed

_METADATA: Final = 1 << 22
"""Bytes of metadata.json that are read: ours is far smaller."""


def _write(job: WriteRequest) -> Computed:
    from composer.linker.linker import link
    from composer.resolver.plan_schema import check_plan_names

    check_plan_names(job.plan)
    return link(job.plan, job.states, job.target)


def _check(job: WriteRequest) -> None:
    from composer.linker.check_artifact import check_artifact

    check_artifact(job.target, job.plan, job.computed)


def _content(artifact: Path) -> str:
    from composer.graphs.content_digest import digest_content

    return digest_content(artifact)


def _is_ours(path: Path) -> bool:
    """Tell whether a ``.keras`` file says that compose has written it."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("metadata.json") as file:
            found = json.loads(file.read(_METADATA))
    except (KeyError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return isinstance(found, dict) and METADATA_KEY in found


FORMAT: Final = OutputFormat(
    title="Keras archive",
    way=Linked(write=_write, check=_check),
    looks_right=_is_ours,
    content=_content,
)
