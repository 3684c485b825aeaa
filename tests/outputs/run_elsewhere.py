"""Run as a script: calls a linked model in Keras, or its SavedModel without, on given arrays.

python run_elsewhere.py keras|h5|saved_model PATH ARRAYS.npz ANSWER.npz
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(how: str, path: str, arrays: str, answer: str) -> None:
    import numpy as np

    given = dict(np.load(arrays))
    if how == "saved_model":
        sys.modules["keras"] = None  # TensorFlow would import it

        import tensorflow as tf

        loaded = tf.saved_model.load(path)
        found = loaded.signatures["serving_default"](
            **{name: tf.constant(array) for name, array in given.items()}
        )
        assert len(loaded.variables) == len({id(variable) for variable in loaded.variables})
    else:
        import keras

        model = keras.saving.load_model(path)
        named = isinstance(model.input, dict)
        values = given if named else [given[tensor.name] for tensor in model.inputs]
        found = model(values if named or len(values) > 1 else values[0], training=False)
        if not isinstance(found, dict):
            many = found if isinstance(found, list) else [found]
            found = dict(zip(model.output_names, many, strict=True))
    np.savez(answer, **{name: np.asarray(tensor) for name, tensor in found.items()})


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    main(*sys.argv[1:])
