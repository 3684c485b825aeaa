"""Models of ``.h5`` files as recipes of imports."""

from __future__ import annotations

from pathlib import Path

from composer.container.stored import FileStamp
from composer.errors import BuildError
from composer.keras_process.h5_check import check_import
from composer.keras_process.imports import Recipe
from composer.legacy.h5.put_in_place import holes
from composer.legacy.h5.read import REPAIRS_VERSION, LegacyModel, without_holes


def legacy_recipe(model: LegacyModel, sha256: str, name: str) -> Recipe:
    """Return the recipe of the model of an ``.h5`` file.

    Args:
        model: as it was read from the file.
        sha256: of the file.
        name: of the file, for people who look into the store.
    """
    file = model.file

    def check(saved: Path) -> None:
        if FileStamp.of_status(file.path.stat()) != file.stamp:
            raise BuildError(f"{file.path} was changed while it was imported", help="try again")
        check_import(model, saved)

    return Recipe(
        importer="h5",
        decides={"sha256": sha256, "repairs": REPAIRS_VERSION},
        request={
            "task": "import_h5",
            "path": str(file.path.absolute()),
            "config": model.config,
            "weights": {
                name: [[tensor.name, tensor.stored.path] for tensor in tensors]
                for name, tensors in without_holes(model).items()
            },
            "aside": [[item.path, dict(item.entry)] for item in model.aside],
            "holes": {
                path: {"class": hole.class_name, "outputs": hole.outputs, "shapes": hole.shapes}
                for path, hole in holes(model.graph, model.aside).items()
            },
        },
        about={"name": name, "sha256": sha256, "wrote": file.keras_version},
        check=check,
    )
