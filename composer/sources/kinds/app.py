"""``app:NAME``: a model of keras.applications."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.container.digests import digest_file
from composer.errors import SourceError
from composer.keras_process.applications import check_application
from composer.keras_process.imports import ImportRequest
from composer.sources.imported import imported_by
from composer.sources.kind import SourceKind


def application_recipe(
    name: str, args: Mapping[str, Any], seed: int, *, directory: Path | None = None
) -> ImportRequest:
    """Return the recipe of a model of ``keras.applications``.

    Args:
        name: such as ``ResNet50``.
        args: keyword arguments of that function, plain JSON. ``weights`` may be the path of a
            file, whose content then decides with the rest.
        seed: for weights that are not loaded; 0 to 2**32 - 1.
        directory: the folder that a relative ``weights`` path belongs to; None is the folder
            where one is.

    Raises:
        SourceError: no such model (``unknown_name``), argument (``unknown_argument``) or file of
            weights (``unknown_file``).
    """
    check_application(name, args)
    arguments = dict(args)
    decides: dict[str, Any] = {"name": name, "args": dict(args), "seed": seed, "weights": None}
    downloads = None
    if arguments.get("weights", "imagenet") == "imagenet":
        # keras.applications loads these weights where nothing is said.
        downloads = f"keras.applications.{name}"
    elif isinstance(arguments["weights"], str):
        file = (directory or Path.cwd()) / Path(arguments["weights"]).expanduser()
        arguments["weights"] = str(file.absolute())
        # The content counts, not where it lies.
        decides["weights"] = _digest(name, file)
        decides["args"] = {**dict(args), "weights": None}
    return ImportRequest(
        importer="app",
        decides=decides,
        request={"task": "import_app", "name": name, "args": arguments, "seed": seed},
        about={"name": name, "args": dict(args), "seed": seed},
        downloads=downloads,
    )


def _digest(name: str, file: Path) -> str:
    try:
        return digest_file(file)
    except OSError as problem:
        raise SourceError(
            "CMP505.weights-file", name=name, path=file, reason=problem.strerror, key="args"
        ) from problem


KIND = SourceKind(
    title="keras.applications",
    described="app:ResNet50 (keras.applications)",
    arguments={},
    draws_seed=True,
    is_decided_by_text=True,
    suggested=(
        "{include_top: false, pooling: avg, weights: null}",
        "Without its classifier, and with random weights instead of a download",
    ),
    locate=imported_by(application_recipe),
)
