"""Weights of ``.h5`` files of Keras 1 and 2, loaded into an architecture, as recipes of imports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.container.stored import FileStamp
from composer.errors import BuildError
from composer.keras_process.h5_check import check_import
from composer.keras_process.imports import ImportRequest
from composer.keras_process.user_code import UserCode
from composer.legacy.h5.read import LegacyModel


def weights_recipe(
    model: LegacyModel, architecture: Path, decides: Mapping[str, Any], code: UserCode
) -> ImportRequest:
    """Return the recipe of an architecture with other weights.

    Args:
        model: the weights by layers of the architecture.
        architecture: the ``.keras`` file.
        decides: digests of both files, and how their layers are paired.
        code: of the user's, for classes that Keras does not know.
    """
    file = model.file

    def check(saved: Path) -> None:
        if FileStamp.of_status(file.path.stat()) != file.stamp:
            raise BuildError("CMP710.changed-weights", path=file.path)
        check_import(model, saved)

    return ImportRequest(
        importer="weights",
        decides=decides,
        request={
            "task": "load_weights",
            "architecture": str(architecture.absolute()),
            "path": str(file.path.absolute()),
            "weights": {
                name: [[tensor.name, tensor.stored.path] for tensor in tensors]
                for name, tensors in model.weights.items()
            },
            "code": code.document(),
        },
        about={"name": file.path.name, **decides},
        check=check,
    )
