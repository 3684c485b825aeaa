"""Imports TensorFlow and Keras, or says why that can't be done."""

from __future__ import annotations

from composer.keras_process.refusal import RefusalError

OLDEST = (3, 15, 1)
"""Earlier ones read untrusted models with known holes, and write other files."""

try:
    import keras
    import tensorflow
except ImportError as problem:
    raise RefusalError(
        f"Keras can't be imported: {problem}", kind="missing", reason="missing"
    ) from problem

_found = tuple(int(part) for part in keras.__version__.split(".")[:3] if part.isdigit())
if _found < OLDEST[: len(_found)]:
    raise RefusalError(
        f"Keras {'.'.join(map(str, OLDEST))} or later is needed, found {keras.__version__}",
        kind="missing",
        reason="too_old",
    )

# Where CUDA_VISIBLE_DEVICES means nothing, as with Apple's plug-in.
tensorflow.config.set_visible_devices([], "GPU")
