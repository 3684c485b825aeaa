"""``python -m tests.graphs.weights.load_damaged FOLDER``: what Keras computes from each file.

Writes ``outcomes.json``: file → a digest of the outputs on fixed inputs, or null where Keras refuses
to load it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.state import custom_layers  # noqa: F401 - registers the classes


def _outputs(model: Any) -> str:
    generator = np.random.default_rng(0)
    shapes = [tensor.shape for tensor in getattr(model, "inputs", None) or []] or [(None, 4)]
    values = [generator.random([size or 2 for size in shape], "float32") for shape in shapes]
    found = model(values[0], training=False)
    digest = hashlib.sha256()
    for tensor in keras.tree.flatten(found):
        digest.update(np.asarray(keras.ops.convert_to_numpy(tensor)).tobytes())
    return digest.hexdigest()


def main(folder: Path) -> None:
    """Load all files of a folder."""
    warnings.simplefilter("ignore")
    outcomes: dict[str, str | None] = {}
    for path in sorted(folder.glob("*.keras")):
        try:
            outcomes[path.stem] = _outputs(keras.saving.load_model(path, compile=False))
        except ValueError:
            outcomes[path.stem] = None
    (folder / "outcomes.json").write_text(json.dumps(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
