"""``python -m tests.state.save_models FOLDER [KIND…]``: saves every kind, variants a and b."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

EXPECTED = ("shared_with_nested", "shared_inside_first")
"""Kinds whose source Keras itself loads wrongly or not at all."""


def _outputs(sample: Any) -> list[Any]:
    import keras

    inputs = [sample.inputs[t.name] for t in keras.tree.flatten(sample.model.inputs)]
    tensors = [keras.ops.convert_to_tensor(array) for array in inputs]
    packed = keras.tree.pack_sequence_as(sample.model.input, tensors)
    outputs = keras.tree.flatten(sample.model(packed, training=False))
    return [keras.ops.convert_to_numpy(value) for value in outputs]


def main(folder: Path, wanted: list[str]) -> None:
    """Save ``KIND.a.keras`` and ``KIND.b.keras``, and what to call both on as ``KIND.npz``."""
    warnings.simplefilter("ignore")
    import keras

    from tests.state import kinds_layers, kinds_refused, kinds_structures  # noqa: F401
    from tests.state.kinds import KINDS, randomised

    for name, make in KINDS.items():
        if wanted and name not in wanted:
            continue
        for variant, letter in enumerate("ab"):
            sample = make(variant)
            if not sample.as_is:
                randomised(sample.model, variant)
            if name in EXPECTED and variant == 0:
                np.savez(folder / f"{name}.expected.npz", *_outputs(sample))
            sample.model.save(folder / f"{name}.{letter}.keras")
        values = {key: np.asarray(value) for key, value in sample.inputs.items()}
        np.savez(folder / f"{name}.npz", **values)
        keras.backend.clear_session()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
