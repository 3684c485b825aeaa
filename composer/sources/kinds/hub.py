"""``hub:PRESET``: a preset of KerasHub, in a folder, by name, or by a handle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.container.digests import digest_folder
from composer.errors import SourceError
from composer.keras_process.hub_presets import (
    BACKBONE,
    check_configs,
    hub_version,
    preset_folder,
)
from composer.keras_process.imports import ImportRequest
from composer.sources.imported import imported_by
from composer.sources.kind import SourceKind


def hub_recipe(
    preset: str, args: Mapping[str, Any], seed: int, *, directory: Path
) -> ImportRequest:
    """Return the recipe of a preset; a local one is read as data first.

    Args:
        preset: a folder (``./presets/bert``), a name of KerasHub (``bert_base_en``), or a handle
            (``hf://…``, ``kaggle://…``).
        args: keyword arguments of ``from_preset``, plain JSON; ``task`` names the class of
            ``keras_hub.models`` that is asked, which is ``Backbone`` without it.
        seed: for weights that are not loaded; 0 to 2**32 - 1.
        directory: the folder that a relative path belongs to.

    Raises:
        SourceError: KerasHub is not installed, there is no such folder (``missing``), or its
            configs name code of others (``hub``).
    """
    version = hub_version()
    try:
        folder = preset_folder(preset, directory)
        if folder is not None:
            check_configs(folder, preset)
        content = None if folder is None else digest_folder(folder)
    except OSError as problem:
        raise SourceError(
            "CMP525.unreadable", path=problem.filename, reason=problem.strerror
        ) from problem
    options = dict(args)
    asked = options.pop("task", BACKBONE)
    return ImportRequest(
        importer="hub",
        decides={
            "preset": preset if folder is None else None,
            "folder": content,
            "keras_hub": version,
            "args": dict(args),
            "seed": seed,
        },
        request={
            "task": "import_hub",
            "preset": preset if folder is None else str(folder.absolute()),
            "shown": preset,
            "local": folder is not None,
            "class": asked,
            "args": options,
            "seed": seed,
        },
        about={"name": preset, "args": dict(args), "seed": seed, "keras_hub": version},
        downloads=f"hub:{preset}" if folder is None else None,
    )


KIND = SourceKind(
    title="preset",
    described="hub:PRESET (KerasHub)",
    arguments={},
    path_begins=(".", "/", "~"),
    draws_seed=True,
    suggested=(
        "{load_weights: false}",
        "With random weights instead of those of the preset",
    ),
    locate=imported_by(hub_recipe),
)
